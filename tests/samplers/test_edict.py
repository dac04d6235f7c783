import pytest
import torch
from diffusers import DDIMScheduler

from palitra.core.compose import check
from palitra.core.guider import Guider
from palitra.core.loop import invert, sample
from palitra.core.parametrise import Prediction
from palitra.core.predictor import Predictor
from palitra.core.schedule import Schedule
from palitra.errors import ComposeError, InputError
from palitra.guiders.cfg import ClassifierFree
from palitra.models.diffusers_unet import DiffusersUNet
from palitra.samplers.ddim import DDIM
from palitra.samplers.edict import EDICT, Pair
from tests.core.toy import ToyDenoiser, latent, text
from tests.models.tiny_unet import latents, tiny_unet, words

SCHEDULE = Schedule.scaled_linear(final_abar=None)
TIMES = SCHEDULE.times(50)


def predictor(denoiser, conditions=None):
    condition, empty = conditions or (text(1), text(2))
    return Predictor(denoiser, SCHEDULE, [ClassifierFree(condition, empty, 3.0)])


def round_trip(sampler, asked, photo, times=TIMES, first=0):
    pair, path = invert(sampler, asked, photo, times, first=first)
    assert len(path) == len(times) - first
    return sample(sampler, asked, pair, times, first=first)


@pytest.mark.parametrize(("kind", "dtype"), [("epsilon", torch.bfloat16), ("v_prediction", torch.float32)])
def test_a_round_trip_through_a_network_of_lower_precision_is_exact(kind, dtype):
    """40 of 50 steps: 1e-15 of float64 times at most 0.93^-80 = 333."""
    denoiser = DiffusersUNet(tiny_unet().to(dtype), kind)
    asked = predictor(denoiser, (words(1), words(2)))
    photo = latents(0, 2)
    made = round_trip(EDICT(SCHEDULE, first=10), asked, photo, first=10)
    assert made.x.dtype == torch.float64
    assert (made.x - photo).abs().max() <= 1e-10
    assert (made.y - photo).abs().max() <= 1e-10
    # both directions ask twice a step, and a pair of branches is one call
    assert (asked.calls, asked.samples) == (160, 160 * 2 * 2)


def test_ddim_is_not_exact_where_edict_is():
    asked, times = predictor(ToyDenoiser("v_prediction")), SCHEDULE.times(10)
    errors = []
    for sampler in (EDICT(SCHEDULE), DDIM(SCHEDULE)):
        made = sampler.image(round_trip(sampler, asked, latent(0), times))
        errors.append(float((made - latent(0)).abs().max()))
    assert errors[0] < 1e-12 < 1e-3 < errors[1]


def line(x):
    """A stand-in for the network: the noise it sees in a latent."""
    return (x * 1.3).sin()


def asked_for(seen):
    def predict(x, t, index, count, stage=0):
        seen.append((t, stage))
        return Prediction(x, line(x))

    return predict


def ddim_move(x, eps, t, u):
    """diffusers' step of stride t - u."""
    scheduler = DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        set_alpha_to_one=False,
        clip_sample=False,
    )
    scheduler.set_timesteps(50)
    assert t - u == 20
    return scheduler.step(eps, t, x).prev_sample


@pytest.mark.parametrize("index", [10, 11])
def test_a_step_is_two_moves_and_two_mixes(index):
    """Even steps of the walk move x first, odd ones y; the mixes never alternate."""
    x, y, p, seen = latent(0), latent(1), 0.93, []
    made = EDICT(SCHEDULE, p, first=10).step(asked_for(seen), Pair(x, y), 500, 480, index, 50)
    if index == 10:
        one = ddim_move(x, line(y), 500, 480)
        two = ddim_move(y, line(one), 500, 480)
    else:
        two = ddim_move(y, line(x), 500, 480)
        one = ddim_move(x, line(two), 500, 480)
    mixed = p * one + (1 - p) * two
    # diffusers makes its schedule in float32
    assert torch.allclose(made.x, mixed, atol=1e-5)
    assert torch.allclose(made.y, p * two + (1 - p) * mixed, atol=1e-5)
    assert seen == [(500, 0), (500, 1)]


def test_back_asks_at_the_noisier_time_and_undoes_the_step():
    sampler, seen, pair = EDICT(SCHEDULE), [], Pair(latent(0), latent(1))
    for index in (0, 1):
        made = sampler.step(asked_for([]), pair, 500, 480, index, 50)
        undone = sampler.back(asked_for(seen), made, 480, 500, index, 50)
        assert torch.allclose(undone.x, pair.x, atol=1e-13)
        assert torch.allclose(undone.y, pair.y, atol=1e-13)
    assert seen == [(500, 0), (500, 1)] * 2


def test_without_mixing_the_two_go_their_own_ways():
    pair = Pair(latent(0), latent(1))
    made = EDICT(SCHEDULE, mix=1.0).step(asked_for([]), pair, 500, 480, 0, 50)
    assert torch.allclose(made.x, ddim_move(pair.x, line(pair.y), 500, 480), atol=1e-5)


def test_rows_of_a_pair():
    pair = EDICT(SCHEDULE).start(latents(0, 3))
    picked = EDICT(SCHEDULE).rows(pair, [2])
    assert pair.x.dtype == torch.float64
    assert torch.equal(picked.x, pair.x[2:])
    assert torch.equal(picked.y, pair.y[2:])


class Moves(Guider):
    def project(self, x, u, index, count):
        return x + 1


def test_what_moves_the_latent_is_refused():
    toy = ToyDenoiser()
    with pytest.raises(ComposeError, match="Moves moves the latent and EDICT couples two"):
        check(toy, EDICT(SCHEDULE), [ClassifierFree(text(1), text(2), 3.0), Moves()])
    with pytest.raises(ComposeError, match="couples two"):
        EDICT(SCHEDULE).replace(EDICT(SCHEDULE).start(latent(0)), latent(0))


@pytest.mark.parametrize("mix", [0, -1, 1.5])
def test_a_mix_out_of_bounds_is_refused(mix):
    with pytest.raises(InputError, match=rf"`mix` must be in \(0, 1\], got {mix}"):
        EDICT(SCHEDULE, mix)
