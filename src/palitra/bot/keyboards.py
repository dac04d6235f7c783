"""Rows of buttons. Each button carries an opaque id; what it does is in the bot's memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aiogram.types import InlineKeyboardButton, InlineKeyboardMarkup

from palitra.bot.memory import Memory, Person
from palitra.bot.recipe import Preset, Recipe
from palitra.bot.texts import LANGUAGES, Language, say

NAMES: Mapping[Language, str] = {"en": "English", "ru": "Русский"}
FIDELITY_STEP = 0.2
MOST_SUBJECTS = 30


@dataclass(frozen=True)
class Choice:
    """A button to be."""

    text: str
    action: str
    data: Mapping[str, Any]


def keyboard(
    memory: Memory, chat: int, person: int, rows: Sequence[Sequence[Choice]]
) -> InlineKeyboardMarkup:
    """Buttons that only this person in this chat can use."""
    flat = [(choice.action, choice.data) for row in rows for choice in row]
    ids = iter(memory.add_buttons(chat, person, flat))
    buttons = [[InlineKeyboardButton(text=c.text, callback_data=next(ids)) for c in row] for row in rows]
    return InlineKeyboardMarkup(inline_keyboard=buttons)


def recipe_rows(recipes: Mapping[str, Recipe], language: Language, action: str) -> list[list[Choice]]:
    """One recipe a row."""
    return [[Choice(r.label(language), action, {"recipe": name})] for name, r in recipes.items()]


def subject_rows(recipe: Recipe, chosen: Mapping[str, Any]) -> list[list[Choice]]:
    """What a recipe can draw, three in a row; more than fit under a message are typed."""
    names = recipe.subjects(chosen)[:MOST_SUBJECTS]
    choices = [Choice(name, "subject", {"recipe": recipe.name, "value": name}) for name in names]
    return [choices[i : i + 3] for i in range(0, len(choices), 3)]


def language_rows() -> list[list[Choice]]:
    """Both languages, each by its own name."""
    return [[Choice(NAMES[code], "language", {"language": code}) for code in LANGUAGES]]


def dial_rows(
    recipe: Recipe,
    recipes: Mapping[str, Recipe],
    presets: Sequence[Preset],
    person: Person,
    language: Language,
) -> list[list[Choice]]:
    """Every dial's choices, the chosen one marked, and the other recipes."""
    chosen = person.dials.get(recipe.name, {})
    rows = []
    for dial in recipe.dials():
        now = chosen.get(dial.name, dial.default)
        row = []
        for i, value in enumerate(dial.choices):
            mark = "• " if value == now else ""
            label = f"{dial.label(language)}: " if i == 0 else ""
            data = {"recipe": recipe.name, "field": dial.name, "value": value}
            row.append(Choice(f"{label}{mark}{dial.choice(language, value)}", "dial", data))
        rows.append(row)
    fitting = [p for p in presets if any(name in recipe.properties for name in p.values)]
    if fitting:
        rows.append([_preset(p, recipe, chosen.get("preset"), language) for p in fitting])
    others = [r for name, r in recipes.items() if name != recipe.name]
    rows += [[Choice(f"→ {r.label(language)}", "dials", {"recipe": r.name})] for r in others]
    return rows


def _preset(preset: Preset, recipe: Recipe, chosen: str | None, language: Language) -> Choice:
    mark = "• " if preset.name == chosen else ""
    data = {"recipe": recipe.name, "field": "preset", "value": preset.name}
    return Choice(mark + preset.text[language]["label"], "dial", data)


def picture_rows(
    job: str, image: str, seed: int, params: Mapping[str, Any], language: Language
) -> list[list[Choice]]:
    """What can be done with a finished picture."""
    this = {"job": job, "image": image, "seed": seed}

    def button(action: str, **more: Any) -> Choice:
        return Choice(say(language, f"button_{action}"), action, {**this, **more})

    sheet = "prompt" not in params
    rows = [[button("again"), button("archive" if sheet else "variations")]]
    fidelity = params.get("fidelity")
    if isinstance(fidelity, int | float):
        less, more = fidelity - FIDELITY_STEP, fidelity + FIDELITY_STEP
        turns = [button("less", fidelity=max(0.0, round(less, 3)))] if fidelity > 0 else []
        turns += [button("more", fidelity=min(1.0, round(more, 3)))] if fidelity < 1 else []
        rows.append(turns)
    rows.append([button("file"), button("delete")])
    return rows
