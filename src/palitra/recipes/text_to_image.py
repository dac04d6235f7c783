"""Words to a picture: classifier-free guidance on any text-to-image model."""

from __future__ import annotations

import time

from palitra.core.compose import check
from palitra.core.loop import sample
from palitra.core.progress import Hooks
from palitra.core.rng import Noise
from palitra.models.text_to_image import TextToImage
from palitra.recipes.generate import (
    OnPicture,
    chunks,
    decode,
    finish,
    first_latent,
    make_plan,
    memory_words,
    seeds_of,
)
from palitra.recipes.picture import Picture, Run
from palitra.spec.recipes import TextToImageParams


def text_to_image(
    model: TextToImage,
    params: TextToImageParams,
    hooks: Hooks | None = None,
    on_picture: OnPicture | None = None,
    batch: list[int] | None = None,
) -> Run:
    """Draw `params.n` pictures, at most eight at a time; `on_picture` sees each as soon as it is done.

    `batch` repeats one batch of seeds of an earlier run. Cost: one network call of 2B samples per step.

    Raises:
        Cancelled: asked by `hooks`; pictures already handed to `on_picture` are finished.
        OutOfMemoryError: the batch does not fit.
    """
    began = time.perf_counter()
    plan = make_plan(model, params)
    pictures: list[Picture] = []
    calls = samples = 0
    for seeds in [batch] if batch else chunks(seeds_of(params, params.n)):
        guiders = [plan.prompt_guider()]
        check(model.denoiser, plan.sampler, guiders)
        predictor, noise = plan.predictor(guiders), Noise(seeds, model.device)
        with memory_words():
            state = sample(plan.sampler, predictor, first_latent(plan, noise), plan.times, noise, hooks)
            images = decode(plan, plan.sampler.image(state))
        for seed, image in zip(seeds, images, strict=True):
            picture = finish(plan, image, seed, seeds)
            pictures.append(picture)
            if on_picture:
                on_picture(picture)
        calls, samples = calls + predictor.calls, samples + predictor.samples
    return Run(pictures, time.perf_counter() - began, calls, samples, model.name, str(model.device))
