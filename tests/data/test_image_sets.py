"""Image sets: three forms of the same pictures, damaged files, labels that do not match."""

import io

import numpy as np
import pytest
from PIL import Image

from palitra.data.image_sets import open_image_set
from palitra.errors import ImageError, InputError

pa = pytest.importorskip("pyarrow")
RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (6, 8, 10, 3), dtype=np.uint8)
LABELS = np.array([0, 1, 0, 1, 1, 0])
NAMES = ("boot", "shirt")


def png(pixels: np.ndarray) -> bytes:
    held = io.BytesIO()
    Image.fromarray(pixels).save(held, "PNG")
    return held.getvalue()


def write_folder(root, pixels=PIXELS, labels=LABELS):
    for i, (image, label) in enumerate(zip(pixels, labels, strict=True)):
        path = root / NAMES[label] / f"{i:03}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png(image))
    return root


def write_parquet(path):
    import pyarrow.parquet as pq

    cells = [{"bytes": png(image), "path": None} for image in PIXELS]
    pq.write_table(pa.table({"image": cells, "label": [NAMES[i] for i in LABELS]}), path)
    return path


def write_npz(path):
    np.savez(path, images=PIXELS, labels=LABELS, names=np.array(NAMES))
    return path


@pytest.mark.parametrize("form", ["folder", "a.parquet", "a.npz"])
def test_the_same_pictures_in_three_forms(form, tmp_path):
    write = {"folder": write_folder, "a.parquet": write_parquet, "a.npz": write_npz}[form]
    found = open_image_set(write(tmp_path / form))
    images = list(found.images())
    assert (len(found), found.classes, found.skipped) == (6, NAMES, [])
    order = np.argsort(LABELS, kind="stable") if form == "folder" else np.arange(6)
    assert [i.label for i in images] == LABELS[order].tolist()
    assert all(
        np.array_equal(i.pixels.permute(1, 2, 0), PIXELS[o]) for i, o in zip(images, order, strict=True)
    )


def test_grey_arrays_become_colour(tmp_path):
    np.savez(tmp_path / "a.npz", images=PIXELS[..., 0])
    image = next(iter(open_image_set(tmp_path / "a.npz").images()))
    assert image.pixels.shape == (3, 8, 10)
    assert image.label is None


def test_a_limit_spreads_over_the_set(tmp_path):
    found = open_image_set(write_folder(tmp_path, PIXELS, np.sort(LABELS)))
    assert [i.label for i in found.images(2)] == [0, 1]
    assert [i.name for i in found.images(4)] == [
        "boot/000.png",
        "boot/001.png",
        "shirt/003.png",
        "shirt/004.png",
    ]
    assert len(list(found.images(99))) == 6


def test_the_hash_is_of_the_content(tmp_path):
    one, same = write_folder(tmp_path / "a"), write_folder(tmp_path / "b")
    other = write_folder(tmp_path / "c", 255 - PIXELS)
    assert open_image_set(one).content_hash() == open_image_set(same).content_hash()
    assert open_image_set(one).content_hash() != open_image_set(other).content_hash()


def test_damaged_files_are_skipped_counted_and_named(tmp_path):
    write_folder(tmp_path, np.repeat(PIXELS[:1], 150, 0), np.zeros(150, int))
    (tmp_path / "boot" / "007.png").write_bytes(b"no picture")
    found = open_image_set(tmp_path)
    assert len(list(found.images())) == 149
    assert found.skipped == ["boot/007.png"]
    (tmp_path / "boot" / "008.png").write_bytes(png(PIXELS[0])[:60])
    with pytest.raises(
        ImageError, match=r"at most 1 % unreadable images, got 2 of 150 so far: boot/007\.png"
    ):
        list(found.images())


def test_bad_sets_are_named(tmp_path):
    with pytest.raises(InputError, match=r"`images` must be a folder, a \.parquet or an \.npz"):
        open_image_set(tmp_path / "nothing")
    with pytest.raises(InputError, match="at least 1 picture file"):
        open_image_set(tmp_path)
    for name, arrays, words in (
        ("float", {"images": PIXELS / 255}, "must have `images` uint8"),
        ("none", {"pictures": PIXELS}, "no array of that name"),
        ("short", {"images": PIXELS, "labels": LABELS[:2]}, "`labels` of 6 numbers"),
        ("names", {"images": PIXELS, "labels": LABELS, "names": ["a"]}, "a name for label 1"),
        ("pickled", {"images": np.array([{}, 1], dtype=object)}, "plain arrays"),
    ):
        np.savez(tmp_path / f"{name}.npz", **arrays)
        with pytest.raises(InputError, match=words):
            open_image_set(tmp_path / f"{name}.npz")
    for name in ("cut.npz", "cut.parquet"):
        (tmp_path / name).write_bytes(b"PAR1")
        with pytest.raises(InputError, match="undamaged"):
            open_image_set(tmp_path / name)
