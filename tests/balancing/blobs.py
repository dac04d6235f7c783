"""Coloured blobs in noise: classes told apart by colour, a generator that repeats real rows."""

from dataclasses import replace

import torch

from palitra.balancing.classifier import Budget
from palitra.balancing.generator import GeneratorChoice
from palitra.balancing.settings import BalanceSettings
from palitra.balancing.sieve import SieveSettings
from palitra.zoo.labelled_images import LabelledImages

NAMES = ("red", "green", "blue")
SMALL = Budget(samples=320, batch=16, width=4, bf16=False)


LONGER = replace(SMALL, samples=2400, width=8)


def blobs(counts=(24, 10, 6), size=8, seed=0):
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(3).repeat_interleave(torch.tensor(counts))
    images = torch.randint(0, 80, (len(labels), 3, size, size), generator=generator)
    images[torch.arange(len(labels)), labels, 2:6, 2:6] += 120
    order = torch.randperm(len(labels), generator=generator)
    return LabelledImages(images[order].byte(), labels[order], NAMES)


def small_settings(**changes):
    tiny = GeneratorChoice("cvae", "tiny", ("training.images=64", "training.batch=8"))
    values = {"budget": SMALL, "generator": tiny, "seeds": 2, "cas": 0, "resamples": 20, "validation": 0.2}
    return BalanceSettings(**{**values, **changes})


NO_SIEVE = SieveSettings(confidence=0, copies=0, outliers=0)


class Repeats:
    """Draws given rows of a class in their order, as if they were made."""

    def __init__(self, rows_of):
        self.rows_of = rows_of

    def draw(self, label, count, seed):
        rows = self.rows_of[label]
        return rows[torch.arange(count) % len(rows)]
