import dataclasses

import pytest
import torch
from diffusers import UNet2DConditionModel

from palitra.errors import ComposeError
from palitra.models.diffusers_unet import DiffusersUNet
from palitra.recipes.editing.instruct_pix2pix import instruct_pix2pix
from tests.recipes.editing.conftest import edit_rows_of


@pytest.fixture(scope="module")
def instructed(tiny_model):
    """The tiny model with a U-Net that reads a photo beside the latent."""
    torch.manual_seed(3)
    unet = UNet2DConditionModel.from_config({**tiny_model.denoiser.unet.config, "in_channels": 8})
    return dataclasses.replace(tiny_model, denoiser=DiffusersUNet(unet, "epsilon"))


def test_it_asks_for_three_samples_a_step_and_reads_the_photo_unscaled(job_of, instructed):
    job = job_of("instruct-pix2pix", model=instructed, steps=5)
    seen = []
    handle = instructed.denoiser.unet.register_forward_pre_hook(lambda _m, inputs: seen.append(inputs[0]))
    instruct_pix2pix(job)
    handle.remove()
    assert (job.cost.calls, job.cost.samples) == (5, 15)
    told = seen[0][:, 4:]
    assert torch.equal(told[0], torch.zeros_like(told[0]))
    for row in told[1:]:
        assert torch.allclose(row, job.x0[0] / 0.18215, atol=1e-6)


def test_four_edits_at_once_are_four_singles(job_of, instructed):
    rows = edit_rows_of(instructed, 4)
    params = {"model": instructed, "steps": 5}
    together = instruct_pix2pix(job_of("instruct-pix2pix", rows=rows, **params))
    for i, row in enumerate(rows):
        alone = instruct_pix2pix(job_of("instruct-pix2pix", rows=[row], **params))[0]
        # an untrained network's latents grow to this size; float32, batches of another size
        assert torch.allclose(alone, together[i], atol=1e-4 * float(alone.abs().max()))


def test_without_guidance_by_words_the_wish_does_not_matter(job_of, instructed):
    made = [
        instruct_pix2pix(
            job_of("instruct-pix2pix", model=instructed, steps=5, prompt_scale=0, targets=(wish,))
        )
        for wish in ("a photo of a dog", "a red house")
    ]
    assert torch.allclose(made[0], made[1], atol=1e-5 * float(made[0].abs().max()))


def test_the_scale_of_the_photo_falls_with_strength(job_of, instructed, monkeypatch):
    scales = []

    class Seen(Exception):
        pass

    def guider(instruction, empty, photo, text_scale, image_scale):
        scales.append((text_scale, image_scale))
        raise Seen

    monkeypatch.setattr("palitra.recipes.editing.instruct_pix2pix.InstructionAndPhoto", guider)
    for strength in (0, 0.5, 1):
        with pytest.raises(Seen):
            instruct_pix2pix(job_of("instruct-pix2pix", model=instructed, strength=strength))
    assert scales == [(7.5, 2.0), (7.5, 1.5), (7.5, 1.0)]


def test_other_models_are_refused_by_name(job_of):
    with pytest.raises(ComposeError, match="instruct-pix2pix needs a model with 4 extra input channels"):
        instruct_pix2pix(job_of("instruct-pix2pix"))
