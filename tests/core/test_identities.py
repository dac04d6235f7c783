"""The methods of the field, small, on the real core: what must stay the same stays the same."""

import pytest
import torch
from torch import nn

from palitra.core.condition import Condition
from palitra.core.loop import invert, sample
from palitra.core.predictor import Predictor
from palitra.core.rows import Rows
from palitra.core.schedule import Schedule
from palitra.core.tap import Bus, Record
from palitra.guiders.cfg import ClassifierFree, Conditional
from palitra.guiders.sketch import SketchGuidance
from palitra.models.edge_predictor import EdgePredictor, EdgePredictorConfig
from palitra.samplers.ddim import DDIM
from tests.core.prototype_methods import (
    EDICT,
    GuideAndRescale,
    IPAdapter,
    LowPass,
    MasaCtrl,
    PlugAndPlay,
    PromptToPrompt,
    TwoDimensionalGuidance,
    Watch,
)
from tests.core.toy import ToyDenoiser, latent, silent_bus, text

STEPS = 20
SCHEDULE = Schedule.scaled_linear()
TIMES = SCHEDULE.times(STEPS, "trailing")
SOURCE, TARGET, EMPTY = text(1), text(2), text(3)
DDIM_STEP = DDIM(SCHEDULE)


@pytest.fixture(scope="module")
def toy():
    return ToyDenoiser()


@pytest.fixture(scope="module")
def plain(toy):
    """An unguided picture, which also serves as the photo to edit."""
    return sample(DDIM_STEP, Predictor(toy, SCHEDULE, [Conditional(TARGET)]), latent(0), TIMES)


@pytest.fixture(scope="module")
def inverted(toy, plain):
    return invert(DDIM_STEP, Predictor(toy, SCHEDULE, [Conditional(SOURCE)]), plain, TIMES)


def run(toy, guiders, x, taps=(), tracks=None, times=TIMES):
    return sample(DDIM_STEP, Predictor(toy, SCHEDULE, guiders, taps, tracks), x, times)


def test_guidance_at_scale_1_is_the_conditional_sample(toy, plain):
    assert torch.allclose(run(toy, [ClassifierFree(TARGET, EMPTY, 1.0)], latent(0)), plain, atol=1e-10)


def test_guidance_batches_both_branches_in_one_call(toy):
    predictor = Predictor(toy, SCHEDULE, [ClassifierFree(TARGET, EMPTY, 3.0)])
    sample(DDIM_STEP, predictor, latent(0), TIMES)
    assert (predictor.calls, predictor.samples) == (STEPS, 2 * STEPS)


def test_edict_inverts_exactly_where_ddim_does_not(toy):
    photo = latent(9)

    def error(sampler):
        predictor = Predictor(toy, SCHEDULE, [ClassifierFree(TARGET, EMPTY, 3.0)])
        noise, _ = invert(sampler, predictor, photo, TIMES)
        back = sampler.image(sample(sampler, predictor, noise, TIMES))
        return float((back - photo).norm() / photo.norm())

    # rounding of float64 over 20 steps against an error of the method
    assert error(EDICT(SCHEDULE)) < 1e-12
    assert error(DDIM_STEP) > 1e-3


TAPS = (PromptToPrompt(torch.eye(5, dtype=torch.float64)), MasaCtrl(), PlugAndPlay())
named = pytest.mark.parametrize("tap", TAPS, ids=lambda tap: type(tap).__name__)


@named
def test_editor_changes_the_edit(toy, plain, inverted, tap):
    noise, trajectory = inverted
    guiders = [Conditional(TARGET), Watch(SOURCE, "photo")]
    edited = run(toy, guiders, noise, [tap], {"photo": trajectory})
    free = run(toy, guiders, noise, [], {"photo": trajectory})
    assert (edited - free).norm() > 1e-3


@named
def test_editor_with_equal_prompts_is_the_identity(toy, inverted, tap):
    noise, _ = inverted
    alone = run(toy, [Conditional(SOURCE)], noise)
    assert torch.allclose(run(toy, [Conditional(SOURCE), Watch(SOURCE)], noise, [tap]), alone, atol=1e-10)


def test_ip_adapter_at_scale_0_is_the_identity_and_at_1_acts(toy, plain):
    blocks = ("down.0", "mid", "up.0", "up.1")
    projections = {f"{b}.cross": nn.Linear(6, 32).double().requires_grad_(False) for b in blocks}
    tokens = torch.randn(1, 4, 6, dtype=torch.float64)

    def adapted(scale):
        return run(toy, [Conditional(TARGET)], latent(0), [IPAdapter(tokens, projections, scale)])

    assert torch.allclose(adapted(0.0), plain, atol=1e-10)
    assert not torch.allclose(adapted(1.0), plain, atol=1e-3)


