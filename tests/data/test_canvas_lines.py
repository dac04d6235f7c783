import numpy as np
from PIL import Image, ImageDraw

from palitra.data.canvas_lines import canvas_lines, drawn, has_lines
from palitra.data.sketch_input import normalise_sketch
from tests.tiny_studio import drawing


def canvas_picture(image, size, width):
    return drawn(canvas_lines(image), size, width)


def test_a_canvas_becomes_nearly_the_drawing_that_the_slow_way_makes():
    quick = np.asarray(canvas_picture(drawing(512), 64, 1.25), dtype=float)
    slow = np.asarray(normalise_sketch(drawing(512), 64, 1.25).picture, dtype=float)
    # the slow way closes gaps and prunes on a canvas twice as wide: lines may lie a pixel of 256 apart
    assert np.abs(quick - slow).mean() < 8


def test_the_line_width_does_not_depend_on_the_pen():
    thin, thick = Image.new("RGB", (512, 512), "white"), Image.new("RGB", (512, 512), "white")
    ImageDraw.Draw(thin).line((40, 256, 470, 256), fill="black", width=2)
    ImageDraw.Draw(thick).line((40, 256, 470, 256), fill="black", width=14)
    ink = [255 - np.asarray(canvas_picture(i, 64, 2.0), dtype=float).sum() for i in (thin, thick)]
    assert abs(ink[0] - ink[1]) < 0.05 * abs(ink[0])


def test_light_lines_on_a_dark_ground_and_clear_paper_give_the_same():
    dark = drawing().point(lambda v: 255 - v)
    clear = drawing().convert("L").point(lambda v: 255 - v)
    layer = Image.new("RGBA", clear.size, (0, 0, 0, 0))
    layer.putalpha(clear)
    wanted = np.asarray(canvas_picture(drawing(), 64, 1.25))
    assert np.array_equal(np.asarray(canvas_picture(dark, 64, 1.25)), wanted)
    assert np.abs(np.asarray(canvas_picture(layer, 64, 1.25)).astype(int) - wanted).mean() < 1


def test_a_wide_canvas_keeps_its_proportions():
    wide = Image.new("RGB", (512, 256), "white")
    ImageDraw.Draw(wide).line((20, 128, 490, 128), fill="black", width=4)
    rows = np.flatnonzero((np.asarray(canvas_picture(wide, 64, 1.25)) < 128).any(1))
    assert len(rows) > 0
    assert abs(rows.mean() - 31.5) <= 1


def test_a_dot_and_bare_paper_hold_no_lines():
    paper = Image.new("RGB", (512, 512), "white")
    assert not has_lines(canvas_lines(paper))
    assert np.asarray(canvas_picture(paper, 64, 1.25)).min() == 255
    ImageDraw.Draw(paper).ellipse((250, 250, 256, 256), fill="black")
    assert not has_lines(canvas_lines(paper))
    assert has_lines(canvas_lines(drawing()))


def test_a_photo_is_no_canvas():
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    assert canvas_lines(Image.fromarray(noise)) is None
