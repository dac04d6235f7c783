"""Class agreement and classification accuracy score: counts by hand, real as fake equals real."""

import pytest
import torch

from palitra.errors import InputError
from palitra.metrics.agreement import Agreement, class_agreement, classification_accuracy_score


class NearestMean:
    """The smallest honest classifier."""

    def fit(self, images, labels):
        self.means = torch.stack([images[labels == c].mean(0) for c in range(3)])

    def predict(self, images):
        return -torch.cdist(images, self.means)


def blobs(seed: int, noise: float = 0.5) -> tuple[torch.Tensor, torch.Tensor]:
    g = torch.Generator().manual_seed(seed)
    labels = torch.arange(90) % 3
    return 3 * torch.eye(3)[labels] + noise * torch.randn(90, 3, generator=g), labels


def test_counts_by_hand():
    found = class_agreement(torch.tensor([0, 1, 1, 2, 2]), torch.tensor([0, 0, 1, 2, 1]), 4)
    assert found.agreement == pytest.approx(3 / 5)
    assert found.confusion.tolist() == [[1, 1, 0, 0], [0, 1, 1, 0], [0, 0, 1, 0], [0, 0, 0, 0]]
    assert found.per_class[:3].tolist() == [0.5, 0.5, 1]
    assert found.per_class[3].isnan()
    assert found.macro == pytest.approx(2 / 3)


def test_logits_are_labels():
    logits = torch.tensor([[0.1, 2], [3, 0]])
    assert class_agreement(logits, torch.tensor([1, 0]), 2).agreement == 1


def test_real_as_fake_is_real():
    train, labels = blobs(0)
    test, test_labels = blobs(1)
    score = classification_accuracy_score(NearestMean(), train, labels, test, test_labels, 3)
    assert score.agreement > 0.95
    mixed = classification_accuracy_score(NearestMean(), train, labels.roll(1), test, test_labels, 3)
    assert mixed.agreement < 0.2


def test_merge_equals_one_accumulator():
    seen, wanted = torch.randint(3, (20,)), torch.randint(3, (20,))
    one, other = Agreement(3), Agreement(3)
    one.update(seen[:7], wanted[:7])
    other.update(seen[7:], wanted[7:])
    one.merge(other)
    assert torch.equal(one.compute().confusion, class_agreement(seen, wanted, 3).confusion)


def test_bad_input_is_named():
    labels = torch.tensor([0, 1])
    with pytest.raises(InputError, match=r"`wanted` must be labels in \[0, 2\], got 5"):
        class_agreement(labels, torch.tensor([0, 5]), 3)
    with pytest.raises(InputError, match="at least 1 label"):
        class_agreement(labels[:0], labels[:0], 3)
    with pytest.raises(InputError, match="`seen` must have 3 logits per image, got 2"):
        class_agreement(torch.zeros(2, 2), labels, 3)
    with pytest.raises(InputError, match="finite logits"):
        class_agreement(torch.full((2, 3), torch.nan), labels, 3)
    with pytest.raises(InputError, match="`fake_labels` must have one label for each of 3 images, got 2"):
        classification_accuracy_score(NearestMean(), torch.zeros(3, 3), labels, torch.zeros(2, 3), labels, 3)
    with pytest.raises(InputError, match="`images` must be at least 1"):
        Agreement(3).compute()
    with pytest.raises(InputError, match="`classes` must be 3 to merge, got 4"):
        Agreement(3).merge(Agreement(4))
