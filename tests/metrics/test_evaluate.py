"""The whole evaluation: equal to single metrics, one reading, names with protocols, bounds, caches."""

import numpy as np
import pytest
import torch
from PIL import Image

from palitra.data.image_sets import ArraySet, open_image_set
from palitra.errors import ImageError, InputError
from palitra.metrics.evaluate import Progress, evaluate
from palitra.metrics.extractors import Extracted, Extractor, load_extractor
from palitra.metrics.frechet import frechet_from_features
from palitra.metrics.kernel import kernel_distance
from palitra.metrics.one_pass import extract
from palitra.metrics.scores import ScoreSettings

SETTINGS = ScoreSettings(resamples=20, kid_subsets=5, kid_size=20, splits=2)
NAMES = np.array(["boot", "shirt"])


def write(path, seed: int, n: int = 30, shift: int = 0, names=NAMES):
    rng = np.random.default_rng(seed)
    pixels = (rng.integers(0, 150, (n, 12, 12, 3)) + shift).astype(np.uint8)
    np.savez(path, images=pixels, labels=np.arange(n) % 2, names=names)
    return open_image_set(path)


@pytest.fixture
def sets(tmp_path):
    return write(tmp_path / "real.npz", 0), write(tmp_path / "fake.npz", 1, shift=30)


def means(device=None) -> Extractor:
    """Colour means as features, so that everything is quick and logits are there."""

    def run(x):
        pooled = torch.nn.functional.adaptive_avg_pool2d(x / 255, 2).flatten(1)
        return Extracted(pooled, pooled[:, :3])

    return Extractor("means", 8, "0" * 64, run, torch.device("cpu"))


def by_name(report):
    return {(r.name, r.group, r.protocol.resize): r for r in report.results}


def test_equals_the_single_metrics(sets):
    report = evaluate(*sets, [means()], settings=SETTINGS)
    x, y = (extract(s, [means()], ["clean"])["means", "clean"].features for s in sets)
    found = by_name(report)
    assert found["fid@means", None, "clean"].value == pytest.approx(frechet_from_features(x, y).value)
    kid = kernel_distance(x, y, subsets=5, size=20)
    assert found["kid@means", None, "clean"].value == pytest.approx(kid.value)
    names = {r.metric for r in report.results}
    assert names == {
        "fid", "kid", "kid_full", "is", "precision", "recall", "density", "coverage", "vendi",
        "equal_to_real",
    }  # fmt: skip
    assert report.notes == report.skipped == ()


def test_intervals_hold_their_value(sets):
    for result in evaluate(*sets, [means()], settings=SETTINGS).results:
        if result.interval:
            assert result.interval.low <= result.value + 1e-9, result
            assert result.value - 1e-9 <= result.interval.high, result
    without = evaluate(*sets, [means()], settings=ScoreSettings(resamples=0, splits=2))
    assert all(r.interval is None for r in without.results)


def test_results_print_their_protocol_and_never_a_bare_fid(sets):
    report = evaluate(*sets, [means()], metrics=["fid"], settings=SETTINGS)
    line = str(report.results[0])
    assert line.startswith("fid@means ")
    for word in (
        "resize clean",
        "real 30",
        "fake 30",
        "seed 0",
        "means 00000000",
        "palitra 0",
        "torch ",
        "rank ",
    ):
        assert word in line
    held = report.results[0].to_dict()
    assert held["name"] == "fid@means"
    assert held["interval"]["resamples"] == 20


def test_one_decoding_serves_all_protocols_and_extractors(sets, monkeypatch):
    decoded = []
    own = ArraySet._decode
    monkeypatch.setattr(ArraySet, "_decode", lambda *a: decoded.append(1) or own(*a))
    ticks = []
    report = evaluate(
        *sets,
        [means(), load_extractor("random")],
        resizes=["clean", "tf1", "torch"],
        metrics=["fid"],
        settings=ScoreSettings(resamples=0),
        progress=Progress(ticks.append),
    )
    assert len(decoded) == sum(ticks) == 60
    assert len({(r.name, r.protocol.resize) for r in report.results}) == 6
    values = {r.protocol.resize: r.value for r in report.results if r.name == "fid@means"}
    assert values["clean"] == pytest.approx(values["torch"], rel=1e-3)
    assert abs(values["tf1"] / values["clean"] - 1) > 1e-3


