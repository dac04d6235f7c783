"""Batches of pictures with drawings of them: pure functions of (seed, step), so that resuming is exact."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from palitra.conditions.text import encode_prompts
from palitra.models.text_to_image import TextToImage
from palitra.train.captioned import sampling_weights
from palitra.train.drawing_pack import DrawingPack
from palitra.train.drawings import by_hand

TEXTS_AT_ONCE = 64


@dataclass(frozen=True, eq=False)
class DrawnBatch:
    """latents (B, C, h, w), papers (B, 1, S, S) in [0, 1], rows of texts (B,); on the CPU but for papers.

    `generator` goes on to whatever else the step draws.
    """

    latents: Tensor
    papers: Tensor
    texts: Tensor
    generator: torch.Generator


@dataclass(frozen=True, eq=False)
class DrawnPictures:
    """What batches are drawn from: the pack with its texts encoded for one model."""

    pack: DrawingPack
    states: Tensor
    weights: tuple[Tensor, Tensor]
    size: int

    @classmethod
    def of(cls, model: TextToImage, pack: DrawingPack) -> DrawnPictures:
        """Encode the texts; a concept counts by the root of its number, photos and sketches apart."""
        found = []
        for start in range(0, len(pack.texts), TEXTS_AT_ONCE):
            some = list(pack.texts[start : start + TEXTS_AT_ONCE])
            states = encode_prompts(model, some, weighted=False)[0].text
            assert states is not None
            found.append(states)
        balance = sampling_weights(pack.concepts, 0.5)
        weights = (balance * ~pack.human, balance * pack.human)
        return cls(pack, torch.cat(found), weights, model.size)

    def batch(
        self,
        seed: int,
        step: int,
        count: int,
        human_share: float,
        text_dropout: float,
        line_width: float,
    ) -> DrawnBatch:
        """The batch of a step; without human sketches in the pack there are none in the batch."""
        g = torch.Generator().manual_seed(seed * 1_000_003 + step)
        pack = self.pack
        human = round(count * human_share) if bool(pack.human.any()) else 0
        rows = torch.cat(
            [
                torch.multinomial(weights, n, replacement=True, generator=g)
                for weights, n in zip(self.weights, (count - human, human), strict=True)
                if n
            ]
        )
        mirrored = torch.randint(2, (count,), generator=g)
        ways = torch.randint(pack.lines.shape[1], (count,), generator=g)
        said = torch.randint(pack.phrasings.shape[1], (count,), generator=g)
        texts = pack.phrasings[rows, said]
        texts = texts.masked_fill(torch.rand(count, generator=g) < text_dropout, 0)
        centres = pack.centres(rows, ways, mirrored).to(self.states.device)
        papers = by_hand(centres, line_width, self.size, g)
        return DrawnBatch(pack.latents[rows, mirrored].float(), papers, texts, g)

    def text(self, rows: Tensor) -> Tensor:
        """Token states (B, L, D) of text rows."""
        return self.states[rows.to(self.states.device)].float()
