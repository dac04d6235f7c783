"""Who is heard."""

import asyncio

import pytest

from palitra.client import ApiError
from tests.bot.conftest import picture


def test_a_stranger_is_told_once_and_gets_nothing(play):
    async def scene(fake, parts):
        fake.say("a cat", person=666)
        await fake.told("This bot is private. Your number is 666", chat=666)
        fake.photo(picture(), "a cat", person=666)
        fake.say("/start", person=666)
        fake.say("/help")
        await fake.told("Words alone become a picture.")
        assert len(fake.texts(666)) == 1
        assert parts.memory.open_wishes() == []

    play(scene)


def test_a_star_lets_everyone_in(play):
    async def scene(fake, parts):
        fake.say("a cat", person=666)
        await fake.pictures(1, chat=666)

    play(scene, people="*")


def test_each_person_is_an_owner_of_their_own(play):
    async def scene(fake, parts):
        fake.say("a cat", person=7)
        fake.say("a dog", person=8)
        (mine,), (theirs,) = await fake.pictures(1, chat=7), await fake.pictures(1, chat=8)
        job = parts.memory.button(next(iter(mine.buttons.values()))).data["job"]
        assert (await parts.service.client(7).job(job)).state == "done"
        with pytest.raises(ApiError) as refused:
            await parts.service.client(8).job(job)
        assert refused.value.status == 404
        assert theirs.text.startswith("a dog")

    play(scene)


def test_in_a_group_only_those_who_speak_to_the_bot_are_heard(play):
    async def scene(fake, parts):
        room = -100
        fake.say("nobody asked", chat=room)
        fake.photo(picture(), "nor for this", chat=room)
        fake.say("/help", chat=room)
        fake.say("/help@palitra_bot", chat=room)
        await fake.told("Words alone", chat=room)
        fake.say("@palitra_bot a cat", chat=room)
        (first,) = await fake.pictures(1, chat=room)
        assert first.text.startswith("a cat\nWords")
        bot = {"id": 1234567, "is_bot": True, "first_name": "palitra"}
        answered = {"message_id": 5, "date": 1, "chat": {"id": room, "type": "group"}, "from": bot}
        fake.say("a dog", chat=room, reply_to_message=answered)
        results = await fake.pictures(2, chat=room)
        assert results[1].text.startswith("a dog")
        assert len(fake.texts(room)) <= 2

    play(scene)


def test_an_album_in_a_group_counts_when_one_of_it_names_the_bot(play):
    async def scene(fake, parts):
        room = -100
        for group in ("ours", "theirs"):
            fake.photo(picture("red"), chat=room, media_group_id=group)
            named = {"type": "mention", "offset": 0, "length": 12}
            more = {"caption_entities": [named]} if group == "ours" else {}
            fake.photo(picture("blue"), "@palitra_bot a cat", chat=room, media_group_id=group, **more)
        await fake.pictures(2, chat=room)
        await fake.until(lambda: parts.memory.albums() == set())
        await asyncio.sleep(0)
        assert len(fake.photos(room)) == 2

    play(scene)
