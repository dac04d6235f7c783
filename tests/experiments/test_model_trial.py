"""In which precision a trial draws."""

import pytest
import torch

from palitra.experiments.model_trial import trained_precision
from palitra.zoo.families.make import make_family
from palitra.zoo.models import preset


@pytest.mark.parametrize(
    ("model", "change", "low"),
    [
        ("cdm", "training.bf16=true", True),
        ("cdm", "training.bf16=false", False),
        ("cvae", "training.bf16=true", False),
    ],
)
def test_only_diffusion_trained_in_bf16_is_drawn_in_it(model, change, low):
    family = make_family(preset(model, "tiny", (change,)), (1, 16, 16), 2)
    with trained_precision(family):
        product = torch.ones(2, 2) @ torch.ones(2, 2)
    assert product.dtype == (torch.bfloat16 if low else torch.float32)
