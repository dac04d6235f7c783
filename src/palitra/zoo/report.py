"""A Markdown table of runs from what they recorded."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from palitra.errors import DiskError
from palitra.zoo.evaluate import EVALUATION
from palitra.zoo.models import MODELS
from palitra.zoo.run_folder import read_card

HEAD = ("run", "model", "preset", "images seen", "best at", "class agreement", "quick distance", "published")


def markdown_table(runs: Sequence[Path]) -> str:
    """One row per run, in the order given; a dash where nothing is recorded; protocols below.

    Raises:
        InputError: a folder without a run.
    """
    published = {m.name: m.published for m in MODELS}
    lines = ["| " + " | ".join(HEAD) + " |", "|" + "---|" * len(HEAD)]
    protocols: list[str] = []
    for run in runs:
        config = read_card(run).config
        scores = _scores(run / "scores.jsonl")
        best = min(scores, key=lambda s: s["quick_distance"], default=None)
        found: dict[str, Any] = {}
        if (run / EVALUATION).exists():
            found = json.loads((run / EVALUATION).read_text(encoding="utf-8"))
            if found["protocol"] not in protocols:
                protocols.append(found["protocol"])
        agreement, distance = found.get("agreement"), found.get("quick_distance")
        cells = (
            str(run),
            config.model,
            config.preset,
            f"{scores[-1]['images']:,}" if scores else "-",
            f"{best['images']:,}" if best else "-",
            f"{agreement:.1%}" if agreement is not None else "-",
            f"{distance:.4f}" if distance is not None else "-",
            published.get(config.model) or "-",
        )
        lines.append("| " + " | ".join(cells) + " |")
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


def _scores(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
