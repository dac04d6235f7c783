import numpy as np
import pytest
from PIL import Image

from palitra.data.labelled_sheet import LARGEST_SIDE, Block, labelled_sheet
from palitra.errors import InputError


def pictures(count, side=32, mode="L"):
    return [
        Image.new(mode, (side, side), 10 + i % 200 if mode == "L" else (i % 256, 40, 90))
        for i in range(count)
    ]


def test_small_pictures_are_enlarged_by_whole_pixels():
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (32, 32), dtype=np.uint8))
    page = np.asarray(labelled_sheet([Block("cat", [noise])]).convert("L"))
    large = np.asarray(noise).repeat(3, 0).repeat(3, 1)
    found = [
        (y, x)
        for y in range(page.shape[0] - 95)
        for x in range(page.shape[1] - 95)
        if page[y, x] == large[0, 0] and (page[y : y + 96, x : x + 96] == large).all()
    ]
    assert len(found) == 1


@pytest.mark.parametrize(
    ("count", "classes", "grid"), [(10, 10, (10, 10)), (12, 1, (6, 2)), (25, 3, (13, 6)), (1, 2, (1, 2))]
)
def test_rows_are_even(count, classes, grid):
    page = labelled_sheet([Block(f"class {i}", pictures(count)) for i in range(classes)])
    dark = np.asarray(page.convert("L")) < 230
    # picture rows and columns are long dark runs, letters are not
    rows = np.diff((dark.mean(1) > 0.3).astype(int)) == 1
    assert int(rows.sum()) == grid[1]
    assert page.width >= grid[0] * 96


@pytest.mark.parametrize(
    ("side", "count", "classes"), [(32, 100, 20), (512, 10, 10), (28, 4, 2), (8, 1, 1), (96, 40, 3)]
)
def test_a_sheet_stays_within_bounds(side, count, classes):
    page = labelled_sheet(
        [Block("a long name of a class " * 3, pictures(count, side, "RGB")) for _ in range(classes)], "title"
    )
    assert max(page.size) <= LARGEST_SIDE


def test_names_stand_before_their_rows_and_nameless_blocks_have_no_room_for_one():
    named, nameless = (labelled_sheet([Block(name, pictures(3))]) for name in ("sneaker", ""))
    assert named.width > nameless.width


def test_transparent_and_oblong_pictures_lie_on_white():
    page = labelled_sheet(
        [Block("", [Image.new("RGBA", (32, 16), (0, 0, 0, 0)), Image.new("L", (16, 32), 0)])]
    )
    assert page.mode == "RGB"
    assert np.asarray(page)[page.height // 2, page.width // 4].min() > 220


def test_a_sheet_of_nothing_is_refused():
    with pytest.raises(InputError, match="at least one picture, got none"):
        labelled_sheet([Block("cat", [])])
