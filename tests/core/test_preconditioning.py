import pytest
import torch

from palitra.core.parametrise import target_of
from palitra.core.preconditioning import Preconditioning
from palitra.core.schedule import Schedule

ABAR = Schedule.cosine(1000, zero_terminal_snr=True).abar
VARIANCES = torch.tensor([4.75, 1.0, 0.11], dtype=torch.float64)
TIMES = (0, 100, 500, 900, 999)


def test_unit_variance_changes_nothing():
    known = Preconditioning(torch.ones(3), ABAR.float())
    x, out = torch.randn(2, 2, 3, 4, 4)
    times = torch.tensor([3, 999])
    assert torch.allclose(known.asked(x, times), x)
    assert torch.allclose(known.answered(x, out, times), out)


@pytest.mark.parametrize("t", TIMES)
def test_of_gaussian_latents_the_network_sees_and_answers_unit_variance(t):
    """What a network of zeros says is then the best guess, and an independent regression finds no better."""
    known, n = Preconditioning(VARIANCES, ABAR), 40_000
    g = torch.Generator().manual_seed(0)
    x0 = torch.randn(n, 3, 1, 1, dtype=torch.float64, generator=g) * VARIANCES.sqrt().view(1, 3, 1, 1)
    eps = torch.randn(n, 3, 1, 1, dtype=torch.float64, generator=g)
    x = ABAR[t].sqrt() * x0 + (1 - ABAR[t]).sqrt() * eps
    v = target_of(x0, eps, ABAR[t], "v_prediction")
    skip = known.answered(x, torch.zeros_like(x), t)
    # deviations of means over 40,000 samples are about 1 %
    assert torch.allclose(known.asked(x, t).var(0), torch.ones(3, 1, 1, dtype=torch.float64), atol=0.04)
    slope = (x * v).mean(0) / x.square().mean(0)
    assert torch.allclose(skip, slope * x, atol=0.05 * float(x.abs().max()))
    scale = known.answered(torch.zeros_like(x[:1]), torch.ones_like(x[:1]), t)
    assert torch.allclose((v - skip).var(0), scale[0].square(), rtol=0.04)


def test_a_batch_equals_its_singles_and_time_may_be_a_number():
    known = Preconditioning(VARIANCES.float(), ABAR.float())
    x, out = torch.randn(2, 5, 3, 2, 2)
    times = torch.tensor(TIMES)
    asked, answered = known.asked(x, times), known.answered(x, out, times)
    for i, t in enumerate(TIMES):
        assert torch.equal(asked[i : i + 1], known.asked(x[i : i + 1], t))
        assert torch.equal(answered[i : i + 1], known.answered(x[i : i + 1], out[i : i + 1], t))
    assert asked.dtype == answered.dtype == torch.float32
