from dataclasses import replace

import torch

from palitra.guiders.cfg import Conditional
from palitra.recipes.editing.ddim import ddim
from palitra.recipes.editing.inversion_store import InversionStore
from tests.recipes.editing.conftest import edit_rows_of

WORDS = ("a photo of a cat",)


def test_equal_words_without_guidance_are_the_plain_reconstruction(job_of):
    job = job_of("ddim", strength=1, prompt_scale=1, sources=WORDS, targets=WORDS)
    plain = job.run([Conditional(job.source)], job.trajectory()[0])
    assert torch.allclose(ddim(job), plain, atol=1e-5)


def test_less_strength_stays_nearer(job_of):
    apart = [float((ddim(job_of("ddim", strength=s)) - job_of("ddim").x0).norm()) for s in (0.0, 0.5, 1.0)]
    assert apart == sorted(apart)


def test_four_edits_at_once_are_four_singles(job_of, tiny_model):
    rows = edit_rows_of(tiny_model, 4)
    together = ddim(job_of("ddim", rows=rows))
    for i, row in enumerate(rows):
        # float32 through ten guided steps in batches of other sizes
        assert torch.allclose(together[i : i + 1], ddim(job_of("ddim", rows=[row])), atol=1e-3)


def test_several_wishes_for_one_photo_invert_it_once(job_of):
    store = InversionStore()
    first = job_of("ddim", store=store)
    ddim(first)
    second = job_of("ddim", store=store, targets=("a blurry red car",))
    ddim(second)
    assert first.cost.samples - second.cost.samples == 9
    other = job_of("ddim", store=store, sources=("a photo of a dog",))
    ddim(other)
    assert other.cost.samples == first.cost.samples


def test_wishes_of_one_batch_for_one_photo_invert_it_once(job_of, tiny_model):
    (row,) = edit_rows_of(tiny_model, 1)
    rows = [row, replace(row, target="a red house"), replace(row, seed=9)]
    job = job_of("ddim", rows=rows)
    ddim(job)
    single = job_of("ddim", rows=[row])
    ddim(single)
    inversion = 9
    assert job.cost.samples == 3 * (single.cost.samples - inversion) + inversion
