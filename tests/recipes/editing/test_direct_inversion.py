import torch

from palitra.core.branch import Branch
from palitra.core.guider import Guider
from palitra.core.loop import sample
from palitra.guiders.cfg import ClassifierFree
from palitra.guiders.source import PHOTO
from palitra.recipes.editing.direct_inversion import direct_inversion, edit_with
from palitra.recipes.editing.prompt_to_prompt import Published, prompt_to_prompt
from palitra.samplers.ddim import DDIM
from tests.recipes.editing.conftest import edit_rows_of

SWAP = {"sources": ("a photo of a cat",), "targets": ("a photo of a dog",)}


def test_strength_1_is_plain_guidance(job_of):
    job = job_of("direct-inversion", 2, steps=4, strength=1)
    path = job.trajectory()
    plain = job.run([ClassifierFree(job.target, job.empty, job.scale())], path[0])
    assert torch.allclose(direct_inversion(job), plain, atol=1e-4)


class _PutBack(Guider):
    """The published way: the photo walks along with guidance, and is put back on its path after each step."""

    def __init__(self, job, path):
        self.path, self.now = path, path[0]
        self.branches = (Branch("source negative", job.empty, PHOTO), Branch("source", job.source, PHOTO))

    def __len__(self):
        return len(self.path)

    def __getitem__(self, index):
        return self.now

    def project(self, x, u, index, count):
        self.now = self.path[index + 1]
        return x


def test_reading_the_path_is_putting_the_photo_back_on_it(job_of):
    job = job_of("direct-inversion", 2, steps=6)
    path = job.trajectory()
    put_back = _PutBack(job, path)
    held = prompt_to_prompt(job, path)
    guiders = [ClassifierFree(job.target, job.empty, job.scale()), put_back, *held.guiders]
    predictor = job.predictor(guiders, held.taps, {PHOTO: put_back})
    published = sample(DDIM(job.model.schedule), predictor, path[0], job.times)
    # batches of four and of three samples round differently in float32
    assert torch.allclose(direct_inversion(job), published, atol=1e-3)


def test_four_edits_at_once_equal_four_alone(job_of, tiny_model):
    rows = edit_rows_of(tiny_model, 4)
    together = direct_inversion(job_of(rows=rows, steps=4))
    for i, row in enumerate(rows):
        alone = direct_inversion(job_of(rows=[row], steps=4))
        # float32, guided four steps
        assert torch.allclose(together[i : i + 1], alone, atol=1e-3)


def test_holding_changes_the_edit(job_of):
    job = job_of("direct-inversion", steps=4, **SWAP)
    made = [
        edit_with(job, settings)
        for settings in (
            Published(cross=0.0, own=0.0),
            Published(own=0.0, blend=False),
            Published(cross=0.0, blend=False),
            Published(blend=False),
        )
    ]
    for i, one in enumerate(made):
        assert all((one - other).norm() > 1e-3 for other in made[:i])


def test_outside_of_the_words_the_photo_stays(job_of):
    """No map is above its largest value, so all of the photo comes back, but for a row without a swap."""
    sources, targets = ("a photo of a cat", "a photo of a cat"), ("a photo of a dog", "a photo of a red cat")
    job = job_of("direct-inversion", 2, steps=4, sources=sources, targets=targets)
    made = edit_with(job, Published(threshold=1.0))
    assert torch.equal(made[0], job.trajectory()[-1][0])
    assert torch.allclose(made[1], edit_with(job, Published(blend=False))[1], atol=1e-4)


def test_200_forwards_at_50_steps(job_of):
    job = job_of("direct-inversion", steps=50)
    direct_inversion(job)
    assert job.cost.samples <= 200


def test_a_photo_that_is_not_held_costs_nothing(job_of):
    first = job_of("direct-inversion", steps=4)
    first.trajectory()
    job = job_of("direct-inversion", steps=4, strength=1, store=first.store)
    direct_inversion(job)
    assert job.cost.samples == 2 * 4


def test_v_prediction_models_are_edited(job_of, tiny_v_model):
    job = job_of("direct-inversion", 2, model=tiny_v_model, steps=4)
    assert torch.isfinite(direct_inversion(job)).all()


def test_official_is_another_alignment_of_padding(job_of):
    words = {"sources": ("a photo of a red cat in snow",), "targets": ("a photo of a cat",)}
    made = [direct_inversion(job_of(official=o, steps=4, **words)) for o in (False, True)]
    assert not torch.allclose(*made, atol=1e-4)
