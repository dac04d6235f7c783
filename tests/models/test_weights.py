import json
import pickle
import struct
import zipfile

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from palitra.errors import DiskError, ModelNotFoundError, WeightsError
from palitra.models.weights import (
    FileHashes,
    build_network,
    check_layout,
    find_weights,
    read_json,
    read_weights,
    save_weights,
)


class Bomb:
    """Leaves a trace when anything unpickles it."""

    def __init__(self, trace):
        self.trace = trace

    def __reduce__(self):
        return (open, (str(self.trace), "w"))


def tensors():
    return {"a": torch.randn(3, 4), "b": torch.arange(5), "c": torch.randn(2, 2).half()}


def test_tensors_come_back_as_saved(tmp_path):
    save_file(tensors := {"a": torch.randn(3, 4), "b": torch.arange(5)}, tmp_path / "x.safetensors")
    weights = read_weights(tmp_path / "x.safetensors")
    assert {k: v.shape for k, v in weights.infos.items()} == {"a": (3, 4), "b": (5,)}
    for name, value in weights.tensors().items():
        assert torch.equal(value, tensors[name])


def test_floating_tensors_are_cast_and_whole_numbers_are_not(tmp_path):
    save_file(tensors(), tmp_path / "x.safetensors")
    found = read_weights(tmp_path / "x.safetensors").tensors(dtype=torch.bfloat16)
    assert found["a"].dtype == found["c"].dtype == torch.bfloat16
    assert found["b"].dtype == torch.int64


@pytest.mark.parametrize("name", ["model.safetensors", "model.bin", "model"])
@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_pickle_is_refused_by_content_and_never_run(tmp_path, name, protocol):
    trace = tmp_path / "trace"
    (tmp_path / name).write_bytes(pickle.dumps({"w": Bomb(trace)}, protocol=protocol))
    with pytest.raises(
        WeightsError, match="is a pickled file, which can run code when opened: hand in safetensors"
    ):
        read_weights(tmp_path / name)
    assert not trace.exists()


def test_torch_zip_called_safetensors_is_refused(tmp_path):
    path = tmp_path / "model.safetensors"
    torch.save({"w": torch.zeros(2)}, path)
    assert zipfile.is_zipfile(path)
    with pytest.raises(WeightsError, match=r"`.*/model.safetensors` is a pickled file"):
        read_weights(path)


def test_legacy_torch_file_is_refused(tmp_path):
    torch.save({"w": torch.zeros(2)}, tmp_path / "x.safetensors", _use_new_zipfile_serialization=False)
    with pytest.raises(WeightsError, match="pickled"):
        read_weights(tmp_path / "x.safetensors")


def test_header_whose_length_looks_like_a_pickle_is_read(tmp_path):
    # a header of 0x0280 bytes begins with the bytes of pickle protocol 2
    for pad in range(2000):
        save_file({"a": torch.zeros(2)}, tmp_path / "x.safetensors", metadata={"pad": "x" * pad})
        if (tmp_path / "x.safetensors").read_bytes()[:2] == b"\x80\x02":
            break
    assert (tmp_path / "x.safetensors").read_bytes()[:2] == b"\x80\x02"
    assert list(read_weights(tmp_path / "x.safetensors").tensors()) == ["a"]


@pytest.mark.parametrize("keep", [0.2, 0.9, 0.999])
def test_truncated_file_is_refused(tmp_path, keep):
    save_file({"a": torch.randn(100, 100)}, tmp_path / "x.safetensors")
    whole = (tmp_path / "x.safetensors").read_bytes()
    (tmp_path / "x.safetensors").write_bytes(whole[: int(len(whole) * keep)])
    with pytest.raises(WeightsError, match=f"is cut short: it must have {len(whole)} bytes and has"):
        read_weights(tmp_path / "x.safetensors")


def test_file_cut_inside_its_header_is_refused(tmp_path):
    save_file({"a": torch.randn(4)}, tmp_path / "x.safetensors")
    (tmp_path / "x.safetensors").write_bytes((tmp_path / "x.safetensors").read_bytes()[:30])
    with pytest.raises(WeightsError, match=r"cut short|damaged"):
        read_weights(tmp_path / "x.safetensors")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n", "Git LFS pointer"),
        (b"<!DOCTYPE html><html>not found</html>", "web page"),
        (b"\x89HDF\r\n\x1a\n" + bytes(100), "not a safetensors file"),
        (struct.pack("<Q", 4) + b'{"a"', "damaged"),
        (struct.pack("<Q", 20) + b'{"a": {"dtype": 3}} ' + bytes(8), "damaged"),
        (struct.pack("<Q", 2**60) + b"{}", "not a safetensors file"),
    ],
)
def test_other_content_is_named(tmp_path, content, words):
    (tmp_path / "x.safetensors").write_bytes(content)
    with pytest.raises(WeightsError, match=words):
        read_weights(tmp_path / "x.safetensors")


