"""Updates by webhook: only with the secret token."""

import asyncio

from aiohttp import ClientSession
from aiohttp.test_utils import TestServer

from palitra.bot.run import UPDATES, assemble, make_webhook, run
from tests.bot.conftest import bot_settings
from tests.bot.fake_telegram import telegram

SECRET = "s" * 20
HEADER = "X-Telegram-Bot-Api-Secret-Token"
WEBHOOK = {"webhook_url": "https://bot.example/hook", "webhook_secret": SECRET, "webhook_port": 0}


def test_an_update_needs_the_secret_and_the_path(tmp_path, service):
    async def scene():
        async with telegram() as fake:
            parts = assemble(bot_settings(tmp_path, fake, service, **WEBHOOK).check())
            server = TestServer(make_webhook(parts))
            await server.start_server()
            fake.say("/help")
            update = fake.updates.pop()
            async with ClientSession() as http:
                for path, secret, status in (
                    ("/hook", "", 401),
                    ("/hook", "wrong", 401),
                    ("/", SECRET, 404),
                    ("/hook", SECRET, 200),
                ):
                    headers = {HEADER: secret} if secret else {}
                    async with http.post(server.make_url(path), json=update, headers=headers) as answer:
                        assert answer.status == status
            assert len(fake.texts()) == 1
            await server.close()
            await parts.bot.session.close()
            await parts.service.close()
            parts.memory.close()

    asyncio.run(scene())


def test_the_webhook_is_told_to_telegram_with_its_secret(tmp_path, service):
    async def scene():
        async with telegram() as fake:
            task = asyncio.create_task(run(assemble(bot_settings(tmp_path, fake, service, **WEBHOOK))))
            await fake.until(lambda: any(name == "setWebhook" for _, name, _ in fake.calls))
            (told,) = (form for _, name, form in fake.calls if name == "setWebhook")
            assert (told["url"], told["secret_token"]) == ("https://bot.example/hook", SECRET)
            assert all(kind in told["allowed_updates"] for kind in UPDATES)
            await asyncio.sleep(0.2)
            task.cancel()
            await asyncio.wait([task])
            assert task.cancelled()

    asyncio.run(scene())
