"""Named sets of dials, so that nobody has to know what a step is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from palitra.spec.dials import Words


@dataclass(frozen=True)
class Preset:
    """`values` are fields of a recipe; what a recipe does not have is left out for it.

    A value named `recipe.field` is that recipe's and goes before the one that is for all.
    """

    name: str
    en: Words
    ru: Words
    values: dict[str, Any]

    def of(self, recipe: str) -> dict[str, Any]:
        """The values as a recipe takes them, some of which it may not have."""
        own = {k.partition(".")[2]: v for k, v in self.values.items() if k.startswith(f"{recipe}.")}
        return {k: v for k, v in self.values.items() if "." not in k} | own


PRESETS = (
    Preset(
        "draft",
        Words("Draft", "Quick and rough, to try an idea."),
        Words("Черновик", "Быстро и грубо, чтобы примерить мысль."),
        {"steps": 15, "edit.steps": 20, "classes.steps": 10, "quality": "draft"},
    ),
    Preset(
        "normal",
        Words("Normal", "What the model is made for."),
        Words("Обычно", "Так, как модель задумана."),
        {"steps": 30, "edit.steps": 50, "classes.steps": 20, "quality": "normal"},
    ),
    Preset(
        "best",
        Words(
            "Best", "Takes longer: of eight pictures begun, the one that follows the sketch best is finished."
        ),
        Words("Лучше", "Дольше: из восьми начатых картинок закончена та, что ближе к наброску."),
        {"steps": 40, "quality": "best", "edit.steps": 100},
    ),
)
