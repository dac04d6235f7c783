"""The techniques of Improved GAN (arXiv 1606.03498) by ablation: all, all but one, none."""

from __future__ import annotations

from palitra.experiments.model_comparison import ModelComparison, Row

TECHNIQUES = {
    "feature_matching": ("1.0", "0.0"),
    "minibatch_discrimination": ("true", "false"),
    "historical_averaging": ("0.001", "0.0"),
    "label_smoothing": ("0.1", "0.0"),
    "virtual_batch_norm": ("true", "false"),
}


def with_techniques(chosen: frozenset[str]) -> tuple[str, ...]:
    """Changes of the preset that switch the chosen techniques on and the others off."""
    return tuple(
        f"regularisers.{name}={on if name in chosen else off}" for name, (on, off) in TECHNIQUES.items()
    )


def ablation_rows() -> tuple[Row, ...]:
    """All five, each left out once, none."""
    every = frozenset(TECHNIQUES)
    rows = [Row("all", "five techniques", "improved", with_techniques(every))]
    for name in TECHNIQUES:
        words = name.replace("_", " ")
        rows.append(Row(f"no_{name}", f"without {words}", "improved", with_techniques(every - {name})))
    return (*rows, Row("none", "DCGAN with a class head", "improved", with_techniques(frozenset())))


EXPERIMENT = ModelComparison(
    name="improved_gan",
    title="Five techniques of Improved GAN by ablation",
    asked=(
        "Which of feature matching, minibatch discrimination, historical averaging, one-sided label "
        "smoothing and virtual batch normalisation helps at this size, when all trainings have the same "
        "processor time? Feature matching takes the place of the generator's game, as in its paper."
    ),
    set_name="fashion-mnist",
    rows=ablation_rows(),
    best=1,
)
