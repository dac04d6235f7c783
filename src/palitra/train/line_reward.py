"""A reward for lines that are there (ControlNet++: Li et al., arXiv 2404.07987, section 3.2).

What a student draws is decoded and shown to the frozen edge detector; lines of the drawing that it does not
find cost something. A student's clean latent is a picture at every time, so the reward acts at all of them
(the paper trusts one-step predictions at low noise alone). Only missing lines count: drawings leave lines
out on purpose, so a line too many is no fault here.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from palitra.data.edges import EdgeDetector, normalise

LOOK = 2
"""Small pictures are enlarged for the detector, as `EdgeDetector.detect` does."""


def missed_lines(detector: EdgeDetector, pictures: Tensor, papers: Tensor) -> Tensor:
    """Share of the ink where no edge is found within a pixel, (B,) in [0, 1], with its gradient.

    pictures: (B, 3, S, S) in [-1, 1]. papers: (B, 1, S, S) in [0, 1], black on white; a bare one misses
    nothing.
    """
    size = pictures.shape[-2:]
    shown = ((pictures + 1) / 2).clamp(0, 1)
    large = F.interpolate(shown, scale_factor=LOOK, mode="bilinear", align_corners=False)
    soft = detector.network(normalise(large, detector.normalisation))
    near = F.max_pool2d(F.adaptive_avg_pool2d(soft.float(), (size[0], size[1])), 3, stride=1, padding=1)
    ink = 1 - papers
    return (ink * (1 - near)).sum((1, 2, 3)) / ink.sum((1, 2, 3)).clamp_min(1)
