"""The bot between a fake Telegram and a real service."""

import asyncio
import io
from contextlib import asynccontextmanager

import pytest

pytest.importorskip("aiogram", reason="the bot's libraries are not installed: pip install palitra[bot]")
pytest.importorskip("dbos", reason="the service's libraries are not installed: pip install palitra[service]")

from PIL import Image, ImageDraw

from palitra.bot.memory import Memory
from palitra.bot.run import assemble, run
from palitra.bot.settings import BotSettings
from tests.bot.backend import backend
from tests.bot.fake_telegram import TOKEN, telegram


@pytest.fixture(scope="session")
def service(tmp_path_factory):
    with backend(tmp_path_factory.mktemp("service")) as made:
        yield made


@pytest.fixture
def memory(tmp_path):
    made = Memory(f"sqlite:///{tmp_path / 'bot.sqlite'}")
    yield made
    made.close()


def picture(colour="black"):
    buffer = io.BytesIO()
    image = Image.new("RGB", (64, 64), "white")
    ImageDraw.Draw(image).ellipse((10, 10, 50, 50), outline=colour, width=3)
    image.save(buffer, "PNG")
    return buffer.getvalue()


def bot_settings(folder, fake, service, **more):
    values = {"people": "7,8", "edit_every_s": 0.05, "album_quiet_s": 0.2, **more}
    return BotSettings(
        token=TOKEN, api_key=service.key, api_url=service.url, telegram_url=fake.url, folder=folder, **values
    )


@asynccontextmanager
async def running(settings):
    """A bot that polls until the block ends, then stops as at SIGTERM."""
    parts = assemble(settings.check())
    task = asyncio.create_task(run(parts))
    begun = asyncio.Event()

    async def begin():
        begun.set()

    parts.dispatcher.startup.register(begin)
    waiting = asyncio.create_task(begun.wait())
    await asyncio.wait([waiting, task], return_when=asyncio.FIRST_COMPLETED)
    try:
        yield parts
    finally:
        if not task.done():
            await parts.dispatcher.stop_polling()
        waiting.cancel()
        await task


@pytest.fixture
def play(tmp_path, service):
    """Run a scene: an async function of the fake Telegram and the running bot."""

    def perform(scene, **settings):
        async def whole():
            async with (
                telegram() as fake,
                running(bot_settings(tmp_path / "bot", fake, service, **settings)) as parts,
            ):
                await scene(fake, parts)

        asyncio.run(whole())

    return perform
