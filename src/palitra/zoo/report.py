"""A Markdown table of runs from what they recorded."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from palitra.errors import DiskError
from palitra.zoo.evaluate import EVALUATION, share
from palitra.zoo.models import MODELS
from palitra.zoo.run_folder import read_card

HEAD = ("run", "model", "preset", "images seen", "best at", "class agreement")


def markdown_table(runs: Sequence[Path]) -> str:
    """One row per run, in the order given; a dash where nothing is recorded; protocols below.

    Raises:
        InputError: a folder without a run.
    """
    published = {m.name: m.published for m in MODELS}
    found = [_evaluation(run) for run in runs]
    names = list(dict.fromkeys(name for one in found for name in one.get("scores", {})))
    head = (*HEAD, *names, "published")
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for run, one in zip(runs, found, strict=True):
        config = read_card(run).config
        scores = _scores(run / "scores.jsonl")
        best = min(scores, key=lambda s: s["quick_distance"], default=None)
        held = one.get("scores", {})
        cells = (
            str(run),
            config.model,
            config.preset,
            f"{scores[-1]['images']:,}" if scores else "-",
            f"{best['images']:,}" if best else "-",
            share(one.get("agreement")),
            *(f"{held[name]:.4g}" if name in held else "-" for name in names),
            published.get(config.model) or "-",
        )
        lines.append("| " + " | ".join(cells) + " |")
    protocols = dict.fromkeys(one["protocol"] for one in found if "protocol" in one)
    return "\n".join([*lines, "", *protocols]) + "\n"


def save_report(path: Path, text: str) -> None:
    """Write the table.

    Raises:
        DiskError: the place cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise DiskError(f"`out` must be a place that can be written, but {path} cannot: {error}") from error


def _evaluation(run: Path) -> dict[str, Any]:
    path = run / EVALUATION
    if not path.exists():
        return {}
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        # a write was cut off; the run is evaluated again by `compare`
        return {}
    return values if isinstance(values, dict) else {}


def _scores(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
