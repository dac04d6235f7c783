import numpy as np
import pytest
from PIL import Image

from palitra.data.photo_frame import PhotoFrame
from palitra.errors import ImageError


def photo(width, height):
    rows, columns = np.mgrid[:height, :width]
    pixels = np.stack(
        [rows * 255 // max(1, height - 1), columns * 255 // max(1, width - 1), rows * 0 + 90], -1
    )
    return Image.fromarray(pixels.astype(np.uint8))


@pytest.mark.parametrize("size", [(64, 64), (200, 100), (30, 77), (1, 1), (640, 81)])
def test_a_photo_comes_back_in_its_own_shape(size):
    frame = PhotoFrame.of(size, 64)
    placed = frame.place(photo(*size))
    assert placed.size == (64, 64)
    restored = frame.restore(placed)
    assert max(restored.size) == 64
    assert restored.size[0] / restored.size[1] == pytest.approx(size[0] / size[1], rel=0.1)


def test_a_square_of_the_models_size_is_untouched():
    image = photo(64, 64)
    assert np.array_equal(np.asarray(PhotoFrame.of((64, 64), 64).place(image)), np.asarray(image))


def test_what_lies_beside_the_photo_mirrors_it():
    placed = np.asarray(PhotoFrame.of((64, 32), 64).place(photo(64, 32)))
    assert np.array_equal(placed[15], placed[16])
    assert np.array_equal(placed[47], placed[48])
    assert np.array_equal(placed[0], placed[31])


def test_ribbons_are_refused():
    with pytest.raises(ImageError, match="at most 8 times as long"):
        PhotoFrame.of((900, 100), 64)
