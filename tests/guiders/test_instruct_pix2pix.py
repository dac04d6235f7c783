import pytest
import torch

from palitra.core.condition import Condition
from palitra.core.predictor import Predictor
from palitra.core.schedule import Schedule
from palitra.guiders.instruct_pix2pix import InstructionAndPhoto
from tests.core.toy import ToyDenoiser, latent, text

SCHEDULE = Schedule.scaled_linear()
PHOTO = latent(5, 2)


@pytest.fixture(scope="module")
def toy():
    return ToyDenoiser(extra=4)


def asked(toy, text_scale, image_scale):
    guide = InstructionAndPhoto(text(1, 2), text(2), PHOTO, text_scale, image_scale)
    predictor = Predictor(toy, SCHEDULE, [guide])
    made = predictor(latent(0, 2), 500, 0, 10)
    assert (predictor.calls, predictor.samples) == (1, 6)
    return made


def alone(toy, words, photo):
    condition = Condition(text=words.text, channels=photo).expand(2)
    return toy(latent(0, 2), 500, condition)


@pytest.mark.parametrize(("text_scale", "image_scale"), [(7.5, 1.5), (1, 1), (0, 1), (0, 0)])
def test_the_published_formula(toy, text_scale, image_scale):
    nothing = alone(toy, text(2), torch.zeros_like(PHOTO))
    photo, both = alone(toy, text(2), PHOTO), alone(toy, text(1, 2), PHOTO)
    expected = nothing + text_scale * (both - photo) + image_scale * (photo - nothing)
    made = asked(toy, text_scale, image_scale)
    assert torch.allclose(made.eps, expected, atol=1e-10)
    # both halves of the prediction explain the same latent
    abar = SCHEDULE.signal(500)
    assert torch.allclose(abar**0.5 * made.x0 + (1 - abar) ** 0.5 * made.eps, latent(0, 2), atol=1e-10)