def test_header_nested_without_end_is_refused(tmp_path):
    raw = b'{"a":' + b"[" * 100_000 + b"}"
    (tmp_path / "x.safetensors").write_bytes(struct.pack("<Q", len(raw)) + raw)
    with pytest.raises(WeightsError, match="damaged"):
        read_weights(tmp_path / "x.safetensors")


def test_missing_file_is_said(tmp_path):
    with pytest.raises(ModelNotFoundError, match="must name a safetensors file"):
        read_weights(tmp_path / "x.safetensors")


def test_shards_hold_at_most_their_limit_and_join_again(tmp_path):
    many = {f"t{i}": torch.randn(100) for i in range(10)}
    files = save_weights(tmp_path, "model", many, limit=1000)
    assert len(files) == 5
    assert all(sum(v.nbytes for v in load_file(f).values()) <= 1000 for f in files)
    index = json.loads((tmp_path / "model.safetensors.index.json").read_text())
    assert index["metadata"]["total_size"] == 4000
    weights = find_weights(tmp_path, "model")
    assert weights.files == sorted(files)
    for name, value in weights.tensors().items():
        assert torch.equal(value, many[name])


def test_tensor_above_the_limit_gets_its_own_shard(tmp_path):
    files = save_weights(
        tmp_path, "m", {"a": torch.zeros(10), "b": torch.zeros(999), "c": torch.zeros(10)}, 100
    )
    assert [list(load_file(f)) for f in files] == [["a"], ["b"], ["c"]]


def test_saving_again_leaves_nothing_of_the_old(tmp_path):
    save_weights(tmp_path, "model", {f"t{i}": torch.zeros(100) for i in range(4)}, limit=400)
    save_weights(tmp_path, "model", {"a": torch.zeros(1)})
    assert [p.name for p in tmp_path.iterdir()] == ["model.safetensors"]
    assert (tmp_path / "model.safetensors").stat().st_mode & 0o044 == 0o044


def test_saving_where_it_cannot_is_a_disk_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DiskError, match="cannot be written"):
        save_weights(tmp_path / "file" / "unet", "model", {"a": torch.zeros(1)})


def test_plain_files_win_over_variants_and_variants_serve_without_them(tmp_path):
    save_file({"half": torch.zeros(1).half()}, tmp_path / "model.fp16.safetensors")
    assert list(find_weights(tmp_path, "model").infos) == ["half"]
    save_file({"full": torch.zeros(1)}, tmp_path / "model.safetensors")
    assert list(find_weights(tmp_path, "model").infos) == ["full"]


def test_sharded_variant_is_found(tmp_path):
    save_file({"a": torch.zeros(1)}, tmp_path / "model-00001-of-00001.fp16.safetensors")
    index = {"weight_map": {"a": "model-00001-of-00001.fp16.safetensors"}}
    (tmp_path / "model.safetensors.index.fp16.json").write_text(json.dumps(index))
    assert list(find_weights(tmp_path, "model").infos) == ["a"]


def test_only_a_pickle_there_says_what_to_do(tmp_path):
    torch.save({}, tmp_path / "pytorch_model.bin")
    with pytest.raises(
        WeightsError, match=r"pytorch_model.bin` is a pickled file.*put model.safetensors beside it"
    ):
        find_weights(tmp_path, "model")


def test_no_weights_at_all_names_the_file(tmp_path):
    with pytest.raises(WeightsError, match=r"must hold model.safetensors"):
        find_weights(tmp_path, "model")
    with pytest.raises(WeightsError, match=r"must hold model.safetensors"):
        find_weights(tmp_path / "absent", "model")


