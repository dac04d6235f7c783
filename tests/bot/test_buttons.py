"""What buttons do, and for whom."""

import pytest

from palitra.bot.memory import Dialogue, Person
from palitra.client import ApiError
from tests.bot.conftest import picture

ENDLESS = {"text_to_image": {"steps": 900}}


def others(fake, *known):
    seen = {shown.id for shown in known}
    return [shown for shown in fake.photos() if shown.id not in seen]


def seed_of(shown):
    return int(shown.text.split("seed ")[1].split()[0])


def test_again_is_the_same_wish_with_a_new_seed(play):
    async def scene(fake, parts):
        fake.say("a cat")
        (first,) = await fake.pictures(1)
        fake.press(first, "Again")
        await fake.pictures(2)
        (second,) = others(fake, first)
        assert second.text.startswith("a cat\nWords")
        assert seed_of(second) != seed_of(first)
        assert second.answers == first.id

    play(scene)


def test_variations_are_four(play):
    async def scene(fake, parts):
        fake.photo(picture(), "a cat")
        (first,) = await fake.pictures(1)
        fake.press(first, "Variations")
        await fake.pictures(5)
        assert len({seed_of(shown) for shown in fake.photos()}) == 5

    play(scene)


def test_closer_to_the_lines_keeps_the_seed(play):
    async def scene(fake, parts):
        fake.photo(picture(), "a cat")
        (first,) = await fake.pictures(1)
        fake.press(first, "Closer")
        await fake.pictures(2)
        (closer,) = others(fake, first)
        assert seed_of(closer) == seed_of(first)
        assert "Fidelity: 0.8" in closer.text
        fake.press(closer, "Closer")
        await fake.pictures(3)
        (closest,) = others(fake, first, closer)
        assert "Fidelity: 1" in closest.text
        assert not [label for label in closest.buttons if "Closer" in label]

    play(scene)


def test_as_file_is_the_png_with_its_recipe(play):
    async def scene(fake, parts):
        fake.say("a cat")
        (first,) = await fake.pictures(1)
        fake.press(first, "As file")
        file = await fake.until(lambda: next((s for s in fake.shown.values() if s.document), None))
        assert file.document[:4] == b"\x89PNG"

    play(scene)


def test_delete_deletes_in_the_chat_and_in_the_service(play):
    async def scene(fake, parts):
        fake.say("a cat")
        (first,) = await fake.pictures(1)
        image = parts.memory.button(next(iter(first.buttons.values()))).data["image"]
        fake.press(first, "Delete")
        await fake.until(lambda: fake.answers == ["Deleted."])
        assert fake.photos() == []
        with pytest.raises(ApiError) as refused:
            await parts.service.client(7).image(image)
        assert refused.value.status == 404
        fake.press(first, "As file")
        await fake.until(lambda: fake.answers[1:] == ["This picture is gone already."])

    play(scene)


def test_cancel_stops_the_job(play):
    async def scene(fake, parts):
        parts.memory.keep_person(Person(7, dials=ENDLESS))
        fake.say("slow")
        status = await fake.told("Drawing")
        fake.press(status, "Cancel")
        await fake.until(lambda: status.text == "Cancelled.")
        assert status.buttons == {}
        await fake.until(lambda: parts.memory.open_wishes() == [])
        fake.say("/cancel")
        await fake.told("There is nothing to cancel.")

    play(scene)


def test_the_command_cancels_everything_of_its_sender(play):
    async def scene(fake, parts):
        parts.memory.keep_person(Person(7, dials=ENDLESS))
        fake.say("slow")
        fake.say("slow")
        await fake.told("Drawing")
        await fake.until(lambda: len(fake.shown) == 2)
        fake.say("/cancel")
        await fake.told("Cancelled: 2 jobs.")
        await fake.until(lambda: [s.text for s in fake.shown.values()].count("Cancelled.") == 2)

    play(scene)


def test_a_strangers_callback_does_nothing(play):
    async def scene(fake, parts):
        fake.say("a cat")
        (first,) = await fake.pictures(1)
        fake.press(first, "Delete", person=8)
        await fake.until(lambda: fake.answers == ["This button is not for you."])
        fake.press(first, "Delete", person=666)
        await fake.until(lambda: "This bot is private" in fake.answers[-1])
        fake.press(first, "", data="made-up")
        await fake.until(lambda: fake.answers[-1] == "This button is too old.")
        first.chat = -5
        fake.press(first, "Delete")
        await fake.until(lambda: fake.answers.count("This button is not for you.") == 2)
        first.chat = 7
        assert fake.photos() == [first]

    play(scene)


def test_a_recipe_is_chosen_and_words_may_come_before_the_picture(play):
    async def scene(fake, parts):
        fake.say("/new")
        menu = await fake.told("What shall it be?")
        assert list(menu.buttons) == ["Words", "Sketch", "Classes", "Edit"]
        fake.press(menu, "Sketch")
        await fake.until(lambda: "Send a picture with a caption." in menu.text)
        fake.say("a cat")
        await fake.told("The words are noted.")
        fake.photo(picture())
        (result,) = await fake.pictures(1)
        assert result.text.startswith("a cat\nSketch")
        assert parts.memory.dialogue(7, 7) == Dialogue()

    play(scene)


def test_dials_are_set_by_buttons_and_used(play):
    async def scene(fake, parts):
        fake.say("/settings")
        menu = await fake.told("Settings: Sketch")
        labels = list(menu.buttons)
        assert {"0.2", "• 0.6", "1", "Draft", "Normal", "Best", "→ Words"} <= set(labels)
        assert "Pictures: • 1" in labels
        for label, now in (("0.2", "• 0.2"), ("Draft", "• Draft"), ("2", "• 2")):
            data = menu.buttons[label]
            fake.press(menu, label, data=data)
            await fake.until(lambda now=now: now in menu.buttons)
        fake.photo(picture(), "a cat")
        results = await fake.pictures(2)
        assert all("Fidelity: 0.2" in shown.text for shown in results)
        job = parts.memory.button(next(iter(results[0].buttons.values()))).data["job"]
        params = (await parts.service.client(7).job(job)).raw["params"]
        assert (params["fidelity"], params["steps"], params["n"]) == (0.2, 15, 2)
        fake.press(menu, "Draft", data=menu.buttons["• Draft"])
        await fake.until(lambda: "Draft" in menu.buttons)

    play(scene)


def test_language_follows_telegram_until_it_is_chosen(play):
    async def scene(fake, parts):
        fake.say("/start", language="ru")
        await fake.told("Здравствуйте!")
        fake.say("/language", language="ru")
        menu = await fake.told("Язык")
        fake.press(menu, "English")
        await fake.until(lambda: menu.text == "We speak English now.")
        fake.say("/help", language="ru")
        await fake.told("Words alone become a picture.")

    play(scene)


def test_russian_from_words_to_result(play):
    async def scene(fake, parts):
        fake.photo(picture(), language="ru")
        await fake.told("Есть 1 картинка.")
        fake.say("кот", language="ru")
        (result,) = await fake.pictures(1)
        assert result.text.startswith("кот\nНабросок · зерно ")
        assert "➕ Ближе к линиям" in result.buttons

    play(scene)
