import torch

from palitra.conditions.text import encode_prompts
from palitra.guiders.cfg import ClassifierFree
from palitra.recipes.editing.job import EditJob
from palitra.recipes.editing.plug_and_play import plug_and_play
from tests.recipes.editing.conftest import edit_rows_of


def plain(job, scale=None, negative=None):
    start = job.trajectory(job.empty, words=[""] * len(job.x0))[0]
    scale = job.scale() if scale is None else scale
    return job.run([ClassifierFree(job.target, negative or job.empty, scale)], start)


def test_50_steps_cost_at_most_190_forwards(job_of):
    job = job_of("plug-and-play", steps=50)
    plug_and_play(job)
    # the inversion, whose first move may be none; the photo beside the first 40 steps
    assert job.cost.samples - (40 * 3 + 10 * 2) in (49, 50)
    assert job.cost.samples <= 190


def test_a_photo_inverted_for_one_method_serves_the_other(job_of):
    job = job_of("masactrl")
    job.trajectory(job.empty, words=[""])
    again = job_of("plug-and-play", store=job.store)
    plug_and_play(again)
    assert again.cost.samples == 8 * 3 + 2 * 2


def test_at_strength_1_nothing_holds_the_photo(job_of):
    job = job_of("plug-and-play", 2, strength=1, steps=5)
    made = plug_and_play(job)
    assert torch.equal(made, plain(job))
    assert not torch.allclose(
        made, plug_and_play(job_of("plug-and-play", 2, store=job.store, steps=5)), atol=1e-2
    )


def test_at_strength_0_the_words_do_not_matter_and_the_photo_is_near(job_of, tiny_model):
    made = []
    for target in ("a photo of a dog", "an oil painting of a red car"):
        rows = edit_rows_of(tiny_model, 1, targets=(target,))
        job = job_of("plug-and-play", rows=rows, strength=0, steps=5, target=target)
        made.append(plug_and_play(job))
    assert torch.equal(made[0], made[1])
    middle = plug_and_play(job_of("plug-and-play", rows=rows, store=job.store, steps=5))
    assert (made[1] - job.x0).norm() < (middle - job.x0).norm()


def test_four_edits_are_four_single_edits(job_of, tiny_model):
    rows = edit_rows_of(tiny_model, 4)
    together = plug_and_play(job_of("plug-and-play", rows=rows, steps=3))
    singles = [plug_and_play(job_of("plug-and-play", rows=[row], steps=3)) for row in rows]
    # float32 sums in other orders, grown by guidance
    assert torch.allclose(together, torch.cat(singles), atol=2e-3)


def test_the_embedded_models_kind_of_prediction(job_of, tiny_v_model):
    assert torch.isfinite(plug_and_play(job_of("plug-and-play", 2, model=tiny_v_model, steps=5))).all()


def test_as_released_the_inversion_is_fine_and_a_negative_prompt_is_told(job_of, monkeypatch):
    asked = []
    real = EditJob.trajectory

    def trajectory(self, condition=None, convention="noisy", words=()):
        # hundreds of moves are not needed to see that they are asked for
        asked.append(convention)
        return real(self, condition, "noisy", words)

    monkeypatch.setattr(EditJob, "trajectory", trajectory)
    job = job_of("plug-and-play", strength=1, steps=5, official=True)
    negative = "ugly, blurry, black, low res, unrealistic"
    told = encode_prompts(job.model, [negative])[0]
    assert torch.allclose(plug_and_play(job), plain(job, negative=told), atol=1e-5)
    assert asked[0] == "fine"
