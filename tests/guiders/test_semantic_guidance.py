import pytest
import torch
import torch.nn.functional as F

from palitra.core.predictor import Predictor
from palitra.core.schedule import Schedule
from palitra.errors import InputError
from palitra.guiders.cfg import ClassifierFree, Conditional
from palitra.guiders.semantic_guidance import Concept, Masking, SemanticGuidance, blurred, strongest
from tests.core.toy import ToyDenoiser, latent, text

SCHEDULE = Schedule.scaled_linear()
SITES = ("mid.cross.attend", "up.0.cross.attend")
ROWS = 3


@pytest.fixture(scope="module")
def toy():
    return ToyDenoiser()


def concept(name, seed, amount, tokens=(1, 2)):
    words = torch.zeros(ROWS, 5, dtype=torch.float64)
    words[:, list(tokens)] = 1
    return Concept(name, text(seed, ROWS), words, torch.tensor(amount, dtype=torch.float64))


def predicted(toy, guide, t=500):
    predictor = Predictor(toy, SCHEDULE, [guide])
    made = predictor(latent(0, ROWS), t, 0, 10)
    return made, predictor


@pytest.mark.parametrize("scale", [0.0, 1.0, 7.5])
def test_one_concept_without_masks_is_plain_guidance(toy, scale):
    made, _ = predicted(toy, SemanticGuidance(text(9), [concept("target", 1, [scale] * ROWS)], None))
    plain, _ = predicted(toy, ClassifierFree(text(1, ROWS), text(9), scale))
    assert torch.allclose(made.eps, plain.eps, atol=1e-10)
    assert torch.allclose(made.x0, plain.x0, atol=1e-10)


def masking(**changes):
    return Masking(**({"sites": SITES, "threshold": 0.7, "noisiest": 800} | changes))


def test_a_threshold_of_0_masks_nothing(toy):
    concepts = [concept("target", 1, [5.0] * ROWS), concept("lost", 2, [-5.0] * ROWS)]
    made, _ = predicted(toy, SemanticGuidance(text(9), concepts, masking(threshold=0)))
    free, _ = predicted(toy, SemanticGuidance(text(9), concepts, None))
    assert torch.allclose(made.eps, free.eps, atol=1e-10)


def explicit_mask(toy, words, tokens, guidance, threshold, with_m2):
    """M of the paper's equations, from the toy's own maps (heads 2, 8 x 8 cells)."""
    maps = []

    class See:
        sites = "mid.cross.probs|up.0.cross.probs"

        def __call__(self, site, value, rows, step):
            maps.append(value[..., list(tokens)].sum(-1).mean(1))
            return value

    Predictor(toy, SCHEDULE, [Conditional(words)], [See()])(latent(0, ROWS), 500, 0, 10)
    mean = torch.stack(maps).mean(0).view(ROWS, 1, 8, 8)
    weights = torch.tensor([[-1.0, 0, 1]]).square() / -2 / 0.5**2
    kernel = torch.exp(weights + weights.T)
    kernel = (kernel / kernel.sum()).double()
    smooth = F.conv2d(F.pad(mean, (1, 1, 1, 1), mode="reflect"), kernel[None, None])
    strength = guidance.abs().sum(1, keepdim=True)
    masks = []
    for row in range(ROWS):
        m = smooth[row] >= torch.quantile(smooth[row].flatten(), threshold)
        if with_m2:
            m = m & (strength[row] >= torch.quantile(strength[row].flatten(), threshold))
        masks.append(m)
    return torch.stack(masks).double()


@pytest.mark.parametrize("t", [500, 900])
def test_masks_are_those_of_the_paper(toy, t):
    """In the noisiest times the words' maps stand alone."""
    concepts = [concept("target", 1, [5.0, 0.0, 2.0]), concept("lost", 2, [-3.0, -1.0, 0.0], (3,))]
    made, predictor = predicted(toy, SemanticGuidance(text(9), concepts, masking()), t)
    assert (predictor.calls, predictor.samples) == (1, 3 * ROWS)
    base = toy(latent(0, ROWS), t, text(9).expand(ROWS))
    expected = base.clone()
    for c, tokens in zip(concepts, ((1, 2), (3,)), strict=True):
        guidance = toy(latent(0, ROWS), t, c.condition) - base
        if t == 500:
            mask = explicit_mask(toy, c.condition, tokens, guidance, 0.7, True)
            assert 0.05 < float(mask.mean()) < 0.3
            expected += c.amount.view(-1, 1, 1, 1) * mask * guidance
    if t == 500:
        # maps are compared in float32: a cell that stands at its quantile may fall on either side
        assert (made.eps - expected).abs().gt(1e-6).double().mean() < 0.01
    else:
        ask = masking(noisiest=0)
        moved = (predicted(toy, SemanticGuidance(text(9), concepts, ask), t)[0].eps - base).ne(0)
        assert torch.equal(moved, (made.eps - base).ne(0))
        assert moved.double().mean() > 0.2
    abar = SCHEDULE.signal(t)
    assert torch.allclose(abar**0.5 * made.x0 + (1 - abar) ** 0.5 * made.eps, latent(0, ROWS), atol=1e-10)


def test_nothing_moves_outside_of_what_is_allowed(toy):
    allowed = torch.zeros(ROWS, 1, 8, 8)
    allowed[..., 4:] = 1
    concepts = [concept("target", 1, [5.0] * ROWS)]
    made, _ = predicted(toy, SemanticGuidance(text(9), concepts, None, allowed))
    base, _ = predicted(toy, Conditional(text(9)))
    assert torch.allclose(made.eps[..., :4], base.eps[..., :4], atol=1e-12)
    assert (made.eps[..., 4:] - base.eps[..., 4:]).abs().min() > 0


@pytest.mark.parametrize(("threshold", "share"), [(0.0, 1.0), (0.75, 0.25), (0.9, 0.1)])
def test_the_strongest_share_is_picked_row_by_row(threshold, share):
    values = torch.rand(2, 1, 10, 10) * torch.tensor([1.0, 100.0]).view(2, 1, 1, 1)
    picked = strongest(values, threshold)
    assert torch.allclose(picked.mean((1, 2, 3)), torch.full((2,), share), atol=1e-6)
    for row in range(2):
        outside = values[row][picked[row] == 0]
        assert len(outside) == 0 or values[row][picked[row] == 1].min() > outside.max()


def test_blurring_keeps_the_sum_inside_and_level_maps():
    assert torch.allclose(blurred(torch.ones(1, 1, 4, 4), 0.5), torch.ones(1, 1, 4, 4))
    spot = torch.zeros(1, 1, 5, 5)
    spot[..., 2, 2] = 1
    made = blurred(spot, 0.5)
    assert float(made.sum()) == pytest.approx(1, abs=1e-6)
    # e^-(1 / 2 sigma^2) beside the middle
    assert float(made[0, 0, 2, 3] / made[0, 0, 2, 2]) == pytest.approx(0.1353353, abs=1e-6)


@pytest.mark.parametrize("threshold", [-0.1, 1.5])
def test_a_threshold_out_of_bounds_is_refused(threshold):
    with pytest.raises(InputError, match=rf"`threshold` must be in \[0, 1\], got {threshold}"):
        masking(threshold=threshold)
