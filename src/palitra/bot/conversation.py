"""From what somebody sends to wishes: words, a picture with words, a picture first, an album."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from aiogram import Bot
from httpx import TransportError

from palitra.bot.access import Turns
from palitra.bot.albums import MOST
from palitra.bot.edit_words import edit_words
from palitra.bot.memory import AlbumPicture, Dialogue, Memory, Person, Wish
from palitra.bot.patience import download, patiently
from palitra.bot.recipe import Preset, Recipe
from palitra.bot.service import Service
from palitra.bot.texts import Language, count, say
from palitra.bot.tracker import Tracker
from palitra.client import ApiError
from palitra.errors import InputError

LOG = logging.getLogger("palitra.bot")
MOST_WORDS = 4096


class Conversation:
    """One chat's words and pictures, and what they make together."""

    def __init__(self, bot: Bot, memory: Memory, service: Service, tracker: Tracker, turns: Turns) -> None:
        self.bot, self.memory, self.service, self.tracker, self.turns = bot, memory, service, tracker, turns

    async def words(self, chat: int, person: int, message: int, language: Language, words: str) -> None:
        """Words: a wish of their own, or for a picture that came before or is still to come."""
        dialogue = self.memory.dialogue(chat, person)
        recipes, presets = await self.service.catalogue()
        who = self.memory.person(person)
        chosen = recipes.get(dialogue.recipe or "")
        if not dialogue.files and chosen and chosen.pictures:
            self.memory.keep_dialogue(chat, person, Dialogue(chosen.name, (), words))
            await self._say(chat, say(language, "words_kept"))
            return
        if chosen and chosen.subject:
            await self.subject(chat, person, message, language, chosen, words)
            return
        recipe = recipe_for(recipes, dialogue, who, pictures=bool(dialogue.files), words=words)
        files = [{"file": file} for file in dialogue.files]
        here = _Here(chat, who, message, language)
        self._wish(here, recipe, presets, words, files)
        self.memory.keep_dialogue(chat, person, Dialogue())

    async def subject(
        self, chat: int, person: int, message: int, language: Language, recipe: Recipe, word: str
    ) -> None:
        """A wish for one of a recipe's subjects, such as a class; others are answered with the list."""
        who = self.memory.person(person)
        _, presets = await self.service.catalogue()
        known = recipe.subjects(who.dials.get(recipe.name, {}))
        said = word.strip().casefold()
        titles = {each: recipe.subject_title(each, language) for each in known}
        found = next((each for each in known if said in (each.casefold(), titles[each].casefold())), None)
        if found is None:
            await self._say(chat, say(language, "no_subject", names=", ".join(titles.values()))[:MOST_WORDS])
            return
        here = _Here(chat, who, message, language)
        self._wish(here, recipe, presets, "", [], subject=found)

    async def picture(
        self, chat: int, person: int, message: int, language: Language, words: str, file: str
    ) -> None:
        """A picture (Telegram's id) with words, or without: then they are asked for."""
        dialogue = self.memory.dialogue(chat, person)
        here = _Here(chat, self.memory.person(person), message, language)
        await self._pictures(here, dialogue, words or dialogue.words, [file])

    async def album(self, pictures: list[AlbumPicture]) -> None:
        """A complete album: one job for each picture, or one for several where the recipe takes several."""
        if not any(picture.addressed for picture in pictures):
            return
        first, taken = pictures[0], pictures[:MOST]
        self.turns.note()
        async with self.turns.of(first.person):
            if len(pictures) > MOST:
                bound = count(first.language, MOST, "pictures")
                await self._say(first.chat, say(first.language, "album_bound", pictures=bound))
            dialogue = self.memory.dialogue(first.chat, first.person)
            words = next((p.words for p in taken if p.words), dialogue.words)
            here = _Here(first.chat, self.memory.person(first.person), first.message, first.language)
            own = [p.words for p in taken]
            await self._pictures(here, dialogue, words, [p.file for p in taken], own)

    async def _pictures(
        self, here: _Here, dialogue: Dialogue, words: str, files: Sequence[str], own: Sequence[str] = ()
    ) -> None:
        recipes, presets = await self.service.catalogue()
        if words:
            recipe = recipe_for(recipes, dialogue, here.person, pictures=True, words=words)
            self._wish(here, recipe, presets, words, [{"telegram": file} for file in files], own)
            self.memory.keep_dialogue(here.chat, here.person.id, Dialogue())
            return
        ids = await self._hand_in(here, files)
        if ids:
            self.memory.keep_dialogue(here.chat, here.person.id, Dialogue(dialogue.recipe, tuple(ids)))
            what = count(here.language, len(ids), "pictures")
            await self._say(here.chat, say(here.language, "ask_words", pictures=what))

    async def _hand_in(self, here: _Here, files: Sequence[str]) -> list[str]:
        """Ids of the API: a picture that cannot be used is refused before anybody thinks of words."""
        client = self.service.client(here.person.id, here.language)
        try:
            return [await client.upload(await download(self.bot, file)) for file in files]
        except ApiError as error:
            await self._say(here.chat, say(here.language, "failed", detail=str(error)))
        except TransportError:
            await self._say(here.chat, say(here.language, "unavailable"))
        except InputError:
            await self._say(here.chat, say(here.language, "picture_lost"))
        return []

    def _wish(
        self,
        here: _Here,
        recipe: Recipe,
        presets: Sequence[Preset],
        words: str,
        files: Sequence[Mapping[str, str]],
        own: Sequence[str] = (),
        subject: str | None = None,
    ) -> None:
        fields = recipe.fields(here.person.dials.get(recipe.name, {}), presets)
        if recipe.subject and subject is not None:
            fields[recipe.subject] = subject
        portions = recipe.portions(files) if files else [{}]
        for i, inputs in enumerate(portions):
            # pictures of an album may each have words of their own, where each is a job of its own
            named = (own[i] if len(portions) == len(own) and own[i] else words)[:MOST_WORDS]
            prompt, told = ("", fields | _edit_of(named)) if recipe.edits else (named, fields)
            self.tracker.accept(
                Wish(
                    origin=f"m:{here.chat}:{here.message}:{i}",
                    chat=here.chat,
                    person=here.person.id,
                    answers=here.message,
                    language=here.language,
                    recipe=recipe.name,
                    prompt=prompt,
                    fields=told,
                    inputs=inputs,
                    state="asked" if recipe.people & inputs.keys() else "open",
                )
            )

    async def _say(self, chat: int, text: str) -> None:
        await patiently(lambda: self.bot.send_message(chat, text, parse_mode=None))


class _Here:
    """Who speaks where."""

    def __init__(self, chat: int, person: Person, message: int, language: Language) -> None:
        self.chat, self.person, self.message, self.language = chat, person, message, language


def _edit_of(words: str) -> dict[str, str]:
    """The fields of an edit; words without an arrow are the wish."""
    found = edit_words(words)
    return {**vars(found)} if found else {"source": "", "target": words}


def recipe_for(
    recipes: Mapping[str, Recipe], dialogue: Dialogue, person: Person, *, pictures: bool, words: str = ""
) -> Recipe:
    """The chosen recipe if it fits what was sent, else the first that does.

    A picture with an arrow in its words is to be edited, whatever was chosen.

    Raises:
        InputError: the API has none for this.
    """
    if pictures and edit_words(words):
        editing = next((r for r in recipes.values() if r.edits), None)
        if editing:
            return editing
    names = [name for name in (dialogue.recipe, person.recipe, *recipes) if name]
    for name in names:
        if name in recipes and bool(recipes[name].pictures) == pictures and not recipes[name].subject:
            return recipes[name]
    raise InputError("`recipes` of the service must take " + ("pictures" if pictures else "words alone"))
