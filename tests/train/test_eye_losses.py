import math

import pytest
import torch
import torch.nn.functional as F

from palitra.train.eye_losses import MarginHead, caption_loss, labelled_loss


def units(n, d, seed):
    return F.normalize(torch.randn(n, d, generator=torch.Generator().manual_seed(seed)), dim=1)


def test_unknown_labels_do_not_count():
    logits = torch.randn(4, 3)
    labels = torch.tensor([2, -1, 0, -1])
    expected = F.cross_entropy(logits[[0, 2]], labels[[0, 2]], label_smoothing=0.1)
    assert torch.equal(labelled_loss(logits, labels, 0.1), expected)
    assert float(labelled_loss(logits, torch.full((4,), -1), 0.1)) == 0


def test_contrast_of_pairs_is_that_of_clip():
    pictures, texts = units(5, 4, 0), units(5, 4, 1)
    logits = 7 * pictures @ texts.T
    expected = (F.cross_entropy(logits, torch.arange(5)) + F.cross_entropy(logits.T, torch.arange(5))) / 2
    found = caption_loss(pictures, texts, torch.eye(5).bool(), torch.tensor(7.0))
    assert torch.allclose(found, expected)


def test_equal_captions_are_each_others_positives():
    pictures = torch.tensor([[1.0, 0], [1, 0], [0, 1]])
    fits = torch.tensor([[True, False], [True, False], [False, True]])
    right = caption_loss(pictures, torch.eye(2), fits, torch.tensor(50.0))
    # the best there is: log 2 for the text that two pictures share
    assert float(right) == pytest.approx(math.log(2) / 4, abs=1e-5)


def test_no_margin_is_a_plain_softmax():
    head = MarginHead(4, 3)
    identity, person = units(6, 4, 0), torch.tensor([0, 1, 2, 0, -1, 1])
    known = person >= 0
    cosines = identity[known] @ F.normalize(head.weight, dim=1).T
    expected = F.cross_entropy(10 * cosines, person[known])
    assert torch.allclose(head(identity, person, 0.0, 10.0), expected, atol=1e-5)
    assert float(head(identity, torch.full((6,), -1), 0.3, 10.0)) == 0


def test_the_margin_adds_to_the_angle_and_never_helps():
    head = MarginHead(2, 2)
    head.weight.data = torch.tensor([[1.0, 0], [0, 1]])
    head.requires_grad_(False)
    losses = []
    for angle in torch.linspace(0.05, 3.1, 40):
        identity = torch.stack([angle.cos(), angle.sin()])[None]
        found = head(identity, torch.tensor([0]), 0.4, 8.0)
        losses.append(float(found))
        if angle < math.pi - 0.4:
            scores = 8 * torch.stack([(angle + 0.4).cos(), angle.sin()])[None]
            assert torch.allclose(found, F.cross_entropy(scores, torch.tensor([0])), atol=1e-4)
        assert losses[-1] >= float(head(identity, torch.tensor([0]), 0.0, 8.0)) - 1e-5
