"""Photos of people: asked for once by a button, before anything is drawn from them."""

import asyncio

import pytest

from tests.bot.conftest import bot_settings, picture, running
from tests.bot.fake_telegram import telegram
from tests.portrait import NAME, portraits


@pytest.fixture(autouse=True)
def recipe():
    with portraits():
        yield


async def photos(fake, *colours):
    """The recipe of portraits is chosen, then photos with words come."""
    fake.say("/new")
    menu = await fake.told("What shall it be?")
    fake.press(menu, "Portrait")
    await fake.told("Send a picture with a caption")
    album = {"media_group_id": "g"} if len(colours) > 1 else {}
    for colour in colours:
        fake.photo(picture(colour), "as a painter", **album)
    return await fake.told("Does everybody in these photos agree")


def test_nothing_is_drawn_before_somebody_says_that_they_agree(play):
    async def scene(fake, parts):
        question = await photos(fake, "red")
        assert list(question.buttons) == ["✅ Yes, they agree", "✖️ No"]
        (wish,) = parts.memory.open_wishes()
        assert (wish.state, wish.job, wish.inputs["photo"].keys()) == ("asked", None, {"telegram"})
        fake.press(question, "Yes")
        (result,) = await fake.pictures(1)
        assert "Portrait · seed " in result.text

    play(scene)


def test_a_no_ends_it(play):
    async def scene(fake, parts):
        question = await photos(fake, "red")
        fake.press(question, "No")
        await fake.until(lambda: parts.memory.open_wishes() == [])
        assert question.text == "Cancelled."
        assert fake.photos() == []

    play(scene)


def test_so_does_cancel(play):
    async def scene(fake, parts):
        await photos(fake, "red")
        fake.say("/cancel")
        await fake.told("Cancelled: 1 job.")
        await fake.until(lambda: parts.memory.open_wishes() == [])

    play(scene)


def test_an_album_is_asked_for_once(play):
    async def scene(fake, parts):
        question = await photos(fake, "red", "green", "blue")
        assert len([t for t in fake.texts() if "agree" in t]) == 1
        fake.press(question, "Yes")
        await fake.pictures(3)

    play(scene)


def test_the_same_again_is_not_asked_for(play):
    async def scene(fake, parts):
        fake.press(await photos(fake, "red"), "Yes")
        (first,) = await fake.pictures(1)
        fake.press(first, "Again")
        await fake.pictures(2)
        assert not [t for t in fake.texts() if "agree" in t]

    play(scene)


def test_only_who_sent_the_photo_may_answer(play):
    async def scene(fake, parts):
        question = await photos(fake, "red")
        fake.press(question, "Yes", person=8)
        await fake.until(lambda: fake.answers)
        assert parts.memory.open_wishes()[0].state == "asked"

    play(scene)


def test_the_question_outlives_a_restart(tmp_path, service):
    async def whole():
        async with telegram() as fake:
            settings = bot_settings(tmp_path / "bot", fake, service)
            async with running(settings):
                question = await photos(fake, "red")
            async with running(settings):
                fake.press(question, "Yes")
                await fake.pictures(1)
            assert len([s for s in fake.shown.values() if "agree" in s.text]) == 0

    asyncio.run(whole())


def test_an_answer_that_never_comes_ends_the_wish(play, monkeypatch):
    monkeypatch.setattr("palitra.bot.tracker.PATIENCE_S", 0.3)

    async def scene(fake, parts):
        question = await photos(fake, "red")
        await fake.until(lambda: parts.memory.open_wishes() == [])
        assert question.text == "Cancelled."

    play(scene)


def test_recipes_without_people_ask_nothing(play):
    async def scene(fake, parts):
        fake.photo(picture(), "a cat")
        (result,) = await fake.pictures(1)
        assert NAME not in result.text

    play(scene)
