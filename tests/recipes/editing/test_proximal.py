from dataclasses import replace

import pytest
import torch

from palitra.guiders.proximal import ProximalConfig
from palitra.recipes.editing.negative_prompt_inversion import negative_prompt_inversion
from palitra.recipes.editing.prompt_to_prompt import Published
from palitra.recipes.editing.proximal import OFFICIAL, SETTINGS, edit_with, proximal
from tests.recipes.editing.conftest import edit_rows_of

SAME = ("a photo of a cat", "an oil painting of a house")


def test_50_steps_cost_at_most_200_forwards(job_of):
    job = job_of("proximal", steps=50)
    proximal(job)
    assert job.cost.samples <= 200


@pytest.mark.parametrize("strength", [0.5, 1])
def test_without_a_quantile_it_is_negative_prompt_inversion(job_of, strength):
    job = job_of("proximal", 2, steps=5, strength=strength)
    # at strength 1 nothing is left of any configuration
    made = edit_with(job, ProximalConfig(0)) if strength < 1 else proximal(job)
    # float32: guidance is added to the noise here, and to both parts of the prediction there
    assert torch.allclose(made, negative_prompt_inversion(job), atol=1e-3)


def test_at_strength_0_it_is_the_photo(job_of):
    job = job_of("proximal", 2, steps=5, strength=0)
    assert torch.allclose(proximal(job), job.x0, atol=1e-5)


@pytest.mark.parametrize("official", [False, True])
def test_equal_words_give_the_photo_back(job_of, official):
    job = job_of("proximal", 2, steps=5, sources=SAME, targets=SAME, official=official)
    # no difference anywhere: all of the picture is pulled to its inverted path
    assert torch.allclose(proximal(job), job.x0, atol=1e-5)


def test_four_edits_are_four_single_edits(job_of, tiny_model):
    rows = edit_rows_of(tiny_model, 4)
    # without blending and pulling: a threshold may decide otherwise on the last bit of a float32
    calm = ProximalConfig(0.5), Published(blend=False)
    together = edit_with(job_of("proximal", rows=rows, steps=3), *calm)
    singles = [edit_with(job_of("proximal", rows=[row], steps=3), *calm) for row in rows]
    assert torch.allclose(together, torch.cat(singles), atol=2e-3)


def test_the_released_quantile_is_nearly_that_of_the_edit_alone(job_of):
    job = job_of("proximal", 2, steps=5)
    own, released = edit_with(job, replace(SETTINGS, by_channel=True)), edit_with(job, OFFICIAL)
    other = edit_with(job, replace(OFFICIAL, with_photo=False))
    assert (own - released).norm() < 0.3 * (own - other).norm()


def test_official_is_the_released_form(job_of):
    job = job_of("proximal", steps=5, official=True)
    assert torch.equal(proximal(job), edit_with(job, OFFICIAL))


def test_the_embedded_models_kind_of_prediction(job_of, tiny_v_model):
    job = job_of("proximal", 2, model=tiny_v_model, steps=5)
    assert torch.isfinite(proximal(job)).all()
