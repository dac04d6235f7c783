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

WEAK_MATCHING = "0.01"
"""Summed over thousands of features, matching at 1 drowns the class term, which the paper does not have."""


def with_techniques(chosen: frozenset[str], matching: str = "1.0") -> tuple[str, ...]:
    """Changes of the preset that switch the chosen techniques on, matching at a weight, and others off."""
    on = {name: on for name, (on, _) in TECHNIQUES.items()} | {"feature_matching": matching}
    return tuple(
        f"regularisers.{name}={on[name] if name in chosen else off}" for name, (_, off) in TECHNIQUES.items()
    )


def ablation_rows() -> tuple[Row, ...]:
    """All five, each left out once, all with weak feature matching, none."""
    every = frozenset(TECHNIQUES)
    rows = [Row("all", "five techniques", "improved", with_techniques(every))]
    for name in TECHNIQUES:
        words = name.replace("_", " ")
        rows.append(Row(f"no_{name}", f"without {words}", "improved", with_techniques(every - {name})))
    weak = with_techniques(every, WEAK_MATCHING)
    rows.append(Row("weak_matching", "five techniques, feature matching at a hundredth", "improved", weak))
    return (*rows, Row("none", "DCGAN with a class head", "improved", with_techniques(frozenset())))


EXPERIMENT = ModelComparison(
    name="improved_gan",
    title="Five techniques of Improved GAN by ablation",
    asked=(
        "Which of feature matching, minibatch discrimination, historical averaging, one-sided label "
        "smoothing and virtual batch normalisation helps at this size, when all trainings have the same "
        "processor time? Feature matching takes the place of the generator's game, as in its paper, and "
        "beside it stands a class term that the paper does not have; one more row weighs it a hundredth."
    ),
    set_name="fashion-mnist",
    rows=ablation_rows(),
    best=1,
)