def test_guide_and_rescale_holds_its_ratio_and_comes_nearer_the_source(toy, plain, inverted):
    noise, trajectory = inverted
    guider = GuideAndRescale(SOURCE, TARGET, EMPTY, "photo", 300.0, 50.0)
    free = ClassifierFree(TARGET, EMPTY, 3.0)
    guider.branches = tuple(b for b in guider.branches if b.name not in ("uncond", "target"))
    predictor = Predictor(toy, SCHEDULE, [free, guider], (), {"photo": trajectory})
    edited = sample(DDIM_STEP, predictor, noise, TIMES)
    assert 0.33 - 1e-4 <= min(guider.ratios) <= max(guider.ratios) <= 3 + 1e-4
    # references together, then a call for each of the two that are differentiated
    assert predictor.calls == 3 * STEPS
    assert (edited - plain).norm() < (run(toy, [free], noise) - plain).norm()


def test_guide_and_rescale_of_weight_0_is_plain_guidance(toy, inverted):
    noise, trajectory = inverted
    guider = GuideAndRescale(SOURCE, TARGET, EMPTY, "photo", 0.0, 0.0, low=0.0)
    free = ClassifierFree(TARGET, EMPTY, 3.0)
    edited = run(toy, [free, guider], noise, (), {"photo": trajectory})
    assert torch.allclose(edited, run(toy, [free], noise), atol=1e-9)


def edge_predictor():
    config = EdgePredictorConfig(("down.0.res", "mid.res", "up.0.res"), (16, 16, 16), 1, (16, 8))
    return EdgePredictor(config).eval().requires_grad_(False)


def test_sketch_guidance_lowers_the_edge_energy(toy, plain):
    edges, predictor = torch.randn(1, 1, 8, 8), edge_predictor()

    def energy(x):
        bus = silent_bus(x)
        record = Bus((Record("*.res", ("target",)),), Rows({"target": slice(0, 1)}), bus.step)
        toy(x, 0, TARGET, record)
        features = [bus.step.seen["target", site] for site in predictor.config.taps]
        return float((predictor(features, torch.zeros(1), (8, 8)) - edges).square().sum())

    guided = run(toy, [Conditional(TARGET), SketchGuidance(predictor, edges, 1.6, 0.0)], latent(0))
    assert energy(guided) < energy(plain)


def test_low_pass_ends_in_the_references_low_band():
    toy = ToyDenoiser(extra=4)
    strokes, reference = latent(5), latent(6)

    def told(sketch, stroke):
        channels = torch.cat([strokes[:, :1] * sketch, strokes[:, 1:] * stroke], 1)
        return Condition(text=SOURCE.text, channels=channels)

    low_pass = LowPass(reference, SCHEDULE, 4)
    both = TwoDimensionalGuidance(told(1, 1), told(0, 1), told(1, 0), 1.0, 1.0)
    picture = run(toy, [both, low_pass], latent(0))
    assert torch.allclose(low_pass.low(picture), low_pass.low(reference), atol=1e-9)


def test_two_dimensional_guidance_of_scale_0_is_the_sample_with_both():
    toy = ToyDenoiser(extra=4)
    both = Condition(text=SOURCE.text, channels=latent(5))
    other = Condition(text=SOURCE.text, channels=latent(7))
    guided = run(toy, [TwoDimensionalGuidance(both, other, other, 0.0, 0.0)], latent(0))
    assert torch.allclose(guided, run(toy, [Conditional(both)], latent(0)), atol=1e-10)


def test_nothing_is_left_on_the_model(toy, plain):
    assert torch.equal(run(toy, [Conditional(TARGET)], latent(0)), plain)


def test_an_editor_and_sketch_guidance_work_together(toy, inverted):
    noise, trajectory = inverted
    sketch = SketchGuidance(edge_predictor(), torch.randn(1, 1, 8, 8), 1.0, 0.5)
    guiders = [Conditional(TARGET), Watch(SOURCE, "photo"), sketch]
    both = run(toy, guiders, noise, [TAPS[0]], {"photo": trajectory})
    only = run(toy, guiders[:2], noise, [TAPS[0]], {"photo": trajectory})
    assert torch.isfinite(both).all()
    assert not torch.allclose(both, only, atol=1e-3)
