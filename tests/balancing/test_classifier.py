"""Weights, priors and tails of a lesson: identities first."""

import pytest
import torch
import torch.nn.functional as F

from palitra.balancing.classical import classical
from palitra.balancing.classifier import feature_rows, probabilities, refit_head, train_classifier
from palitra.balancing.lesson import Lesson, lesson_loss
from palitra.balancing.strategies.class_weights import inverse_frequency
from palitra.balancing.strategies.logit_adjustment import log_shares
from palitra.balancing.strategies.strategy import joined
from palitra.errors import InputError
from tests.balancing.blobs import LONGER, SMALL, blobs


def same(first, second):
    return all(a.equal(b) for a, b in zip(first.parameters(), second.parameters(), strict=True))


def test_a_uniform_prior_and_even_weights_change_nothing():
    logits, labels = torch.randn(20, 4), torch.arange(20) % 4
    plain = F.cross_entropy(logits, labels)
    even = torch.full((4,), 9)
    assert lesson_loss(logits, labels).allclose(plain)
    assert lesson_loss(logits, labels, log_prior=log_shares(even)).allclose(plain)
    assert lesson_loss(logits, labels, class_weights=inverse_frequency(even)).allclose(plain)
    assert lesson_loss(logits, labels, torch.full((20,), 0.3)).allclose(plain)


def test_class_weights_equal_torch_and_balanced_softmax_its_formula():
    logits, labels = torch.randn(20, 3).double(), torch.tensor([0] * 14 + [1] * 5 + [2])
    counts = torch.tensor([14, 5, 1])
    weights = inverse_frequency(counts).double()
    assert lesson_loss(logits, labels, class_weights=weights).allclose(
        F.cross_entropy(logits, labels, weights)
    )
    # -log(n_y e^z_y / sum n_k e^z_k)
    scaled = counts * logits.exp()
    wanted = -(scaled[torch.arange(20), labels] / scaled.sum(1)).log().mean()
    assert lesson_loss(logits, labels, log_prior=log_shares(counts).double()).item() == pytest.approx(
        wanted.item()
    )


def test_rows_of_weight_0_leave_no_trace():
    data, more = blobs(), blobs(seed=5)
    plain = train_classifier(Lesson(data), SMALL, 1)
    both = joined(data, more.images, more.labels)
    weights = torch.cat([torch.ones(len(data)), torch.zeros(len(more))])
    assert same(plain, train_classifier(Lesson(both, weights), SMALL, 1))
    assert not same(plain, train_classifier(Lesson(both, weights + 0.5), SMALL, 1))
    assert not same(plain, train_classifier(Lesson(data), SMALL, 2))


def test_a_whole_tail_of_real_rows_forgets_the_others():
    data, more = blobs(), blobs(seed=5)
    both = joined(data, more.images, more.labels)
    other = joined(data, more.images.flip(0), more.labels.flip(0))
    real = torch.arange(len(both)) < len(data)
    tails = [train_classifier(Lesson(d, real=real, real_tail=1.0), SMALL, 1) for d in (both, other)]
    assert same(*tails)


def test_it_learns_colours_and_a_new_head_learns_them_again():
    network = train_classifier(Lesson(blobs()), LONGER, 0)
    test = blobs((10, 10, 10), seed=9)
    assert (probabilities(network, test.images).argmax(1) == test.labels).double().mean() > 0.9
    features = feature_rows(network, blobs().images)
    again = refit_head(network, features, blobs().labels, LONGER, 0)
    assert (probabilities(again, test.images).argmax(1) == test.labels).double().mean() > 0.9
    assert not again.head.weight.equal(network.head.weight)


def test_augmentation_keeps_flat_pictures_flat_and_the_seed_decides():
    flat = torch.full((6, 1, 8, 8), 0.25)
    changed = classical(flat, torch.Generator().manual_seed(0), "both")
    assert changed.flatten(1).std(1).max() < 1e-6
    x = torch.rand(6, 3, 8, 8) * 2 - 1
    first, second = (classical(x, torch.Generator().manual_seed(3)) for _ in range(2))
    assert first.equal(second)
    assert first.abs().max() <= 1


def test_bad_weights_are_named():
    data = blobs()
    with pytest.raises(InputError, match="`weights` must have one value for each of 40 rows, got 3"):
        Lesson(data, torch.ones(3)).shown()
    with pytest.raises(InputError, match="`weights` must be at least 0, got -1"):
        Lesson(data, -torch.ones(40)).shown()
    with pytest.raises(InputError, match="above 0 for at least 1 row"):
        Lesson(data, torch.zeros(40)).shown()
