"""Checkpoints read by their opcodes: equal to what was saved, and hostile files refused without being run."""

import collections
import io
import os
import pickle
import struct
import zipfile

import pytest
import torch

from palitra.errors import ModelNotFoundError, WeightsError
from palitra.models.pickled_dictionary import read_pickle
from palitra.models.torch_checkpoint import OLD_MAGIC, read_checkpoint


def state():
    shared = torch.arange(12.0)
    return collections.OrderedDict(
        {
            "a.weight": torch.randn(3, 4, generator=torch.Generator().manual_seed(0)),
            "a.bias": torch.arange(3, dtype=torch.float64),
            "turned": shared.view(3, 4).t(),
            "part": shared[4:8],
            "half": torch.ones(2).half(),
            "brain": torch.ones(2).bfloat16(),
            "count": torch.tensor(7),
            "flags": torch.tensor([True, False]),
            "none": torch.zeros(0, 3),
            "kept": torch.nn.Parameter(torch.ones(2, 2)),
        }
    )


@pytest.mark.parametrize("zipped", [True, False])
def test_what_was_saved_comes_back(zipped, tmp_path):
    module = torch.nn.Sequential(torch.nn.Conv2d(2, 3, 1), torch.nn.BatchNorm2d(3))
    for content in (state(), module.state_dict()):
        torch.save(content, tmp_path / "w.pth", _use_new_zipfile_serialization=zipped)
        found = read_checkpoint(tmp_path / "w.pth")
        assert found.keys() == content.keys()
        for name, value in content.items():
            assert found[name].dtype == value.dtype
            assert torch.equal(found[name], value)


@pytest.mark.parametrize("zipped", [True, False])
def test_nested_dictionaries_and_other_values(zipped, tmp_path):
    inside = {"w": torch.ones(2)}
    content = {"epoch": 3, "lr": 0.1, "name": "x", "list": [1, 2], "state_dict": inside}
    torch.save(content, tmp_path / "w.pth", _use_new_zipfile_serialization=zipped)
    assert list(read_checkpoint(tmp_path / "w.pth")) == ["state_dict.w"]


class Evil:
    """Unpickled, it would make a folder."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


@pytest.mark.parametrize("zipped", [True, False])
def test_nothing_of_a_hostile_file_is_run(zipped, tmp_path):
    content = {"w": torch.ones(2), "x": Evil(tmp_path / "was-here")}
    torch.save(content, tmp_path / "w.pth", _use_new_zipfile_serialization=zipped)
    with pytest.raises(WeightsError, match=r"it wants to import (posix|nt|os)\.mkdir"):
        read_checkpoint(tmp_path / "w.pth")
    assert not (tmp_path / "was-here").exists()


def opcodes(*parts):
    return io.BytesIO(b"\x80\x02" + b"".join(parts) + b".")


HOSTILE = {
    "another global": b"cbuiltins\neval\n",
    "a storage class of another kind": b"ctorch\nUntypedStorage\n",
    "an object": b"(dcbuiltins\nobject\n",
    "NEWOBJ": b"ccollections\nOrderedDict\n)\x81",
    "an instance": b"(i__main__\nX\n",
    "an extension": b"\x82\x01",
    "a text persistent id": b"Pstorage\n",
    "a call with arguments": b"ccollections\nOrderedDict\n(K\x01tR",
    "a call of a number": b"K\x01)R",
    "a tensor of no storage": b"ctorch._utils\n_rebuild_tensor_v2\n(K\x01K\x00K\x00K\x00tR",
    "a persistent id of no storage": b"(X\x03\x00\x00\x00foo" + b"K\x01" * 4 + b"tQ",
    "a tuple as a key": b"}K\x01\x85K\x02s",
    "an item of no dictionary": b"]K\x01K\x02s",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_no_dictionary_of_tensors_needs_is_refused(name):
    with pytest.raises(WeightsError):
        read_pickle(opcodes(HOSTILE[name]))


def test_nests_that_would_take_for_ever(tmp_path):
    # tuples that double 60 times: cheap to hold, endless to hash or to print
    nest = opcodes(b"}", b"K\x01", b"2\x86" * 60, b"K\x02s")
    with pytest.raises(WeightsError):
        read_pickle(nest)
    itself = b"}q\x00X\x01\x00\x00\x00ah\x00s."
    with zipfile.ZipFile(tmp_path / "w.pth", "w") as archive:
        archive.writestr("a/data.pkl", b"\x80\x02" + itself)
    with pytest.raises(WeightsError, match="a dictionary is in it twice"):
        read_checkpoint(tmp_path / "w.pth")


def tensor_of(length, offset, shape, strides):
    """A zip whose one tensor says so about a storage of four floats."""

    class Storage:
        def __reduce__(self):
            return int, ()

    class Pickler(pickle.Pickler):
        def persistent_id(self, value):
            if isinstance(value, Storage):
                return "storage", torch.FloatStorage, "0", "cpu", length
            return None

    class Rebuilt:
        def __reduce__(self):
            return torch._utils._rebuild_tensor_v2, (
                Storage(),
                offset,
                shape,
                strides,
                False,
                collections.OrderedDict(),
            )

    stream = io.BytesIO()
    Pickler(stream, 2).dump({"w": Rebuilt()})
    return stream.getvalue()


@pytest.mark.parametrize(
    ("length", "offset", "shape", "strides"),
    [
        (4, 0, (5,), (1,)),
        (4, 4, (1,), (1,)),
        (4, -1, (2,), (1,)),
        (4, 3, (2,), (-1,)),
        (4, 0, (2, 2), (1, 4)),
        (4, 0, (1 << 40,), (0,)),
        (1 << 60, 0, (4,), (1,)),
    ],
)
def test_tensors_outside_their_storage(length, offset, shape, strides, tmp_path):
    with zipfile.ZipFile(tmp_path / "w.pth", "w") as archive:
        archive.writestr("a/data.pkl", tensor_of(length, offset, shape, strides))
        archive.writestr("a/data/0", struct.pack("<4f", 1, 2, 3, 4))
    with pytest.raises(WeightsError, match=r"outside its storage|another size than its tensor"):
        read_checkpoint(tmp_path / "w.pth")


def test_damaged_files(tmp_path):
    path = tmp_path / "w.pth"
    with pytest.raises(ModelNotFoundError, match=r"`file` must name a file that torch\.save wrote"):
        read_checkpoint(path)
    torch.save(state(), path, _use_new_zipfile_serialization=False)
    whole = path.read_bytes()
    for cut in (0, 1, 30, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:cut])
        with pytest.raises(WeightsError):
            read_checkpoint(path)
    # storages are written in the order of their addresses: an empty one may be the last
    torch.save({"none": torch.zeros(0, 3)}, path, _use_new_zipfile_serialization=False)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(WeightsError, match="cut short"):
        read_checkpoint(path)
    path.write_bytes(pickle.dumps(OLD_MAGIC + 1, 2))
    with pytest.raises(WeightsError, match="does not begin as torch"):
        read_checkpoint(path)
    path.write_bytes(os.urandom(200))
    with pytest.raises(WeightsError):
        read_checkpoint(path)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/data.pkl", tensor_of(4, 0, (4,), (1,)))
        archive.writestr("a/data/0", bytes(16))
    with pytest.raises(WeightsError, match="another size than its tensor says"):
        read_checkpoint(path)
    torch.save([torch.ones(2)], path)
    with pytest.raises(WeightsError, match="holds no dictionary of tensors"):
        read_checkpoint(path)
