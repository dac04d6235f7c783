"""A study on the page: from the first word to the thanks, by clicks and by keys, in both languages."""

import pytest

from palitra.service.settings import Settings
from palitra.service.studies.making import Terms, make_study
from palitra.service.studies.reading import count_finished, read_answers, report_study
from palitra.service.studies.study import close_study, find_study
from palitra.study.design import NOISE, plan
from palitra.study.exhibits import find_show
from tests.study.runs import make_runs
from tests.web.conftest import Running
from tests.web.test_faces import violations

NAMES = ("clicks", "keys", "doubles", "equal", "phone", "closing", "offline", "faces", "link")


@pytest.fixture(scope="module")
def studies(tmp_path_factory):
    folder = tmp_path_factory.mktemp("studies")
    show = find_show(make_runs(folder / "runs", arms=("ours", "theirs"), size=(64, 64)))
    with Running(Settings(folder=folder / "data")) as running:
        service = running.app.state.service
        for name in NAMES:
            terms = Terms(
                pairs=3,
                checks=1,
                seed=5,
                equal=name in ("equal", "phone"),
                title="Cats" if name == "clicks" else "",
            )
            make_study(service.engine, service.blobs, name, show, terms)
        yield running


@pytest.fixture
def visit(open_page, studies):
    """Opens a study's page at its first words."""
    return lambda name, device=None, **more: open_page(device, f"{studies.url}/study/{name}", **more)


@pytest.fixture
def engine(studies):
    return studies.app.state.service.engine


def awake(page, done=None):
    """The next pair takes answers."""
    if done is not None:
        page.get_by_role("status").get_by_text(f"{done} of").or_(
            page.get_by_text(f"{done} из")
        ).first.wait_for()
    page.locator("main.pair[aria-busy=false]").wait_for()


def group(page, words):
    return page.get_by_role("group", name=words)


def sides(engine, name):
    study = find_study(engine, name)
    return plan(study.design, 0)


def attentive(trial):
    """The side of ours, and of what is not noise."""
    if trial.is_check:
        return "left" if trial.right == NOISE else "right"
    return "left" if trial.left == 0 else "right"


def test_a_whole_study_by_clicks_in_russian(visit, engine):
    page = visit("clicks", locale="ru-RU")
    page.get_by_role("heading", name="Cats").wait_for()
    assert page.title() == "Cats"
    assert "ours" not in page.content()
    page.get_by_role("button", name="Начать").click()
    names = {"left": "Левая", "right": "Правая"}
    for done, trial in enumerate(sides(engine, "clicks")):
        awake(page, done)
        assert page.get_by_role("heading", level=1).inner_text() == f"кот {trial.item}"
        assert "ours" not in page.content()
        assert "theirs" not in page.content()
        side = attentive(trial)
        group(page, "Какая лучше показывает желаемое?").get_by_role("button", name=names[side]).click()
        # the second question the other way round
        other = side if trial.is_check else {"left": "right", "right": "left"}[side]
        group(page, "Какая лучше сохраняет").get_by_role("button", name=names[other]).click()
    page.get_by_role("heading", name="Спасибо!").wait_for()
    study = find_study(engine, "clicks")
    assert count_finished(engine, study) == 1
    edit, structure = report_study(engine, study, resamples=5).questions
    assert (edit.shares[0].wins, edit.shares[0].answers) == (3, 3)
    assert (structure.shares[0].wins, structure.shares[0].answers) == (0, 3)
    page.reload()
    page.get_by_role("button", name="Продолжить").click()
    page.get_by_role("heading", name="Спасибо!").wait_for()


def test_a_whole_study_by_keys_in_english(visit, engine):
    page = visit("keys")
    page.get_by_role("button", name="Begin").press("Enter")
    keys = {"left": ("1", "ArrowLeft"), "right": ("2", "ArrowRight")}
    for done, trial in enumerate(sides(engine, "keys")):
        awake(page, done)
        assert page.get_by_role("heading", level=1).inner_text() == f"a cat {trial.item}"
        # a wrong key, taken back
        page.keyboard.press("1")
        page.keyboard.press("Backspace")
        for key in keys[attentive(trial)]:
            page.keyboard.press(key)
    page.get_by_role("heading", name="Thank you!").wait_for()
    edit, structure = report_study(engine, find_study(engine, "keys"), resamples=5).questions
    assert [s.wins for s in (edit.shares[0], structure.shares[0])] == [3, 3]


