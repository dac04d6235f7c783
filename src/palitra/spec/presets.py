"""Named sets of dials, so that nobody has to know what a step is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from palitra.spec.dials import Words


@dataclass(frozen=True)
class Preset:
    """`values` are fields of a recipe; what a recipe does not have is left out for it."""

    name: str
    en: Words
    ru: Words
    values: dict[str, Any]


PRESETS = (
    Preset(
        "draft",
        Words("Draft", "Quick and rough, to try an idea."),
        Words("Черновик", "Быстро и грубо, чтобы примерить мысль."),
        {"steps": 15},
    ),
    Preset(
        "normal",
        Words("Normal", "What the model is made for."),
        Words("Обычно", "Так, как модель задумана."),
        {"steps": 30},
    ),
    Preset(
        "best",
        Words("Best", "Begins eight pictures and finishes the one that follows the sketch best."),
        Words("Лучше", "Начинает восемь картинок и заканчивает ту, что ближе к наброску."),
        {"steps": 40, "best_of": 8},
    ),
)
