"""A whole small comparison on a tiny random model."""

import csv

import numpy as np
import pytest
from PIL import Image

from palitra.bench import edit_run
from palitra.bench.edit_bench import Bench, run_bench
from palitra.bench.edit_plot import on_front
from palitra.bench.edit_run import Arm, EditCost, read_costs
from palitra.bench.edit_scores import judge_arm, load_judge
from palitra.bench.edit_set import read_edit_set
from palitra.bench.edit_table import ArmResult, markdown
from palitra.errors import InputError
from palitra.models.text_to_image import load_folder
from palitra.spec.edit import EditParams


@pytest.fixture(scope="module")
def model(tiny_folders):
    return load_folder(tiny_folders[0])


@pytest.fixture
def cases(tmp_path):
    rows = ["image,source,target,type,mask"]
    rng = np.random.default_rng(0)
    for i, kind in enumerate(("animal swap", "animal swap", "stylisation")):
        pixels = np.kron(rng.integers(0, 255, (5, 4, 3)), np.ones((16, 16, 1)))
        Image.fromarray(pixels.astype(np.uint8)).save(tmp_path / f"{i}.png")
        rows.append(f"{i}.png,a photo of a cat,a photo of a dog,{kind},{'mask.png' if i == 0 else ''}")
    mask = np.zeros((80, 64), dtype=np.uint8)
    mask[:40] = 255
    Image.fromarray(mask).save(tmp_path / "mask.png")
    (tmp_path / "set.csv").write_text("\n".join(rows) + "\n")
    return read_edit_set(tmp_path / "set.csv")


def arm(method, **params):
    return Arm(EditParams(target="-", method=method, steps=4, **params))


def bench(model, cases, out, *methods, **more):
    return Bench(model, cases, [arm(m) for m in methods], out, **more)


def test_a_report_with_all_edits_scores_and_plots(model, cases, tmp_path):
    ticks = [[], []]
    out = tmp_path / "run"
    path = run_bench(
        bench(model, cases, out, "ddim", "sdedit", "instruct-pix2pix"),
        None,
        ticks[0].append,
        ticks[1].append,
        ticks.append,
    )
    text = path.read_text()
    assert "## animal swap" in text
    assert "## stylisation" in text
    assert "instruct-pix2pix is left out" in ticks[2]
    assert (sum(ticks[0]), sum(ticks[1])) == (6, 6)
    with (out / "edits.csv").open() as file:
        rows = list(csv.DictReader(file))
    expected = [(f"00000{i}", m) for m in ("ddim", "sdedit") for i in range(3)]
    assert [(r["id"], r["method"]) for r in rows] == expected
    first = rows[0]
    assert 0 <= float(first["agreement@eye"]) <= 1
    assert float(first["lpips@eye"]) > 0
    assert float(first["background mse"]) < float(first["mse"])
    assert rows[1]["background mse"] == ""
    assert float(first["forwards"]) > 4
    for name in ("trade-off-animal-swap.png", "ddim/000000.png", "photos/000000.png"):
        with Image.open(out / name) as image:
            assert min(image.size) > 40
    with Image.open(out / "ddim" / "000000.png") as image:
        assert image.size == (51, 64)


def test_a_stopped_run_goes_on_and_makes_nothing_twice(model, cases, tmp_path, monkeypatch):
    out = tmp_path / "run"
    asked = []
    make = edit_run._make
    monkeypatch.setattr(edit_run, "_make", lambda *a: asked.append([c.id for c in a[2]]) or make(*a))
    run_bench(bench(model, cases[:1], out, "ddim"))
    table = out / "ddim.csv"
    table.write_text(table.read_text() + "000001,animal sw")
    run_bench(bench(model, cases, out, "ddim", batch=1))
    assert asked == [["000000"], ["000001"], ["000002"]]
    assert [c.id for c in read_costs(out / "ddim.csv")] == ["000000", "000001", "000002"]


def test_a_batch_of_the_bench_equals_its_singles(model, cases, tmp_path):
    for out, batch in (("one", 1), ("all", 3)):
        run_bench(bench(model, cases, tmp_path / out, "ddim", preset="local", batch=batch))
    for i in range(3):
        one, other = (
            np.asarray(Image.open(tmp_path / d / "ddim" / f"00000{i}.png"), dtype=int) for d in ("one", "all")
        )
        # a grey level of rounding
        assert np.abs(one - other).max() <= 1


def test_unknown_presets_are_refused(model, cases, tmp_path):
    with pytest.raises(InputError, match="`preset` must be"):
        run_bench(bench(model, cases, tmp_path, "ddim", preset="best"))


def test_the_photo_itself_has_no_distance(cases, tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for case in cases:
        case.photo().save(folder / f"{case.id}.png")
    found = judge_arm(load_judge(), cases, folder, folder)
    assert {v["lpips@eye"] for v in found.values()} == {0}
    assert {v["structure@eye"] for v in found.values()} == {0}
    assert {v["psnr"] for v in found.values()} == {float("inf")}


def result(name, words, photo):
    costs = [EditCost(str(i), "x", 1.0, 1, 10, 2, 3) for i in range(3)]
    scores = {str(i): {"agreement@eye": words, "lpips@eye": photo} for i in range(3)}
    return ArmResult(name, costs, scores, {})


def test_the_front_holds_what_nothing_beats_in_both():
    arms = [result("a", 0.5, 0.1), result("b", 0.6, 0.2), result("c", 0.4, 0.2), result("d", 0.6, 0.3)]
    assert on_front(arms) == ["a", "b"]


def test_a_table_has_means_with_intervals_and_costs():
    text = markdown([result("a", 0.5, 0.1)])
    assert "| a | 0.500 [0.500, 0.500] | 0.100 [0.100, 0.100] | 1.00 | 10 | 2 | 3 |" in text
    assert result("a", 0.5, 0.1).forward_units() == pytest.approx(12.3)
