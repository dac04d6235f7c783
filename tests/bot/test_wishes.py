"""From what people send to what they get."""

import asyncio
import itertools

from palitra.bot.memory import Dialogue
from tests.bot.conftest import picture


def test_words_become_a_picture(play):
    async def scene(fake, parts):
        asked = fake.say("a cat")
        (result,) = await fake.pictures(1)
        assert result.photo[:2] == b"\xff\xd8"
        assert result.answers == asked
        assert result.text.startswith("a cat\nWords · seed ")
        assert list(result.buttons) == ["🔁 Again", "🎲 Variations", "📄 As file", "🗑 Delete"]
        await fake.until(lambda: fake.texts() == [])

    play(scene)


def test_a_photo_with_a_caption_becomes_a_picture_of_its_shape(play):
    async def scene(fake, parts):
        fake.photo(picture(), "a cat")
        (result,) = await fake.pictures(1)
        assert "Sketch · seed " in result.text
        assert "➕ Closer" in result.buttons

    play(scene)


def test_a_picture_as_a_file_does_too(play):
    async def scene(fake, parts):
        fake.document(picture(), caption="a dog")
        (result,) = await fake.pictures(1)
        assert result.text.startswith("a dog\nSketch")

    play(scene)


def test_a_photo_without_words_is_kept_until_they_come(play):
    async def scene(fake, parts):
        fake.photo(picture())
        await fake.told("I have 1 picture. What shall it become?")
        fake.say("a fish")
        (result,) = await fake.pictures(1)
        assert result.text.startswith("a fish\nSketch")
        assert parts.memory.dialogue(7, 7) == Dialogue()

    play(scene)


def test_each_picture_of_an_album_is_a_job(play):
    async def scene(fake, parts):
        for i, caption in enumerate(["a cat", None, "a dog"]):
            fake.photo(picture(("red", "green", "blue")[i]), caption, media_group_id="g")
        results = await fake.pictures(3)
        words = sorted(result.text.split("\n")[0] for result in results)
        assert words == ["a cat", "a cat", "a dog"]
        assert parts.memory.albums() == set()

    play(scene)


def test_an_album_without_words_waits_for_them(play):
    async def scene(fake, parts):
        for colour in ("red", "green"):
            fake.photo(picture(colour), media_group_id="g")
        await fake.told("I have 2 pictures")
        fake.say("a cat")
        await fake.pictures(2)

    play(scene)


def test_of_an_album_ten_are_taken(play):
    async def scene(fake, parts):
        for i in range(11):
            fake.photo(picture(), "a cat" if i == 0 else None, media_group_id="g")
        await fake.told("I took the first 10 pictures.")
        await fake.until(lambda: len(parts.memory.open_wishes()) + len(fake.photos()) >= 10)
        await fake.pictures(10)
        await asyncio.sleep(0.1)
        assert len(fake.photos()) == 10

    play(scene)


def test_what_is_no_picture_is_told(play):
    async def scene(fake, parts):
        fake.document(b"%PDF", mime="application/pdf")
        await fake.told("This file is no picture")
        fake.document(b"x", size=30 * 2**20)
        await fake.told("at most 20 MB, got 30.0 MB")
        fake.photo(b"not a picture", "a cat")
        await fake.told("That did not work: ")
        fake.message(voice={"file_id": "v", "file_unique_id": "v", "duration": 1})
        await fake.told("I understand words, drawings and photos")
        fake.say("/dance")

    play(scene)


def test_a_broken_photo_without_words_is_told_before_anybody_thinks_of_words(play):
    async def scene(fake, parts):
        fake.photo(b"not a picture")
        await fake.told("That did not work: ")
        assert parts.memory.dialogue(7, 7) == Dialogue()

    play(scene)


def test_a_failed_job_says_why(play):
    async def scene(fake, parts):
        fake.say("fail")
        await fake.told("That did not work: `prompt` must not be fail")

    play(scene)


def test_the_status_shows_progress_and_a_preview_and_is_edited_seldom(play):
    async def scene(fake, parts):
        fake.say("slow")
        status = await fake.until(lambda: next((s for s in fake.shown.values() if "Drawing" in s.text), None))
        await fake.until(lambda: status.photo == b"jpeg")
        assert list(status.buttons) == ["✖️ Cancel"]
        await fake.pictures(1)
        await fake.until(lambda: (status.chat, status.id) in fake.gone)
        times = [at for at, _ in status.edits]
        assert len(times) >= 2
        # the server notes an edit a moment after the bot sent it
        assert all(later - sooner > 0.2 for sooner, later in itertools.pairwise(times))
        words = [(at, text) for at, text in status.edits]
        assert len({text for _, text in words}) >= len(words) - 1

    play(scene, edit_every_s=0.25)


def test_flood_control_is_honoured(play):
    async def scene(fake, parts):
        flood = {
            "error_code": 429,
            "description": "Too Many Requests: retry after 1",
            "parameters": {"retry_after": 1},
        }
        fake.faults = {"sendMessage": [flood], "sendPhoto": [flood]}
        fake.say("a cat")
        await fake.pictures(1)
        for method in ("sendMessage", "sendPhoto"):
            first, second = (at for at, name, _ in fake.calls if name == method)
            assert second - first >= 0.99

    play(scene)


def test_flood_control_of_edits_lets_the_result_through(play):
    async def scene(fake, parts):
        flood = {"error_code": 429, "description": "Too Many Requests", "parameters": {"retry_after": 60}}
        fake.faults = {"editMessageText": [flood] * 9, "editMessageMedia": [flood] * 9}
        fake.say("slow")
        await fake.pictures(1)
        edits = [name for _, name, _ in fake.calls if name.startswith("edit")]
        assert len(edits) == 1

    play(scene)
