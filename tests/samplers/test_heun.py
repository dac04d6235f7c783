import pytest
import torch

from palitra.core.loop import sample
from palitra.core.schedule import Schedule
from palitra.samplers.euler import Euler
from palitra.samplers.heun import Heun
from tests.core.toy import GaussianDenoiser, latent
from tests.samplers.analytic import Unguided, error, order

SCHEDULE = Schedule.scaled_linear()


def test_convergence_is_of_second_order():
    assert order(Heun) == pytest.approx(2, abs=0.15)


def test_it_beats_euler_at_equal_network_calls():
    assert error(Heun, 64) < error(Euler, 32) / 3


def test_n_steps_cost_2n_minus_1_answers():
    predictor = Unguided(GaussianDenoiser(SCHEDULE))
    sample(Heun(SCHEDULE), predictor, latent(0), SCHEDULE.times(10, "trailing"))
    assert predictor.calls == 19


def test_the_second_answer_is_asked_at_the_next_time_as_stage_1():
    gaussian, asked = GaussianDenoiser(SCHEDULE), []

    def predict(x, t, index, count, stage=0):
        asked.append((t, index, count, stage))
        return gaussian.predict(x, t, index, count)

    Heun(SCHEDULE).step(predict, latent(0), 700, 600, 3, 10)
    assert asked == [(700, 3, 10, 0), (600, 3, 10, 1)]


@pytest.mark.parametrize("zero", [True, False])
def test_the_first_step_of_a_cosine_schedule_is_as_good_as_eulers(zero):
    """The trapezoid rule over the sigmas from 4096 to 12 was off by 0.8 of a latent's deviation."""
    schedule = Schedule.cosine(zero_terminal_snr=zero)
    gaussian = GaussianDenoiser(schedule)
    made = Heun(schedule).step(gaussian.predict, latent(0, dtype=torch.float32), 999, 949, 0, 20)
    assert (made - gaussian.flow(latent(0), 999, 949)).abs().max() < 0.1


def test_a_whole_walk_from_zero_snr_beats_euler():
    schedule = Schedule.cosine(zero_terminal_snr=True)
    gaussian, times = GaussianDenoiser(schedule), schedule.times(20, "trailing")
    exact = gaussian.flow(latent(0), 999, -1)
    heun, euler = (
        float((sample(make(schedule), Unguided(gaussian), latent(0), times) - exact).norm())
        for make in (Heun, Euler)
    )
    assert heun < euler / 2
