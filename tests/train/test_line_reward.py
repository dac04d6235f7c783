import pytest
import torch

from palitra.data.edges import EdgeDetector
from palitra.train.line_reward import missed_lines


@pytest.fixture(scope="module")
def detector():
    return EdgeDetector.load()


def disc():
    """A dark disc on a light ground (1, 3, 64, 64) in [-1, 1], and its outline drawn (1, 1, 64, 64)."""
    y, x = torch.meshgrid(torch.arange(64.0), torch.arange(64.0), indexing="ij")
    r = ((x - 31.5) ** 2 + (y - 31.5) ** 2).sqrt()
    paper = 1 - (1.2 - (r - 20).abs()).clamp(0, 1)
    return (2 * (r > 20).float() - 1).expand(1, 3, -1, -1), paper[None, None]


def test_lines_that_are_there_are_not_missed(detector):
    picture, paper = disc()
    with torch.no_grad():
        there = missed_lines(detector, picture, paper)
        absent = missed_lines(detector, torch.zeros_like(picture), paper)
        bare = missed_lines(detector, picture, torch.ones_like(paper))
    assert float(there) < 0.4
    assert float(absent) > 0.8
    assert float(bare) == 0


def test_its_gradient_draws_the_lines(detector):
    picture, paper = disc()
    faint = (0.1 * picture).requires_grad_()
    missed = missed_lines(detector, faint, paper)
    (slope,) = torch.autograd.grad(missed.sum(), faint)
    with torch.no_grad():
        closer = missed_lines(detector, faint - 0.3 * slope / slope.abs().max(), paper)
    assert float(closer) < float(missed.detach())
