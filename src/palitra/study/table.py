"""A report as text for a terminal, and as CSV."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from palitra.study.report import Report, Told

TITLES: Final = {
    "edit": "Which shows the wanted edit better?",
    "structure": "Which keeps the photo's structure better?",
}


def as_text(report: Report) -> str:
    """Who took part, then a table of shares and the ranking for each question."""
    people = [
        f"{report.participants} participants counted ({report.finished} came to the end)",
        f"{report.left_out} left out for failed checks",
        f"{report.unchecked} stopped before their first check",
    ]
    lines = [report.title or report.study, ", ".join(people)]
    for told in report.questions:
        lines += ["", *_question(told, report.level)]
    return "\n".join(lines) + "\n"


def _question(told: Told, level: float) -> Iterator[str]:
    yield TITLES[told.question]
    names = [f"{s.first} over {s.second}" for s in told.shares]
    ranked = [p.arm for p in told.ranking]
    width = max(map(len, [*names, *ranked]))
    percent = f"{100 * level:g} %"
    with_equal = any(s.equal for s in told.shares)
    equal_head = f"  {'equal':>5}" if with_equal else ""
    yield f"  {'preferred':{width}}  {'share':>7}  {percent:^16}  answers{equal_head}"
    for name, s in zip(names, told.shares, strict=True):
        share = "—" if s.share is None else f"{100 * s.share:.1f} %"
        bounds = "" if s.share is None else f"[{100 * s.low:.1f}, {100 * s.high:.1f}]"
        equal = f"  {s.equal:>5}" if with_equal else ""
        yield f"  {name:{width}}  {share:>7}  {bounds:^16}  {s.answers:>7}{equal}"
    if told.ranking:
        yield f"  {'Bradley-Terry':{width}}  {'over any':>7}  {percent:^16}  strength"
        for p in told.ranking:
            bounds = "" if p.low is None or p.high is None else f"[{p.low:+.2f}, {p.high:+.2f}]"
            yield f"  {p.arm:{width}}  {100 * p.expected:>5.1f} %  {bounds:^16}  {p.strength:>+7.2f}"
    for note in told.notes:
        yield f"  {note}"


def write_csv(path: Path, report: Report) -> None:
    """A row per question and pair, and a row per question and arm."""
    head = ["question", "kind", "first", "second", "wins", "equal", "answers", "value", "low", "high"]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(head)
        for told in report.questions:
            for s in told.shares:
                row = (told.question, "share", s.first, s.second, s.wins, s.equal, s.answers)
                writer.writerow([*row, "" if s.share is None else s.share, s.low, s.high])
            for p in told.ranking:
                low, high = ("" if bound is None else bound for bound in (p.low, p.high))
                writer.writerow([told.question, "strength", p.arm, "", "", "", "", p.strength, low, high])
