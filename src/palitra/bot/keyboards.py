"""Rows of buttons. Each button carries an opaque id; what it does is in the bot's memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aiogram.types import InlineKeyboardButton, InlineKeyboardMarkup

from palitra.bot.memory import Memory, Person
from palitra.bot.recipe import QUALITY, Preset, Recipe
from palitra.bot.texts import LANGUAGES, Language, say

NAMES: Mapping[Language, str] = {"en": "English", "ru": "Русский"}
TURN = 0.2
"""By how much a button turns a dial."""
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


def subject_rows(recipe: Recipe, chosen: Mapping[str, Any], language: Language) -> list[list[Choice]]:
    """What a recipe can draw, three in a row; more than fit under a message are typed."""
    names = recipe.subjects(chosen)[:MOST_SUBJECTS]
    choices = [
        Choice(recipe.subject_title(name, language), "subject", {"recipe": recipe.name, "value": name})
        for name in names
    ]
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
    fitting = [p for p in presets if any(name in recipe.properties for name in p.of(recipe.name))]
    if fitting:
        rows.append([_preset(p, recipe, chosen.get(QUALITY), language) for p in fitting])
    others = [r for name, r in recipes.items() if name != recipe.name]
    rows += [[Choice(f"→ {r.label(language)}", "dials", {"recipe": r.name})] for r in others]
    return rows


def _preset(preset: Preset, recipe: Recipe, chosen: str | None, language: Language) -> Choice:
    mark = "• " if preset.name == chosen else ""
    data = {"recipe": recipe.name, "field": QUALITY, "value": preset.name}
    return Choice(mark + preset.text[language]["label"], "dial", data)


def picture_rows(
    job: str, image: str, seed: int, params: Mapping[str, Any], language: Language
) -> list[list[Choice]]:
    """What can be done with a finished picture."""
    this = {"job": job, "image": image, "seed": seed}

    def button(action: str, **more: Any) -> Choice:
        return Choice(say(language, f"button_{action}"), action, {**this, **more})

    if "target" in params:
        turned = _turns(params, "strength", ("weaker", "stronger"), button)
        return [turned, [button("file"), button("delete")]]
    sheet = "prompt" not in params
    rows = [[button("again"), button("archive" if sheet else "variations")]]
    turned = _turns(params, "fidelity", ("less", "more"), button)
    return [*rows, *([turned] if turned else []), [button("file"), button("delete")]]


def _turns(
    params: Mapping[str, Any], dial: str, names: tuple[str, str], button: Callable[..., Choice]
) -> list[Choice]:
    """Buttons that turn a dial down and up, as far as it goes."""
    now = params.get(dial)
    if not isinstance(now, int | float):
        return []
    down, up = max(0.0, round(now - TURN, 3)), min(1.0, round(now + TURN, 3))
    turns = [button(names[0], **{dial: down})] if now > 0 else []
    return turns + ([button(names[1], **{dial: up})] if now < 1 else [])
