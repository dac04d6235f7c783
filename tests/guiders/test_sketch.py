import pytest
import torch

from palitra.core.balance import norms
from palitra.core.compose import check
from palitra.core.loop import sample
from palitra.core.predictor import Predictor
from palitra.core.progress import Hooks
from palitra.core.schedule import Schedule
from palitra.errors import InputError
from palitra.guiders.cfg import ClassifierFree
from palitra.guiders.sketch import SketchGuidance, stroke_band
from palitra.models.edge_predictor import EdgePredictor, EdgePredictorConfig
from palitra.samplers.ddim import DDIM
from palitra.samplers.dpm_multistep import DPMSolverMultistep
from palitra.samplers.euler import Euler
from palitra.samplers.heun import Heun
from tests.models.tiny_unet import bus, denoiser, latents, words

SCHEDULE = Schedule.cosine(zero_terminal_snr=True)
TIMES = SCHEDULE.times(6, "trailing")
TAPS = ("down.0.res.0", "mid.res.0", "up.0.upsample")


@pytest.fixture(scope="module")
def network():
    return denoiser()


@pytest.fixture(scope="module")
def edges():
    torch.manual_seed(5)
    config = EdgePredictorConfig(TAPS, (8, 16, 16), 4, (16, 8))
    return EdgePredictor(config).eval().requires_grad_(False)


def target(batch=1):
    return torch.randn(batch, 4, 8, 8, generator=torch.Generator().manual_seed(9))


def guidance(*more):
    return [ClassifierFree(words(1), words(2), 3.0), *more]


def run(network, guiders, x=None, sampler=None, **options):
    x = latents(0) if x is None else x
    sampler = sampler or DDIM(SCHEDULE)
    return sampler.image(sample(sampler, Predictor(network, SCHEDULE, guiders), x, TIMES, **options))


@pytest.mark.parametrize("options", [{"beta": 0.0}, {"beta": 1.6, "stop": 1.0}])
def test_no_strength_is_the_plain_sampler_bit_for_bit(network, edges, options):
    sketch = SketchGuidance(edges, target(), **options)
    assert torch.equal(run(network, guidance(sketch)), run(network, guidance()))
    assert sketch.errors is None


def test_a_weight_of_0_everywhere_is_the_plain_sampler(network, edges):
    sketch = SketchGuidance(edges, target(), 1.6, 0.0, torch.zeros(1, 1, 8, 8))
    assert torch.allclose(run(network, guidance(sketch)), run(network, guidance()), atol=1e-5)
    assert sketch.skipped == len(TIMES) - 1


def test_it_acts(network, edges):
    sketch = SketchGuidance(edges, target(), 1.6, 0.5)
    assert not torch.allclose(run(network, guidance(sketch)), run(network, guidance()), atol=1e-2)
    assert sketch.skipped == 0


@pytest.mark.parametrize(("stop", "guided"), [(0.0, 6), (0.5, 3), (0.2, 5), (0.9, 1), (1.0, 0)])
def test_the_last_share_of_the_steps_stays_unguided(network, edges, stop, guided):
    sketch = SketchGuidance(edges, target(), 1.0, stop)
    assert [sketch.acts(i, 6) for i in range(6)] == [True] * guided + [False] * (6 - guided)
    predictor = Predictor(network, SCHEDULE, guidance(sketch))
    sample(DDIM(SCHEDULE), predictor, latents(0), TIMES)
    assert predictor.calls == 6 + guided


def energy(network, edges, x, t=500):
    asked = bus(x, *SketchGuidance(edges, target(), 1.0).taps)
    asked.step.t = t
    network(x, t, words(1), asked)
    return SketchGuidance(edges, target(), 1.0).energy(asked.step)


def test_the_energy_falls_after_a_tiny_step_along_the_gradient(network, edges):
    x = latents(0, 3)
    predictor = Predictor(network, SCHEDULE, guidance(SketchGuidance(edges, target(), 1.0)))
    predictor(x, 500, 0, 6)
    (waiting,) = predictor.latent_gradients
    g = waiting.gradient
    h = 1e-2 / norms(g)
    now, then = energy(network, edges, x), energy(network, edges, x - h * g)
    # to first order the fall is h |g|^2
    expected = (h * norms(g) ** 2).flatten()
    assert torch.allclose(now - then, expected, rtol=0.05)


