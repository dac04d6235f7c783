"""What buttons do. A button is looked up by its opaque id and works only for the person it was made for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from aiogram import Bot, Router
from aiogram.exceptions import TelegramBadRequest
from aiogram.types import BufferedInputFile, CallbackQuery, InaccessibleMessage, Message

from palitra.bot.keyboards import dial_rows, keyboard, subject_rows
from palitra.bot.memory import Button, Dialogue, Memory, Wish
from palitra.bot.patience import patiently
from palitra.bot.recipe import QUALITY
from palitra.bot.service import Service
from palitra.bot.texts import Language, say
from palitra.bot.tracker import Tracker
from palitra.client import ApiError, Job

VARIATIONS: Final = 4
MOST_FILE: Final = 50 * 2**20


@dataclass(frozen=True)
class Press:
    """A button that was pressed by whom it was made for."""

    query: CallbackQuery
    message: Message | InaccessibleMessage
    button: Button
    language: Language
    bot: Bot
    memory: Memory
    service: Service
    tracker: Tracker

    @property
    def data(self) -> dict[str, Any]:
        """What the button is about."""
        return self.button.data

    async def edit(self, text: str, rows: list[Any] | None = None) -> None:
        """Change the message under which the button is."""
        markup = keyboard(self.memory, self.button.chat, self.button.person, rows) if rows else None
        try:
            await self.bot.edit_message_text(
                text,
                chat_id=self.message.chat.id,
                message_id=self.message.message_id,
                reply_markup=markup,
                parse_mode=None,
            )
        except TelegramBadRequest as error:
            if "not modified" not in error.message:
                raise


def make_router() -> Router:
    """Handlers of buttons."""
    router = Router(name="buttons")
    router.callback_query.register(press)
    return router


async def press(
    query: CallbackQuery, language: Language, bot: Bot, memory: Memory, service: Service, tracker: Tracker
) -> None:
    """Any button."""
    button = memory.button(query.data or "")
    if button is None or query.message is None:
        await query.answer(say(language, "old_button"))
        return
    if (button.person, button.chat) != (query.from_user.id, query.message.chat.id):
        await query.answer(say(language, "not_yours"), show_alert=True)
        return
    action = ACTIONS[button.action]
    told = await action(Press(query, query.message, button, language, bot, memory, service, tracker))
    await query.answer(told)


async def _recipe(press: Press) -> None:
    recipes, _ = await press.service.catalogue()
    recipe = recipes.get(press.data["recipe"])
    if recipe is None:
        await press.edit(say(press.language, "no_recipe"))
        return
    person = press.memory.person(press.button.person)
    press.memory.keep_person(replace(person, recipe=recipe.name))
    press.memory.keep_dialogue(press.button.chat, person.id, Dialogue(recipe.name))
    if recipe.subject:
        rows = subject_rows(recipe, person.dials.get(recipe.name, {}), press.language)
        await press.edit(say(press.language, "choose_subject", help=recipe.help(press.language)), rows)
        return
    key = "send_photo" if recipe.edits else "send_picture" if recipe.pictures else "send_words"
    await press.edit(say(press.language, key, help=recipe.help(press.language)))


async def _subject(press: Press) -> str | None:
    """Draw what was chosen, with the dials as they are now."""
    recipes, presets = await press.service.catalogue()
    recipe = recipes.get(press.data["recipe"])
    if recipe is None or recipe.subject is None:
        return say(press.language, "no_recipe")
    dials = press.memory.person(press.button.person).dials.get(recipe.name, {})
    fields = {**recipe.fields(dials, presets), recipe.subject: press.data["value"]}
    _accept(press, recipe.name, "", fields, {})
    return None


async def _language(press: Press) -> str:
    language: Language = press.data["language"]
    person = press.memory.person(press.button.person)
    press.memory.keep_person(replace(person, language=language))
    text = say(language, "language_set")
    await press.edit(text)
    return text


async def _dials(press: Press) -> None:
    """Show a recipe's dials."""
    recipes, presets = await press.service.catalogue()
    recipe = recipes.get(press.data["recipe"])
    if recipe is None:
        await press.edit(say(press.language, "no_recipe"))
        return
    person = press.memory.person(press.button.person)
    rows = dial_rows(recipe, recipes, presets, person, press.language)
    await press.edit(say(press.language, "settings", recipe=recipe.label(press.language)), rows)


async def _dial(press: Press) -> None:
    """Turn one; pressing the chosen preset again lets it go."""
    person = press.memory.person(press.button.person)
    name, field, value = press.data["recipe"], press.data["field"], press.data["value"]
    dials = {**person.dials.get(name, {}), field: value}
    if field == QUALITY and person.dials.get(name, {}).get(field) == value:
        del dials[field]
    press.memory.keep_person(replace(person, recipe=name, dials={**person.dials, name: dials}))
    await _dials(press)


async def _agree(press: Press) -> None:
    """The people in the photos agree."""
    await _answer(press, "handing_in", press.tracker.agree)


async def _refuse(press: Press) -> None:
    """They do not, or nobody knows."""
    await _answer(press, "cancelled", press.tracker.refuse)


