import math

import pytest
import torch

from palitra.zoo.losses.game import game

REAL = torch.tensor([0.5, -1.0, 3.0])
FAKE = torch.tensor([-2.0, 0.25, 1.5])


def sigmoid(s):
    return 1 / (1 + math.exp(-s))


def mean(values):
    values = list(values)
    return sum(values) / len(values)


R, G = REAL.tolist(), FAKE.tolist()
CLOSED = {
    "minimax": (
        -mean(math.log(sigmoid(s)) for s in R) - mean(math.log(1 - sigmoid(s)) for s in G),
        mean(math.log(1 - sigmoid(s)) for s in G),
    ),
    "non_saturating": (
        -mean(math.log(sigmoid(s)) for s in R) - mean(math.log(1 - sigmoid(s)) for s in G),
        -mean(math.log(sigmoid(s)) for s in G),
    ),
    "hinge": (mean(max(0, 1 - s) for s in R) + mean(max(0, 1 + s) for s in G), -mean(G)),
    "least_squares": (
        0.5 * mean((s - 1) ** 2 for s in R) + 0.5 * mean(s**2 for s in G),
        0.5 * mean((s - 1) ** 2 for s in G),
    ),
    "wasserstein": (mean(G) - mean(R), -mean(G)),
    "relativistic": (
        -mean(math.log(sigmoid(r - f)) for r, f in zip(R, G, strict=True)),
        -mean(math.log(sigmoid(f - r)) for r, f in zip(R, G, strict=True)),
    ),
}


@pytest.mark.parametrize("kind", CLOSED)
def test_losses_equal_their_closed_forms(kind):
    d, g = CLOSED[kind]
    assert game(kind).discriminator(REAL, FAKE).item() == pytest.approx(d, rel=1e-5)
    assert game(kind).generator(REAL, FAKE).item() == pytest.approx(g, rel=1e-5)


@pytest.mark.parametrize("kind", ["minimax", "non_saturating", "least_squares"])
def test_label_smoothing_is_one_sided(kind):
    real, fake = REAL.clone().requires_grad_(), FAKE.clone().requires_grad_()
    smooth = torch.autograd.grad(game(kind).discriminator(real, fake, 0.9), fake)[0]
    hard = torch.autograd.grad(game(kind).discriminator(real, fake, 1.0), fake)[0]
    assert torch.equal(smooth, hard)


@pytest.mark.parametrize("kind", ["minimax", "non_saturating"])
def test_the_smoothed_optimum_is_the_target(kind):
    score = torch.tensor([math.log(0.9 / 0.1)], requires_grad=True)
    loss = game(kind).discriminator(score, torch.zeros(1), 0.9)
    assert torch.autograd.grad(loss, score)[0].item() == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("kind", CLOSED)
def test_large_scores_stay_finite(kind):
    far = torch.tensor([-1e4, 1e4])
    assert game(kind).discriminator(far, -far).isfinite()
    assert game(kind).generator(far, -far).isfinite()
