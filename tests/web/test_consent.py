"""A recipe of photos of people: the page shows the tick where the schema says so, and waits for it."""

import pytest

from tests.bot.conftest import picture
from tests.portrait import portraits
from tests.web.test_faces import violations


@pytest.fixture(autouse=True)
def recipe():
    with portraits():
        yield


def choose(page, photo):
    page.get_by_role("radio", name="Portrait").check()
    page.get_by_role("button", name="Layers: Lines").click()
    page.locator("input[type=file][aria-label='Photo to trace']").set_input_files(photo)
    page.keyboard.press("Escape")
    page.get_by_role("textbox", name="What to draw").fill("as a painter")


@pytest.fixture
def photo(tmp_path):
    def make(colour):
        path = tmp_path / f"{colour}.png"
        path.write_bytes(picture(colour))
        return path

    return make


def test_nothing_is_sent_without_the_tick(page, photo):
    sent = []
    page.on("request", lambda r: sent.append(r.url) if r.method == "POST" else None)
    page.get_by_role("radio", name="Portrait").check()
    tick = page.get_by_role("checkbox", name="The people in this photo agree")
    assert tick.is_disabled()
    choose(page, photo("red"))
    page.get_by_role("button", name="Draw it").click()
    page.get_by_text("Tick that the people in the photo agree.").wait_for()
    assert sent == []
    assert violations(page) == []
    tick.check()
    with page.expect_request(lambda r: r.method == "POST" and r.url.endswith("/v1/jobs")) as asked:
        page.get_by_role("button", name="Draw it").click()
    assert asked.value.post_data_json["consent"] is True
    page.get_by_role("img", name="Picture:").wait_for()


def test_the_tick_holds_for_one_photo(page, photo):
    choose(page, photo("red"))
    tick = page.get_by_role("checkbox", name="The people in this photo agree")
    tick.check()
    page.get_by_role("button", name="Layers: Lines").click()
    page.get_by_role("button", name="Remove the photo").click()
    page.locator("input[type=file][aria-label='Photo to trace']").set_input_files(photo("green"))
    page.keyboard.press("Escape")
    assert not tick.is_checked()


def test_other_recipes_show_no_tick(page):
    page.get_by_role("button", name="Giraffe", exact=True).wait_for()
    assert page.get_by_role("checkbox", name="agree").count() == 0
