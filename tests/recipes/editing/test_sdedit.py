import pytest
import torch

from palitra.core.rng import Noise
from palitra.guiders.cfg import ClassifierFree
from palitra.recipes.editing.sdedit import sdedit
from tests.recipes.editing.conftest import edit_rows_of


def test_strength_0_is_the_photo_and_asks_nothing(job_of):
    job = job_of("sdedit", strength=0)
    assert torch.equal(sdedit(job), job.x0)
    assert job.cost.calls == 0


@pytest.mark.parametrize(("strength", "t"), [(0.5, 400), (1, 900)])
def test_it_sets_out_from_the_noised_photo(job_of, strength, t):
    job = job_of("sdedit", strength=strength)
    made = sdedit(job)
    abar = float(job.model.schedule.abar[t])
    start = abar**0.5 * job.x0 + (1 - abar) ** 0.5 * Noise([7]).normal(job.x0.shape[1:])
    walked = round(10 * strength)
    guide = ClassifierFree(job.target, job.empty, 7.5)
    assert torch.equal(made, job.run([guide], start, first=10 - walked))
    assert job.cost.samples == 2 * 2 * walked


def test_every_seed_gives_another_edit_further_away_with_strength(job_of, tiny_model):
    rows = edit_rows_of(tiny_model, 2)
    made = [sdedit(job := job_of("sdedit", rows=rows, strength=s)) - job.x0 for s in (0.2, 0.9)]
    assert made[0].norm() < made[1].norm()


def test_four_edits_at_once_are_four_singles(job_of, tiny_model):
    rows = edit_rows_of(tiny_model, 4)
    together = sdedit(job_of("sdedit", rows=rows))
    for i, row in enumerate(rows):
        # float32, batches of another size
        assert torch.allclose(sdedit(job_of("sdedit", rows=[row]))[0], together[i], atol=1e-4)


def test_outside_a_mask_the_photo_stays(job_of, tiny_model):
    mask = torch.zeros(1, 64, 64)
    mask[:, :, 32:] = 1
    job = job_of("sdedit", rows=edit_rows_of(tiny_model, 1, masks=[mask]))
    moved = (sdedit(job) - job.x0).abs()
    assert moved[..., :4].max() == 0 < moved[..., 4:].max()


def test_velocities_work_too(job_of, tiny_v_model):
    assert torch.isfinite(sdedit(job_of("sdedit", model=tiny_v_model, strength=1))).all()
