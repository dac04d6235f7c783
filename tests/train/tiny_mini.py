"""Made captioned pictures and the smallest mini that trains on them."""

import torch

from palitra.train.captioned import CONCEPTS, CaptionedSet
from palitra.train.config import MiniConfig

TINY = MiniConfig(
    size=16,
    channels=(32, 32),
    attention=(False, True),
    head_dim=16,
    latent_channels=4,
    text_width=32,
    text_layers=1,
    text_steps=0,
    vocab_size=560,
    samples=24,
    batch=4,
    warmup=2,
    bf16=False,
    sheet_every=1000,
    save_every=3,
)


def captioned_set(n=24, size=16) -> CaptionedSet:
    """Random pictures; every concept occurs, with a caption of its own."""
    g = torch.Generator().manual_seed(3)
    concepts = torch.arange(n) % len(CONCEPTS)
    captions = tuple(
        f"a photo of {'a big' if i % 3 == 0 else 'an old'} {CONCEPTS[c]}"
        for i, c in enumerate(concepts.tolist())
    )
    images = torch.randint(256, (n, 3, size, size), generator=g, dtype=torch.uint8)
    return CaptionedSet(images, captions, concepts)