@pytest.mark.parametrize(
    ("index", "words"),
    [
        ("[]", "not an index of shards"),
        ("{", "not an index of shards"),
        ('{"weight_map": {"a": "../x.safetensors"}}', "must name safetensors files beside it, got ../x"),
        ('{"weight_map": {"a": "x.bin"}}', "must name safetensors files beside it, got x.bin"),
        ('{"weight_map": {"a": "gone.safetensors"}}', "names the shard gone.safetensors, which is missing"),
        ('{"weight_map": {"z": "x.safetensors"}}', "promises `z`, which its shard does not hold"),
    ],
)
def test_damaged_index_is_refused(tmp_path, index, words):
    save_file({"a": torch.zeros(1)}, tmp_path / "x.safetensors")
    (tmp_path / "model.safetensors.index.json").write_text(index)
    with pytest.raises(WeightsError, match=words):
        find_weights(tmp_path, "model")


def test_layout_names_the_first_difference(tmp_path):
    path = tmp_path / "unet" / "x.safetensors"
    want = {"a": (1, 2), "b": (3,)}
    check_layout(path, {"a": [1, 2], "b": [3]}, want)
    with pytest.raises(
        WeightsError, match=r"`unet/x.safetensors` must hold `a` of shape \(1, 2\), got \(2, 1\)"
    ):
        check_layout(path, {"a": (2, 1), "b": (3,)}, want)
    with pytest.raises(WeightsError, match=r"must hold `b` of shape \(3,\); it lacks 1 of 2 tensors"):
        check_layout(path, {"a": (1, 2)}, want)
    with pytest.raises(WeightsError, match="must not hold `z`"):
        check_layout(path, {"a": (1, 2), "b": (3,), "z": (1,)}, want)


def test_network_is_filled_frozen_and_equal(tmp_path):
    source = nn.Sequential(nn.Linear(3, 4), nn.GroupNorm(2, 4))
    save_weights(tmp_path, "model", {f"old.{k}": v for k, v in source.state_dict().items()})
    weights = find_weights(tmp_path, "model")
    built = build_network(
        lambda: nn.Sequential(nn.Linear(3, 4), nn.GroupNorm(2, 4)),
        weights, "cpu", torch.float32, lambda name: name.removeprefix("old."),
    )  # fmt: skip
    x = torch.randn(2, 3)
    assert torch.equal(built(x), source(x))
    assert not built.training
    assert not any(p.requires_grad for p in built.parameters())


def test_config_that_describes_nothing_is_a_sentence(tmp_path):
    save_weights(tmp_path, "model", {"weight": torch.zeros(1)})
    with pytest.raises(WeightsError, match="describes no network that can be built"):
        build_network(lambda: nn.GroupNorm(3, 4), find_weights(tmp_path, "model"), "cpu", torch.float32)


def test_fingerprint_follows_values_and_not_shards(tmp_path):
    many = {f"t{i}": torch.randn(100) for i in range(6)}
    save_weights(tmp_path / "one", "m", many)
    save_weights(tmp_path / "two", "m", many, limit=800)
    one, two = (find_weights(tmp_path / n, "m").fingerprint() for n in ("one", "two"))
    assert one == two
    many["t3"][0] += 1
    save_weights(tmp_path / "two", "m", many, limit=800)
    assert find_weights(tmp_path / "two", "m").fingerprint() != one


def test_hash_is_remembered_until_the_file_changes(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"abc")
    hashes = FileHashes()
    first = hashes.sha256(path)
    assert first == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert len(hashes.known) == 1
    path.write_bytes(b"abcd")
    assert hashes.sha256(path) != first


def test_json_that_is_no_object_is_refused(tmp_path):
    (tmp_path / "config.json").write_text("[1]")
    with pytest.raises(WeightsError, match="must be a JSON object, got list"):
        read_json(tmp_path / "config.json")
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(WeightsError, match="is not JSON"):
        read_json(tmp_path / "config.json")
    with pytest.raises(WeightsError, match=r"must hold gone.json"):
        read_json(tmp_path / "gone.json")


def test_loading_never_reaches_an_unpickler(monkeypatch, tmp_path):
    def refuse(*_args, **_kwargs):
        raise AssertionError("something was unpickled")

    save_file({"a": torch.zeros(1)}, tmp_path / "x.safetensors")
    monkeypatch.setattr(torch, "load", refuse)
    monkeypatch.setattr(pickle, "load", refuse)
    monkeypatch.setattr(pickle, "loads", refuse)
    monkeypatch.setattr(pickle, "Unpickler", refuse)
    assert list(read_weights(tmp_path / "x.safetensors").tensors()) == ["a"]
