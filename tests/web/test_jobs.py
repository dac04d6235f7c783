"""From a drawing to a picture: sending, watching, reloading, cancelling, failing."""

import re
import time

from tests.web.conftest import send


def picture(page):
    return page.get_by_role("img", name="Picture:")


def test_first_picture_within_three_clicks(page):
    page.get_by_role("button", name="Giraffe", exact=True).click()
    page.get_by_role("button", name="Draw it").click()
    picture(page).wait_for()
    assert page.locator(".result .state").inner_text() == "Done"
    assert page.get_by_text("What was done to the drawing").is_visible()


def test_words_alone_make_a_picture(page):
    page.get_by_role("radio", name="Words").check()
    page.get_by_role("button", name="a photo of a house").click()
    page.keyboard.press("Tab")
    page.get_by_role("textbox", name="What to draw").press("Enter")
    picture(page).wait_for()
    assert page.get_by_role("slider", name="How much of the drawing shows").count() == 0


def test_missing_things_are_said(page):
    page.get_by_role("button", name="Draw it").click()
    page.get_by_text("Say in a few words what it is.").wait_for()
    page.get_by_role("textbox", name="What to draw").fill("a cat")
    page.get_by_role("button", name="Draw it").click()
    page.get_by_text("Draw some lines first, or choose an example.").wait_for()


def test_progress_and_preview_are_seen_and_a_reload_goes_on(page):
    send(page, "slow")
    page.get_by_role("img", name="Preview: slow").wait_for()
    page.get_by_text(re.compile(r"^step \d+ of 30$")).wait_for()
    page.reload()
    page.get_by_role("img", name="Preview: slow").wait_for()
    picture(page).wait_for(timeout=20_000)
    assert page.locator(".history li").count() == 1


def test_cancel_takes_effect(page):
    send(page, "slow")
    page.get_by_role("button", name="Cancel").click()
    page.locator(".result .state", has_text="Cancelled").wait_for()
    page.get_by_role("button", name="Try again").click()
    page.locator(".result .state", has_text="Done").wait_for(timeout=20_000)
    assert page.locator(".history li").count() == 2


def test_a_failed_job_says_why(page):
    send(page, "fail")
    page.get_by_text("`prompt` must not be fail").wait_for()
    assert page.locator(".result .state").inner_text() == "Did not work"


def test_compare_slider_by_keyboard(page):
    send(page, "a giraffe")
    slider = page.get_by_role("slider", name="How much of the drawing shows")
    slider.focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    assert slider.input_value() == "3"
    assert "97%" in page.locator(".stage .over").get_attribute("style")
    page.keyboard.press("End")
    assert slider.input_value() == "100"


def test_a_locked_seed_gives_the_same_picture_again(page):
    send(page, "a giraffe")
    picture(page).wait_for()
    page.get_by_role("button", name="Take its settings").click()
    first = page.get_by_role("link", name="PNG with its recipe", include_hidden=True).get_attribute(
        "download"
    )
    page.get_by_role("button", name="Draw it").click()
    page.locator(".history li").nth(1).wait_for()
    picture(page).wait_for()
    second = page.get_by_role("link", name="PNG with its recipe", include_hidden=True).get_attribute(
        "download"
    )
    assert first == second


def test_variations_are_four(page):
    send(page, "a giraffe")
    picture(page).wait_for()
    page.get_by_role("button", name="Four variations").click()
    page.get_by_role("button", name="Picture 4 of 4").click()
    assert page.get_by_role("button", name="Picture 4 of 4").get_attribute("aria-pressed") == "true"


def test_a_refusal_by_the_server_is_shown_in_its_words(page):
    page.route(
        "**/v1/jobs",
        lambda route: (
            route.fulfill(
                status=429,
                headers={"retry-after": "7", "content-type": "application/problem+json"},
                body='{"code": "queue_full", "detail": "at most 5 of your jobs may wait"}',
            )
            if route.request.method == "POST"
            else route.continue_()
        ),
    )
    send(page, "a giraffe")
    page.get_by_text("at most 5 of your jobs may wait").wait_for()
    assert page.get_by_role("textbox", name="What to draw").input_value() == "a giraffe"


def test_no_connection_is_said_and_nothing_is_lost(page):
    page.context.set_offline(True)
    send(page, "a giraffe")
    page.get_by_text("The server does not answer").wait_for()
    page.context.set_offline(False)
    page.get_by_role("button", name="Draw it").click()
    picture(page).wait_for()


def test_two_users_do_not_see_each_other(open_page, service):
    one, two = open_page(), open_page()
    send(one, "a secret giraffe")
    picture(one).wait_for()
    source = one.locator("img.picture").get_attribute("src")
    job = one.evaluate("JSON.parse(localStorage['palitra-settings']).state.job")
    assert two.locator(".history").count() == 0
    two.goto(service.url + "/#/gallery")
    two.get_by_text("Nothing here yet").wait_for()
    for address in (source, f"/v1/jobs/{job}", f"/v1/jobs/{job}/events", f"/v1/jobs/{job}/preview"):
        assert two.request.get(service.url + address).status == 404, address
        assert one.request.get(service.url + address).status in (200, 404)
    assert one.request.get(service.url + source).status == 200


def test_downloads_with_and_without_the_recipe(page, service):
    send(page, "a giraffe")
    picture(page).wait_for()
    page.get_by_role("button", name="Download").click()

    def bytes_of(name):
        return page.request.get(
            service.url + page.get_by_role("link", name=name).get_attribute("href")
        ).body()

    assert b"palitra" in bytes_of("PNG with its recipe")
    assert b"palitra" not in bytes_of("PNG without the recipe")
    assert bytes_of("JPEG")[:2] == b"\xff\xd8"


def test_gallery_searches_marks_and_deletes(page, service):
    send(page, "a red giraffe")
    picture(page).wait_for()
    page.get_by_role("button", name="Favourite").click()
    page.get_by_role("button", name="No longer a favourite").wait_for()
    send(page, "a blue elephant", example="Elephant")
    page.locator(".history li").nth(1).wait_for()
    picture(page).wait_for()
    page.get_by_role("link", name="Gallery").click()
    shown = page.locator(".gallery-grid li")
    shown.nth(1).wait_for()
    page.get_by_role("searchbox", name="Search words").fill("red")
    wait_until(page, lambda: shown.count() == 1)
    page.get_by_role("searchbox").fill("")
    wait_until(page, lambda: shown.count() == 2)
    page.get_by_role("button", name="Favourites").click()
    wait_until(page, lambda: shown.count() == 1)
    shown.first.get_by_role("button").click()
    page.on("dialog", lambda asked: asked.accept())
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    page.get_by_text("Nothing found.").wait_for()


def wait_until(page, true, seconds=5):
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until
        page.wait_for_timeout(30)
