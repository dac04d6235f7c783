"""All models of the zoo on Fashion-MNIST at equal processor time."""

from __future__ import annotations

from palitra.experiments.model_comparison import ModelComparison, Row
from palitra.zoo.models import MODELS

EXPERIMENT = ModelComparison(
    name="fashion_models",
    title="All models of the zoo on Fashion-MNIST at equal processor time",
    asked=(
        "Which model of the zoo makes the best pictures of ten kinds of clothes when all have the same "
        "processor time, and which are the classes that were asked for?"
    ),
    set_name="fashion-mnist",
    rows=tuple(Row(model.name, model.title, model.name) for model in MODELS),
)
