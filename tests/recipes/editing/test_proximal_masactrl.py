import pytest
import torch

from palitra.guiders.cfg import ClassifierFree
from palitra.recipes.editing.proximal_masactrl import edit_with, proximal_masactrl
from tests.recipes.editing.conftest import edit_rows_of


def test_50_steps_cost_at_most_200_forwards(job_of):
    job = job_of("proximal-masactrl", steps=50)
    proximal_masactrl(job)
    assert job.cost.samples <= 200


def test_at_strength_1_nothing_holds_the_photo(job_of):
    job = job_of("proximal-masactrl", 2, strength=1, steps=5)
    plain = job.run([ClassifierFree(job.target, job.empty, job.scale())], job.trajectory()[0])
    # float32: guidance is added to the noise here, and to both parts of the prediction there
    assert torch.allclose(proximal_masactrl(job), plain, atol=1e-3)


@pytest.mark.parametrize("official", [False, True])
def test_at_strength_0_the_words_do_not_matter(job_of, tiny_model, official):
    targets = ("a photo of a dog", "an oil painting of a red car")
    made = []
    for target in targets:
        rows = edit_rows_of(tiny_model, 1, targets=(target,))
        job = job_of("proximal-masactrl", rows=rows, strength=0, steps=5, official=official)
        made.append(edit_with(job, negative="source"))
    assert torch.allclose(made[0], made[1], atol=1e-4)
    if official:
        # the photo's own words in both halves, its own sample beside: the photo as inversion gives it back
        again = job.run([ClassifierFree(job.source, job.empty, 1.0)], job.trajectory()[0])
        assert torch.allclose(made[0], again, atol=1e-3)


@pytest.mark.parametrize("uncond", ["source", "joint"])
def test_four_edits_are_four_single_edits(job_of, tiny_model, uncond):
    rows = edit_rows_of(tiny_model, 4)
    together = edit_with(job_of("proximal-masactrl", rows=rows, steps=3), uncond=uncond)
    singles = [edit_with(job_of("proximal-masactrl", rows=[row], steps=3), uncond=uncond) for row in rows]
    # float32 sums in other orders, grown by guidance
    assert torch.allclose(together, torch.cat(singles), atol=2e-3)


def test_joint_looks_elsewhere(job_of, tiny_v_model):
    job = job_of("proximal-masactrl", 2, model=tiny_v_model, steps=5)
    alone, joint = edit_with(job), edit_with(job, uncond="joint")
    assert torch.isfinite(alone).all()
    assert not torch.allclose(alone, joint, atol=1e-3)
