import pytest
import torch

from palitra.core.step import Step
from palitra.errors import InputError
from palitra.guiders.local_blend import LocalBlend, place
from palitra.taps.edited_word_maps import EDITED_MAPS

SITES = ("up.0.cross.attend",)
WORDS = torch.tensor([[0.0, 1.0, 0.0], [0.0, 0.0, 0.0]])


def maps(*cells, size=4):
    """One map with ones at the given cells and a faint ground."""
    made = torch.full((1, 1, size, size), 0.01)
    for cell in cells:
        made[(0, 0, *cell)] = 1
    return made


def blend(track, **options):
    words = WORDS[: len(track[0])]
    return LocalBlend(SITES, words, words, track, **options)


def shown(guider, index, source, target, count=10):
    x = torch.zeros(len(source), 1, 8, 8)
    step = Step(index, count, 500, 0.5, x)
    step.seen["source", EDITED_MAPS], step.seen["target", EDITED_MAPS] = source, target
    assert guider.combine(step, None) is None


def test_inside_is_the_edit_and_outside_the_photo():
    track = [torch.zeros(1, 2, 8, 8)] * 11
    guider = blend(track)
    shown(guider, 2, maps((0, 0)), maps((3, 3)))
    x = guider.project(torch.ones(1, 2, 8, 8), 0, 2, 10)
    wanted = torch.zeros(8, 8)
    # a cell and its neighbours, two latent cells each
    wanted[:4, :4] = wanted[4:, 4:] = 1
    assert torch.equal(x, wanted.expand(1, 2, 8, 8))


def test_maps_of_all_steps_count():
    guider = blend([torch.zeros(1, 1, 8, 8)] * 11, since=0.0)
    # the first step's map, three times as strong, leaves the second's just below the threshold
    shown(guider, 0, 4 * maps((0, 0)), 4 * maps((0, 0)))
    shown(guider, 1, maps((3, 3)), maps((3, 3)))
    x = guider.project(torch.ones(1, 1, 8, 8), 0, 1, 10)
    assert x[0, 0, 0, 0] == 1
    assert x[0, 0, 7, 7] == 0


@pytest.mark.parametrize(("since", "first"), [(0.2, 2), (0.0, 0)])
def test_blending_begins_at_its_share(since, first):
    track = [torch.zeros(1, 1, 8, 8)] * 11
    guider, edit = blend(track, since=since), torch.ones(1, 1, 8, 8)
    for index in range(4):
        shown(guider, index, maps((0, 0)), maps((0, 0)))
        assert torch.equal(guider.project(edit, 0, index, 10), edit) == (index < first)


def test_a_row_without_words_is_left_alone():
    track = [torch.zeros(2, 1, 8, 8)] * 11
    guider = blend(track, since=0.0)
    both = torch.cat([maps((0, 0)), torch.zeros(1, 1, 4, 4)])
    shown(guider, 0, both, both)
    x = guider.project(torch.ones(2, 1, 8, 8), 0, 0, 10)
    assert float(x[0].mean()) == 0.25
    assert torch.equal(x[1], torch.ones(1, 8, 8))


def test_threshold_0_keeps_the_edit():
    guider = blend([torch.zeros(1, 1, 8, 8)] * 11, threshold=0.0, since=0.0)
    shown(guider, 0, maps((0, 0)), maps((0, 0)))
    x = guider.project(torch.ones(1, 1, 8, 8), 0, 0, 10)
    assert torch.equal(x, torch.ones(1, 1, 8, 8))


def test_the_photo_is_that_after_the_step():
    track = [torch.full((1, 1, 8, 8), float(-i)) for i in range(11)]
    guider = blend(track)
    shown(guider, 5, maps((0, 0)), maps((0, 0)))
    assert guider.project(torch.ones(1, 1, 8, 8), 0, 5, 10)[0, 0, 7, 7] == -6


def test_a_new_run_starts_from_nothing():
    guider = blend([torch.zeros(1, 1, 8, 8)] * 11, since=0.0)
    for corner in ((0, 0), (3, 3)):
        shown(guider, 0, maps(corner), maps(corner))
    x = guider.project(torch.ones(1, 1, 8, 8), 0, 0, 10)
    assert x[0, 0, 0, 0] == 0


def test_places_of_a_batch_are_its_singles():
    many = torch.rand(3, 1, 4, 4)
    x = torch.zeros(3, 1, 8, 8)
    singles = [place(m[None], x[:1], 0.8) for m in many]
    assert torch.equal(place(many, x, 0.8), torch.cat(singles))


def test_bad_input_is_named():
    track = [torch.zeros(1, 1, 8, 8)]
    with pytest.raises(InputError, match="`threshold` must be in"):
        blend(track, threshold=1.5)
    with pytest.raises(InputError, match="`since` must be in"):
        blend(track, since=-1)
    with pytest.raises(InputError, match="`target_words` must have the shape"):
        LocalBlend(SITES, WORDS, WORDS[:, :2], track)
