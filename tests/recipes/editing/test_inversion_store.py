import os

import pytest
import torch

from palitra.recipes.editing.inversion_store import InversionStore, entry_key, photo_key


def entry(seed=0, size=100):
    g = torch.Generator().manual_seed(seed)
    return {"latents": torch.randn(size, generator=g), "half": torch.randn(3, 4, generator=g).bfloat16()}


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) and a[k].dtype == b[k].dtype for k in a)


def test_what_was_put_comes_back_from_memory_and_from_disk(tmp_path):
    store = InversionStore(tmp_path)
    store.put("one", entry())
    assert same(store.get("one"), entry())
    assert same(InversionStore(tmp_path).get("one"), entry())
    assert InversionStore().get("one") is None


def test_memory_forgets_the_least_recently_used():
    store = InversionStore(memory_bytes=2 * 450)
    for i in range(2):
        store.put(str(i), entry(i))
    store.get("0")
    store.put("2", entry(2))
    assert [store.get(k) is not None for k in "012"] == [True, False, True]


def test_disk_is_bounded_by_bytes(tmp_path):
    store = InversionStore(tmp_path, memory_bytes=0, disk_bytes=1500)
    for i in range(4):
        store.put(str(i), entry(i))
        # the order of writing, also on file systems with coarse clocks
        os.utime(tmp_path / f"{i}.safetensors", (i, i))
    left = sorted(p.stem for p in tmp_path.iterdir())
    assert left[-1] == "3"
    assert len(left) < 4
    assert sum(p.stat().st_size for p in tmp_path.iterdir()) <= 1500


def test_an_entry_larger_than_the_disk_stays_in_memory(tmp_path):
    store = InversionStore(tmp_path, disk_bytes=10)
    store.put("one", entry())
    assert list(tmp_path.iterdir()) == []
    assert same(store.get("one"), entry())


@pytest.mark.parametrize("damage", ["cut", "changed", "empty", "pickle"])
def test_a_damaged_file_counts_as_absent_and_goes(tmp_path, damage):
    InversionStore(tmp_path).put("one", entry())
    path = tmp_path / "one.safetensors"
    content = bytearray(path.read_bytes())
    if damage == "cut":
        content = content[: len(content) // 2]
    elif damage == "changed":
        content[-3] ^= 1
    elif damage == "pickle":
        content = bytearray(b"\x80\x04K\x01.")
    else:
        content = bytearray()
    path.write_bytes(content)
    assert InversionStore(tmp_path).get("one") is None
    assert not path.exists()


def test_a_place_that_cannot_be_written_is_no_error(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    store = InversionStore(blocked)
    store.put("one", entry())
    assert same(store.get("one"), entry())


def test_nothing_half_written_is_left(tmp_path, monkeypatch):
    def fails(tensors, name, metadata):
        with open(name, "wb") as file:
            file.write(b"half")
        raise OSError("no space left")

    monkeypatch.setattr("palitra.recipes.editing.inversion_store.save_file", fails)
    InversionStore(tmp_path).put("one", entry())
    assert list(tmp_path.iterdir()) == []


def test_keys_change_with_everything_they_are_made_of():
    latent = torch.zeros(2, 3, 3)
    assert photo_key(latent) == photo_key(latent.clone()) != photo_key(latent + 1e-6)
    keys = {entry_key("a", "b"), entry_key("ab"), entry_key("a", "c"), entry_key("b", "a")}
    assert len(keys) == 4