def test_classes_are_matched_by_name(sets, tmp_path):
    swapped = write(tmp_path / "swapped.npz", 0, names=NAMES[::-1])
    real = sets[0]
    found = by_name(evaluate(real, swapped, [means()], metrics=["fid"], per_class=True, settings=SETTINGS))
    boots, shirts = found["fid@means", "boot", "clean"], found["fid@means", "shirt", "clean"]
    # the same pictures under exchanged names: neither class fits
    assert min(boots.value, shirts.value) > 1e-6
    assert found["fid_intra_class@means", None, "clean"].value == pytest.approx(
        (boots.value + shirts.value) / 2
    )
    same = by_name(evaluate(real, real, [means()], metrics=["fid"], per_class=True, settings=SETTINGS))
    assert same["fid@means", "boot", "clean"].value == pytest.approx(0, abs=1e-9)
    assert boots.settings == {"class_real": 15, "class_fake": 15}


def test_labels_that_do_not_match_are_named(sets, tmp_path):
    strange = write(tmp_path / "strange.npz", 0, names=np.array(["boot", "hat"]))
    with pytest.raises(InputError, match=r"`fake` must have classes of `real` \(boot, shirt\), got hat"):
        evaluate(sets[0], strange, [means()], per_class=True)
    np.savez(tmp_path / "bare.npz", images=np.zeros((3, 8, 8), np.uint8))
    with pytest.raises(InputError, match="`fake` must have classes"):
        evaluate(sets[0], open_image_set(tmp_path / "bare.npz"), [means()], per_class=True)


def test_too_few_images_say_the_bound(sets, tmp_path):
    few = write(tmp_path / "few.npz", 2, n=3)
    report = evaluate(sets[0], few, [means()], settings=SETTINGS)
    assert any(
        "precision_recall is left out: `fake` must have at least 4 images, got 3" in n for n in report.notes
    )
    assert any(r.metric == "fid" for r in report.results)
    one = write(tmp_path / "one.npz", 2, n=1)
    with pytest.raises(InputError, match="fid is left out: `fake` must have at least 2 images, got 1"):
        evaluate(sets[0], one, [means()], metrics=["fid"], settings=SETTINGS)
    with pytest.raises(InputError, match="`metrics` must be of fid, kid"):
        evaluate(*sets, [means()], metrics=["lpips"])


def test_copies_are_counted(sets, tmp_path):
    held = dict(np.load(tmp_path / "fake.npz"))
    held["images"][:3] = np.load(tmp_path / "real.npz")["images"][4:7]
    np.savez(tmp_path / "copied.npz", **held)
    unseen = write(tmp_path / "unseen.npz", 5, n=120)
    report = evaluate(
        sets[0],
        open_image_set(tmp_path / "copied.npz"),
        [means()],
        held_out=unseen,
        metrics=["copies"],
        settings=SETTINGS,
    )
    found = {r.metric: r for r in report.results}
    assert found["equal_to_real"].settings == {"images": 3}
    assert found["nearer_than_unseen"].value >= 0.1
    assert found["nearer_than_unseen"].settings["p_value"] < 0.05


def test_the_cache_saves_the_network_and_keeps_the_numbers(sets, tmp_path):
    calls = []
    network = means()
    counted = Extractor(
        "means", 8, network.weights, lambda x: calls.append(len(x)) or network.run(x), network.device
    )
    runs = [
        evaluate(*sets, [counted], metrics=["fid"], settings=SETTINGS, cache=tmp_path / "c") for _ in range(2)
    ]
    assert sum(calls) == 30 + 30 + 30
    assert runs[0].results[0].value == runs[1].results[0].value


def test_mixed_sizes_and_damaged_files(tmp_path):
    rng = np.random.default_rng(0)
    for i in range(120):
        size = 8 + i % 3
        Image.fromarray(rng.integers(0, 256, (size, 9, 3), dtype=np.uint8)).save(tmp_path / f"{i:03}.png")
    (tmp_path / "007.png").write_bytes(b"nothing")
    found = open_image_set(tmp_path)
    report = evaluate(found, found, [means()], metrics=["fid"], settings=ScoreSettings(resamples=0))
    assert report.skipped == ("real/007.png", "fake/007.png")
    assert report.results[0].protocol.real == 119
    assert report.results[0].value == pytest.approx(0, abs=1e-9)
    (tmp_path / "008.png").write_bytes(b"nothing")
    with pytest.raises(
        ImageError, match=r"at most 1 % unreadable images, got 2 of 120 so far: 007\.png, 008\.png"
    ):
        evaluate(found, found, [means()])
