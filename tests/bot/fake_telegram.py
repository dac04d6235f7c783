"""The part of Telegram's Bot API that the bot uses, on loopback, with chats that can be looked at."""

import asyncio
import json
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

TOKEN = "1234567:" + "A" * 35
BOT = {"id": 1234567, "is_bot": True, "first_name": "palitra", "username": "palitra_bot"}


@dataclass
class Shown:
    """A message of the bot as it stands in a chat."""

    chat: int
    id: int
    text: str
    photo: bytes | None = None
    document: bytes | None = None
    name: str = ""
    buttons: dict = field(default_factory=dict)
    answers: int | None = None
    edits: list = field(default_factory=list)


class FakeTelegram:
    def __init__(self):
        self.updates, self.calls, self.answers = [], [], []
        self.shown, self.gone, self.files = {}, {}, {}
        self.faults = {}
        # as in Telegram, no number comes twice
        self._last = time.monotonic_ns() // 1000
        self._news = asyncio.Event()

    # what people do

    def _next(self):
        self._last += 1
        return self._last

    def _update(self, **content):
        self.updates.append({"update_id": self._next(), **content})
        self._news.set()

    def message(self, person=7, chat=None, language="en", **content):
        """Anything somebody sends; returns its number. A negative chat is a group."""
        number, chat = self._next(), person if chat is None else chat
        user = {"id": person, "is_bot": False, "first_name": "Ann", "language_code": language}
        room = {"id": chat, "type": "private" if chat > 0 else "group", "title": "room"}
        told = {"message_id": number, "date": int(time.time()), "chat": room, "from": user, **content}
        self._update(message=told)
        return number

    def say(self, text, **more):
        found = []
        for word in text.split():
            if word.startswith(("/", "@")):
                kind = "bot_command" if word.startswith("/") else "mention"
                found.append({"type": kind, "offset": text.index(word), "length": len(word)})
        return self.message(text=text, entities=found, **more)

    def photo(self, data, caption=None, **more):
        file = f"file-{self._next()}"
        self.files[file] = data
        sizes = [
            {"file_id": f"{file}-small", "file_unique_id": "s", "width": 9, "height": 9, "file_size": 9},
            {"file_id": file, "file_unique_id": "l", "width": 90, "height": 90, "file_size": len(data)},
        ]
        return self.message(photo=sizes, **({"caption": caption} if caption else {}), **more)

    def document(self, data, mime="image/png", size=None, **more):
        file = f"file-{self._next()}"
        self.files[file] = data
        told = {"file_id": file, "file_unique_id": file, "mime_type": mime, "file_size": size or len(data)}
        return self.message(document=told, **more)

    def press(self, shown, label, person=7, data=None):
        """Press a button whose label contains the words."""
        found = data or next(data for text, data in shown.buttons.items() if label in text)
        kind = "private" if shown.chat > 0 else "group"
        message = {"message_id": shown.id, "date": 1, "chat": {"id": shown.chat, "type": kind}, "text": "x"}
        user = {"id": person, "is_bot": False, "first_name": "Ann", "language_code": "en"}
        number = str(self._next())
        self._update(
            callback_query={
                "id": number,
                "from": user,
                "chat_instance": "1",
                "message": message,
                "data": found,
            }
        )

    # looking

    async def until(self, found, seconds=20):
        """The first true value of `found()`."""
        until = time.monotonic() + seconds
        while True:
            value = found()
            if value:
                return value
            assert time.monotonic() < until, ([vars(s) for s in self.shown.values()], self.answers)
            await asyncio.sleep(0.01)

    def photos(self, chat=7):
        """Results; a status message with a preview is none."""
        here = (s for s in self.shown.values() if s.chat == chat and s.photo)
        return [s for s in here if any("Delete" in b or "Удалить" in b for b in s.buttons)]

    def texts(self, chat=7):
        return [s.text for s in self.shown.values() if s.chat == chat and s.photo is None]

    async def told(self, part, chat=7):
        """The message with these words, as soon as it is there."""
        return await self.until(
            lambda: next((s for s in self.shown.values() if s.chat == chat and part in s.text), None)
        )

    async def pictures(self, n, chat=7):
        """Results, as soon as there are so many and no status message is left."""
        await self.until(lambda: len(self.photos(chat)) >= n)
        return self.photos(chat)

    # the Bot API

    async def call(self, request):
        assert request.match_info["token"] == TOKEN
        method = request.match_info["method"]
        form = dict(await request.post())
        parts = {k: v.file.read() if hasattr(v, "file") else v for k, v in form.items()}
        if method != "getUpdates":
            self.calls.append((time.monotonic(), method, parts))
        fault = self.faults.get(method)
        if fault:
            answer = fault.pop(0)
            if answer == "cut":
                # Telegram has done it, but the line breaks before it can say so
                getattr(self, method)(parts)
                request.transport.close()
                return web.Response()
            if answer:
                return web.json_response({"ok": False, **answer}, status=answer["error_code"])
        try:
            if method == "getUpdates":
                result = await self.getUpdates(parts)
            else:
                result = getattr(self, method)(parts)
        except ValueError as error:
            told = {"ok": False, "error_code": 400, "description": f"Bad Request: {error}"}
            return web.json_response(told, status=400)
        return web.json_response({"ok": True, "result": result})

    async def file(self, request):
        return web.Response(body=self.files[request.match_info["path"]])

    async def getUpdates(self, form):
        offset = int(form.get("offset", 0))
        self.updates = [u for u in self.updates if u["update_id"] >= offset]
        if not self.updates:
            self._news.clear()
            try:
                await asyncio.wait_for(self._news.wait(), 0.5)
            except TimeoutError:
                return []
        return self.updates

    def getMe(self, form):
        return BOT

    def setMyCommands(self, form):
        return True

    deleteWebhook = setWebhook = setMyCommands

    def getFile(self, form):
        if form["file_id"] not in self.files:
            raise ValueError("wrong file_id")
        return {"file_id": form["file_id"], "file_unique_id": "u", "file_path": form["file_id"]}

    def answerCallbackQuery(self, form):
        self.answers.append(form.get("text", ""))
        return True

    def sendMessage(self, form):
        return self._show(form, form["text"])

    def sendPhoto(self, form):
        return self._show(form, form.get("caption", ""), photo=_attached(form["photo"], form))

    def sendDocument(self, form):
        return self._show(form, form.get("caption", ""), document=_attached(form["document"], form))

    def editMessageText(self, form):
        shown = self._here(form)
        if shown.photo:
            raise ValueError("there is no text in the message to edit")
        return self._edit(shown, form["text"], shown.photo, form)

    def editMessageCaption(self, form):
        shown = self._here(form)
        if not shown.photo:
            raise ValueError("there is no caption in the message to edit")
        return self._edit(shown, form["caption"], shown.photo, form)

    def editMessageMedia(self, form):
        media = json.loads(form["media"])
        return self._edit(self._here(form), media.get("caption", ""), _attached(media["media"], form), form)

    def editMessageReplyMarkup(self, form):
        self._here(form).buttons = _buttons(form)
        return True

    def deleteMessage(self, form):
        key = (int(form["chat_id"]), int(form["message_id"]))
        if key not in self.shown:
            raise ValueError("message to delete not found")
        self.gone[key] = self.shown.pop(key)
        return True

    def _show(self, form, text, **content):
        assert len(text) <= (1024 if content else 4096)
        chat, number = int(form["chat_id"]), self._next()
        answers = json.loads(form.get("reply_parameters", "{}")).get("message_id")
        shown = Shown(chat, number, text, buttons=_buttons(form), answers=answers, **content)
        self.shown[chat, number] = shown
        return self._told(shown)

    def _here(self, form):
        shown = self.shown.get((int(form["chat_id"]), int(form["message_id"])))
        if shown is None:
            raise ValueError("message to edit not found")
        return shown

    def _edit(self, shown, text, photo, form):
        new = (text, photo, _buttons(form))
        if new == (shown.text, shown.photo, shown.buttons):
            raise ValueError("message is not modified")
        shown.text, shown.photo, shown.buttons = new
        shown.edits.append((time.monotonic(), text))
        return self._told(shown)

    def _told(self, shown):
        kind = "private" if shown.chat > 0 else "group"
        return {
            "message_id": shown.id,
            "date": 1,
            "chat": {"id": shown.chat, "type": kind},
            "text": shown.text,
        }


def _buttons(form):
    rows = json.loads(form.get("reply_markup", "{}")).get("inline_keyboard", [])
    found = {button["text"]: button["callback_data"] for row in rows for button in row}
    assert all(len(data) <= 64 for data in found.values())
    return found


def _attached(value, form):
    return form[value.removeprefix("attach://")] if isinstance(value, str) else value


@asynccontextmanager
async def telegram():
    """A server, and its address as `url`."""
    fake = FakeTelegram()
    app = web.Application()
    app.router.add_post("/bot{token}/{method}", fake.call)
    app.router.add_get("/file/bot{token}/{path}", fake.file)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    fake.url = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"
    try:
        yield fake
    finally:
        await runner.cleanup()