def test_the_shift_is_beta_steps_long_in_every_sample(network, edges):
    class Noted(SketchGuidance):
        def balance(self, gradient, step, merged, shift):
            made = super().balance(gradient, step, merged, shift)
            ratios.append((norms(made) / norms(shift)).flatten())
            return made

    ratios = []
    run(network, guidance(Noted(edges, target(), 1.6, 0.0)), latents(0, 3))
    assert len(ratios) == 6
    assert torch.allclose(torch.stack(ratios), torch.full((6, 3), 1.6), rtol=1e-4)


@pytest.mark.parametrize("sampler", [DDIM, Euler, Heun, DPMSolverMultistep])
def test_a_batch_of_2_is_two_batches_of_1(network, edges, sampler):
    x, wanted = latents(0, 2), target(2)
    weight = torch.rand(2, 1, 8, 8)

    def picture(rows):
        sketch = SketchGuidance(edges, wanted[rows], 1.2, 0.3, weight[rows])
        return run(network, guidance(sketch), x[rows], sampler(SCHEDULE))

    both = picture(slice(0, 2))
    # float32 through six steps of guidance on an untrained network
    assert torch.allclose(both, torch.cat([picture(slice(0, 1)), picture(slice(1, 2))]), atol=1e-3)


def test_one_target_serves_the_whole_batch(network, edges):
    x = latents(0, 2)
    shared = run(network, guidance(SketchGuidance(edges, target(), 1.0)), x)
    each = run(network, guidance(SketchGuidance(edges, target().expand(2, -1, -1, -1), 1.0)), x)
    assert torch.equal(shared, each)


def test_errors_rank_the_samples(network, edges):
    sketch, seen = SketchGuidance(edges, target(), 1.0, 0.5), []
    run(network, guidance(sketch), latents(0, 3), hooks=Hooks(lambda event: seen.append(sketch.errors)))
    assert sketch.errors.shape == (3,)
    assert not sketch.errors.requires_grad
    assert (sketch.errors > 0).all()


def test_what_is_not_a_number_is_skipped_and_counted(network, edges):
    wanted = target(2).clone()
    wanted[0] = float("nan")
    sketch = SketchGuidance(edges, wanted, 1.0, 0.0)
    made = run(network, guidance(sketch), latents(0, 2))
    assert sketch.skipped == 6
    assert torch.isfinite(made).all()
    assert torch.allclose(made[:1], run(network, guidance(), latents(0, 2))[:1], atol=1e-4)


def test_a_multistep_run_is_ddim_while_it_is_guided(network, edges):
    sketch = SketchGuidance(edges, target(), 1.0, 0.5)
    multistep = DPMSolverMultistep(SCHEDULE)
    ddim = run(network, guidance(sketch), last=4)
    # zero SNR counts as abar 2^-24 there: a part in 4096 of the first step
    assert torch.allclose(run(network, guidance(sketch), sampler=multistep, last=4), ddim, atol=2e-3)
    whole = run(network, guidance(sketch))
    assert not torch.allclose(run(network, guidance(sketch), sampler=multistep), whole, atol=2e-3)


def test_it_composes_with_a_network_that_has_its_taps(network, edges):
    check(network, DDIM(SCHEDULE), guidance(SketchGuidance(edges, target(), 1.0)))


def test_bad_input_is_refused(edges):
    with pytest.raises(InputError, match=r"`stop` must be in \[0, 1\], got 1\.2"):
        SketchGuidance(edges, target(), 1.0, 1.2)
    with pytest.raises(InputError, match="`beta` must be at least 0, got -1"):
        SketchGuidance(edges, target(), -1.0)


def test_the_stroke_band_is_1_at_strokes_a_half_at_the_radius_and_0_at_twice_that():
    lines = torch.zeros(1, 1, 100, 100)
    lines[:, :, 50] = 1
    column = stroke_band(lines, (100, 100), radius=0.1)[0, 0, :, 30]
    assert column[50] == 1
    assert column[40] == pytest.approx(0.5, abs=0.05)
    assert column[:30].max() == 0
    assert (column[:51].diff() >= -1e-6).all()
    small = stroke_band(lines, (16, 12))
    assert small.shape == (1, 1, 16, 12)
    assert 0 <= small.min() <= small.max() <= 1


def test_an_empty_sketch_binds_nowhere():
    assert stroke_band(torch.zeros(2, 1, 32, 32), (8, 8)).abs().max() == 0
