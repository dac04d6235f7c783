import pytest
import torch

from palitra.core.branch import Branch
from palitra.core.guider import Guider
from palitra.core.predictor import Predictor
from palitra.core.rows import Rows
from palitra.core.schedule import Schedule
from palitra.core.tap import Bus, Record
from palitra.guiders.cfg import ClassifierFree, Conditional
from tests.core.toy import ToyDenoiser, latent, silent_bus, text

SCHEDULE = Schedule.scaled_linear()
A, B = text(1), text(2)


@pytest.fixture(scope="module")
def toy():
    return ToyDenoiser()


class FeatureEnergy(Guider):
    """Squares of what one site holds; `seen_at` are the steps at which it was asked."""

    gradient_branches = ("target",)

    def __init__(self, site="mid.res", into="latent", until=100, uses_prediction=False, weight=1.0):
        self.taps = (Record(site, ("target",)),)
        self.site, self.into, self.until, self.uses_prediction = site, into, until, uses_prediction
        self.weight = weight
        self.balanced = []

    def acts(self, index, count):
        return index < self.until

    def energy(self, step):
        value = step.predictions["target"].x0 if self.uses_prediction else step.seen["target", self.site]
        return self.weight * value.square().flatten(1).sum(1)

    def balance(self, gradient, step, merged, shift):
        self.balanced.append(gradient)
        return gradient


def test_nothing_acting_is_one_call(toy):
    predictor = Predictor(toy, SCHEDULE, [ClassifierFree(A, B, 3.0), FeatureEnergy(until=0)])
    predictor(latent(0, 2), 500, 0, 10)
    assert (predictor.calls, predictor.samples) == (1, 4)
    assert predictor.latent_gradients == []


def test_an_energy_makes_it_two_calls_however_many_branches_and_energies(toy):
    more = Conditional(A, "third")
    energies = [FeatureEnergy(), FeatureEnergy("up.0.res", "prediction")]
    predictor = Predictor(toy, SCHEDULE, [ClassifierFree(A, B, 3.0), more, *energies])
    toy.seen_batches.clear()
    predictor(latent(0, 2), 500, 0, 10)
    assert predictor.calls == 2
    # uncond and third without gradient first, then the target alone
    assert toy.seen_batches == [4, 2]


def test_a_branch_named_twice_runs_once(toy):
    predictor = Predictor(toy, SCHEDULE, [ClassifierFree(A, B, 3.0), Conditional(A)])
    predictor(latent(0), 500, 0, 10)
    assert predictor.samples == 2


def test_guided_prediction_is_the_formula_of_two_single_ones(toy):
    x = latent(0, 2)
    c, u = (Predictor(toy, SCHEDULE, [Conditional(k)])(x, 500, 0, 10) for k in (A, B))
    g = Predictor(toy, SCHEDULE, [ClassifierFree(A, B, 3.0)])(x, 500, 0, 10)
    assert torch.allclose(g.eps, u.eps + 3 * (c.eps - u.eps), atol=1e-12)
    assert torch.allclose(g.x0, u.x0 + 3 * (c.x0 - u.x0), atol=1e-10)


@pytest.mark.parametrize("site", ["mid.res", "up.1.cross.probs"])
def test_the_conditional_gradient_is_that_of_the_whole_batch(toy, site):
    x = latent(0, 2)
    predictor = Predictor(toy, SCHEDULE, [ClassifierFree(A, B, 3.0), FeatureEnergy(site)])
    predictor(x, 500, 0, 10)
    (waiting,) = predictor.latent_gradients

    both = torch.cat([x, x]).requires_grad_()
    rows = Rows({"uncond": slice(0, 2), "target": slice(2, 4)})
    step = silent_bus(both).step
    condition = type(A)(text=torch.cat([B.text.expand(2, -1, -1), A.text.expand(2, -1, -1)]))
    toy(both, 500, condition, Bus((Record(site, ("target",)),), rows, step))
    energy = step.seen["target", site].square().sum()
    (whole,) = torch.autograd.grad(energy, both)
    assert whole[:2].abs().max() == 0
    assert torch.allclose(waiting.gradient, whole[2:], rtol=1e-9, atol=1e-12)


def test_the_gradient_is_that_of_finite_differences(toy):
    x, direction = latent(0), latent(1)
    guider = FeatureEnergy("up.0.res")
    predictor = Predictor(toy, SCHEDULE, [Conditional(A), guider])
    predictor(x, 500, 0, 10)
    slope = float((predictor.latent_gradients[0].gradient * direction).sum())

    def energy(z):
        bus = silent_bus(z)
        toy(z, 500, A, Bus((Record("up.0.res", ("target",)),), bus.rows, bus.step))
        return float(bus.step.seen["target", "up.0.res"].square().sum())

    h = 1e-5
    assert slope == pytest.approx((energy(x + h * direction) - energy(x - h * direction)) / (2 * h), rel=1e-6)


def test_two_energies_of_one_graph_each_have_their_own_gradient(toy):
    x = latent(0)

    def alone(guider):
        predictor = Predictor(toy, SCHEDULE, [Conditional(A), guider])
        predictor(x, 500, 0, 10)
        return predictor.latent_gradients[0].gradient

    pair = [FeatureEnergy("down.0.res"), FeatureEnergy("up.1.res")]
    predictor = Predictor(toy, SCHEDULE, [Conditional(A), *pair])
    predictor(x, 500, 0, 10)
    for waiting, guider in zip(predictor.latent_gradients, pair, strict=True):
        assert waiting.guider is guider
        assert torch.allclose(waiting.gradient, alone(guider), atol=1e-12)


