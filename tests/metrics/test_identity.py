"""Identity: cosines by hand, missing faces fail, thresholds keep their rate."""

import pytest
import torch

from palitra.errors import InputError
from palitra.metrics.identity import Identity, calibrate_threshold, identity_similarity


def test_mean_cosine_with_the_references():
    generated = torch.tensor([[1.0, 0], [1, 1], [0, -3]])
    references = torch.tensor([[2.0, 0], [0, 5]])
    half = 0.5**0.5
    assert identity_similarity(generated, references).tolist() == pytest.approx([0.5, half, -0.5])


def test_pictures_without_a_face_are_failures():
    generated = torch.tensor([[1.0, 0], [torch.nan, 0]])
    score = Identity(threshold=0.4)
    score.update(generated, torch.tensor([[1.0, 0]]), torch.tensor([True, False]))
    found = score.compute()
    assert (found.similarity, found.success, found.faces) == (0.5, 0.5, 0.5)


def test_thresholds_keep_their_rate():
    pairs = torch.rand(5000, generator=torch.Generator().manual_seed(0)).double() * 2 - 1
    threshold = calibrate_threshold(pairs, 0.01)
    assert int((pairs >= threshold).sum()) == 50
    same = torch.full((1000,), 0.3, dtype=torch.float64)
    assert int((same >= calibrate_threshold(same)).sum()) == 0


def test_merge_equals_one_accumulator():
    people = torch.randn(2, 4, 6)
    one, other, whole = Identity(0.2), Identity(0.2), Identity(0.2)
    for score, person in ((one, people[0]), (other, people[1])):
        score.update(person[:3], person[3:])
        whole.update(person[:3], person[3:])
    one.merge(other)
    assert torch.equal(one.compute().per_picture, whole.compute().per_picture)


def test_bad_input_is_named():
    x = torch.ones(3, 4)
    with pytest.raises(InputError, match="`references` must have at least 1 images, got 0"):
        identity_similarity(x, x[:0])
    with pytest.raises(InputError, match="`generated` must have 2 dimensions, got 4"):
        identity_similarity(x, x[:, :2])
    with pytest.raises(InputError, match="`found` must have 3 values"):
        identity_similarity(x, x, torch.ones(2))
    with pytest.raises(InputError, match=r"at least 1000 cosines for a rate of 0\.001, got 5"):
        calibrate_threshold(torch.ones(5))
    with pytest.raises(InputError, match="`pictures` must be at least 1"):
        Identity().compute()
    with pytest.raises(InputError, match="to merge"):
        Identity().merge(Identity(0.5))
