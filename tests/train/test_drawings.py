import numpy as np
import pytest
import torch

from palitra.data.strokes import distance_to, draw
from palitra.train.drawing_pack import join, pack_lines
from palitra.train.drawings import STEADY, Hand, by_hand, rendered
from tests.train.tiny_drawings import made_pack


def lines(seed=0, n=2, side=64):
    return (np.random.default_rng(seed).random((n, 1, side, side)) < 0.01).astype(np.float32)


@pytest.mark.parametrize("width", [1.0, 2.0, 2.9])
def test_a_dilation_draws_what_the_distance_draws(width):
    centres = lines()
    ours = rendered(torch.from_numpy(centres), torch.full((2,), width))
    theirs = np.stack([draw(distance_to(c[0] > 0), width) for c in centres])[:, None]
    assert np.allclose(ours.numpy(), theirs, atol=1e-6)


def test_every_drawing_has_its_own_width():
    one = torch.zeros(2, 1, 16, 16)
    one[:, :, 8, 8] = 1
    cover = rendered(one, torch.tensor([1.0, 3.0]))
    assert cover[0].sum() == 1
    assert cover[1, 0, 8, 9] == 1


def test_a_steady_hand_draws_the_lines_where_they_are():
    centres = torch.from_numpy(lines(n=3))
    made = by_hand(centres, 1.0, 32, torch.Generator().manual_seed(0), STEADY)
    wanted = 1 - torch.nn.functional.avg_pool2d(rendered(centres, torch.full((3,), 2.0)), 2)
    assert torch.allclose(made, wanted, atol=1e-6)


def test_an_unsteady_hand_moves_lines_little_and_leaves_some_out():
    centres = torch.zeros(64, 1, 128, 128)
    centres[:, :, 64, 10:118] = 1
    made = 1 - by_hand(centres, 1.25, 64, torch.Generator().manual_seed(1))
    assert made.shape == (64, 1, 64, 64)
    assert 0 <= float(made.min()) <= float(made.max()) <= 1
    heights = (made * torch.arange(64.0).view(-1, 1)).sum((1, 2, 3)) / made.sum((1, 2, 3))
    # a shift of 0.01, a warp of 0.006 (three deviations) and a turn of 0.025 over half the side, in pixels
    assert float((heights - 31.75).abs().max()) < 4
    assert float(heights.std()) > 0.15
    ink = made.sum((1, 2, 3))
    assert float(ink.min()) < 0.8 * float(ink.max())


def test_hands_are_the_same_for_the_same_numbers():
    centres = torch.from_numpy(lines(n=3))
    made = [by_hand(centres, 1.25, 32, torch.Generator().manual_seed(5), Hand()) for _ in range(2)]
    assert torch.equal(*made)


def test_lines_come_back_from_bytes_and_can_be_mirrored():
    masks = lines(n=4).astype(bool)[:, :1]
    pack = made_pack(4, canvas=64)
    pack = type(pack)(**{**vars(pack), "lines": pack_lines(masks)})
    rows, ways = torch.tensor([2, 0]), torch.zeros(2, dtype=torch.long)
    found = pack.centres(rows, ways, torch.tensor([0, 1]))
    assert np.array_equal(found[0, 0].numpy() > 0, masks[2, 0])
    assert np.array_equal(found[1, 0].numpy() > 0, masks[0, 0, :, ::-1])


def test_joined_packs_keep_their_words():
    one, two = made_pack(4), made_pack(3)
    two = type(two)(**{**vars(two), "lines": two.lines[:, :1], "texts": ("", "zebra", "ant")})
    both = join([one, two])
    assert both.texts == ("", "a photo of a cat", "ant", "the red car", "zebra")
    assert both.lines.shape[:2] == (7, 3)
    assert torch.equal(both.lines[4:, 2], two.lines[:, 0])
    for pack, rows in ((one, range(4)), (two, range(4, 7))):
        said = [[both.texts[t] for t in both.phrasings[r].tolist()] for r in rows]
        assert said == [[pack.texts[t] for t in row] for row in pack.phrasings.tolist()]
