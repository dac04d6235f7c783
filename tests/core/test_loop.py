import pytest
import torch

from palitra.core.guider import Guider
from palitra.core.loop import invert, sample
from palitra.core.predictor import Predictor
from palitra.core.progress import Hooks
from palitra.core.rng import Noise
from palitra.core.schedule import Schedule
from palitra.errors import Cancelled
from palitra.guiders.cfg import Conditional
from palitra.samplers.ddim import DDIM
from palitra.samplers.ddpm import DDPM
from palitra.samplers.dpm_multistep import DPMSolverMultistep
from palitra.samplers.euler import Euler
from palitra.samplers.heun import Heun
from tests.core.test_predictor import FeatureEnergy
from tests.core.toy import ToyDenoiser, latent, text

SCHEDULE = Schedule.scaled_linear()
TIMES = SCHEDULE.times(8, "trailing")
SAMPLERS = {
    "ddim": DDIM(SCHEDULE),
    "ddim eta 1": DDIM(SCHEDULE, 1.0),
    "ddpm": DDPM(SCHEDULE),
    "ddpm large": DDPM(SCHEDULE, "large"),
    "euler": Euler(SCHEDULE),
    "euler ancestral": Euler(SCHEDULE, 1.0),
    "heun": Heun(SCHEDULE),
    "dpm": DPMSolverMultistep(SCHEDULE),
}
every_sampler = pytest.mark.parametrize("sampler", SAMPLERS.values(), ids=SAMPLERS)


@pytest.fixture(scope="module")
def toy():
    # velocities keep an untrained network's latents of order 1
    return ToyDenoiser("v_prediction")


def predictor(toy, *more):
    return Predictor(toy, SCHEDULE, [Conditional(text(1)), *more])


def start(seeds):
    noise = Noise(seeds)
    return noise.normal((4, 8, 8), torch.float64), noise


@every_sampler
def test_a_picture_does_not_depend_on_its_batch_mates(toy, sampler):
    x, noise = start([3, 4, 5])
    together = sampler.image(sample(sampler, predictor(toy), x, TIMES, noise))
    for row, seed in enumerate((3, 4, 5)):
        x, noise = start([seed])
        alone = sampler.image(sample(sampler, predictor(toy), x, TIMES, noise))
        assert torch.allclose(alone[0], together[row], atol=1e-10)
    assert (together[0] - together[1]).norm() > 1


@every_sampler
def test_a_run_resumed_in_the_middle_is_the_whole_run(toy, sampler):
    x, noise = start([3, 4])
    whole = sample(sampler, predictor(toy), x, TIMES, noise)
    x, noise = start([3, 4])
    half = sample(sampler, predictor(toy), x, TIMES, noise, last=3)
    rest = sample(sampler, predictor(toy), half, TIMES, noise, first=3)
    assert torch.equal(sampler.image(rest), sampler.image(whole))


@every_sampler
def test_the_last_latent_is_clean_and_finite(toy, sampler):
    for schedule_times in (TIMES, SCHEDULE.times(1, "trailing"), SCHEDULE.times(8, "leading", 1)):
        x, noise = start([3])
        events = []
        made = sample(sampler, predictor(toy), x, schedule_times, noise, Hooks(events.append))
        assert torch.isfinite(sampler.image(made)).all()
        # nothing is left to remove: the latent is what the last answer believed
        assert torch.allclose(sampler.image(made), events[-1].x0, atol=1e-9)


@every_sampler
def test_the_given_latent_is_left_alone(toy, sampler):
    x, noise = start([3])
    before = x.clone()
    sample(sampler, predictor(toy, FeatureEnergy(weight=1e-3)), x, TIMES, noise)
    assert torch.equal(x, before)
    assert not x.requires_grad


