import pytest
import torch

from palitra.core.condition import Condition
from palitra.errors import OutOfMemoryError
from palitra.guiders.cfg import ClassifierFree
from palitra.guiders.source import PHOTO, Alongside
from palitra.recipes.editing.direct_inversion import edit_with as directly_edited
from palitra.recipes.editing.inversion_store import InversionStore
from palitra.recipes.editing.methods import METHODS
from palitra.recipes.editing.null_text import edit_with, null_text, tuned
from palitra.recipes.editing.prompt_to_prompt import Published, prompt_to_prompt
from palitra.recipes.editing.rows import edit_rows
from palitra.spec.edit import EditParams
from tests.recipes.editing.conftest import edit_rows_of

FREE = Published(cross=0.0, own=0.0)
BACKWARD = 1.15
"""Of a forward, to the inputs alone."""


def test_without_inner_steps_it_is_plain_guidance(job_of):
    job = job_of("null-text", 2, steps=4)
    assert torch.allclose(edit_with(job, FREE, inner=0), directly_edited(job, FREE), atol=1e-4)


def test_the_retraced_photo_is_nearer_than_guidance_leaves_it(job_of):
    job = job_of("null-text", 2, steps=4)
    path = job.trajectory()
    plain, found = (tuned(job, path, inner)[1][-1] for inner in (0, 5))
    errors = [(z - path[-1]).flatten(1).norm(dim=1) for z in (found, plain)]
    assert (errors[0] < errors[1]).all()


def test_the_kept_path_is_the_published_second_run_of_the_photo(job_of):
    job = job_of("null-text", 2, steps=4)
    path = job.trajectory()
    embeddings, retraced = tuned(job, path, 2)

    def null(index):
        return Condition(text=embeddings[index])

    photo = Alongside(job.model.schedule, path[0], 4, job.source, null, job.scale())
    held = prompt_to_prompt(job, photo.track)
    guiders = [ClassifierFree(job.target, null, job.scale()), photo, *held.guiders]
    published = job.run(guiders, path[0], taps=held.taps, tracks={PHOTO: photo.track})
    assert torch.allclose(photo.track[4], retraced[4], atol=1e-3)
    assert torch.allclose(edit_with(job, inner=2), published, atol=1e-3)


def test_four_edits_at_once_equal_four_alone(job_of, tiny_model):
    rows = edit_rows_of(tiny_model, 4)
    together = edit_with(job_of(rows=rows, steps=3), inner=2)
    for i, row in enumerate(rows):
        alone = edit_with(job_of(rows=[row], steps=3), inner=2)
        # Adam divides by the size of float32 gradients
        assert torch.allclose(together[i : i + 1], alone, atol=2e-3)


def cost(job):
    return job.cost.samples + BACKWARD * sum(job.cost.backwards.values())


def test_cost_is_at_most_1425_forwards_for_50_steps(job_of):
    """All of it is a step's: the bound of three steps is that of fifty, times three fiftieths."""
    job = job_of("null-text", steps=3)
    null_text(job)
    assert job.cost.backwards[""] > 0
    assert cost(job) <= 1425 * 3 / 50


def test_another_wish_for_the_same_photo_costs_the_edit_only(job_of, tiny_model):
    job = job_of("null-text", steps=3)
    edit_with(job, inner=2)
    again = job_of("null-text", steps=3, targets=("a photo of a red car",), store=job.store)
    edit_with(again, inner=2)
    assert again.cost.samples <= 3 * 3
    assert not again.cost.backwards
    row = edit_rows_of(tiny_model, 1)[0]
    twice = job_of(rows=[row, row], steps=3)
    edit_with(twice, inner=2)
    # an edit more, no photo inverted or tuned twice
    assert twice.cost.samples == job.cost.samples + 3 * 3


@pytest.mark.slow
def test_cost_of_50_steps(job_of):
    job = job_of("null-text", steps=50)
    null_text(job)
    assert cost(job) <= 1425


def test_thrift_gives_the_same(job_of, tiny_model):
    rows = edit_rows_of(tiny_model, 2)
    fast, thrifty = (job_of(rows=rows, steps=2) for _ in range(2))
    thrifty.thrift = 1
    assert torch.allclose(edit_with(fast, inner=2), edit_with(thrifty, inner=2), atol=1e-3)


def test_short_memory_is_met_by_its_one_thriftier_way(tiny_model, monkeypatch):
    tried = []

    def short(job):
        tried.append(job.thrift)
        if job.thrift < enough:
            raise OutOfMemoryError("full")
        return job.x0

    monkeypatch.setitem(METHODS, "null-text", short)
    params = EditParams(source="a cat", target="a dog", method="null-text", steps=2)
    rows, enough = edit_rows_of(tiny_model, 1), 1
    _, job = edit_rows(tiny_model, params, rows, InversionStore())
    assert [n.code for n in job.notes] == ["memory_saved"]
    enough = 2
    with pytest.raises(OutOfMemoryError):
        edit_rows(tiny_model, params, rows, InversionStore())
    assert tried == [0, 1, 0, 1]


@pytest.mark.parametrize("official", [False, True])
def test_v_prediction_models_are_edited(job_of, tiny_v_model, official):
    job = job_of("null-text", model=tiny_v_model, steps=2, official=official)
    assert torch.isfinite(edit_with(job, inner=2)).all()
