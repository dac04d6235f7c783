"""The recipe of edits on the page: a photo, a mask on it, wishes by lines, pictures side by side."""

import io

import numpy as np
import pytest
from PIL import Image

from tests.web.conftest import draw_line, send
from tests.web.test_faces import violations


def photo_file(size=(96, 64), colour=(90, 140, 60)):
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, "PNG")
    return {"name": "photo.png", "mimeType": "image/png", "buffer": buffer.getvalue()}


def choose(page, photo=None):
    page.get_by_role("radio", name="Edit").check()
    page.locator("input[type=file][aria-label='Choose a photo']").set_input_files(photo or photo_file())
    page.get_by_text("Drop a photo here").wait_for(state="detached")


def say(page, target, source=""):
    page.get_by_role("textbox", name="What the photo shows").fill(source)
    page.get_by_role("textbox", name="What it should become").fill(target)


def change(page):
    """Send it; returns what was handed in."""
    with page.expect_request(lambda r: r.method == "POST" and r.url.endswith("/v1/jobs")) as sent:
        page.get_by_role("button", name="Change it").click()
    return sent.value.post_data_json


def kept(page, service, file):
    with Image.open(io.BytesIO(page.request.get(f"{service.url}/v1/files/{file}").body())) as image:
        return np.asarray(image)


def done(page):
    page.locator(".result .state", has_text="Done").wait_for()


def test_a_photo_and_a_wish_become_a_picture(page, service):
    choose(page)
    say(page, "a photo of a cat", "a photo of a dog")
    wish = change(page)
    assert (wish["recipe"], wish["source"], wish["target"]) == (
        "edit",
        "a photo of a dog",
        "a photo of a cat",
    )
    assert set(wish["inputs"]) == {"photo"}
    assert not {"steps", "prompt", "fidelity", "consent"} & wish.keys()
    done(page)
    page.get_by_role("heading", name="a photo of a dog → a photo of a cat").wait_for()
    slider = page.get_by_role("slider", name="How much of the photo shows")
    slider.focus()
    page.keyboard.press("End")
    assert slider.input_value() == "100"
    assert kept(page, service, wish["inputs"]["photo"]).shape == (64, 96, 3)


def test_what_is_painted_becomes_a_mask_of_the_photos_size(page, service):
    choose(page)
    draw_line(page, (0.2, 0.5), (0.4, 0.5))
    say(page, "a cat")
    mask = kept(page, service, change(page)["inputs"]["mask"])[..., 0]
    assert mask.shape == (64, 96)
    assert mask[32, 25] == 255
    assert mask[32, 80] == 0
    assert mask[2, 25] == 0
    page.get_by_role("button", name="Clear the mask").click()
    assert "mask" not in change(page)["inputs"]
    page.get_by_role("button", name="Undo").click()
    page.get_by_role("button", name="Eraser").click()
    page.get_by_role("slider", name="Width of the brush").fill("0.04")
    draw_line(page, (0.1, 0.5), (0.9, 0.5))
    mask = kept(page, service, change(page)["inputs"]["mask"])[..., 0]
    assert mask[32, 25] == 0


def test_wishes_are_shown_side_by_side(page):
    choose(page)
    say(page, "a cat\na horse\na house")
    change(page)
    done(page)
    shown = page.locator(".side-by-side li")
    shown.nth(3).wait_for()
    assert shown.all_inner_texts() == ["Photo", "a cat", "a horse", "a house"]
    page.get_by_role("button", name="Picture 2 of 3: a horse").click()
    assert page.get_by_role("button", name="Picture 2 of 3: a horse").get_attribute("aria-pressed") == "true"
    page.get_by_role("img", name="Picture: a horse").wait_for()
    page.get_by_role("link", name="Gallery").click()
    page.get_by_role("button", name="Picture: … → a house").click()
    page.get_by_role("dialog", name="… → a house").wait_for()


def test_stronger_and_milder_turn_the_dial_for_once(page):
    choose(page)
    say(page, "a cat")
    seed = change(page)["seed"]
    done(page)
    with page.expect_request(lambda r: r.method == "POST" and r.url.endswith("/v1/jobs")) as sent:
        page.get_by_role("button", name="Stronger").click()
    assert (sent.value.post_data_json["strength"], sent.value.post_data_json["seed"]) == (0.7, seed)
    assert page.get_by_role("slider", name="Strength").input_value() == "0.5"


