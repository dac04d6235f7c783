"""InstructPix2Pix as users run it (arXiv 2211.09800): the wish is an instruction."""

from __future__ import annotations

from torch import Tensor

from palitra.errors import ComposeError
from palitra.guiders.instruct_pix2pix import InstructionAndPhoto
from palitra.models.autoencoder import KLAutoencoder
from palitra.recipes.editing.job import EditJob
from palitra.samplers.euler import Euler


def instruct_pix2pix(job: EditJob) -> Tensor:
    """Ancestral Euler steps from noise, guided by the instruction (7.5) and the photo (1.5, the published).

    Strength moves the photo's scale from 2 at 0 to 1 at 1, the useful range. The source words are not
    looked at. The published setting has 100 steps. Cost: 3 samples a step.

    Raises:
        ComposeError: the model does not read a photo beside the latent.
    """
    model = job.model
    if model.extra_channels != model.latent_channels:
        raise ComposeError(
            f"`method` instruct-pix2pix needs a model with {model.latent_channels} extra input channels "
            f"for the photo, {model.name} has {model.extra_channels}"
        )
    guide = InstructionAndPhoto(job.target, job.empty, _told(job), job.scale(), 1 + job.ease / 2)
    start = job.noise.normal(job.x0.shape[1:])
    return job.run([guide], start, sampler=Euler(model.schedule, ancestral=1.0))


def _told(job: EditJob) -> Tensor:
    """The photo's code as the model was trained on it: the posterior's mode before it is scaled."""
    autoencoder = job.model.autoencoder
    if isinstance(autoencoder, KLAutoencoder):
        return job.x0 / autoencoder.scale + autoencoder.shift
    return job.x0
