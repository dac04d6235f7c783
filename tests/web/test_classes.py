"""The recipe of classes on the page: it has no words, its dials follow the model, the result is a sheet."""

import io
import re
import zipfile

import pytest

from palitra.service.settings import Settings
from palitra.service.workers.models import Models
from palitra.service.workers.painter import RecipePainter
from tests.service.drawing import drawing
from tests.web.conftest import Running
from tests.web.test_faces import violations
from tests.zoo.toy_images import toy_trainer


@pytest.fixture(scope="module")
def zoo_service(tmp_path_factory):
    folder = tmp_path_factory.mktemp("classes")
    for name in ("cvae", "cdm"):
        toy_trainer(name, folder / name).train(until=2)
    settings = Settings(folder=folder / "data", class_models=(folder / "cvae", folder / "cdm"))
    with Running(settings) as running:
        service = running.app.state.service
        with drawing(service, RecipePainter(Models(2**30, "cpu"), service.blobs, service.classes)):
            yield running


@pytest.fixture
def classes(open_page, zoo_service):
    page = open_page(url=zoo_service.url)
    page.get_by_role("radio", name="Classes").check()
    return page


def test_a_sheet_and_its_archive_without_a_word(classes):
    assert classes.get_by_role("textbox", name="What to draw").count() == 0
    classes.get_by_label("Class", exact=True).select_option("light")
    classes.get_by_role("button", name="Draw it").click()
    classes.get_by_role("heading", name=re.compile("cvae: light × 10")).wait_for()
    classes.get_by_role("img", name="Picture:").wait_for()
    assert classes.get_by_role("button", name="Four variations").count() == 0
    classes.get_by_role("button", name="Download").click()
    with classes.expect_download() as waiting:
        classes.get_by_role("link", name="All pictures (zip)").click()
    with zipfile.ZipFile(io.BytesIO(waiting.value.path().read_bytes())) as archive:
        assert len(archive.namelist()) == 11


def test_dials_follow_the_model_and_other_recipes_keep_theirs(classes):
    classes.get_by_text("More dials").click()
    assert classes.get_by_label("Truncation").count() == 1
    assert classes.get_by_label("Weight of the class").count() == 0
    classes.get_by_label("Model", exact=True).select_option("cdm")
    assert classes.get_by_label("Truncation").count() == 0
    assert classes.get_by_label("Weight of the class").count() == 1
    classes.get_by_role("button", name="Draw it").click()
    classes.get_by_role("heading", name=re.compile("cdm: all × 10")).wait_for()
    classes.get_by_role("radio", name="Words").check()
    classes.get_by_role("textbox", name="What to draw").fill("a cat")
    with classes.expect_request("**/v1/jobs") as sent:
        classes.get_by_role("button", name="Draw it").click()
    assert "model" not in sent.value.post_data_json


def test_in_russian_on_a_phone(open_page, zoo_service):
    page = open_page("Pixel 7", zoo_service.url, locale="ru-RU")
    page.get_by_role("radio", name="Классы").check()
    page.get_by_label("Класс", exact=True).select_option("dark")
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(open_page, zoo_service, scheme):
    page = open_page(url=zoo_service.url, color_scheme=scheme)
    page.get_by_role("radio", name="Classes").check()
    page.get_by_text("More dials").click()
    page.get_by_role("button", name="Draw it").click()
    page.get_by_role("img", name="Picture:").wait_for()
    assert violations(page) == []
