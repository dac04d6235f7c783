"""The page of an experiment: what was asked, tables, pictures, how it was measured, what it cost."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from palitra.errors import DiskError
from palitra.experiments.kept import read_all
from palitra.experiments.trial import Experiment, Kept


def write_page(experiment: Experiment, out: Path, docs: Path) -> Path:
    """Write docs/NAME.md with its pictures from the kept trials alone; returns its path.

    Raises:
        InputError: no kept trial, or a damaged one.
        DiskError: `docs` cannot be written.
    """
    kept = read_all(out, experiment.name)
    path = docs / f"{experiment.name}.md"
    try:
        docs.mkdir(parents=True, exist_ok=True)
        path.write_text(experiment.page(kept, docs), encoding="utf-8")
    except OSError as error:
        raise DiskError(f"`docs` must be a folder that can be written, but {docs} cannot: {error}") from error
    return path


def compose(experiment: Experiment, kept: Sequence[Kept], asked: str, parts: Sequence[str]) -> str:
    """The whole page as Markdown.

    Args:
        experiment: named in the title and the command.
        kept: all kept trials.
        asked: the question, in a paragraph.
        parts: paragraphs, tables and pictures in their order.
    """
    hours = sum(one.processor_seconds for one in kept) / 3600
    protocols = list(dict.fromkeys(one.findings.protocol for one in kept if one.findings.protocol))
    machines = list(dict.fromkeys(one.machine for one in kept))
    versions = list(dict.fromkeys(one.version for one in kept))
    broken = [f"- {one.trial.key}: {one.failed}" for one in kept if one.failed]
    seeds = sorted({one.trial.seed for one in kept})
    lines = [
        f"# {experiment.title}",
        "",
        asked,
        "",
        *(line for part in parts for line in (part, "")),
        *(["## Broken down", "", *broken, ""] if broken else []),
        "## How it was measured",
        "",
        *(f"- {protocol}." for protocol in protocols),
        f"- Seeds {', '.join(map(str, seeds))}; mean ± standard deviation over them.",
        f"- {hours:.2f} hours of processor time in all ({'; '.join(machines)}); "
        f"palitra {', '.join(versions)}.",
        "",
        f"Made by `palitra experiment run {experiment.name} --docs docs/experiments`; "
        f"`palitra experiment report {experiment.name}` makes the page again from the kept trials alone.",
        "",
    ]
    return "\n".join(lines)


def picture(title: str, file: str) -> str:
    """A picture of the page."""
    return f"![{title}]({file})"
