import pytest
import torch
import torch.nn.functional as F

from palitra.train.eye_watch import verification_auc


def test_area_equals_counting_pairs():
    g = torch.Generator().manual_seed(0)
    identity = F.normalize(torch.randn(30, 4, generator=g), dim=1)
    person = torch.randint(5, (30,), generator=g)
    video = torch.randint(3, (30,), generator=g)
    near = identity @ identity.T
    right, wrong = [], []
    for i in range(30):
        for j in range(i + 1, 30):
            if person[i] != person[j]:
                wrong.append(float(near[i, j]))
            elif video[i] != video[j]:
                right.append(float(near[i, j]))
    wins = sum((a > b) + 0.5 * (a == b) for a in right for b in wrong)
    assert verification_auc(identity, person, video) == pytest.approx(wins / len(right) / len(wrong))


def test_perfect_and_unknown():
    identity = torch.tensor([[1.0, 0], [1, 0], [0, 1], [0, 1]])
    person = torch.tensor([0, 0, 1, 1])
    assert verification_auc(identity, person, torch.full((4,), -1)) == 1
    # frames of one video are no pair
    assert verification_auc(identity, person, torch.zeros(4).long()) == 0.5
    assert verification_auc(identity[:1], person[:1], torch.tensor([-1])) == 0.5
