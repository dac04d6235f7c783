import numpy as np
import pytest

from palitra.errors import InputError
from palitra.recipes.draft_sketch import check_same_live
from palitra.spec.build import build
from palitra.spec.recipes import SketchToImageParams
from tests.recipes.test_sketch_to_image import _png
from tests.tiny_studio import drawing

WORDS = "a photo of a cat"


@pytest.fixture(scope="module")
def drawn(studio):
    return studio.prepare(_png(drawing()))


@pytest.fixture(scope="module")
def drafts(studio, drawn):
    return studio.sketch(drawn, WORDS, quality="draft", n=2, seed=3)


def test_drafts_are_what_the_live_way_draws(studio, drawn, drafts):
    assert [p.seed for p in drafts.pictures] == [3, 4]
    alone = studio.sketch(drawn, WORDS, quality="draft", seed=4)
    assert np.array_equal(np.asarray(alone.pictures[0].image), np.asarray(drafts.pictures[1].image))
    # two pictures of six steps, three of which are guided: those ask for each half of guidance apart
    assert (drafts.network_calls, drafts.network_samples) == (2 * 9, 2 * 12)


def test_again_repeats_a_draft_and_refuses_one_of_other_live_weights(studio, drafts, tmp_path):
    repeated = studio.again(drafts.pictures[1].save(tmp_path / "draft.png"))
    assert [p.seed for p in repeated.pictures] == [4]
    assert np.array_equal(np.asarray(repeated.pictures[0].image), np.asarray(drafts.pictures[1].image))
    with pytest.raises(InputError, match="is a draft made with other live weights"):
        check_same_live({"live": "student-0-0"}, studio.live())


def test_lines_fade_where_strictness_is_zero(studio, drawn):
    free = studio.sketch(drawn, WORDS, quality="draft", strictness=_png(drawing().point(lambda _: 0)))
    bound = studio.sketch(drawn, WORDS, quality="draft")
    assert not np.array_equal(np.asarray(free.pictures[0].image), np.asarray(bound.pictures[0].image))


def test_best_quality_begins_eight_times_as_many(studio, drawn):
    run = studio.sketch(drawn, WORDS, quality="best", steps=3, upscale=False)
    assert len(run.scores) == 8
    assert run.pictures[0].seed == min(run.scores, key=run.scores.__getitem__)


def test_begun_seeds_by_quality():
    def begun(**values):
        return build(SketchToImageParams, {"prompt": "x", **values}).begun()

    assert begun() is None
    assert begun(quality="draft") is None
    assert begun(quality="best", n=3) == 24
    assert begun(quality="best", n=64) == 256
    assert begun(quality="best", best_of=5) == 5
    # nothing to compare seeds by
    assert begun(quality="best", fidelity=0) is None


def test_what_drafts_cannot_do_is_refused(studio, drawn):
    with pytest.raises(InputError, match="`best_of` must be left out of drafts, got 4"):
        studio.sketch(drawn, WORDS, quality="draft", best_of=4)
    with pytest.raises(InputError, match="`quality` must be one of draft, normal, best, got quick"):
        studio.sketch(drawn, WORDS, quality="quick")
