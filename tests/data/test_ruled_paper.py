import numpy as np
import pytest
from PIL import Image, ImageDraw

from palitra.data.ink import Ink, measure_ink
from palitra.data.ruled_paper import remove_ruling


def page(draw, size=(512, 512)):
    image = Image.new("RGB", size, (255, 255, 255))
    draw(ImageDraw.Draw(image))
    return measure_ink(image)[0]


def ruled(pen, step=24, colour=(150, 180, 230), slope=0.0, size=512):
    for y in range(-100, size + 100, step):
        pen.line((0, y, size, y + slope * size), fill=colour, width=2)


def circle(pen, colour=(20, 20, 20)):
    pen.ellipse((150, 150, 360, 360), outline=colour, width=5)


def difference(ink: Ink, expected: Ink) -> float:
    """Share of the expected ink's pixels that differ."""
    return float((ink.mask() ^ expected.mask()).sum() / expected.mask().sum())


@pytest.mark.parametrize("slope", [0.0, 0.03, -0.07])
def test_rulings_vanish_and_the_drawing_stays(slope):
    clean, notes = remove_ruling(page(lambda pen: (ruled(pen, slope=slope), circle(pen))))
    assert [n.code for n in notes] == ["ruled_paper_removed"]
    assert difference(clean, page(circle)) < 0.06


def test_squared_paper_and_faint_strokes():
    def draw(pen):
        ruled(pen, 14, (215, 220, 230))
        for x in range(0, 512, 14):
            pen.line((x, 0, x, 512), fill=(215, 220, 230), width=1)
        circle(pen, (190, 190, 190))

    clean, notes = remove_ruling(page(draw))
    assert int(dict(notes[0].params)["count"]) >= 70
    assert (
        difference(clean, page(lambda pen: circle(pen, (190, 190, 190)))) < 0.3
    )  # edges of a stroke this pale


def test_the_margin_line_of_a_ruled_page_goes_too():
    def draw(pen):
        ruled(pen)
        pen.line((60, 0, 60, 512), fill=(230, 150, 150), width=2)
        circle(pen)

    clean, _ = remove_ruling(page(draw))
    assert difference(clean, page(circle)) < 0.06


def test_upright_rulings_are_found_like_level_ones():
    level = page(lambda pen: (ruled(pen), circle(pen)))
    upright = Ink(np.ascontiguousarray(level.strength.T), level.floor, level.pixels, photographed=False)
    assert np.array_equal(remove_ruling(upright)[0].strength.T, remove_ruling(level)[0].strength)


def boards(pen):
    pen.rectangle((60, 120, 450, 480), outline=(0, 0, 0), width=4)
    for y in range(150, 480, 25):
        pen.line((60, y, 450, y), fill=(0, 0, 0), width=3)


def floor_and_sky(pen):
    for y in (100, 300, 330, 420):
        pen.line((0, y, 512, y + 3), fill=(0, 0, 0), width=4)


@pytest.mark.parametrize("draw", [boards, floor_and_sky, circle])
def test_drawn_lines_are_no_ruling(draw):
    ink = page(draw)
    same, notes = remove_ruling(ink)
    assert notes == []
    assert same is ink
