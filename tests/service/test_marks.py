import io

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter

from palitra.errors import InputError
from palitra.service.files.marks import Marks
from palitra.service.files.watermark import FALSE_POSITIVES, SpreadSpectrum
from palitra.service.settings import Settings


def picture(side=256, seed=0):
    """Soft colours with grain: no pattern of its own."""
    rng = np.random.default_rng(seed)
    soft = gaussian_filter(rng.normal(0, 1, (side, side, 3)), (side / 12, side / 12, 0))
    return Image.fromarray(
        np.clip(128 + 60 * soft / soft.std() + rng.normal(0, 4, soft.shape), 0, 255).astype(np.uint8)
    )


def compressed(image, quality):
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer)


@pytest.fixture(scope="module")
def mark():
    return SpreadSpectrum("secret")


def test_the_mark_changes_little_and_is_found(mark):
    plain = picture()
    marked = mark.embed(plain)
    difference = np.asarray(marked, float) - np.asarray(plain, float)
    assert marked.size == plain.size
    assert np.abs(difference).max() < 16
    assert 2 < difference.std() < 3.2
    assert mark.detect(marked).found


def test_without_the_mark_or_with_another_key_nothing_is_found(mark):
    marked = mark.embed(picture())
    for found in (mark.detect(picture()), SpreadSpectrum("other").detect(marked)):
        assert not found.found
        assert found.chance > FALSE_POSITIVES


@pytest.mark.parametrize(
    "change",
    [
        lambda image: compressed(image, 70),
        lambda image: compressed(image, 50),
        lambda image: image.resize((192, 192)),
        lambda image: image.resize((384, 384)),
        lambda image: image.crop((17, 9, 17 + 230, 9 + 230)),
        lambda image: image.point(lambda value: value * 0.8),
    ],
    ids=["jpeg 70", "jpeg 50", "75 %", "150 %", "crop", "darker"],
)
def test_the_mark_outlives_common_changes(mark, change):
    assert mark.detect(change(mark.embed(picture()))).found


@pytest.mark.parametrize("size", [(64, 64), (7, 300), (1, 1), (100, 65)])
def test_any_size_takes_a_mark_and_is_looked_at(mark, size):
    image = Image.new("RGB", size, (90, 120, 30))
    assert mark.embed(image).size == size
    assert not mark.detect(image).found


def test_no_marks_leave_the_very_same_picture():
    image = picture(64)
    assert Marks.of(Settings()).stamp(image) is image


def test_the_word_is_in_its_corner_and_nowhere_else():
    for side in (64, 512):
        plain = Image.new("RGB", (side, side), "orange")
        changed = np.asarray(Marks(visible=True).stamp(plain)) != np.asarray(plain)
        rows, columns, _ = np.nonzero(changed)
        assert min(rows) > side * 0.7
        assert min(columns) > side * 0.7


def test_both_marks_stand_beside_each_other(mark):
    image = Marks(True, mark).stamp(picture())
    assert mark.detect(image).found


def test_an_invisible_mark_needs_a_key():
    with pytest.raises(InputError, match="`mark_key` must be set when `mark_invisible` is true"):
        Settings(mark_invisible=True).check()
    assert "hidden" not in repr(Settings(mark_key="hidden"))
