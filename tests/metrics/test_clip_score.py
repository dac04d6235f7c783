"""CLIP score: cosines by hand, zero-shot labels, bad input."""

import pytest
import torch

from palitra.errors import InputError
from palitra.metrics.clip_score import ClipScore, clip_score, zero_shot_labels


def test_cosines_by_hand_and_negatives_are_zero():
    images = torch.tensor([[1.0, 0], [3, 4], [1, 0]])
    texts = torch.tensor([[5.0, 0], [1, 0], [-1, 0]])
    assert clip_score(images, texts).tolist() == pytest.approx([100, 60, 0])
    assert clip_score(images, texts, scale=2.5).tolist() == pytest.approx([2.5, 1.5, 0])


def test_zero_shot_labels_do_not_depend_on_length():
    classes = torch.tensor([[100.0, 0], [0, 1]])
    assert zero_shot_labels(torch.tensor([[1.0, 2], [2, 1]]), classes).tolist() == [1, 0]


def test_merge_equals_one_accumulator():
    x, y = torch.randn(9, 4), torch.randn(9, 4)
    one, other = ClipScore(), ClipScore()
    one.update(x[:4], y[:4])
    other.update(x[4:], y[4:])
    one.merge(other)
    assert torch.equal(one.per_pair(), clip_score(x, y))


def test_bad_input_is_named():
    x = torch.ones(3, 4)
    with pytest.raises(InputError, match="`second` must have the shape"):
        clip_score(x, x[:2])
    with pytest.raises(InputError, match="must not be all zero, got that for row 0"):
        clip_score(x * 0, x)
    with pytest.raises(InputError, match="`class_features` must have 4 dimensions"):
        zero_shot_labels(x, x[:, :2])