def test_a_finished_picture_is_edited_and_drawn_on(page):
    send(page, "a photo of a dog")
    page.get_by_role("img", name="Picture:").wait_for()
    page.get_by_role("button", name="Edit this").click()
    page.get_by_role("textbox", name="What it should become").wait_for()
    assert page.get_by_role("radio", name="Edit").is_checked()
    assert page.get_by_role("textbox", name="What the photo shows").input_value() == "a photo of a dog"
    page.get_by_text("Drop a photo here").wait_for(state="detached")
    page.get_by_role("button", name="Draw on it").click()
    page.get_by_role("textbox", name="What to draw").wait_for()
    assert page.get_by_role("radio", name="Sketch").is_checked()


def test_the_drawing_and_the_photo_are_two_and_both_survive_a_reload(page):
    page.get_by_role("button", name="Giraffe", exact=True).click()
    choose(page)
    draw_line(page)
    say(page, "a cat")
    page.wait_for_timeout(500)
    page.reload()
    page.get_by_role("button", name="Clear the mask").wait_for()
    page.wait_for_function("!document.querySelector('.easel-photo')")
    assert page.get_by_role("button", name="Clear the mask").is_enabled()
    assert page.get_by_role("textbox", name="What it should become").input_value() == "a cat"
    page.get_by_role("radio", name="Sketch").check()
    page.get_by_role("button", name="Clear everything").wait_for()
    assert page.get_by_role("button", name="Clear everything").is_enabled()


def test_missing_things_are_said(page):
    page.get_by_role("radio", name="Edit").check()
    page.get_by_role("button", name="Change it").click()
    page.get_by_text("Say in a few words what the photo should become.").wait_for()
    say(page, "a cat")
    page.get_by_role("button", name="Change it").click()
    page.get_by_text("Choose a picture first.").wait_for()


def test_words_about_people_need_the_tick(page):
    choose(page)
    say(page, "an old woman")
    page.get_by_role("button", name="Change it").click()
    page.get_by_text("`consent` must be true for words about people").wait_for()
    page.get_by_role("checkbox", name="If there are people in this photo").check()
    assert change(page)["consent"] is True
    done(page)


def test_methods_have_names_and_quality_is_the_recipes_own(page):
    page.get_by_role("radio", name="Draft").check()
    choose(page)
    names = page.get_by_label("Method").locator("option").all_inner_texts()
    assert names[0] == "Guide-and-Rescale"
    page.get_by_label("Method").select_option("DDIM inversion")
    page.get_by_text("Inversion and the new words, nothing else.").wait_for()
    page.get_by_label("Kind of edit").select_option("The style")
    say(page, "a cat")
    wish = change(page)
    assert (wish["method"], wish["preset"], wish["steps"]) == ("ddim", "style", 20)
    page.get_by_role("radio", name="Sketch").check()
    send(page, "a giraffe")
    page.locator(".history li").nth(1).wait_for()


def test_ctrl_enter_sends_and_enter_is_a_new_line(page):
    choose(page)
    box = page.get_by_role("textbox", name="What it should become")
    box.fill("a cat")
    box.press("End")
    box.press("Enter")
    box.type("a dog")
    assert box.input_value() == "a cat\na dog"
    box.press("Control+Enter")
    page.get_by_role("heading", name="… → a cat; a dog").wait_for()


@pytest.mark.parametrize("device", ["Pixel 7", "iPhone SE"])
def test_a_phone_shows_everything_without_moving_sideways(open_page, device):
    page = open_page(device)
    choose(page)
    say(page, "a cat\nan elephant in tall grass")
    change(page)
    done(page)
    page.wait_for_timeout(200)
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]
    small = page.evaluate(
        """() => [...document.querySelectorAll('button, a, select, summary')]
        .filter(e => e.offsetParent && !e.classList.contains('skip'))
        .map(e => [e.textContent || e.ariaLabel, e.getBoundingClientRect()])
        .filter(([_, b]) => b.width < 36 || b.height < 36)
        .map(([name, b]) => name + b.width + 'x' + b.height)"""
    )
    assert small == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(open_page, scheme):
    page = open_page(color_scheme=scheme)
    page.get_by_role("radio", name="Edit").check()
    page.get_by_text("Drop a photo here").wait_for()
    assert violations(page) == []
    choose(page)
    draw_line(page)
    page.get_by_text("More dials").click()
    say(page, "a cat\na dog")
    change(page)
    done(page)
    assert violations(page) == []
