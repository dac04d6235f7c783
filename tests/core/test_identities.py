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
from palitra.guiders.source import Watch
from palitra.models.edge_predictor import EdgePredictor, EdgePredictorConfig
from palitra.samplers.ddim import DDIM
from palitra.taps.masactrl import MutualSelfAttention
from tests.core.prototype_methods import IPAdapter, LowPass, TwoDimensionalGuidance
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


def test_ip_adapter_at_scale_0_is_the_identity_and_at_1_acts(toy, plain):
    blocks = ("down.0", "mid", "up.0", "up.1")
    projections = {f"{b}.cross": nn.Linear(6, 32).double().requires_grad_(False) for b in blocks}
    tokens = torch.randn(1, 4, 6, dtype=torch.float64)

    def adapted(scale):
        return run(toy, [Conditional(TARGET)], latent(0), [IPAdapter(tokens, projections, scale)])

    assert torch.allclose(adapted(0.0), plain, atol=1e-10)
    assert not torch.allclose(adapted(1.0), plain, atol=1e-3)


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
    guiders = [Conditional(TARGET), Watch(SOURCE), sketch]
    editor = MutualSelfAttention(["up.0.self.attend", "up.1.self.attend"], readers=("target",))
    both = run(toy, guiders, noise, [editor], {"photo": trajectory})
    only = run(toy, guiders[:2], noise, [editor], {"photo": trajectory})
    assert torch.isfinite(both).all()
    assert not torch.allclose(both, only, atol=1e-3)
