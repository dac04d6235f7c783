import io

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from palitra.errors import ImageError
from palitra.study.prepare import as_png, edit_picture, noise_picture, photo_picture


def save(path, size, **more):
    Image.new("RGB", size, (10, 200, 90)).save(path, **more)
    return path


@pytest.mark.parametrize(
    ("size", "shown"),
    [((64, 64), (512, 512)), ((48, 32), (512, 341)), ((600, 800), (600, 800)), ((3000, 1500), (1024, 512))],
)
def test_photos_are_shown_between_512_and_1024(tmp_path, size, shown):
    assert photo_picture(save(tmp_path / "a.png", size)).size == shown


def test_edits_of_the_photos_shape_take_its_size_and_others_keep_their_shape(tmp_path):
    assert edit_picture(save(tmp_path / "a.png", (64, 64)), (512, 512)).size == (512, 512)
    assert edit_picture(save(tmp_path / "b.png", (512, 344)), (768, 512)).size == (768, 512)
    assert edit_picture(save(tmp_path / "c.png", (512, 512)), (768, 512)).size == (768, 768)


def test_nothing_but_pixels_is_left(tmp_path):
    notes = PngImagePlugin.PngInfo()
    notes.add_text("palitra", '{"method": "secret-arm"}')
    path = save(tmp_path / "a.png", (512, 512), pnginfo=notes, exif=Image.Exif().tobytes())
    assert b"secret-arm" in path.read_bytes()
    png = as_png(edit_picture(path, (512, 512)))
    assert b"secret-arm" not in png
    with Image.open(io.BytesIO(png)) as read:
        read.load()
        assert read.info == {}
        assert read.getpixel((0, 0)) == (10, 200, 90)


def test_noise_is_the_same_for_a_seed_and_knows_nothing_of_anything():
    one = np.asarray(noise_picture((512, 384), 3), dtype=float)
    assert one.shape == (384, 512, 3)
    assert (one == np.asarray(noise_picture((512, 384), 3))).all()
    assert (one != np.asarray(noise_picture((512, 384), 4))).any()
    # uniform over 0 … 255: mean 127.5, standard deviation 74; 48 x 36 x 3 of them
    assert abs(one.mean() - 127.5) < 5
    assert abs(one.std() - 74) < 4


def test_a_file_that_is_no_picture_is_told(tmp_path):
    (tmp_path / "a.png").write_text("no")
    with pytest.raises(ImageError, match="`picture` must be"):
        edit_picture(tmp_path / "a.png", (512, 512))
