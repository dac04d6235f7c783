"""Scores of edited pictures: the words, the distance to the photo, what lies outside the edited region.

eye's scores are always there and end in @eye. Published networks join where their weights are on this
machine: CLIP, LPIPS of both nets, and the structure distance by DINO, corrected and as PIE-Bench computes it.
Background scores follow PIE-Bench: both pictures are blackened inside the mask and compared over the whole
frame; an edit without background has none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from palitra.bench.edit_set import EditCase
from palitra.data.images import to_tensor
from palitra.errors import ModelNotFoundError
from palitra.metrics.caption_scores import CLIPS, CaptionNetwork, load_caption_network
from palitra.metrics.clip_score import clip_score
from palitra.metrics.eye_distance import eye_distance, eye_tokens
from palitra.metrics.lpips import SMALLEST, Lpips, load_lpips
from palitra.metrics.psnr import psnr
from palitra.metrics.resize import resize
from palitra.metrics.ssim import ssim
from palitra.metrics.structure_distance import Tokens, dino_keys, structure_distance
from palitra.models.eye import Eye, load_eye
from palitra.models.metric_weights_files import located

Values = dict[str, float]


@dataclass(frozen=True, eq=False)
class EditJudge:
    """The networks that judge; `notes` say which are not here."""

    eye: Eye
    captions: CaptionNetwork
    clips: tuple[CaptionNetwork, ...] = ()
    lpips: tuple[Lpips, ...] = ()
    structure: dict[str, Tokens] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def judge(self, case: EditCase, photo: Image.Image, made: Image.Image) -> Values:
        """All scores of one edit; photo and made are of one size."""
        x, y = (to_tensor(image.convert("RGB")) for image in (photo, made))
        likely = self.eye.suggest(y * 255, [case.source or "a photo", case.target])[0]
        values = {
            "agreement@eye": float(likely[1]),
            "clip@eye": self._words(self.captions, y, case.target),
            "lpips@eye": float(eye_distance(self.eye, x, y)),
            "structure@eye": float(structure_distance(eye_tokens(self.eye, x), eye_tokens(self.eye, y))),
            **_pixels(x, y),
        }
        for clip in self.clips:
            values[clip.name] = self._words(clip, y, case.target)
        for network in self.lpips:
            values[f"lpips-{network.net}"] = _lpips(network, x, y)
        for name, tokens in self.structure.items():
            values[name] = float(structure_distance(tokens(x), tokens(y)))
        mask = case.mask()
        if mask is not None:
            values |= self._background(mask, x, y)
        return values

    def _background(self, mask: Image.Image, x: Tensor, y: Tensor) -> Values:
        height, width = x.shape[2:]
        edited = to_tensor(mask.resize((width, height), Image.Resampling.NEAREST).convert("RGB"))[:, :1] > 0.5
        if bool(edited.all()):
            return {}
        x, y = (v * (~edited) for v in (x, y))
        values = _pixels(x, y) | {"lpips@eye": float(eye_distance(self.eye, x, y))}
        values |= {f"lpips-{network.net}": _lpips(network, x, y) for network in self.lpips}
        return {f"background {name}": value for name, value in values.items()}

    @staticmethod
    def _words(network: CaptionNetwork, picture: Tensor, words: str) -> float:
        pixels = resize((picture * 255).round().byte(), network.size, "clean")
        return float(clip_score(network.see(pixels).float(), network.read([words]).float()))


def load_judge(device: torch.device | str = "cpu") -> EditJudge:
    """eye, and every published network whose weights are on this machine."""
    notes: list[str] = []
    clips: list[CaptionNetwork] = []
    nets: list[Lpips] = []
    structure: dict[str, Tokens] = {}
    for name in CLIPS:
        with _noted(notes):
            clips.append(load_caption_network(name, None, device))
    for net in SMALLEST:
        with _noted(notes):
            nets.append(load_lpips(located(f"lpips-{net}", field="lpips"), net, device))
    for title, quirk in (("structure", False), ("structure (as PIE-Bench)", True)):
        with _noted(notes):
            structure[title] = dino_keys(None, device, quirk)
    eye, captions = load_eye(device=device), load_caption_network("eye", None, device)
    return EditJudge(eye, captions, tuple(clips), tuple(nets), structure, tuple(dict.fromkeys(notes)))


@contextmanager
def _noted(notes: list[str]) -> Iterator[None]:
    """Weights that are not here become a note."""
    try:
        yield
    except ModelNotFoundError as error:
        notes.append(str(error))


def judge_arm(
    judge: EditJudge,
    cases: Sequence[EditCase],
    photos: Path,
    made: Path,
    tick: Callable[[int], None] = lambda count: None,
) -> dict[str, Values]:
    """Scores of a method's pictures by id; edits without a picture are left out."""
    found: dict[str, Values] = {}
    for case in cases:
        path = made / f"{case.id}.png"
        if path.is_file():
            with Image.open(photos / path.name) as photo, Image.open(path) as picture:
                found[case.id] = judge.judge(case, photo, picture)
        tick(1)
    return found


def _pixels(x: Tensor, y: Tensor) -> Values:
    values = {"mse": float((x - y).double().square().mean()), "psnr": float(psnr(x, y, data_range=1))}
    if min(x.shape[2:]) >= 11:
        values["ssim"] = float(ssim(x, y, data_range=1))
    return values


def _lpips(network: Lpips, x: Tensor, y: Tensor) -> float:
    least = SMALLEST[network.net]
    if min(x.shape[2:]) < least:
        factor = -(-least // min(x.shape[2:]))
        x, y = (torch.nn.functional.interpolate(v, scale_factor=factor, mode="bilinear") for v in (x, y))
    with torch.inference_mode():
        return float(network(x, y, low=0, high=1))
