"""Edits in the chat: an arrow in the caption, buttons for more or less, a question when people are meant."""

import asyncio

from tests.bot.conftest import bot_settings, picture, running
from tests.bot.fake_telegram import telegram


def test_an_arrow_edits_the_photo(play):
    async def scene(fake, parts):
        fake.photo(picture(), "dog -> cat")
        (result,) = await fake.pictures(1)
        assert result.text.startswith("a photo of a dog → a photo of a cat\nEdit · seed ")
        assert list(result.buttons) == [
            "➖ Nearer to the photo",
            "➕ Stronger",
            "📄 As file",
            "🗑 Delete",
        ]

    play(scene)


def test_a_caption_without_an_arrow_means_what_it_meant(play):
    async def scene(fake, parts):
        fake.photo(picture(), "a cat")
        (result,) = await fake.pictures(1)
        assert "Sketch · seed " in result.text

    play(scene)


def test_words_with_an_arrow_for_a_photo_that_came_before(play):
    async def scene(fake, parts):
        fake.photo(picture())
        await fake.told("I have 1 picture.")
        fake.say("собака → кошка", language="ru")
        (result,) = await fake.pictures(1)
        assert result.text.startswith("a photo of a dog → a photo of a cat\n")

    play(scene)


def test_each_wish_is_a_picture_with_its_own_words(play):
    async def scene(fake, parts):
        fake.photo(picture(), "dog -> cat; an oil painting of a dog")
        results = await fake.pictures(2)
        assert {r.text.split("\n")[0] for r in results} == {
            "a photo of a dog → a photo of a cat",
            "a photo of a dog → an oil painting of a dog",
        }

    play(scene)


def test_every_photo_of_an_album_is_edited_by_its_own_words_or_the_common_ones(play):
    async def scene(fake, parts):
        for colour, words in (("red", "dog -> cat"), ("green", None), ("blue", "-> horse")):
            fake.photo(picture(colour), words, media_group_id="g")
        results = await fake.pictures(3)
        titles = sorted(r.text.split("\n")[0] for r in results)
        assert titles == ["a photo of a dog → a photo of a cat"] * 2 + ["… → a photo of a horse"]

    play(scene)


def test_buttons_turn_the_strength_of_that_wish(play):
    async def scene(fake, parts):
        fake.photo(picture(), "dog -> cat; horse")
        results = await fake.pictures(2)
        horse = next(r for r in results if "horse" in r.text)
        fake.press(horse, "Stronger")
        results = await fake.pictures(3)
        (again,) = [r for r in results if "Strength: 0.7" in r.text]
        assert again.text.startswith("a photo of a dog → a photo of a horse\n")
        fake.press(again, "Nearer to the photo")
        await fake.pictures(4)

    play(scene)


def test_the_recipe_may_be_chosen_and_then_words_are_the_wish(play):
    async def scene(fake, parts):
        fake.say("/new")
        fake.press(await fake.told("What shall it be?"), "Edit")
        await fake.told("Send a photo with a caption: dog -> cat")
        fake.photo(picture(), "an oil painting of a dog")
        (result,) = await fake.pictures(1)
        assert result.text.startswith("… → an oil painting of a dog\nEdit")

    play(scene)


def test_quality_and_the_kind_of_edit_are_apart(play):
    async def scene(fake, parts):
        fake.say("/new")
        fake.press(await fake.told("What shall it be?"), "Edit")
        await fake.told("Send a photo")
        fake.say("/settings")
        dials = await fake.told("Settings: Edit")
        fake.press(dials, "Draft")
        await fake.until(lambda: any("• Draft" in b for b in dials.buttons))
        fake.press(dials, "The style")
        await fake.until(lambda: any("• The style" in b for b in dials.buttons))
        fake.photo(picture(), "dog -> cat")
        (result,) = await fake.pictures(1)
        assert "Kind of edit: The style" in result.text
        wish = parts.memory.wish(1)
        assert (wish.fields["preset"], wish.fields["steps"]) == ("style", 20)

    play(scene)


def test_words_about_people_are_asked_for_and_then_drawn(play):
    async def scene(fake, parts):
        fake.photo(picture(), "a woman -> an old woman")
        question = await fake.told("Does everybody in these photos agree")
        assert list(question.buttons) == ["✅ Yes, they agree", "✖️ No"]
        assert parts.memory.open_wishes()[0].state == "asked"
        fake.press(question, "Yes")
        (result,) = await fake.pictures(1)
        assert result.text.startswith("a woman → an old woman")
        fake.press(result, "Stronger")
        await fake.pictures(2)
        assert not [t for t in fake.texts() if "agree" in t]

    play(scene)


def test_a_no_ends_it(play):
    async def scene(fake, parts):
        fake.photo(picture(), "a woman -> an old woman")
        fake.press(await fake.told("Does everybody in these photos agree"), "No")
        await fake.until(lambda: parts.memory.open_wishes() == [])
        assert fake.photos() == []

    play(scene)


def test_the_late_question_outlives_a_restart(tmp_path, service):
    async def whole():
        async with telegram() as fake:
            settings = bot_settings(tmp_path / "bot", fake, service)
            async with running(settings):
                fake.photo(picture(), "a man -> a woman")
                question = await fake.told("Does everybody in these photos agree")
            async with running(settings):
                fake.press(question, "Yes")
                await fake.pictures(1)

    asyncio.run(whole())


def test_a_wish_that_fails_says_why(play):
    async def scene(fake, parts):
        fake.photo(picture(), "a dog -> ok; fail it; fail")
        await fake.told("That did not work: `target` must not be fail")

    play(scene)


def test_a_job_that_failed_because_a_person_was_seen_is_asked_for_too(play):
    async def scene(fake, parts):
        fake.photo(picture(), "-> a stranger thing")
        fake.press(await fake.told("Does everybody in these photos agree"), "Yes")
        (result,) = await fake.pictures(1)
        assert result.text.startswith("… → a stranger thing")

    play(scene)
