import torch

from palitra.guiders.cfg import ClassifierFree, Conditional
from palitra.guiders.source import PHOTO, Alongside
from palitra.recipes.editing.negative_prompt_inversion import negative_prompt_inversion
from palitra.recipes.editing.prompt_to_prompt import prompt_to_prompt
from tests.recipes.editing.conftest import edit_rows_of

SAME = ("a photo of a cat", "an oil painting of a house")


def test_equal_words_give_the_unguided_reconstruction(job_of):
    job = job_of("negative-prompt-inversion", 2, steps=6, sources=SAME, targets=SAME)
    plain = job.run([Conditional(job.source)], job.trajectory()[0])
    # float32 over six steps, times the guidance scale
    assert torch.allclose(negative_prompt_inversion(job), plain, atol=1e-3)


def test_the_photos_unconditional_half_is_not_needed(job_of):
    job = job_of("negative-prompt-inversion", 2, steps=6)
    path = job.trajectory()
    photo = Alongside(job.model.schedule, path[0], 6, job.source, job.source, job.scale())
    held = prompt_to_prompt(job, photo.track)
    guiders = [ClassifierFree(job.target, job.source, job.scale()), photo, *held.guiders]
    published = job.run(guiders, path[0], taps=held.taps, tracks={PHOTO: photo.track})
    assert torch.allclose(negative_prompt_inversion(job), published, atol=1e-3)


def test_four_edits_at_once_equal_four_alone(job_of, tiny_model):
    rows = edit_rows_of(tiny_model, 4)
    together = negative_prompt_inversion(job_of(rows=rows, steps=4))
    for i, row in enumerate(rows):
        alone = negative_prompt_inversion(job_of(rows=[row], steps=4))
        assert torch.allclose(together[i : i + 1], alone, atol=1e-3)


def test_200_forwards_at_50_steps(job_of):
    job = job_of("negative-prompt-inversion", steps=50)
    negative_prompt_inversion(job)
    assert job.cost.samples <= 200


def test_v_prediction_models_are_edited(job_of, tiny_v_model):
    job = job_of("negative-prompt-inversion", 2, model=tiny_v_model, steps=4)
    assert torch.isfinite(negative_prompt_inversion(job)).all()
