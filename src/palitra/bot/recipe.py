"""What the bot reads from a recipe's JSON schema: its words, its pictures and its dials."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from palitra.bot.texts import Language, say

MOST_CHOICES: Final = 5
MOST_PICTURES: Final = 4
"""Of one wish: more would flood a chat."""
QUALITY: Final = "quality"
"""Where somebody's preset is kept among their dials; recipes have fields called "preset"."""


@dataclass(frozen=True)
class Dial:
    """A field that people set by buttons, and its choices; `words` name those that have names."""

    name: str
    default: Any
    choices: tuple[Any, ...]
    text: Mapping[str, Mapping[str, str]]
    words: Mapping[str, Mapping[str, Mapping[str, str]]] = field(default_factory=dict)

    def label(self, language: Language) -> str:
        """Its name."""
        return self.text[language]["label"]

    def choice(self, language: Language, value: Any) -> str:
        """A choice's name."""
        if isinstance(value, bool):
            return say(language, "yes" if value else "no")
        if value in self.words:
            return self.words[value][language]["label"]
        return f"{value:g}" if isinstance(value, float) else str(value)


@dataclass(frozen=True)
class Preset:
    """A named set of values; one named `recipe.field` is that recipe's and goes before the one for all."""

    name: str
    text: Mapping[str, Mapping[str, str]]
    values: Mapping[str, Any]

    def of(self, recipe: str) -> dict[str, Any]:
        """The values as a recipe takes them."""
        own = {k.partition(".")[2]: v for k, v in self.values.items() if k.startswith(f"{recipe}.")}
        return {**{k: v for k, v in self.values.items() if "." not in k}, **own}


@dataclass(frozen=True)
class Recipe:
    """A recipe as the API describes it."""

    name: str
    title: Mapping[str, Mapping[str, str]]
    inputs: tuple[Mapping[str, Any], ...]
    properties: Mapping[str, Mapping[str, Any]]

    @classmethod
    def of(cls, name: str, told: Mapping[str, Any]) -> Recipe:
        """From `/v1/recipes`."""
        return cls(name, told["title"], tuple(told["inputs"]), told["schema"]["properties"])

    def label(self, language: Language) -> str:
        """Its name."""
        return str(self.title[language]["label"])

    def help(self, language: Language) -> str:
        """What it does, in a sentence."""
        return str(self.title[language]["help"])

    @property
    def pictures(self) -> tuple[str, ...]:
        """Names of the inputs that a person's pictures fill: those of the first required one's kind.

        One for a sketch; several where a recipe wants several photos of the same person.
        """
        first = next((given for given in self.inputs if given["required"]), None)
        if first is None:
            return ()
        return tuple(str(given["name"]) for given in self.inputs if given["kind"] == first["kind"])

    @property
    def people(self) -> frozenset[str]:
        """Names of the inputs that are photos of a person: they are used only with consent."""
        return frozenset(str(given["name"]) for given in self.inputs if given.get("subject") == "person")

    @property
    def edits(self) -> bool:
        """Whether it changes a photo by words for what it shows and what it should become."""
        return "target" in self.properties and bool(self.pictures)

    @property
    def subject(self) -> str | None:
        """The field that says what to draw where a recipe takes no words: a choice, such as a class."""
        if "prompt" in self.properties:
            return None
        chosen = (name for name, field in self.properties.items() if "choices" in field.get("depends", {}))
        return next(chosen, None)

    def subjects(self, chosen: Mapping[str, Any]) -> tuple[str, ...]:
        """What can be drawn with the dials as they are."""
        if self.subject is None:
            return ()
        depends = self.properties[self.subject]["depends"]
        return tuple(depends["choices"].get(self._value(depends["on"], chosen), ()))

    def subject_title(self, value: str, language: Language) -> str:
        """How one of the subjects is shown."""
        field = self.properties.get(self.subject or "", {})
        return str(field.get("titles", {}).get(language, {}).get(value, value))

    def portions(self, files: Sequence[Mapping[str, str]]) -> list[dict[str, dict[str, str]]]:
        """An album as the inputs of as few jobs as the recipe allows."""
        names = self.pictures
        step = len(names)
        assert step, "a recipe without pictures has no portions"
        parts = [files[i : i + step] for i in range(0, len(files), step)]
        return [{n: dict(f) for n, f in zip(names, part, strict=False)} for part in parts]

    def dials(self) -> list[Dial]:
        """Fields shown at once that have few choices."""
        found = []
        for name, schema in self.properties.items():
            choices = _choices(name, schema)
            if schema.get("level") == "basic" and len(choices) > 1:
                words = schema.get("choices", {})
                begins = schema.get("offered", schema.get("default"))
                found.append(Dial(name, begins, choices, schema["text"], words))
        return found

    def fields(self, chosen: Mapping[str, Any], presets: Sequence[Preset]) -> dict[str, Any]:
        """A job's fields: what people are offered, changed by what somebody chose.

        What the recipe does not have is left out.
        """
        offered = {name: field["offered"] for name, field in self.properties.items() if "offered" in field}
        preset = next((p.of(self.name) for p in presets if p.name == chosen.get(QUALITY)), {})
        return {k: v for k, v in {**offered, **preset, **chosen}.items() if self._has(k, chosen)}

    def _has(self, name: str, chosen: Mapping[str, Any]) -> bool:
        """Whether there is such a field with the dials as they are: some belong to some models only."""
        depends = self.properties.get(name, {}).get("depends", {})
        if "only" in depends and self._value(depends["on"], chosen) not in depends["only"]:
            return False
        return name in self.properties

    def _value(self, name: str, chosen: Mapping[str, Any]) -> Any:
        field = self.properties.get(name, {})
        value = chosen.get(name)
        return value if value in field.get("enum", (value,)) and value is not None else field.get("default")


def _choices(name: str, field: Mapping[str, Any]) -> tuple[Any, ...]:
    kind, low, high = field.get("type"), field.get("minimum"), field.get("maximum")
    if kind == "boolean":
        return (False, True)
    if "enum" in field:
        return tuple(field["enum"]) if len(field["enum"]) <= MOST_CHOICES else ()
    if low is None or high is None:
        return ()
    if kind == "integer":
        most = min(high, low + (MOST_PICTURES if name == "n" else MOST_CHOICES) - 1)
        usual = field.get("default")
        return tuple(sorted({*range(int(low), int(most) + 1), *([usual] if usual is not None else [])}))
    if kind == "number":
        step = (high - low) / MOST_CHOICES
        even = [round(low + step * i, 6) for i in range(MOST_CHOICES + 1)]
        return tuple(sorted({*even, *([field["default"]] if field.get("default") is not None else [])}))
    return ()
