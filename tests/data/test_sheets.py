import numpy as np
import pytest
from PIL import Image

from palitra.data import sheets
from palitra.data.sheets import contact_sheet
from palitra.errors import InputError

COLOURS = [(200, 30, 30), (30, 160, 60), (40, 60, 200), (220, 180, 20), (120, 40, 160)]


def squares(side=64):
    return [Image.new("RGB", (side, side), colour) for colour in COLOURS]


def boxes(sheet):
    """Bounding box of every colour on the sheet."""
    pixels = np.asarray(sheet)
    found = []
    for colour in COLOURS:
        rows, columns = np.nonzero((pixels == colour).all(-1))
        found.append((columns.min(), rows.min(), columns.max() + 1, rows.max() + 1))
    return found


def test_pictures_stand_in_rows_at_the_cell_size():
    found = boxes(contact_sheet(squares(), 3, cell=100))
    assert all((x1 - x0, y1 - y0) == (100, 100) for x0, y0, x1, y1 in found)
    assert [b[1] for b in found[:3]] == [found[0][1]] * 3
    assert found[3][0] == found[0][0]
    assert found[3][1] > found[0][3]
    gaps = {found[1][0] - found[0][2], found[2][0] - found[1][2], found[3][1] - found[0][3]}
    assert len(gaps) == 1


def test_nothing_but_pictures_captions_and_title_is_on_the_page():
    sheet = np.asarray(contact_sheet(squares(), 5, cell=64))
    margin = sheet[: boxes(Image.fromarray(sheet))[0][1] - 2]
    assert (margin == 255).all()


def test_captions_and_title_are_written_and_need_room():
    plain = contact_sheet(squares(), 5, cell=100)
    full = contact_sheet(squares(), 5, cell=100, captions=[f"seed {i}" for i in range(5)], title="five")
    assert full.height > plain.height
    x0, _, x1, y1 = boxes(full)[0]
    below = np.asarray(full)[y1 + 2 :, x0:x1]
    assert (below < 128).any()
    assert (np.asarray(full)[: boxes(full)[0][1] - 2] < 128).any()


def test_long_captions_stay_in_their_column():
    sheet = contact_sheet(squares()[:2], 2, cell=120, captions=["word " * 40, ""])
    x1, y1 = boxes_of(sheet, 0)
    assert (np.asarray(sheet)[y1 + 2 :, x1 + 1 :] == 255).all()


def boxes_of(sheet, i):
    rows, columns = np.nonzero((np.asarray(sheet) == COLOURS[i]).all(-1))
    return columns.max() + 1, rows.max() + 1


def test_aspect_is_kept_and_transparency_becomes_white():
    wide = Image.new("RGBA", (80, 40), (200, 30, 30, 255))
    wide.paste((0, 0, 0, 0), (0, 0, 40, 40))
    pixels = np.asarray(contact_sheet([wide], 1, cell=160))
    red = (pixels == (200, 30, 30)).all(-1)
    assert red.any(1).sum() == 80
    assert 70 <= red.any(0).sum() <= 80  # the smooth seam in the middle is of neither colour
    assert not (pixels == 0).all(-1).any()


def test_hard_pixels_stay_hard():
    board = Image.fromarray((np.indices((8, 8)).sum(0) % 2 * 255).astype(np.uint8))
    hard = np.asarray(contact_sheet([board], 1, cell=256, pixels=True).convert("L"))
    assert (hard == 0).sum() == 256 * 256 // 2


@pytest.mark.parametrize("fonts", [True, False])
def test_russian_captions_are_readable_with_and_without_a_font(monkeypatch, fonts):
    if not fonts:
        monkeypatch.setattr(sheets, "_wide_font", lambda size: None)
        assert sheets._lettered("Жираф, щука", 12)[0] == "Zhiraf, shchuka"
    sheet = contact_sheet(squares()[:1], 1, captions=["Жираф"], title="фото жирафа 长颈鹿")
    assert sheet.width > 256


def test_the_default_cell_follows_the_pictures():
    assert contact_sheet(squares(64), 1).width < 340
    assert contact_sheet(squares(512), 1).width > 512


def test_bad_arguments_are_named():
    with pytest.raises(InputError, match="`images` must hold at least one picture"):
        contact_sheet([], 3)
    with pytest.raises(InputError, match=r"`columns` must be in \[1, 1000\], got 0"):
        contact_sheet(squares(), 0)
    with pytest.raises(InputError, match="`captions` must be as many as the 5 pictures, got 1"):
        contact_sheet(squares(), 3, captions=["one"])