def test_a_gradient_into_the_prediction_moves_noise_and_picture_together(toy):
    x = latent(0)
    plain = Predictor(toy, SCHEDULE, [Conditional(A)])(x, 500, 0, 10)
    guider = FeatureEnergy(into="prediction")
    guided = Predictor(toy, SCHEDULE, [Conditional(A), guider])(x, 500, 0, 10)
    abar = SCHEDULE.signal(500)
    assert torch.allclose(guided.eps, plain.eps + guider.balanced[0], atol=1e-12)
    assert torch.allclose(abar**0.5 * guided.x0 + (1 - abar) ** 0.5 * guided.eps, x, atol=1e-10)


def test_an_energy_of_the_prediction_is_differentiated_through_the_whole_network(toy):
    predictor = Predictor(toy, SCHEDULE, [Conditional(A), FeatureEnergy(uses_prediction=True)])
    predictor(latent(0), 500, 0, 10)
    assert predictor.latent_gradients[0].gradient.norm() > 0


def test_an_energy_that_has_nothing_to_do_steers_nothing(toy):
    class Silent(FeatureEnergy):
        def energy(self, step):
            return None

    x = latent(0)
    predictor = Predictor(toy, SCHEDULE, [Conditional(A), Silent()])
    guided = predictor(x, 500, 0, 10)
    assert predictor.latent_gradients == []
    assert torch.allclose(guided.eps, Predictor(toy, SCHEDULE, [Conditional(A)])(x, 500, 0, 10).eps)


def test_the_second_stage_keeps_the_gradient_of_the_first(toy):
    predictor = Predictor(toy, SCHEDULE, [ClassifierFree(A, B, 3.0), FeatureEnergy()])
    predictor(latent(0), 500, 0, 10)
    first = list(predictor.latent_gradients)
    predictor(latent(1), 400, 0, 10, 1)
    assert predictor.latent_gradients == first
    # two calls for the first answer, one for the second, which needs no gradient
    assert predictor.calls == 3


@pytest.mark.parametrize("uses_prediction", [False, True])
def test_no_graph_outlives_the_step(toy, uses_prediction):
    energy = FeatureEnergy(uses_prediction=uses_prediction)
    predictor = Predictor(toy, SCHEDULE, [ClassifierFree(A, B, 3.0), energy])
    x = latent(0)
    made = predictor(x, 500, 0, 10)
    (waiting,) = predictor.latent_gradients
    kept = [made.x0, made.eps, waiting.gradient, waiting.step.x, *waiting.step.seen.values()]
    kept += [v for p in waiting.step.predictions.values() for v in (p.x0, p.eps)]
    assert not any(v.requires_grad for v in kept)
    assert not x.requires_grad


def test_a_recorded_trajectory_is_read_at_the_steps_index(toy):
    trajectory = [latent(i) for i in range(4)]

    class Both(Guider):
        branches = (Branch("target", A), Branch("photo", A, "photo"))

        def combine(self, step, merged):
            return step.predictions["photo"]

    predictor = Predictor(toy, SCHEDULE, [Both()], (), {"photo": trajectory})
    alone = Predictor(toy, SCHEDULE, [Conditional(A)])
    for index in (0, 2):
        read = predictor(latent(9), 500, index, 3)
        assert torch.allclose(read.eps, alone(trajectory[index], 500, index, 3).eps, atol=1e-12)


def test_taps_of_resting_guiders_are_not_installed(toy):
    class Shout:
        sites = "mid.res"

        def __call__(self, site, value, rows, step):
            return value * 100

    guider = FeatureEnergy(until=1)
    guider.taps = (Shout(), *guider.taps)
    x, plain = latent(0), Predictor(toy, SCHEDULE, [Conditional(A)])
    predictor = Predictor(toy, SCHEDULE, [Conditional(A), guider])
    assert not torch.allclose(predictor(x, 500, 0, 10).eps, plain(x, 500, 0, 10).eps)
    assert torch.equal(predictor(x, 500, 1, 10).eps, plain(x, 500, 1, 10).eps)


def test_guidance_works_inside_no_grad(toy):
    with torch.no_grad():
        predictor = Predictor(toy, SCHEDULE, [Conditional(A), FeatureEnergy()])
        predictor(latent(0), 500, 0, 10)
    assert predictor.latent_gradients[0].gradient.norm() > 0


def test_a_batch_is_its_samples(toy):
    x = latent(0, 3)
    make = lambda: Predictor(toy, SCHEDULE, [ClassifierFree(A, B, 3.0), FeatureEnergy()])  # noqa: E731
    predictor = make()
    together = predictor(x, 500, 0, 10)
    for i in range(3):
        single = make()
        assert torch.allclose(single(x[i : i + 1], 500, 0, 10).eps[0], together.eps[i], atol=1e-12)
        assert torch.allclose(
            single.latent_gradients[0].gradient[0], predictor.latent_gradients[0].gradient[i], rtol=1e-9
        )
