"""The report as text for a terminal and as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from palitra.balancing.report import COMPARED, NOTHING, BalanceReport, Row
from palitra.balancing.scores import SCORES
from palitra.metrics.bootstrap import Difference

HEADS: Final[Mapping[str, str]] = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced acc.",
    "macro_f1": "macro-F1",
    "minority_recall": "rare recall",
    "minority_auprc": "rare AUPRC",
    "calibration_error": "ECE",
}


def number(value: tuple[float, float], sign: str = "±") -> str:
    """Percent with the half width, without it for one seed."""
    mean, half = (100 * v for v in value)
    return f"{mean:.1f}" if half != half else f"{mean:.1f} {sign} {half:.1f}"


def difference(found: Difference) -> str:
    """Percentage points with their interval."""
    low, high = 100 * found.interval.low, 100 * found.interval.high
    return f"{100 * found.value:+.1f} [{low:+.1f}, {high:+.1f}]"


def text_table(report: BalanceReport) -> str:
    """Columns of equal width, then the findings."""
    lines = [("strategy", *(HEADS[s] for s in SCORES), "macro-F1 less nothing")]
    for row in report.rows:
        lines.append(
            (row.title, *(number(row.scores[s]) for s in SCORES), _against(row, NOTHING, "macro_f1"))
        )
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    shown = [
        "  ".join(
            cell.ljust(w) if i == 0 else cell.rjust(w)
            for i, (cell, w) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    ]
    return "\n".join([*shown, "", *findings(report), report.protocol])


def findings(report: BalanceReport) -> list[str]:
    """Sentences on what generated pictures were worth, and how many the sieve let through."""
    best = report.row(report.best_baseline)
    lines = [f"Best baseline by macro-F1: {best.title} ({number(best.scores['macro_f1'])} %)."]
    for row in report.rows:
        if row.generated:
            words = [f"{_verdict(d)} {report.row(r).title} ({difference(d)})" for r, d in _rivals(row)]
            lines.append(f"{row.title}: {' and '.join(words)}.")
    if report.cas:
        lines.append(
            f"Classification accuracy score (generated pictures alone): {number(report.cas['accuracy'])} % "
            f"right, macro-F1 {number(report.cas['macro_f1'])} %."
        )
    for name, count in report.tally.items():
        held = ", ".join(f"{count[k]} {k.replace('_', ' ')}" for k in count if k in _HELD and count[k])
        lines.append(
            f"Generated {name}: {count['kept']} of {count['wanted']} wanted kept of {count['drawn']} drawn"
            + (f"; held back: {held}." if held else ".")
        )
    return lines


def markdown(report: BalanceReport, title: str, plot: str | None = None) -> str:
    """A page: counts, scores, differences, recalls by class, findings, protocol."""
    names = list(report.train)
    head = ("strategy", *(HEADS[s] for s in SCORES))
    scored = [[r.title, *(number(r.scores[s]) for s in SCORES)] for r in report.rows]
    rivals = list(dict.fromkeys((NOTHING, report.best_baseline)))
    titles = [f"{HEADS[s]} less {report.row(r).title}" for r in rivals for s in COMPARED]
    gained = [
        [r.title, *(_against(r, rival, s) for rival in rivals for s in COMPARED)] for r in report.rows[1:]
    ]
    by_class = [[r.title, *(f"{100 * r.recalls[n]:.1f}" for n in names)] for r in report.rows]
    counts = [
        ["training", *(str(report.train[n]) for n in names)],
        ["test", *(str(report.test[n]) for n in names)],
    ]
    parts = [
        f"# {title}",
        report.protocol,
        grid(("rows", *names), counts),
        f"Rare: {', '.join(report.rare)}. Percent, mean over {report.seeds} seeds with the 95 % interval of "
        "the mean.",
        grid(head, scored),
        *([f"![Macro-F1 and recall of the rare classes]({plot})"] if plot else []),
        "Differences in percentage points with 95 % intervals from a paired bootstrap over test pictures "
        "(within classes) and seeds; an interval without 0 is a difference. The best baseline is chosen by "
        "its result on the test pictures, which favours it.",
        grid(("strategy", *titles), gained),
        "Recall by class:",
        grid(("strategy", *names), by_class),
        "\n".join(f"- {line}" for line in findings(report)),
    ]
    return "\n\n".join(parts) + "\n"


def grid(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


_HELD: Final = ("wrong_class", "unsure", "copy", "outlier", "twice")


def _rivals(row: Row) -> list[tuple[str, Difference]]:
    return [(rival, found["macro_f1"]) for rival, found in row.against.items()]


def _verdict(found: Difference) -> str:
    if found.interval.low > 0:
        return "better than"
    return "worse than" if found.interval.high < 0 else "not told apart from"


def _against(row: Row, rival: str, score: str) -> str:
    return difference(row.against[rival][score]) if rival in row.against else "-"
