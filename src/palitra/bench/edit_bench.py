"""A whole comparison of editors: edits, scores, tables and plots in one folder."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from palitra.bench.class_swap import class_swap, reference_features
from palitra.bench.edit_plot import on_front, plot_trade_off
from palitra.bench.edit_run import PHOTOS, Arm, read_costs, run_arm
from palitra.bench.edit_scores import EditJudge, Values, judge_arm, load_judge
from palitra.bench.edit_set import EditCase
from palitra.bench.edit_table import ArmResult, markdown, write_rows
from palitra.core.progress import Hooks
from palitra.errors import ComposeError, InputError
from palitra.metrics.extractors import load_extractor
from palitra.models.text_to_image import TextToImage
from palitra.recipes.editing.inversion_store import InversionStore
from palitra.version import __version__

STYLE_WORDS = ("styl", "painting")
"""Types that hold one of these are edits of style."""


@dataclass(frozen=True, eq=False)
class Bench:
    """What is compared, and where. preset: local, style, or auto by the edit's type."""

    model: TextToImage
    cases: Sequence[EditCase]
    arms: Sequence[Arm]
    out: Path
    preset: str = "auto"
    batch: int = 8
    reference: Path | None = None
    swap: str = ""


def run_bench(
    bench: Bench,
    cancelled: Callable[[], bool] | None = None,
    drawn: Callable[[int], None] = lambda count: None,
    judged: Callable[[int], None] = lambda count: None,
    say: Callable[[str], None] = lambda words: None,
) -> Path:
    """Make what is missing, judge what is not judged yet, and write `report.md`, `edits.csv` and plots.

    Raises:
        InputError: an unknown preset.
        Cancelled: asked by `cancelled`; what is done is kept, and the next call goes on.
    """
    if bench.preset not in ("auto", "local", "style"):
        raise InputError(f"`preset` must be auto, local or style, got {bench.preset}")
    store = InversionStore(bench.out / "inversions", memory_bytes=2**28)
    refused: dict[str, list[str]] = {}
    ran: list[Arm] = []
    for arm in bench.arms:
        try:
            for preset, cases in _by_preset(bench):
                asked = replace(arm, params=arm.params.model_copy(update={"preset": preset}))
                hooks = Hooks(cancelled=cancelled)
                no = run_arm(
                    bench.model, asked, cases, bench.out, store, batch=bench.batch, hooks=hooks, tick=drawn
                )
                refused.setdefault(arm.name, []).extend(no)
        except ComposeError as error:
            say(f"{arm.name} is left out: {error}")
            continue
        ran.append(arm)
    judge = load_judge(bench.model.device)
    results = [_result(bench, arm, judge, judged) for arm in ran]
    return _report(bench, results, judge, refused)


def _by_preset(bench: Bench) -> list[tuple[str, list[EditCase]]]:
    """The cases of each preset."""
    if bench.preset != "auto":
        return [(bench.preset, list(bench.cases))]
    styles = [case for case in bench.cases if any(word in case.type for word in STYLE_WORDS)]
    others = [case for case in bench.cases if case not in styles]
    return [(name, cases) for name, cases in (("local", others), ("style", styles)) if cases]


def _result(bench: Bench, arm: Arm, judge: EditJudge, judged: Callable[[int], None]) -> ArmResult:
    """Costs and scores of one arm; scores are kept beside its pictures and made once."""
    ids = {case.id for case in bench.cases}
    costs = [cost for cost in read_costs(bench.out / f"{arm.name}.csv") if cost.id in ids]
    kept = bench.out / f"{arm.name}.scores.json"
    known: dict[str, Values] = json.loads(kept.read_text(encoding="utf-8")) if kept.is_file() else {}
    made = {cost.id for cost in costs}
    todo = [case for case in bench.cases if case.id in made and case.id not in known]
    judged(len(bench.cases) - len(todo))
    known |= judge_arm(judge, todo, bench.out / PHOTOS, bench.out / arm.name, judged)
    kept.write_text(json.dumps(known), encoding="utf-8")
    swap: dict[str, float] = {}
    if bench.reference is not None:
        extractor = load_extractor("eye", None, bench.model.device)
        swapped = [cost.id for cost in costs if bench.swap in (cost.type, "")]
        pictures = [bench.out / arm.name / f"{i}.png" for i in swapped]
        swap = class_swap(extractor, reference_features(extractor, bench.reference), pictures)
    return ArmResult(arm.name, costs, {i: known[i] for i in made if i in known}, swap)


def _report(
    bench: Bench, results: Sequence[ArmResult], judge: EditJudge, refused: dict[str, list[str]]
) -> Path:
    write_rows(bench.out / "edits.csv", results)
    kinds = list(dict.fromkeys(case.type for case in bench.cases))
    params = bench.arms[0].params
    lines = [
        "# Editors compared",
        "",
        f"Model `{bench.model.name}` ({bench.model.fingerprint}) at {bench.model.size} px on "
        f"{bench.model.device}, {params.steps} steps, {len(bench.cases)} edits, palitra {__version__}. "
        "Scores are means over edits with bootstrap intervals at 95 %. Numbers that end in @eye are made "
        "with the embedded encoder and compare only with each other.",
        "",
    ]
    lines += [f"- {note}" for note in judge.notes]
    lines += [f"- {name} refused {len(ids)} edits" for name, ids in refused.items() if ids]
    for kind in kinds:
        plot = f"trade-off-{'-'.join(kind.split())}.png"
        plot_trade_off(bench.out / plot, results, kind, f"{kind}: {bench.model.name}, {params.steps} steps")
        front = ", ".join(on_front(results, kind))
        lines += [
            "",
            f"## {kind}",
            "",
            markdown(results, kind),
            f"On the front: {front}.",
            "",
            f"![{kind}]({plot})",
        ]
    if any(result.swap for result in results):
        lines += ["", f"## Class swap ({bench.swap or 'all edits'})", "", _swaps(results)]
    path = bench.out / "report.md"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def _swaps(results: Sequence[ArmResult]) -> str:
    names = list(dict.fromkeys(name for result in results for name in result.swap))
    rows = [f"| method | {' | '.join(names)} |", f"|{'---|' * (len(names) + 1)}"]
    for result in results:
        cells = [f"{result.swap[n]:.4g}" if n in result.swap else "" for n in names]
        rows.append(f"| {result.name} | {' | '.join(cells)} |")
    return "\n".join(rows)
