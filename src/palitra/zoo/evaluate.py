"""The same numbers for every run: class agreement by one classifier, with the same labels and seeds."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from palitra.errors import InputError
from palitra.zoo.class_agreement import ClassJudge, train_judge
from palitra.zoo.drawing import draw_pictures
from palitra.zoo.families.make import parameter_count
from palitra.zoo.label_sampler import LabelSampler
from palitra.zoo.labelled_images import LabelledImages, match_labels
from palitra.zoo.quick_distance import QuickDistance
from palitra.zoo.reading.read import read_labelled
from palitra.zoo.reading.size import Fit
from palitra.zoo.run_folder import load_model, read_card

EVALUATION = "evaluation.json"


@dataclass(frozen=True)
class RunScore:
    """Numbers of one run; `protocol` says how they were made. Agreement is None without classes."""

    run: str
    model: str
    preset: str
    parameters: int
    agreement: float | None
    agreement_of: dict[str, float]
    quick_distance: float
    seconds_per_picture: float
    protocol: str

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def evaluate_runs(
    runs: Sequence[Path],
    data: Path,
    count: int,
    seed: int,
    which: str,
    label_column: str,
    fit: str,
    device: torch.device,
) -> list[RunScore]:
    """Draw `count` pictures of each run, labels in the shares of `data`, and score them; kept in each run.

    Raises:
        InputError: fewer than 2 pictures, runs of different shapes or classes, or unreadable data.
    """
    if count < 2:
        raise InputError(f"`n` must be in [2, inf], got {count}")
    from palitra.zoo.commands import checked_fit

    cards = [read_card(run) for run in runs]
    for run, card in zip(runs, cards, strict=True):
        if (card.shape, card.names) != (cards[0].shape, cards[0].names):
            raise InputError(f"`runs` must have one picture shape and the same classes, got another in {run}")
    real = _real(data, cards[0].shape, cards[0].names, label_column, checked_fit(fit))
    judge = train_judge(real)
    return [_score(run, real, judge, count, seed, which, device) for run in runs]


def score_lines(scores: Sequence[RunScore]) -> list[str]:
    """A line per run, best agreement first, and the protocol."""
    lines = [
        f"{'run':<28} {'model':<10} {'agreement':>9} "
        f"{'quick distance':>14} {'ms/picture':>10} {'parameters':>11}"
    ]
    for s in sorted(scores, key=lambda s: -(s.agreement or 0)):
        share = "-" if s.agreement is None else f"{s.agreement:.1%}"
        lines.append(
            f"{s.run:<28} {s.model:<10} {share:>9} {s.quick_distance:>14.4f} "
            f"{1000 * s.seconds_per_picture:>10.1f} {s.parameters:>11,}"
        )
    return [*lines, scores[0].protocol]


def _real(
    data: Path, shape: tuple[int, int, int], names: tuple[str, ...], label_column: str, fit: Fit
) -> LabelledImages:
    images = read_labelled(data, size=shape[1:], channels=shape[0], fit=fit, label_column=label_column)
    return match_labels(images, names)


def _score(
    run: Path,
    real: LabelledImages,
    judge: ClassJudge,
    count: int,
    seed: int,
    which: str,
    device: torch.device,
) -> RunScore:
    model, card = load_model(run, which, device)
    generator = torch.Generator().manual_seed(seed)
    wanted = LabelSampler.empirical(real.labels, len(real.names)).draw(count, generator)
    began = time.perf_counter()
    pictures = torch.cat(list(draw_pictures(model, wanted if model.classes else None, count, seed)))
    seconds = (time.perf_counter() - began) / count
    agreement, each = judge.agreement(pictures, wanted) if model.classes else (None, [])
    rows = torch.randperm(len(real), generator=generator)[:count]
    distance = QuickDistance(real.images[rows].float() / 127.5 - 1)(pictures)
    score = RunScore(
        run=str(run),
        model=card.config.model,
        preset=card.config.preset,
        parameters=parameter_count(model),
        agreement=agreement,
        agreement_of={n: a for n, a in zip(real.names, each, strict=False) if a == a},
        quick_distance=distance,
        seconds_per_picture=seconds,
        protocol=(
            f"{count} pictures of the {which} model, seeds from {seed}, labels in the shares of the data; "
            f"classifier trained on it, {judge.accuracy:.1%} right on the tenth held out; "
            f"quick distance: Fréchet distance of random features, no FID"
        ),
    )
    (run / EVALUATION).write_text(json.dumps(score.to_json(), indent=1), encoding="utf-8")
    return score
