import pytest
import torch
from diffusers import DDIMScheduler

from palitra.core.loop import sample
from palitra.core.parametrise import Prediction
from palitra.core.predictor import Predictor
from palitra.core.rng import Noise
from palitra.core.schedule import Schedule
from palitra.guiders.cfg import ClassifierFree
from palitra.models.diffusers_unet import DiffusersUNet
from palitra.samplers.edit_friendly import EditFriendlyDDPM, ancestral_mean, edit_friendly_inversion
from palitra.samplers.independent_latents import AcrossTimes, guided_terms
from tests.core.toy import latent
from tests.models.tiny_unet import latents, tiny_unet, words

# as Stable Diffusion: the last move of this schedule stands still
SCHEDULE = Schedule.scaled_linear(final_abar=None)
TIMES = SCHEDULE.times(50)


@pytest.fixture(scope="module")
def network():
    return DiffusersUNet(tiny_unet(), "v_prediction")


def inverted(network, schedule=SCHEDULE, first=4, scale=3.5, **options):
    times = schedule.times(12)
    ask = AcrossTimes(network, schedule, guided_terms(words(1, 2), words(2), scale))
    path, residues = edit_friendly_inversion(ask, latents(0, 2), times, Noise([1, 2]), first, **options)
    guide = ClassifierFree(words(1, 2), words(2), scale)
    made = sample(
        EditFriendlyDDPM(schedule, residues, first),
        Predictor(network, schedule, [guide]),
        path[0],
        times,
        first=first,
    )
    return ask, path, residues, made


@pytest.mark.parametrize("final", [None, 1.0])
def test_the_same_words_give_the_photo_back(network, final):
    _, path, residues, made = inverted(network, Schedule.scaled_linear(final_abar=final))
    assert len(path) == len(residues) + 1 == 9
    assert torch.equal(path[-1], latents(0, 2))
    # float32, batches of another size
    assert torch.allclose(made, latents(0, 2), atol=1e-5)


def test_only_the_steps_that_are_made_are_paid_for(network):
    ask, *_ = inverted(network, first=4)
    assert ask.samples == (12 - 4) * 2 * 2


def test_as_published_the_last_move_has_no_noise(network):
    _, path, residues, made = inverted(network, official=True)
    assert torch.equal(residues[-1], torch.zeros_like(residues[-1]))
    # a move that stands still leaves the noise of time 0, sqrt(1 - .99915) = .029
    assert torch.allclose(made, path[-2], atol=1e-5)
    assert 0 < (made - latents(0, 2)).abs().max() < 0.2


def test_steps_are_the_ancestral_ones_of_diffusers():
    scheduler = DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        set_alpha_to_one=False,
        clip_sample=False,
    )
    scheduler.set_timesteps(50)
    x, eps, z = latent(0), latent(1), latent(2)
    for t, u in ((980, 960), (500, 480), (20, 0)):
        a, b = float(SCHEDULE.abar[t]), float(SCHEDULE.abar[u])
        theirs = scheduler.step(eps, t, x, eta=1.0, variance_noise=z).prev_sample
        sigma = ((1 - b) / (1 - a) * (1 - a / b)) ** 0.5
        p = Prediction((x - (1 - a) ** 0.5 * eps) / a**0.5, eps)
        sampler = EditFriendlyDDPM(SCHEDULE, [sigma * z], first=7)
        made = sampler.step(lambda *_, p=p: p, x, t, u, 7, 50)
        # diffusers makes its schedule in float32, and x0 is eps over sqrt(abar) here
        assert torch.allclose(made, theirs, atol=1e-4)


def test_the_mean_is_that_of_the_posterior():
    """q(x_u | x_t, x0) of DDPM, eq. 7, for a stride of several steps."""
    x0, eps = latent(0), latent(1)
    for t, u in ((999, 900), (300, 260), (1, 0)):
        a, b = float(SCHEDULE.abar[t]), float(SCHEDULE.abar[u])
        x = a**0.5 * x0 + (1 - a) ** 0.5 * eps
        ratio = a / b
        mean = b**0.5 * (1 - ratio) / (1 - a) * x0 + ratio**0.5 * (1 - b) / (1 - a) * x
        assert torch.allclose(ancestral_mean(Prediction(x0, eps), a, b), mean, atol=1e-12)


def test_kept_noise_is_larger_than_drawn_noise(network):
    """Neighbouring latents are independent, so what leads from one to the next varies more (section 3)."""
    _, _, residues, _ = inverted(network, first=0)
    times = SCHEDULE.times(12)
    for i in (2, 5, 8):
        a, b = (float(SCHEDULE.abar[t]) for t in times[i : i + 2])
        sigma = ((1 - b) / (1 - a) * (1 - a / b)) ** 0.5
        assert (residues[i] / sigma).std() > 1.1
