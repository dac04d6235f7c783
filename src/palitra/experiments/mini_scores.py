"""How far drawn pictures of the eight concepts are from test pictures, and whether they show what was asked.

Each test picture chosen lends its caption to one drawn picture, so both sides hold the same words in the same
shares. The judge is eye, which saw the training pictures and neither the test pictures nor any drawn one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from palitra.conditions.text import encode_prompts
from palitra.core.loop import sample
from palitra.core.predictor import Predictor
from palitra.core.rng import Noise
from palitra.errors import InputError
from palitra.guiders.cfg import ClassifierFree
from palitra.metrics.bootstrap import Interval, bootstrap_means
from palitra.metrics.reference import Features
from palitra.metrics.scores import ScoreSettings, Sides, fid, kid
from palitra.models.eye import Eye
from palitra.models.text_to_image import load_folder
from palitra.samplers.ddim import DDIM
from palitra.train.captioned import CONCEPTS, CaptionedSet

AT_ONCE = 32
KINDS = ("photo", "painting")


@dataclass(frozen=True)
class Scored:
    """A number with its interval over pictures, None where there is none."""

    value: float
    interval: Interval | None = None


def choose(images: CaptionedSet, each: int, seed: int = 0) -> CaptionedSet:
    """At most `each` pictures of every concept, the same for all arms.

    Raises:
        InputError: a concept has no picture.
    """
    g = torch.Generator().manual_seed(seed)
    rows = []
    for index, concept in enumerate(CONCEPTS):
        own = (images.concepts == index).nonzero().flatten()
        if not len(own):
            raise InputError(f"`data` must hold test pictures of every concept, got none of {concept}")
        rows.append(own[torch.randperm(len(own), generator=g)[:each]].sort().values)
    picked = torch.cat(rows)
    captions = tuple(images.captions[i] for i in picked.tolist())
    return CaptionedSet(images.images[picked], captions, images.concepts[picked])


@torch.no_grad()
def draw(
    folder: Path,
    prompts: Sequence[str],
    scale: float,
    steps: int,
    seed: int = 0,
    tick: Callable[[], None] = lambda: None,
) -> Tensor:
    """Pictures (N, 3, S, S) uint8 of a model folder by DDIM and classifier-free guidance, a seed each."""
    model = load_folder(folder)
    side = model.size // model.factor
    made = []
    for start in range(0, len(prompts), AT_ONCE):
        words = prompts[start : start + AT_ONCE]
        told, empty = encode_prompts(model, words)
        guide = ClassifierFree(told, empty.expand(len(words)), scale)
        predictor = Predictor(model.denoiser, model.schedule, [guide])
        noise = Noise([seed + start + i for i in range(len(words))])
        x = noise.normal((model.latent_channels, side, side))
        with torch.autocast("cpu", torch.bfloat16):
            x = sample(DDIM(model.schedule), predictor, x, model.times(steps))
        images = model.autoencoder.decode(x.float()).float().clamp(-1, 1)
        made.append(((images + 1) * 127.5).round().byte())
        tick()
    return torch.cat(made)


def score(eye: Eye, real: CaptionedSet, made: Tensor, resamples: int = 200) -> dict[str, Scored]:
    """Distances and agreements of pictures (N, 3, S, S) uint8 made for the captions of `real`.

    `agreement`: the share whose concept eye sees among the eight, `agreement_CONCEPT` within one. `text`: the
    share for which eye takes the right phrase out of "a photo / a painting of a CONCEPT". `domain`: the share
    that looks like a photo or a painting, as asked. `fid@eye` and `kid@eye` to the real pictures.
    """
    settings = ScoreSettings(resamples=resamples)
    sides = Sides(_features(eye, real.images), _features(eye, made))
    found: dict[str, Scored] = {}
    for one in (*fid(sides, settings), *kid(sides, settings)):
        if one.metric in ("fid", "kid_full"):
            found[f"{one.metric.removesuffix('_full')}@eye"] = Scored(one.value, one.interval)
    for name, right in agreements(eye, real, made).items():
        value, interval = bootstrap_means(right.double(), resamples=1000)
        found[name] = Scored(value, interval)
    return found


def agreements(eye: Eye, asked: CaptionedSet, made: Tensor) -> dict[str, Tensor]:
    """Which pictures (N,) show what was asked, by the name of the question."""
    kinds = torch.tensor([int(c.startswith("a painting")) for c in asked.captions])
    phrases = [f"a {kind} of {_with_article(concept)}" for kind in KINDS for concept in CONCEPTS]
    wanted = kinds * len(CONCEPTS) + asked.concepts
    columns = torch.tensor([eye.shape.concepts.index(c) for c in CONCEPTS])
    domains = torch.tensor([eye.shape.domains.index(k) for k in KINDS])
    concepts, seen_kinds, told = [], [], []
    for chunk in made.split(128):
        seen = eye.see(chunk)
        concepts.append(seen.concepts[:, columns].argmax(1))
        seen_kinds.append(seen.domains[:, domains].argmax(1))
        told.append(eye.suggest(chunk, phrases).argmax(1))
    right = torch.cat(concepts) == asked.concepts
    found = {
        "agreement": right,
        "text": torch.cat(told) == wanted,
        "domain": torch.cat(seen_kinds) == kinds,
    }
    each = {f"agreement_{c}": right[asked.concepts == i] for i, c in enumerate(CONCEPTS)}
    return {**found, **{name: own for name, own in each.items() if len(own)}}


def _features(eye: Eye, images: Tensor) -> Features:
    features = torch.cat([eye.see(chunk).features for chunk in images.split(128)])
    n = len(features)
    return Features(features, torch.full((n,), -1), torch.zeros(n, 32, dtype=torch.uint8))


def _with_article(concept: str) -> str:
    return f"{'an' if concept[0] in 'aeiou' else 'a'} {concept}"
