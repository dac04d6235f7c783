"""The live picture: it follows the drawing, catches up, and never goes back."""

import time

import pytest

from palitra.service.settings import Settings
from tests.service.drawing import drawing
from tests.service.live.fake_live_painter import COMMAND
from tests.web.conftest import PagePainter, Running, draw_line
from tests.web.test_faces import violations


@pytest.fixture(scope="module")
def lane(tmp_path_factory):
    running = Running(Settings(folder=tmp_path_factory.mktemp("live"), rate=0), COMMAND)
    with running, drawing(running.app.state.service, PagePainter(step_s=0.004)):
        until = time.monotonic() + 30
        while not running.app.state.service.live.ready:
            assert time.monotonic() < until, "the live worker did not start"
            time.sleep(0.05)
        yield running


@pytest.fixture
def live_page(open_page, lane):
    def make(device=None, **options):
        page = open_page(device, url=lane.url, **options)
        page.get_by_role("switch").check()
        return page

    return make


def number(page):
    return int(page.locator(".live").get_attribute("data-number"))


def newer_than(page, before, seconds=20):
    until = time.monotonic() + seconds
    while number(page) <= before or page.locator(".live").get_attribute("data-state") != "idle":
        assert time.monotonic() < until, page.locator(".live").get_attribute("data-state")
        page.wait_for_timeout(30)
    return number(page)


def test_a_picture_follows_lines_words_and_seed(live_page):
    page = live_page()
    page.get_by_text("Draw a few lines, and a picture follows them.").wait_for()
    draw_line(page)
    first = newer_than(page, 0)
    page.get_by_text("Say above what it is").wait_for()
    page.get_by_role("textbox", name="What to draw").fill("a house")
    second = newer_than(page, first)
    page.get_by_role("img", name="Live picture: a house").wait_for()
    assert 0 < int(page.locator(".live").get_attribute("data-ms")) < 20_000
    page.get_by_text("More dials").click()
    page.get_by_label("Seed", exact=True).fill("77")
    third = newer_than(page, second)
    page.get_by_role("button", name="Undo").click()
    page.get_by_text("Draw a few lines, and a picture follows them.").wait_for()
    assert page.locator(".live img").count() == 0
    assert page.evaluate("fetch('/v1/jobs').then(r => r.json()).then(j => j.jobs.length)") == 0
    assert third > second > first


def test_it_moves_while_the_line_is_still_being_drawn(live_page):
    page = live_page()
    box = page.locator(".page-touch").bounding_box()
    at = lambda x, y: (box["x"] + x * box["width"], box["y"] + y * box["height"])  # noqa: E731
    page.mouse.move(*at(0.2, 0.2))
    page.mouse.down()
    page.mouse.move(*at(0.6, 0.6), steps=10)
    seen = newer_than(page, 0)
    page.mouse.move(*at(0.8, 0.3), steps=10)
    newer_than(page, seen)
    page.mouse.up()


def test_one_click_makes_the_ordinary_job_with_the_same_words_and_seed(live_page):
    page = live_page()
    draw_line(page)
    page.get_by_role("textbox", name="What to draw").fill("a house")
    newer_than(page, 0)
    seed = page.evaluate("JSON.parse(localStorage['palitra-settings']).state.values.seed")
    page.get_by_role("button", name="Finish at best quality").click()
    page.get_by_role("img", name="Picture: a house", exact=True).wait_for()
    job = page.evaluate("fetch('/v1/jobs').then(r => r.json()).then(j => j.jobs[0])")
    assert job["params"]["seed"] == seed
    assert job["params"]["prompt"] == "a house"
    best = page.evaluate("fetch('/v1/presets').then(r => r.json())")[-1]["values"]
    told = {name: value for name, value in best.items() if name in job["params"]}
    assert told
    assert {name: job["params"][name] for name in told} == told


def test_a_dot_is_no_drawing(live_page):
    page = live_page()
    box = page.locator(".page-touch").bounding_box()
    page.mouse.click(box["x"] + 50, box["y"] + 50)
    page.wait_for_timeout(400)
    page.get_by_text("Draw a few lines, and a picture follows them.").wait_for()
    assert number(page) == 0
    assert page.get_by_role("button", name="Finish at best quality").is_disabled()


def test_a_killed_worker_is_caught_up_with(live_page, lane):
    page = live_page()
    draw_line(page)
    before = newer_than(page, 0)
    lane.app.state.service.live._link.kill()
    draw_line(page, (0.2, 0.8), (0.8, 0.8))
    page.get_by_text("Catching up…").wait_for()
    assert page.locator(".live img").count() == 1
    assert newer_than(page, before, 30) > before


def test_strokes_faster_than_the_model_end_in_the_newest_picture(live_page):
    page = live_page()
    page.get_by_role("textbox", name="What to draw").fill("slow")  # five seconds a picture
    for i in range(6):
        draw_line(page, (0.1 + 0.1 * i, 0.1), (0.2 + 0.1 * i, 0.9))
    page.get_by_text("Catching up…").wait_for()
    page.get_by_role("textbox", name="What to draw").fill("quick")
    newer_than(page, 0)


def test_two_windows_draw_apart(live_page, lane):
    one = live_page()
    two = one.context.new_page()
    two.goto(lane.url)
    two.get_by_role("switch").wait_for()
    assert two.get_by_role("switch").is_checked()
    draw_line(one)
    draw_line(two, (0.2, 0.8), (0.8, 0.2))
    for page in (one, two):
        newer_than(page, 0)
        assert page.get_by_text("Catching up…").count() == 0


@pytest.mark.parametrize("device", [None, "Pixel 7"])
def test_axe_finds_nothing_with_a_live_picture(live_page, device):
    page = live_page(device)
    assert violations(page) == []
    page.get_by_role("button", name="Giraffe", exact=True).click()
    newer_than(page, 0)
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]


def test_the_switch_is_reached_by_keys_and_kept(live_page):
    page = live_page()
    switch = page.get_by_role("switch", name="Live picture")
    switch.focus()
    page.keyboard.press("Space")
    assert page.locator(".live").count() == 0
    page.keyboard.press("Space")
    page.reload()
    page.get_by_role("switch", checked=True).wait_for()


def test_there_is_no_switch_where_there_is_no_lane(page):
    page.get_by_role("button", name="Giraffe", exact=True).wait_for()
    assert page.get_by_role("switch").count() == 0


def test_who_comes_by_a_link_keeps_the_session(open_page, lane, tmp_path):
    page = open_page(url=lane.url)
    # the page's own first call has begun the session by then; a call beside it would begin another
    page.get_by_role("switch").wait_for()
    cookie = "fetch('/v1/session').then(r => r.json()).then(s => s.owner)"
    owner = page.evaluate(cookie)
    # a page of another site
    elsewhere = tmp_path / "link.html"
    elsewhere.write_text(f'<a href="{lane.url}/">palitra</a>')
    page.goto(elsewhere.as_uri())
    page.get_by_role("link").click()
    page.get_by_role("banner").wait_for()
    assert page.evaluate(cookie) == owner


def test_a_russian_page_says_so(live_page):
    page = live_page("Pixel 7", locale="ru-RU")
    page.get_by_role("switch", name="Картинка на ходу").wait_for()
    page.get_by_text("Проведите несколько линий, и появится картинка.").wait_for()