def test_a_double_click_answers_once(visit, engine):
    page = visit("doubles")
    page.get_by_role("button", name="Begin").dblclick()
    awake(page, 0)
    for question in ("Which shows", "Which keeps"):
        group(page, question).get_by_role("button", name="Left").dblclick()
    awake(page, 1)
    page.wait_for_timeout(500)
    study = find_study(engine, "doubles")
    assert study.joined == 1
    assert [(a.place, a.choice) for a in read_answers(engine, study)] == [(0, "left"), (0, "left")]
    assert page.locator("[aria-pressed=true]").count() == 0


def test_about_the_same_where_the_study_lets_it(visit, engine):
    page = visit("equal")
    page.get_by_role("button", name="Begin").click()
    awake(page, 0)
    group(page, "Which shows").get_by_role("button", name="About the same").click()
    page.keyboard.press("3")
    awake(page, 1)
    assert {a.choice for a in read_answers(engine, find_study(engine, "equal"))} == {"equal"}


def test_without_it_the_third_key_is_nothing(visit, engine):
    page = visit("faces")
    page.get_by_role("button", name="Begin").click()
    awake(page, 0)
    page.keyboard.press("3")
    assert page.get_by_role("button", name="About the same").count() == 0
    assert page.locator("[aria-pressed=true]").count() == 0


@pytest.mark.parametrize("device", ["Pixel 7", "iPhone SE"])
def test_a_phone_shows_the_pair_without_moving_sideways(visit, device):
    page = visit("phone", device, locale="ru-RU")
    begin = page.get_by_role("button", name="Начать")
    width = page.viewport_size["width"]
    begin.wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    begin.tap()
    awake(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    left, right = (page.get_by_role("img", name=f"{s} картинка").bounding_box() for s in ("Левая", "Правая"))
    assert left["y"] == right["y"]
    assert left["width"] > 0.4 * width
    for button in page.locator(".choice").all():
        box = button.bounding_box()
        assert box["height"] >= 44
        assert box["x"] + box["width"] <= width


def test_who_comes_back_by_a_link_on_another_site_goes_on(visit, engine, studies):
    """Their cookie is not sent along with such a click, and must not be replaced."""
    page = visit("link")
    page.get_by_role("button", name="Begin").click()
    awake(page, 0)
    page.keyboard.press("1")
    page.keyboard.press("1")
    awake(page, 1)
    page.goto(studies.url.replace("127.0.0.1", "localhost") + "/study/link")
    page.get_by_role("button", name="Begin").wait_for()
    page.evaluate("address => { location.href = address }", f"{studies.url}/study/link")
    page.get_by_role("button", name="Go on").click()
    awake(page, 1)
    assert find_study(engine, "link").joined == 1


def test_closed_unknown_and_offline_are_said(visit, engine, studies):
    page = visit("closing")
    page.get_by_role("button", name="Begin").click()
    awake(page, 0)
    close_study(engine, "closing")
    page.keyboard.press("1")
    page.keyboard.press("1")
    page.get_by_role("heading", name="This study is closed").wait_for()
    page = visit("nothing", locale="ru-RU")
    page.get_by_role("alert").get_by_text("такого исследования нет: nothing").wait_for()
    assert page.get_by_role("button", name="Повторить").count() == 0


def test_an_answer_that_did_not_arrive_is_sent_again(visit, engine):
    page = visit("offline")
    page.get_by_role("button", name="Begin").click()
    awake(page, 0)
    page.route("**/answers", lambda route: route.abort())
    page.keyboard.press("2")
    page.keyboard.press("2")
    page.get_by_role("alert").get_by_text("Nothing is lost").wait_for()
    page.unroute("**/answers")
    page.get_by_role("button", name="Try again").click()
    awake(page, 1)
    assert [a.choice for a in read_answers(engine, find_study(engine, "offline"))] == ["right", "right"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(visit, scheme):
    page = visit("faces", color_scheme=scheme)
    page.get_by_role("button", name="Begin").wait_for()
    assert violations(page) == []
    page.get_by_role("button", name="Begin").click()
    awake(page, 0)
    assert violations(page) == []
    page.keyboard.press("1")
    assert violations(page) == []
