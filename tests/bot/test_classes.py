"""The recipe of classes in the chat: a button or a typed name draws a sheet; the archive comes as a file."""

import io
import zipfile

import pytest

from palitra.zoo.models import preset
from palitra.zoo.run_folder import RunCard, write_card
from tests.bot.backend import backend


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    """With a model that is only described: the worker here draws squares."""
    folder = tmp_path_factory.mktemp("classes")
    write_card(folder / "toy", RunCard(preset("cvae", "tiny"), (1, 16, 16), ("dark", "light")))
    (folder / "toy" / "last.safetensors").write_bytes(b"weights")
    with backend(folder / "service", class_models=(folder / "toy",)) as made:
        yield made


def test_a_button_draws_a_sheet_and_the_archive_is_a_file(play):
    async def scene(fake, parts):
        fake.say("/classes")
        asked = await fake.told("What shall it be?")
        assert list(asked.buttons) == ["all", "dark", "light"]
        fake.press(asked, "light")
        (sheet,) = await fake.pictures(1)
        assert sheet.text.startswith("toy: light × 10\nClasses · seed ")
        assert list(sheet.buttons) == ["🔁 Again", "🗜 All (zip)", "📄 As file", "🗑 Delete"]
        fake.press(sheet, "All (zip)")
        (packed,) = await fake.until(lambda: [s.document for s in fake.shown.values() if s.document])
        with zipfile.ZipFile(io.BytesIO(packed)) as archive:
            assert len(archive.namelist()) == 11
        fake.press(sheet, "Again")
        both = await fake.pictures(2)
        assert all(shown.text.startswith("toy: light × 10") for shown in both)

    play(scene)


def test_a_typed_class_is_drawn_and_an_unknown_one_is_answered_with_the_list(play):
    async def scene(fake, parts):
        fake.say("/new")
        menu = await fake.told("What shall it be?")
        fake.press(menu, "Classes")
        await fake.told("A sheet of pictures of the classes")
        fake.say("cat")
        await fake.told("There are: all, dark, light.")
        fake.say("Dark")
        (sheet,) = await fake.pictures(1)
        assert sheet.text.startswith("toy: dark × 10")

    play(scene)


def test_words_are_still_words(play):
    async def scene(fake, parts):
        fake.say("a cat")
        (result,) = await fake.pictures(1)
        assert result.text.startswith("a cat\nWords")

    play(scene)
