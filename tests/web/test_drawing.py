"""Drawing with mouse, finger, pen and keys; layers; undo; what survives a reload."""

import io

import pytest
from PIL import Image

from tests.web.conftest import draw_line, ink, wait_for_ink


def test_mouse_draws_and_undo_restores(page):
    draw_line(page)
    wait_for_ink(page, lambda n: n > 1000)
    first = ink(page)
    draw_line(page, (0.2, 0.8), (0.8, 0.8))
    wait_for_ink(page, lambda n: n > first)
    both = ink(page)
    page.get_by_role("button", name="Undo").click()
    wait_for_ink(page, lambda n: n == first)
    page.keyboard.press("Control+Shift+z")
    wait_for_ink(page, lambda n: n == both)
    page.get_by_role("button", name="Clear everything").click()
    wait_for_ink(page, lambda n: n == 0)


def test_eraser_takes_ink_away(page):
    draw_line(page)
    wait_for_ink(page, lambda n: n > 1000)
    before = ink(page)
    page.get_by_role("button", name="Eraser").click()
    draw_line(page, (0.5, 0.1), (0.5, 0.9))
    wait_for_ink(page, lambda n: 0 < n < before)


def test_finger_draws_on_a_phone(open_page):
    page = open_page("Pixel 7")
    box = page.locator(".page-touch").bounding_box()
    touch = page.context.new_cdp_session(page)

    def point(kind, x, y):
        points = (
            []
            if kind == "touchEnd"
            else [{"x": box["x"] + x * box["width"], "y": box["y"] + y * box["height"]}]
        )
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    point("touchStart", 0.2, 0.2)
    for i in range(1, 8):
        point("touchMove", 0.2 + i * 0.08, 0.2 + i * 0.06)
    point("touchEnd", 0, 0)
    wait_for_ink(page, lambda n: n > 1000)
    assert page.get_by_role("button", name="Undo").is_enabled()


def test_pressure_of_a_pen_makes_lines_thicker(page):
    box = page.locator(".page-touch").bounding_box()
    pen = page.context.new_cdp_session(page)

    def line(y, force):
        for kind, x in [("mousePressed", 0.2), *(("mouseMoved", 0.2 + i * 0.06) for i in range(1, 11))]:
            place = {"x": box["x"] + x * box["width"], "y": box["y"] + y * box["height"]}
            more = {"button": "left", "buttons": 1, "pointerType": "pen", "force": force, "clickCount": 1}
            pen.send("Input.dispatchMouseEvent", {"type": kind, **place, **more})
        end = {"x": box["x"] + 0.8 * box["width"], "y": box["y"] + y * box["height"]}
        pen.send(
            "Input.dispatchMouseEvent",
            {"type": "mouseReleased", **end, "button": "left", "pointerType": "pen", "clickCount": 1},
        )

    line(0.3, 0.2)
    wait_for_ink(page, lambda n: n > 100)
    soft = ink(page)
    line(0.7, 0.9)
    wait_for_ink(page, lambda n: n - soft > 1.5 * soft)


def test_keys_draw(page):
    page.get_by_role("application", name="Drawing page").focus()
    page.keyboard.press("Space")
    for _ in range(8):
        page.keyboard.press("ArrowRight")
    assert page.get_by_text("Pen down", exact=True).count() == 1
    page.keyboard.press("Space")
    wait_for_ink(page, lambda n: n > 100)
    assert page.get_by_role("button", name="Undo").is_enabled()


def test_layers_are_apart(page):
    draw_line(page)
    wait_for_ink(page, lambda n: n > 1000)
    before = ink(page)
    page.get_by_role("button", name="Layers: Lines").click()
    page.get_by_role("radio", name="Free places").check()
    page.keyboard.press("Escape")
    draw_line(page, (0.1, 0.9), (0.9, 0.9))
    page.get_by_role("button", name="Layers: Free places").click()
    page.get_by_role("button", name="Hide “Lines”").click()
    wait_for_ink(page, lambda n: n < before)
    page.get_by_role("button", name="Show “Lines”").click()
    wait_for_ink(page, lambda n: n >= before)


def test_zoom_keeps_the_pen_where_it_is(page):
    page.get_by_role("button", name="Zoom in").click()
    page.get_by_role("button", name="Zoom in").click()
    box = page.locator(".page-frame").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2 + 40, box["y"] + box["height"] / 2, steps=4)
    page.mouse.up()
    wait_for_ink(page, lambda n: n > 20)
    middle = page.evaluate(
        """() => { const c = document.querySelector('.page-touch canvas');
        return c.getContext('2d').getImageData(c.width / 2 + 10, c.height / 2, 1, 1).data[0] }"""
    )
    assert middle < 100
    page.get_by_role("button", name="Whole page").click()


@pytest.mark.parametrize("example", ["Giraffe", "House"])
def test_an_example_opens_as_strokes(page, example):
    page.get_by_role("button", name=example, exact=True).click()
    wait_for_ink(page, lambda n: n > 5000)
    assert example.lower() in page.get_by_role("textbox", name="What to draw").input_value()


def test_the_drawing_and_the_dials_survive_a_reload(page):
    draw_line(page)
    wait_for_ink(page, lambda n: n > 1000)
    before = ink(page)
    page.get_by_role("textbox", name="What to draw").fill("a lonely line")
    page.get_by_label("Fidelity").fill("0.9")
    page.wait_for_timeout(500)
    page.reload()
    wait_for_ink(page, lambda n: n == before)
    assert page.get_by_role("textbox", name="What to draw").input_value() == "a lonely line"
    assert page.get_by_label("Fidelity").input_value() == "0.9"


def test_a_picture_of_a_drawing_is_opened(page):
    buffer = io.BytesIO()
    Image.new("RGB", (300, 200), (10, 10, 10)).save(buffer, "PNG")
    picture = {"name": "d.png", "mimeType": "image/png", "buffer": buffer.getvalue()}
    page.locator("input[type=file][aria-label='Open a drawing']").set_input_files(picture)
    wait_for_ink(page, lambda n: n > 100_000)


def test_a_file_that_is_no_picture_gets_a_sentence(page):
    broken = {"name": "d.png", "mimeType": "image/png", "buffer": b"not a picture"}
    page.locator("input[type=file][aria-label='Open a drawing']").set_input_files(broken)
    page.get_by_text("This file cannot be read as a picture.").wait_for()
    assert ink(page) == 0