def test_events_tell_every_step(toy):
    events = []
    made = sample(DDIM(SCHEDULE), predictor(toy), latent(0), TIMES, hooks=Hooks(events.append))
    assert [e.index for e in events] == list(range(8))
    assert {e.count for e in events} == {8}
    assert [e.t for e in events] == TIMES[:-1]
    assert torch.equal(events[-1].latent, made)
    assert all(e.x0.shape == made.shape for e in events)


def test_cancelling_stops_before_the_next_step(toy):
    events = []
    hooks = Hooks(events.append, lambda: len(events) == 3)
    with pytest.raises(Cancelled, match="stopped on request after step 3 of 8"):
        sample(DDIM(SCHEDULE), predictor(toy), latent(0), TIMES, hooks=hooks)
    assert len(events) == 3


def test_cancelling_stops_an_inversion(toy):
    asked = []
    hooks = Hooks(cancelled=lambda: asked.append(1) or len(asked) > 2)
    with pytest.raises(Cancelled, match="stopped on request with 6 of 8 inversion steps to go"):
        invert(DDIM(SCHEDULE), predictor(toy), latent(0), TIMES, hooks)


def test_a_latent_gradient_is_added_after_the_step_and_balanced_against_it(toy):
    class Unit(FeatureEnergy):
        def balance(self, gradient, step, merged, shift):
            self.shift = shift
            return torch.full_like(gradient, 0.25)

    guider = Unit()
    plain = sample(DDIM(SCHEDULE), predictor(toy), latent(0), TIMES, last=1)
    guided = sample(DDIM(SCHEDULE), predictor(toy, guider), latent(0), TIMES, last=1)
    assert torch.allclose(guided, plain + 0.25, atol=1e-12)
    assert torch.allclose(guider.shift, plain - latent(0), atol=1e-12)


def test_two_latent_gradients_see_the_same_shift(toy):
    class Noted(FeatureEnergy):
        def balance(self, gradient, step, merged, shift):
            self.shift = shift
            return torch.ones_like(gradient)

    pair = [Noted(), Noted("up.0.res")]
    sample(DDIM(SCHEDULE), predictor(toy, *pair), latent(0), TIMES, last=1)
    assert torch.equal(pair[0].shift, pair[1].shift)


class Project(Guider):
    def __init__(self, until):
        self.until, self.calls = until, []

    def project(self, x, u, index, count):
        self.calls.append((u, index, count))
        return torch.zeros_like(x) if index < self.until else x


def test_projectors_see_the_next_time_and_replace_its_latent(toy):
    projector, events = Project(8), []
    made = sample(DDIM(SCHEDULE), predictor(toy, projector), latent(0), TIMES, hooks=Hooks(events.append))
    assert projector.calls == [(u, i, 8) for i, u in enumerate(TIMES[1:])]
    assert made.abs().max() == 0
    assert events[0].latent.abs().max() == 0


def test_a_multistep_history_is_forgotten_only_when_the_latent_was_changed(toy):
    sampler = DPMSolverMultistep(SCHEDULE)
    resting = sample(sampler, predictor(toy, Project(0)), latent(0), TIMES, last=3)
    changed = sample(sampler, predictor(toy, Project(3)), latent(0), TIMES, last=3)
    assert resting.x0 is not None
    assert changed.x0 is None


def test_the_trajectory_is_aligned_with_the_times(toy):
    x0 = latent(0)
    noise, trajectory = invert(DDIM(SCHEDULE), predictor(toy), x0, TIMES)
    assert len(trajectory) == len(TIMES)
    assert torch.equal(trajectory[-1], x0)
    assert torch.equal(trajectory[0], noise)


def test_an_inversion_may_end_half_way(toy):
    """Indices are those of the whole walk, as in `sample`."""
    whole = invert(DDIM(SCHEDULE), predictor(toy), start([0])[0], TIMES)[1]
    half, path = invert(DDIM(SCHEDULE), predictor(toy), start([0])[0], TIMES, first=3)
    assert torch.equal(half, whole[3])
    assert len(path) == len(whole) - 3