async def _answer(press: Press, words: str, act: Callable[[Wish], None]) -> None:
    wish = press.memory.wish(press.data["wish"])
    if wish is not None and wish.state == "asked":
        # the words first: what the wish says about itself comes after them
        await press.edit(say(press.language, words))
        act(wish)


async def _cancel(press: Press) -> str:
    wish = press.memory.wish(press.data["wish"])
    if wish is None or wish.state != "open":
        return say(press.language, "nothing_to_cancel")
    press.tracker.cancel(wish)
    return say(press.language, "cancelled")


async def _again(press: Press) -> None:
    """The same wish with a new seed."""
    await _redo(press, n=1)


async def _variations(press: Press) -> None:
    """The same wish with several new seeds."""
    await _redo(press, n=VARIATIONS)


async def _fidelity(press: Press) -> None:
    """The same seed, closer to the lines or freer: only the dial makes the difference."""
    await _redo(press, n=1, seed=press.data["seed"], fidelity=press.data["fidelity"])


async def _strength(press: Press) -> None:
    """The same wish, with more or less of the photo kept."""
    await _redo(press, seed=press.data["seed"], strength=press.data["strength"])


async def _redo(press: Press, **changed: Any) -> None:
    client = press.service.client(press.button.person, press.language)
    job = await client.job(press.data["job"])
    agreed = {"consent": True} if job.raw.get("consent") else {}
    prompt = job.raw["params"].get("prompt")
    if "target" in job.raw["params"]:  # of several wishes the picture's own, of its seeds this one
        shown = next((i for i in job.images if i.id == press.data["image"]), None)
        changed |= {"n": 1, **({"target": shown.name} if shown and shown.name else {})}
    elif prompt is None:  # a sheet: its number of pictures is part of what was asked for
        changed["n"] = job.raw["params"]["n"]
    inputs = {name: {"file": file} for name, file in job.raw["inputs"].items()}
    fields = {**_kept(job), **agreed, **changed}
    _accept(press, str(job.raw["recipe"]), str(prompt or ""), fields, inputs)


def _accept(
    press: Press, recipe: str, prompt: str, fields: dict[str, Any], inputs: dict[str, dict[str, str]]
) -> None:
    """Hand in a wish of whoever pressed; pressing twice is one wish."""
    press.tracker.accept(
        Wish(
            origin=f"b:{press.query.id}",
            chat=press.button.chat,
            person=press.button.person,
            answers=press.message.message_id,
            language=press.language,
            recipe=recipe,
            prompt=prompt,
            fields=fields,
            inputs=inputs,
        )
    )


def _kept(job: Job) -> dict[str, Any]:
    """A job's own fields; the seed is drawn anew, and fewer than one may have been begun for one picture."""
    dropped = ("recipe", "prompt", "seed", "n")
    params: Mapping[str, Any] = job.raw["params"]
    return {k: v for k, v in params.items() if k not in dropped and v is not None}


async def _file(press: Press) -> str | None:
    """The PNG with its recipe inside, as Telegram does not touch it."""
    client = press.service.client(press.button.person, press.language)
    try:
        data = await client.image(press.data["image"], "png")
    except ApiError as error:
        if error.status != 404:
            raise
        return say(press.language, "gone")
    file = BufferedInputFile(data, f"palitra-{press.data['seed']}.png")
    await patiently(lambda: press.bot.send_document(press.button.chat, file))
    return None


async def _archive(press: Press) -> str | None:
    """All pictures of a sheet, as Telegram takes files of at most 50 MB from bots."""
    client = press.service.client(press.button.person, press.language)
    try:
        data = await client.archive(press.data["job"])
    except ApiError as error:
        if error.status != 404:
            raise
        return say(press.language, "gone")
    if len(data) > MOST_FILE:
        return say(press.language, "archive_large", size=f"{len(data) / 2**20:.0f}")
    file = BufferedInputFile(data, f"palitra-{press.data['job'][:8]}.zip")
    await patiently(lambda: press.bot.send_document(press.button.chat, file))
    return None


async def _delete(press: Press) -> str:
    """In the service and in the chat."""
    client = press.service.client(press.button.person, press.language)
    try:
        await client.remove_image(press.data["image"])
    except ApiError as error:
        if error.status != 404:
            raise
    chat, message = press.button.chat, press.message.message_id
    try:
        await patiently(lambda: press.bot.delete_message(chat, message))
    except TelegramBadRequest:
        # older than two days: Telegram keeps the message, but its buttons are of no use
        await patiently(lambda: press.bot.edit_message_reply_markup(chat_id=chat, message_id=message))
    return say(press.language, "deleted")


ACTIONS: Final[Mapping[str, Callable[[Press], Awaitable[str | None]]]] = {
    "recipe": _recipe,
    "language": _language,
    "dials": _dials,
    "dial": _dial,
    "agree": _agree,
    "refuse": _refuse,
    "cancel": _cancel,
    "subject": _subject,
    "archive": _archive,
    "again": _again,
    "variations": _variations,
    "less": _fidelity,
    "more": _fidelity,
    "weaker": _strength,
    "stronger": _strength,
    "file": _file,
    "delete": _delete,
}
