"""Languages, themes, phones, the login, and what screen readers are told."""

import pytest

from palitra.service.keys import make_key
from palitra.service.settings import Settings
from tests.web.conftest import AXE, Running, send

RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}


def violations(page):
    if not AXE.is_file():
        pytest.skip("axe-core is not installed: `npm ci` in web/")
    page.wait_for_timeout(500)  # colours that fade in would be measured half-way
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("rules => axe.run(document, rules)", RULES)["violations"]
    return [(each["id"], each["help"], each["nodes"][0]["html"][:200]) for each in found]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_the_drawing_page(open_page, scheme):
    page = open_page(color_scheme=scheme)
    page.get_by_role("button", name="Giraffe", exact=True).wait_for()
    assert violations(page) == []
    page.get_by_text("More dials").click()
    send(page, "a giraffe")
    page.get_by_role("img", name="Picture:").wait_for()
    assert violations(page) == []
    page.get_by_role("button", name="Layers: Lines").click()
    assert violations(page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_the_gallery(open_page, scheme):
    page = open_page("Pixel 7", color_scheme=scheme)
    send(page, "a giraffe")
    page.get_by_role("img", name="Picture:").wait_for()
    page.get_by_role("link", name="Gallery").click()
    page.locator(".gallery-grid li").first.wait_for()
    assert violations(page) == []
    page.locator(".gallery-grid button").first.click()
    page.get_by_role("dialog").get_by_role("img").wait_for()
    assert violations(page) == []


def test_russian_by_the_browser_and_english_by_a_click(open_page):
    page = open_page(locale="ru-RU")
    page.get_by_role("button", name="Нарисовать").wait_for()
    assert page.locator("html").get_attribute("lang") == "ru"
    page.get_by_role("button", name="Нарисовать").click()
    page.get_by_text("Скажите в нескольких словах").wait_for()
    page.get_by_role("button", name="EN: English").click()
    page.get_by_role("button", name="Draw it").wait_for()
    page.reload()
    page.get_by_role("button", name="Draw it").wait_for()
    assert page.locator("html").get_attribute("lang") == "en"


def test_the_servers_words_come_in_russian_too(open_page):
    page = open_page(locale="ru-RU")
    page.get_by_role("button", name="Жираф").click()
    page.get_by_role("button", name="Нарисовать").click()
    page.get_by_text("Что сделано с рисунком").click()
    notes = page.locator(".notes li").all_inner_texts()
    assert notes
    assert all(any("а" <= letter <= "я" for letter in note.lower()) for note in notes)


@pytest.mark.parametrize("device", ["Pixel 7", "iPhone SE"])
def test_a_phone_shows_everything_without_moving_sideways(open_page, device):
    page = open_page(device)
    page.get_by_role("button", name="Giraffe", exact=True).wait_for()
    for place in ("#/", "#/gallery"):
        page.goto(page.url.split("#")[0] + place)
        page.wait_for_timeout(200)
        # the window's own width grows with what does not fit
        assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"], place


def test_targets_are_large_enough_for_a_finger(open_page):
    page = open_page("Pixel 7")
    page.get_by_role("button", name="Giraffe", exact=True).wait_for()
    small = page.evaluate(
        """() => [...document.querySelectorAll('button, a, select, summary')]
        .filter(e => e.offsetParent && !e.classList.contains('skip'))
        .map(e => [e.textContent || e.ariaLabel, e.getBoundingClientRect()])
        .filter(([_, b]) => b.width < 36 || b.height < 36)
        .map(([name, b]) => name + b.width + 'x' + b.height)"""
    )
    assert small == []


def test_theme_is_chosen_and_kept(page):
    def ground():
        return page.evaluate("getComputedStyle(document.body).backgroundColor")

    light = ground()
    page.get_by_role("button", name="Theme: As the system").click()
    page.get_by_role("button", name="Theme: Light").click()
    assert page.locator("html").get_attribute("data-theme") == "dark"
    dark = ground()
    assert dark != light
    page.reload()
    page.get_by_role("banner").wait_for()
    assert ground() == dark


def test_a_login_is_asked_for_where_the_operator_wants_one(open_page, tmp_path):
    settings = Settings(folder=tmp_path / "data", require_key=True)
    key = make_key(settings, "anna", "", "user")
    with Running(settings) as running:
        page = open_page(url=running.url)
        page.get_by_role("heading", name="This palitra asks for a key").wait_for()
        assert violations(page) == []
        page.get_by_label("Key").fill("wrong")
        page.get_by_role("button", name="Come in").click()
        page.locator(".notice").wait_for()
        page.get_by_label("Key").fill(key)
        page.get_by_role("button", name="Come in").click()
        page.get_by_role("button", name="Draw it").wait_for()
        page.get_by_role("button", name="Log out").click()
        page.get_by_role("heading", name="This palitra asks for a key").wait_for()


def test_words_of_a_prompt_stay_text(page):
    send(page, "<img src=x onerror=alert(1)>")
    page.get_by_role("heading", name="<img src=x onerror=alert(1)>").wait_for()


def test_nothing_breaks_the_content_security_policy(open_page):
    page = open_page()
    broken = []
    page.on("console", lambda said: broken.append(said.text) if "Content Security" in said.text else None)
    page.reload()
    send(page, "a giraffe")
    page.get_by_role("img", name="Picture:").wait_for()
    assert broken == []


def test_the_apis_own_page_works_without_another_host(open_page, service):
    page = open_page()
    broken = []
    page.on("console", lambda said: broken.append(said.text) if said.type == "error" else None)
    page.goto(service.url + "/docs")
    page.get_by_text("/v1/jobs", exact=True).first.wait_for()
    assert broken == []
