"""The service's painter draws drafts by the live way, each job alone."""

from types import SimpleNamespace

import numpy as np
import pytest

from palitra.recipes.together import Wish
from palitra.service.jobs.place import _pictures
from palitra.service.workers.painter import RecipePainter, _draw_best
from palitra.spec.build import build
from palitra.spec.recipes import SketchToImageParams
from tests.recipes.test_sketch_to_image import _png
from tests.tiny_studio import drawing

WORDS = "a photo of a cat"


class Told:
    """Keeps what is said."""

    def __init__(self):
        self.pictures, self.steps = [], []

    def progress(self, place, done, total):
        self.steps.append((done, total))

    def wants_preview(self, place):
        return False

    def picture(self, place, picture):
        self.pictures.append(picture)

    def dropped(self):
        return set()


def job(**params):
    return SimpleNamespace(params={"recipe": "sketch_to_image", "n": 2, **params})


def test_drafts_and_best_are_drawn_alone():
    painter = RecipePainter.__new__(RecipePainter)
    assert painter.together(job(quality="normal"))
    assert painter.together(job())
    assert not painter.together(job(quality="draft"))
    assert not painter.together(job(quality="best"))
    assert not painter.together(job(best_of=3))
    assert not painter.together(job(polish=0.5))


@pytest.mark.parametrize("chosen", [{"quality": "draft"}, {"polish": 0.5, "steps": 4}])
def test_a_drafts_pictures_are_those_of_the_library(studio, chosen):
    drawn = studio.prepare(_png(drawing()))
    params = build(SketchToImageParams, {"prompt": WORDS, **chosen, "n": 2, "model": studio.model.name})
    told = Told()
    _draw_best(SimpleNamespace(studio=studio), Wish(params, drawn), told, 2)
    alone = studio.sketch(drawn, WORDS, **chosen, n=2)
    for ours, theirs in zip(told.pictures, alone.pictures, strict=True):
        assert np.array_equal(np.asarray(ours.image), np.asarray(theirs.image))
    assert told.steps
    assert all(done <= total for done, total in told.steps)


def test_the_place_in_the_queue_counts_what_is_begun():
    assert _pictures(job(quality="normal")) == 2
    assert _pictures(job(quality="draft")) == 2
    assert _pictures(job(quality="best")) == 16
    assert _pictures(job(quality="best", best_of=5)) == 5
