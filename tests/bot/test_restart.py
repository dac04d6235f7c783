"""The bot, the service or the line breaks in the middle: everything goes on and arrives once."""

import asyncio
import os
import signal
import sys
from contextlib import asynccontextmanager

import pytest

from palitra.bot.memory import Memory
from tests.bot.backend import backend
from tests.bot.conftest import bot_settings, running
from tests.bot.fake_telegram import TOKEN, telegram


@pytest.fixture
def act(tmp_path, service):
    """Run a scene of the fake Telegram and the bot's settings; the scene starts bots itself."""

    def perform(scene, given=None, **settings):
        async def whole():
            async with telegram() as fake:
                await scene(fake, bot_settings(tmp_path / "bot", fake, given or service, **settings))

        asyncio.run(whole())

    return perform


def sent(fake, method="sendPhoto"):
    return [parts for _, name, parts in fake.calls if name == method]


def test_a_stopped_bot_goes_on_with_the_same_message(act):
    async def scene(fake, settings):
        async with running(settings):
            fake.say("slow")
            status = await fake.told("Drawing")
        edits = len(status.edits)
        async with running(settings) as parts:
            await fake.until(lambda: len(status.edits) > edits)
            await fake.pictures(1)
            await fake.until(lambda: parts.memory.open_wishes() == [])
        assert len(sent(fake)) == 1
        assert len(sent(fake, "sendMessage")) == 1
        async with running(settings):
            await asyncio.sleep(0.1)
        assert len(sent(fake)) == 1

    act(scene)


def test_an_update_that_comes_twice_counts_once(act):
    async def scene(fake, settings):
        fake.say("a cat")
        twice = fake.updates[0]
        async with running(settings) as parts:
            await fake.pictures(1)
            fake.updates.append({**twice, "update_id": twice["update_id"] + 1000})
            fake.say("/help")
            await fake.told("Words alone")
            await fake.until(lambda: parts.memory.open_wishes() == [])
        assert len(fake.photos()) == 1

    act(scene)


def test_wishes_made_while_the_bot_was_away_are_fulfilled(act):
    async def scene(fake, settings):
        fake.say("a cat")
        async with running(settings):
            await fake.pictures(1)

    act(scene)


def test_a_picture_is_shown_once_although_the_line_breaks_after_it_was_sent(act):
    async def scene(fake, settings):
        fake.faults = {"sendPhoto": ["cut"]}
        async with running(settings) as parts:
            fake.say("a cat")
            await fake.until(lambda: sent(fake))
            await fake.until(lambda: parts.memory.open_wishes() == [])
        # one message that may or may not have arrived, and the status message that is it for sure
        assert len(sent(fake)) == 1
        assert len({shown.photo for shown in fake.photos()}) == 1
        assert fake.texts() == []

    act(scene)


def test_a_bot_that_died_while_sending_does_not_send_again(act):
    async def scene(fake, settings):
        fake.faults = {
            "sendPhoto": [{"error_code": 429, "description": "x", "parameters": {"retry_after": 60}}]
        }
        async with running(settings) as parts:
            fake.say("a cat")
            await fake.until(lambda: sent(fake))
            # as dead: what is on its way is not let through
            for task in parts.tracker.delivery._sending:
                task.cancel()
        async with running(settings) as parts:
            (shown,) = await fake.pictures(1)
            await fake.until(lambda: parts.memory.open_wishes() == [])
        assert len(sent(fake)) == 1
        assert [name for _, name, _ in fake.calls if name == "editMessageMedia"]
        assert shown.text.startswith("a cat")

    act(scene)


def test_the_bot_waits_for_the_service_and_survives_its_restart(act, tmp_path):
    with backend(tmp_path / "service") as own:
        own.stop()

        async def scene(fake, settings):
            async with asyncio.TaskGroup() as group:
                over = asyncio.Event()

                async def bot():
                    async with running(settings):
                        await over.wait()

                group.create_task(bot())
                fake.say("slow")
                await asyncio.sleep(0.3)
                assert fake.calls == []
                await asyncio.to_thread(own.start)
                status = await fake.told("Drawing")
                await asyncio.to_thread(own.stop)
                await fake.until(lambda: "The service does not answer" in status.text)
                await asyncio.to_thread(own.start)
                await fake.pictures(1)
                over.set()

        act(scene, own)


@asynccontextmanager
async def process(settings, fake, log):
    """`palitra bot` as people start it; killed at the end if it still runs."""
    environment = {
        **os.environ,
        "PALITRA_BOT_TOKEN": TOKEN,
        "PALITRA_BOT_API_KEY": settings.api_key.get_secret_value(),
        "PALITRA_BOT_API_URL": settings.api_url,
        "PALITRA_BOT_TELEGRAM_URL": fake.url,
        "PALITRA_BOT_PEOPLE": "7",
        "PALITRA_BOT_FOLDER": str(settings.folder),
        "PALITRA_BOT_EDIT_EVERY_S": "0.1",
    }
    code = "import sys; sys.argv = ['palitra', 'bot']; from palitra.cli.main import main; main()"
    made = await asyncio.create_subprocess_exec(sys.executable, "-c", code, env=environment, stderr=log)
    try:
        yield made
    finally:
        if made.returncode is None:
            made.kill()
        await made.wait()


@pytest.mark.slow
def test_killed_in_the_middle_it_delivers_exactly_once(act, tmp_path):
    """With SIGKILL while the job runs; it takes long because a process begins twice."""
    slow_start_s = 90

    async def scene(fake, settings):
        with (tmp_path / "log").open("wb") as log:
            async with process(settings, fake, log):
                fake.say("slow")
                status = await fake.until(lambda: next(iter(fake.shown.values()), None), slow_start_s)
                await fake.told("Drawing")
            edits = len(status.edits)
            async with process(settings, fake, log) as bot:
                await fake.until(lambda: fake.photos(), slow_start_s)
                memory = Memory(settings.database_url)
                await fake.until(lambda: memory.open_wishes() == [])
                memory.close()
                bot.send_signal(signal.SIGTERM)
                assert await asyncio.wait_for(bot.wait(), slow_start_s) == 0
        assert edits
        assert fake.texts() == []
        assert len(sent(fake)) == 1
        assert TOKEN.encode() not in (tmp_path / "log").read_bytes()

    act(scene)
