from importlib.metadata import EntryPoint

import pytest
from PIL import Image

from palitra.errors import ContentRefusedError, InputError, ServiceError
from palitra.service.filters import filter as filters
from palitra.service.filters.filter import Filters
from palitra.service.settings import Settings

RED = Image.new("RGB", (8, 8), (255, 0, 0))


class NoRed:
    """A plug-in that looks at pictures."""

    def __init__(self, settings):
        self.settings = settings

    def refuses_image(self, image, prompt):
        return image.getpixel((0, 0))[0] > 200


class Broken:
    def __init__(self, settings):
        pass

    def refuses_prompt(self, prompt):
        raise RuntimeError("no list")

    def refuses_image(self, image, prompt):
        raise RuntimeError("no model")


@pytest.fixture
def plugged(monkeypatch):
    """Plug-ins as if they were installed."""

    def found(group):
        assert group == "palitra.filters"
        here = "tests.service.filters.test_filter"
        return [
            EntryPoint("no-red", f"{here}:NoRed", group),
            EntryPoint("broken", f"{here}:Broken", group),
            EntryPoint("nothing", "builtins:str", group),
        ]

    monkeypatch.setattr(filters, "entry_points", found)


def opened(*names):
    return Filters.open(Settings(filters=names))


def test_without_filters_everything_passes():
    none = opened()
    none.check_prompt("nsfw")
    none.check_image(RED, "nsfw")
    assert (none.prompts, none.images) == ([], [])


def test_the_shipped_filter_is_opened_by_its_name():
    words = opened("words")
    words.check_prompt("a cat")
    with pytest.raises(
        ContentRefusedError, match=r"^`prompt` must be about something that may be drawn here$"
    ):
        words.check_prompt("nsfw cat")


def test_a_plug_in_is_opened_by_its_name(plugged):
    both = opened("words", "no-red")
    assert (len(both.prompts), len(both.images)) == (1, 1)
    both.check_image(Image.new("RGB", (8, 8)), "a cat")
    with pytest.raises(ContentRefusedError, match="held back"):
        both.check_image(RED, "a cat")


def test_a_filter_that_fails_refuses(plugged):
    with pytest.raises(ServiceError, match="could not be checked"):
        opened("broken").check_prompt("a cat")
    with pytest.raises(ContentRefusedError, match="could not be checked and was held back"):
        opened("broken").check_image(RED, "a cat")


def test_an_unknown_name_is_told_with_the_known_ones(plugged):
    with pytest.raises(InputError, match="`filters` must be of words, no-red, broken, nothing, got wrods"):
        opened("wrods")


def test_what_filters_nothing_is_no_filter(plugged):
    with pytest.raises(InputError, match="refuses_prompt or refuses_image, got nothing"):
        opened("nothing")
