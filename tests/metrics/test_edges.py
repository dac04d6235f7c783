"""Boundary F1 and Chamfer: identities, a shift by k, a brute-force reference, bad input."""

import pytest
import torch

from palitra.errors import ImageError, InputError
from palitra.metrics.edges import BoundaryF1, Chamfer, boundary_f1, chamfer


def line(column: int, size: int = 40) -> torch.Tensor:
    binary = torch.zeros(1, 1, size, size, dtype=torch.bool)
    binary[..., column] = True
    return binary


def noise(seed: int) -> torch.Tensor:
    return torch.rand(3, 1, 21, 17, generator=torch.Generator().manual_seed(seed)) < 0.05


def brute_force(pred: torch.Tensor, target: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Distances of each side's pixels to the other side."""
    apart = torch.cdist(pred[0].nonzero().double(), target[0].nonzero().double())
    return apart.amin(1), apart.amin(0)


def test_a_map_agrees_with_itself():
    score = boundary_f1(noise(0), noise(0), 0)
    for values in (score.precision, score.recall, score.f1):
        assert torch.equal(values, torch.ones(3, dtype=torch.float64))
    assert torch.equal(chamfer(noise(0), noise(0)), torch.zeros(3, dtype=torch.float64))


@pytest.mark.parametrize("k", [1, 3, 7])
def test_a_shift_by_k_is_k_pixels(k):
    assert float(chamfer(line(10), line(10 + k))) == pytest.approx(k)
    assert float(boundary_f1(line(10), line(10 + k), k).f1) == 1
    assert float(boundary_f1(line(10), line(10 + k), k - 0.5).f1) == 0


def test_agrees_with_brute_force():
    pred, target = noise(1), noise(2)
    score, far = boundary_f1(pred, target, 2.5), chamfer(pred, target, cap=4)
    for row in range(3):
        to_target, to_pred = brute_force(pred[row], target[row])
        precision, recall = (float((d <= 2.5).double().mean()) for d in (to_target, to_pred))
        assert float(score.precision[row]) == pytest.approx(precision)
        assert float(score.recall[row]) == pytest.approx(recall)
        assert float(score.f1[row]) == pytest.approx(2 * precision * recall / (precision + recall))
        mean = (to_target.clamp_max(4).mean() + to_pred.clamp_max(4).mean()) / 2
        assert float(far[row]) == pytest.approx(float(mean), abs=1e-6)  # float32 distances


def test_exchange_swaps_precision_and_recall():
    one, other = boundary_f1(noise(1), noise(2), 2), boundary_f1(noise(2), noise(1), 2)
    assert torch.equal(one.precision, other.recall)
    assert torch.equal(one.f1, other.f1)
    assert torch.allclose(chamfer(noise(1), noise(2)), chamfer(noise(2), noise(1)))


def test_empty_maps():
    empty = torch.zeros(1, 1, 40, 40)
    both, missed, invented = (
        boundary_f1(*p, 2) for p in ((empty, empty), (empty, line(3)), (line(3), empty))
    )
    assert (float(both.precision), float(both.recall), float(both.f1)) == (1, 1, 1)
    assert (float(missed.precision), float(missed.recall), float(missed.f1)) == (1, 0, 0)
    assert (float(invented.precision), float(invented.recall), float(invented.f1)) == (0, 1, 0)
    assert [float(chamfer(*p)) for p in ((empty, empty), (empty, line(3)), (line(3), empty))] == [0, 20, 20]


def test_accumulators_are_means_over_samples_however_they_are_split():
    pred, target = noise(1), noise(2)
    whole, part, rest = BoundaryF1(2), BoundaryF1(2), BoundaryF1(2)
    whole.update(pred, target)
    part.update(pred[:1], target[:1])
    rest.update(pred[1:], target[1:])
    part.merge(rest)
    assert float(part.compute().f1) == pytest.approx(float(boundary_f1(pred, target, 2).f1.mean()))
    assert float(whole.compute().recall) == pytest.approx(float(part.compute().recall))
    far, more = Chamfer(), Chamfer()
    far.update(pred[:2], target[:2])
    more.update(pred[2:], target[2:])
    far.merge(more)
    assert far.compute() == pytest.approx(float(chamfer(pred, target).mean()))


def test_bad_input_is_named():
    with pytest.raises(ImageError, match="`pred` and `target` must be"):
        boundary_f1(line(1), line(1, 20), 1)
    with pytest.raises(InputError, match="`tolerance_px` must be at least 0, got -1"):
        boundary_f1(line(1), line(1), -1)
    with pytest.raises(InputError, match="`cap` must be above 0, got 0"):
        chamfer(line(1), line(1), 0)
    with pytest.raises(InputError, match="`samples` must be at least 1"):
        BoundaryF1(2).compute()
    with pytest.raises(InputError, match="to merge"):
        BoundaryF1(2).merge(BoundaryF1(3))
    with pytest.raises(InputError, match="to merge"):
        Chamfer(5).merge(Chamfer(6))
