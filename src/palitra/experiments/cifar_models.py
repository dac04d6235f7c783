"""All models of the zoo on CIFAR-10 at equal processor time, beside what the `paper` presets should reach."""

from __future__ import annotations

from palitra.experiments.model_comparison import ModelComparison, Row
from palitra.zoo.models import MODELS, preset

TOP = (
    "## The `paper` presets",
    "Published numbers are those of the papers or of re-implementations, by the published Inception, and not "
    "comparable with the table above. Run here: none of them yet; each needs a GPU for hours to days.",
)


def paper_table() -> str:
    """A row per model that has a published number: the budget of its preset and the number to reach."""
    lines = ["| model | pictures to see | published | run here |", "|---|---|---|---|"]
    for model in MODELS:
        if model.published:
            images = preset(model.name, "paper").training.images
            lines.append(f"| `{model.name}` | {images:,} | {model.published} | not yet |")
    return "\n".join(lines)


EXPERIMENT = ModelComparison(
    name="cifar_models",
    title="All models of the zoo on CIFAR-10, as far as a processor reaches",
    asked=(
        "How far does each model come on small colour photos in the same processor time, and what would it "
        "take to reach the published numbers?"
    ),
    set_name="cifar10",
    rows=tuple(Row(model.name, model.title, model.name) for model in MODELS),
    more=(*TOP, paper_table()),
    pictures=2000,
)
