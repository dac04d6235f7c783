"""Commands, words and pictures: what arrives as a message."""

from __future__ import annotations

from aiogram import Bot, F, Router
from aiogram.filters import Command, CommandStart
from aiogram.types import BotCommand, Message

from palitra.bot.albums import Albums
from palitra.bot.conversation import MOST_WORDS, Conversation
from palitra.bot.keyboards import dial_rows, keyboard, language_rows, recipe_rows, subject_rows
from palitra.bot.memory import AlbumPicture, Dialogue, Memory
from palitra.bot.service import Service
from palitra.bot.settings import BotSettings
from palitra.bot.texts import LANGUAGES, Language, count, say
from palitra.bot.tracker import Tracker

MB = 2**20
MENU = ("new", "classes", "settings", "language", "help", "cancel")


def make_router() -> Router:
    """Handlers of messages; they get their parts from the dispatcher."""
    router = Router(name="messages")
    router.message.register(start, CommandStart())
    router.message.register(help_, Command("help"))
    router.message.register(new, Command("new"))
    router.message.register(classes, Command("classes"))
    router.message.register(language_, Command("language"))
    router.message.register(settings_, Command("settings"))
    router.message.register(cancel, Command("cancel"))
    router.message.register(picture, F.photo | F.document)
    router.message.register(text, F.text)
    router.message.register(unknown)
    return router


async def set_menu(bot: Bot) -> None:
    """The list of commands in both languages."""
    for code in LANGUAGES:
        commands = [BotCommand(command=c, description=say(code, f"command_{c}")) for c in MENU]
        await bot.set_my_commands(commands, language_code=None if code == "en" else code)


async def start(message: Message, language: Language) -> None:
    """/start."""
    await message.answer(say(language, "start"), parse_mode=None)


async def help_(message: Message, language: Language) -> None:
    """/help."""
    await message.answer(say(language, "help"), parse_mode=None)


async def unknown(message: Message, language: Language) -> None:
    """Voice, stickers, unknown commands."""
    await message.answer(say(language, "unknown"), parse_mode=None)


async def new(message: Message, language: Language, memory: Memory, service: Service) -> None:
    """/new: choose a recipe."""
    recipes, _ = await service.catalogue()
    rows = recipe_rows(recipes, language, "recipe")
    chat, person = message.chat.id, _person(message)
    memory.keep_dialogue(chat, person, Dialogue())
    buttons = keyboard(memory, chat, person, rows)
    await message.answer(say(language, "choose_recipe"), reply_markup=buttons, parse_mode=None)


async def classes(message: Message, language: Language, memory: Memory, service: Service) -> None:
    """/classes: choose what to draw where no words are needed."""
    recipes, _ = await service.catalogue()
    recipe = next((r for r in recipes.values() if r.subject), None)
    if recipe is None:
        await message.answer(say(language, "no_classes"), parse_mode=None)
        return
    chat, person = message.chat.id, memory.person(_person(message))
    memory.keep_dialogue(chat, person.id, Dialogue(recipe.name))
    rows = subject_rows(recipe, person.dials.get(recipe.name, {}), language)
    buttons = keyboard(memory, chat, person.id, rows)
    words = say(language, "choose_subject", help=recipe.help(language))
    await message.answer(words, reply_markup=buttons, parse_mode=None)


async def language_(message: Message, language: Language, memory: Memory) -> None:
    """/language."""
    buttons = keyboard(memory, message.chat.id, _person(message), language_rows())
    await message.answer(say(language, "choose_language"), reply_markup=buttons, parse_mode=None)


async def settings_(message: Message, language: Language, memory: Memory, service: Service) -> None:
    """/settings: the dials of the recipe that was chosen last, or of the one with most."""
    recipes, presets = await service.catalogue()
    person = memory.person(_person(message))
    recipe = recipes.get(person.recipe or "") or max(recipes.values(), key=lambda r: len(r.dials()))
    rows = dial_rows(recipe, recipes, presets, person, language)
    buttons = keyboard(memory, message.chat.id, person.id, rows)
    title = say(language, "settings", recipe=recipe.label(language))
    await message.answer(title, reply_markup=buttons, parse_mode=None)


async def cancel(message: Message, language: Language, memory: Memory, tracker: Tracker) -> None:
    """/cancel: everything of this person in this chat."""
    chat, person = message.chat.id, _person(message)
    wishes = [wish for wish in memory.open_wishes(chat, person) if wish.state in ("asked", "open")]
    for wish in wishes:
        tracker.cancel(wish)
    waited = memory.dialogue(chat, person) != Dialogue()
    memory.keep_dialogue(chat, person, Dialogue())
    done = say(language, "cancelled_jobs", jobs=count(language, len(wishes), "jobs"))
    empty = say(language, "cancelled" if waited else "nothing_to_cancel")
    await message.answer(done if wishes else empty, parse_mode=None)


async def text(message: Message, language: Language, words: str, conversation: Conversation) -> None:
    """Words."""
    if not words or words.startswith("/"):
        await unknown(message, language)
        return
    await conversation.words(
        message.chat.id, _person(message), message.message_id, language, words[:MOST_WORDS]
    )


async def picture(
    message: Message,
    language: Language,
    words: str,
    addressed: bool,
    conversation: Conversation,
    albums: Albums,
    settings: BotSettings,
) -> None:
    """A photo, or a picture as a file; single or in an album."""
    photo, document = message.photo, message.document
    found = max(photo, key=lambda p: p.width * p.height) if photo else document
    assert found is not None
    if document and not (document.mime_type or "").startswith("image/"):
        if addressed:
            await message.answer(say(language, "no_picture"), parse_mode=None)
        return
    size, bound = found.file_size or 0, settings.most_picture_bytes
    if size > bound:
        told = say(language, "too_large", bound=f"{bound / MB:.0f}", size=f"{size / MB:.1f}")
        await message.answer(told, parse_mode=None)
        return
    chat, person, number = message.chat.id, _person(message), message.message_id
    if message.media_group_id:
        group = message.media_group_id
        albums.add(AlbumPicture(chat, number, group, person, language, found.file_id, words, addressed))
        return
    await conversation.picture(chat, person, number, language, words, found.file_id)


def _person(message: Message) -> int:
    assert message.from_user is not None, "Access lets nobody through without a name"
    return message.from_user.id
