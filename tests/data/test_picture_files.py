import errno
import json
import os
import zlib

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from palitra.data.picture_files import MAX_RECIPE, encode_picture, read_recipe, save_picture, unique_path
from palitra.errors import DiskError, InputError
from palitra.version import __version__

RECIPE = {
    "params": {"prompt": "фото «жирафа» <script>", "steps": 30},
    "seed": 7,
    "model": "mini",
    "fingerprint": "ab",
}


def picture(side=16):
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8))


def texted(path, text, *, zip=False):
    info = PngImagePlugin.PngInfo()
    info.add_text("palitra", text, zip=zip)
    picture().save(path, pnginfo=info)
    return path


def test_pixels_and_recipe_come_back(tmp_path):
    path = save_picture(picture(), tmp_path / "new" / "folder" / "one.png", RECIPE)
    with Image.open(path) as image:
        assert image.tobytes() == picture().tobytes()
    assert read_recipe(path) == {"palitra": __version__, **RECIPE}
    assert os.listdir(path.parent) == ["one.png"]  # no temporary file is left


def test_a_long_recipe_is_packed(tmp_path):
    recipe = {"sketch": "QUJD" * 100_000}
    path = save_picture(picture(), tmp_path / "long.png", recipe)
    assert path.stat().st_size < 20_000
    assert read_recipe(path)["sketch"] == recipe["sketch"]


def test_the_same_picture_gives_the_same_bytes():
    assert encode_picture(picture(), RECIPE) == encode_picture(picture(), RECIPE)


@pytest.mark.parametrize("mode", ["1", "L", "RGB", "RGBA"])
def test_every_mode_can_be_saved(tmp_path, mode):
    image = picture().convert(mode)
    with Image.open(save_picture(image, tmp_path / "mode.png", {})) as read:
        assert read.tobytes() == image.tobytes()


def test_files_are_readable_by_others_as_the_umask_allows(tmp_path):
    (tmp_path / "plain").write_bytes(b"")
    path = save_picture(picture(), tmp_path / "one.png", {})
    assert path.stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_unique_path_counts_on(tmp_path):
    path = tmp_path / "cat-1.png"
    assert unique_path(path) == path
    path.touch()
    assert unique_path(path).name == "cat-1-2.png"
    (tmp_path / "cat-1-2.png").symlink_to("nowhere")  # a dangling link is a taken name too
    assert unique_path(path).name == "cat-1-3.png"


# --- faults ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, step):
    path = save_picture(picture(), tmp_path / "one.png", RECIPE)
    before = path.read_bytes()

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, step, full)
    with pytest.raises(
        DiskError, match=r"`out` must be .*one\.png cannot: No space left on device"
    ) as caught:
        save_picture(picture(32), path, RECIPE)
    assert caught.value.exit_code == 1
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["one.png"]


def test_an_interrupt_leaves_nothing(tmp_path, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", stop)
    with pytest.raises(KeyboardInterrupt):
        save_picture(picture(), tmp_path / "one.png", RECIPE)
    assert os.listdir(tmp_path) == []


def test_places_that_cannot_be_written_are_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(DiskError, match="file"):
        save_picture(picture(), tmp_path / "file" / "one.png", {})
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(DiskError, match=r"folder\.png"):
        save_picture(picture(), tmp_path / "folder.png", {})
    with pytest.raises(InputError, match=r"`out` must end in \.png, got 'one\.jpg'"):
        save_picture(picture(), tmp_path / "one.jpg", {})
    assert sorted(os.listdir(tmp_path)) == ["file", "folder.png"]


def test_files_without_a_recipe_are_refused(tmp_path):
    plain = save_picture(picture(), tmp_path / "plain.png", {})
    with pytest.raises(InputError, match="holds none"):
        read_recipe(plain)
    jpeg = tmp_path / "one.png"
    picture().save(jpeg, "JPEG")
    with pytest.raises(InputError, match="another kind"):
        read_recipe(jpeg)
    with pytest.raises(InputError, match="no file is"):
        read_recipe(tmp_path / "gone.png")


@pytest.mark.parametrize("text", ["{", "[1, 2]", '"words"', "[" * 100_000, "1" * 5000])
def test_recipes_that_are_no_json_object_are_refused(tmp_path, text):
    with pytest.raises(InputError, match="`file` must carry"):
        read_recipe(texted(tmp_path / "bad.png", text))


def test_texts_beyond_the_bound_are_refused_unread(tmp_path):
    long = json.dumps({"a": "x" * (MAX_RECIPE + 10)})
    for zip in (False, True):
        with pytest.raises(InputError, match="at most"):
            read_recipe(texted(tmp_path / "long.png", long, zip=zip))


def test_damaged_files_are_refused_at_every_byte(tmp_path):
    data = encode_picture(picture(), {"seed": 1})
    path = tmp_path / "cut.png"
    start = data.index(b"tEXt")
    end = start + 4 + len("palitra") + 1 + len(data[start:].split(b"}")[0])
    for length in range(start + 20):
        path.write_bytes(data[:length])
        with pytest.raises(InputError):
            read_recipe(path)
    for place in range(start + 4, end - 20):
        path.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        with pytest.raises(InputError, match="checksum"):
            read_recipe(path)
    broken = b"palitra\0\0" + zlib.compress(b"{}")[:-6] + b"\xff" * 6
    chunk = (
        len(broken).to_bytes(4, "big") + b"zTXt" + broken + zlib.crc32(b"zTXt" + broken).to_bytes(4, "big")
    )
    path.write_bytes(data[:33] + chunk)
    with pytest.raises(InputError, match="recipe"):
        read_recipe(path)
