"""Linear against cosine noise schedule, predicted noise against velocity."""

from __future__ import annotations

from palitra.experiments.model_comparison import ModelComparison, Row

KINDS = {"epsilon": "noise predicted", "v_prediction": "velocity predicted"}
SCHEDULES = ("linear", "cosine")

EXPERIMENT = ModelComparison(
    name="noise_schedules",
    title="Linear and cosine noise schedules, noise and velocity",
    asked=(
        "Does the cosine schedule (arXiv 2102.09672) beat the linear one (2006.11239) at 32 px, and does it "
        "matter whether the network predicts the noise or the velocity (2202.00512)? Class-conditional, "
        "50 DDIM steps, no guidance."
    ),
    set_name="fashion-mnist",
    rows=tuple(
        Row(
            f"{schedule}_{kind}",
            f"{schedule} schedule, {words}",
            "cdm",
            (f"loss.kind={kind}", f"loss.schedule={schedule}"),
        )
        for schedule in SCHEDULES
        for kind, words in KINDS.items()
    ),
    best=1,
    pictures=2000,
)
