"""Arms that change one thing, the whole harness on made pictures, and a killed arm that goes on."""

import csv
import io
from dataclasses import asdict, replace

import pytest
import torch

from palitra.errors import InputError
from palitra.experiments.kept import read_all
from palitra.experiments.mini_arm import _timed
from palitra.experiments.mini_recipe import ARMS, BASE, EXPERIMENT, MiniRecipe
from palitra.experiments.mini_scores import agreements, choose
from palitra.experiments.page import write_page
from palitra.experiments.runner import run_experiment
from palitra.experiments.trial import Scope
from palitra.models.eye import load_eye
from palitra.train.captioned import CONCEPTS, CaptionedSet
from palitra.train.config import MiniConfig, from_values
from palitra.train.mini import MiniTrainer


def write_pictures(root):
    """The four sets with two pictures of everything in each split."""
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    import numpy as np
    from PIL import Image

    rng = np.random.default_rng(0)

    def cell():
        buffer = io.BytesIO()
        Image.fromarray(rng.integers(0, 255, (32, 32, 3), dtype=np.uint8)).save(buffer, "PNG")
        return {"bytes": buffer.getvalue(), "path": None}

    def rows(labels, domains=("photo",)):
        return [
            {
                "image": cell(),
                "label": c,
                "domain": d,
                "caption": f"a {d} of {'an' if c[0] in 'aeiou' else 'a'} {c}",
            }
            for c in labels
            for d in domains
            for _ in range(2)
        ]

    sets = {
        "faces-video": rows(["person"]),
        "pets": rows(["cat", "dog"]),
        "pacs": rows(CONCEPTS[3:], ("photo", "painting")),
        "cifar10": rows(["cat", "dog", "horse"]),
    }
    for name, made in sets.items():
        (root / name).mkdir(parents=True)
        for split in ("train", "test"):
            pq.write_table(pa.Table.from_pylist(made), root / name / f"{split}.parquet")
    return root


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_pictures(tmp_path_factory.mktemp("sets"))


def only(*names):
    return MiniRecipe(tuple(arm for arm in ARMS if arm.name in names))


def test_every_arm_is_a_config_of_its_own_and_the_base_is_first():
    configs = [asdict(from_values(MiniConfig, {**BASE, **arm.changes})) for arm in ARMS]
    assert ARMS[0].changes == {}
    assert len({arm.name for arm in ARMS}) == len(ARMS) >= 12
    for arm, config in zip(ARMS[1:], configs[1:], strict=True):
        changed = {name for name in config if config[name] != configs[0][name]}
        assert changed, arm.name
        assert changed <= set(arm.changes)
        assert len(arm.why) > 10


def test_trials_keep_no_paths_and_no_numbers_of_their_seed(data):
    trials = EXPERIMENT.trials(Scope(data, 2))
    assert [t.key for t in trials[:2]] == ["base-0", "plain_v-0"]
    assert len(trials) == 2 * len(ARMS)
    assert not {"seed", "samples", "vae"} & trials[0].settings["config"].keys()
    with pytest.raises(InputError, match="`data` must hold faces-video, pets, pacs and cifar10"):
        EXPERIMENT.trials(Scope(data / "pacs", 1))


@pytest.mark.slow
def test_arms_on_made_pictures_are_trained_drawn_scored_and_shown(data, tmp_path):
    experiment = only("stages", "flow", "kl")
    assert run_experiment(experiment, Scope(data, 1, tiny=True), tmp_path) == []
    kept = read_all(tmp_path, "mini_recipe")
    assert [one.failed for one in kept] == [None] * 3
    for one in kept:
        numbers = one.findings.numbers
        assert numbers["fid@eye_low"] <= numbers["fid@eye_high"]
        assert 0 <= numbers["agreement"] <= 1
        assert numbers["samples"] == (16 if one.trial.name == "stages" else 8)
        assert (one.folder / "sheet.png").is_file()
        assert len([p for p in one.findings.pictures if p.startswith("snapshot")]) >= 2
        assert not list(one.folder.rglob("checkpoint.safetensors"))
    # two codes, and the one from which all towers learn
    assert len(list((tmp_path / "shared").glob("mini-*/pack.safetensors"))) == 3
    assert len(list((tmp_path / "shared").glob("mini-*/tower-*"))) == 1
    text = write_page(experiment, tmp_path, tmp_path / "docs").read_text()
    assert "| `flow` | rectified flow" in text
    assert text.count("](mini_recipe-") == 3
    with (tmp_path / "docs" / "mini_recipe.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {row["arm"] for row in rows} == {"stages", "flow", "kl"}
    assert run_experiment(experiment, Scope(data, 1, tiny=True), tmp_path) == []


@pytest.mark.slow
def test_a_killed_arm_goes_on_to_the_same_model(data, tmp_path, monkeypatch):
    experiment, scope = only("align"), Scope(data, 1, tiny=True)
    run_experiment(experiment, scope, tmp_path / "whole")
    make_step, made = MiniTrainer.step, []

    def dying(self, index):
        # the first steps are those that are timed
        made.append(index)
        if self.config.samples < 100 and index == 1:
            raise KeyboardInterrupt
        return make_step(self, index)

    with monkeypatch.context() as patch:
        patch.setattr(MiniTrainer, "step", dying)
        with pytest.raises(KeyboardInterrupt):
            run_experiment(experiment, scope, tmp_path / "parts")
    assert made[-1] == 1
    run_experiment(experiment, scope, tmp_path / "parts")
    name = "mini_recipe/align-0/model/unet/diffusion_pytorch_model.safetensors"
    assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "parts" / name).read_bytes()
    (one,), (other,) = (read_all(tmp_path / p, "mini_recipe") for p in ("whole", "parts"))
    assert one.findings.numbers["fid@eye"] == other.findings.numbers["fid@eye"]


def test_a_kept_plan_is_kept_and_a_damaged_one_named(tmp_path):
    path = tmp_path / "budget.json"
    path.write_text('{"seconds_per_sample": [0.5, 0.25]}')
    assert _timed(path, None, MiniConfig()) == [0.5, 0.25]
    path.write_text("{")
    with pytest.raises(InputError, match="`out` must hold undamaged trials"):
        _timed(path, None, MiniConfig())


def made_set():
    concepts = torch.tensor([0, 0, 0, 1, 2, 3, 4, 5, 6, 7])
    captions = tuple(
        f"a {'painting' if i == 2 else 'photo'} of a {CONCEPTS[c]}" for i, c in enumerate(concepts)
    )
    return CaptionedSet(torch.arange(10)[:, None, None, None].expand(10, 3, 8, 8).byte(), captions, concepts)


def test_chosen_pictures_are_few_of_each_and_the_same_again():
    one, again = choose(made_set(), 2), choose(made_set(), 2)
    assert one.concepts.bincount().tolist() == [2, 1, 1, 1, 1, 1, 1, 1]
    assert torch.equal(one.images, again.images)
    whole = made_set()
    for image, caption in zip(one.images, one.captions, strict=True):
        assert whole.captions[int(image[0, 0, 0])] == caption
    missing = made_set()
    with pytest.raises(InputError, match="of every concept, got none of house"):
        choose(replace(missing, concepts=missing.concepts.clamp(max=6)), 2)


def test_agreements_are_what_eye_says(monkeypatch):
    eye, asked = load_eye(), made_set()
    right = agreements(eye, asked, asked.images.repeat(1, 1, 8, 8))
    seen = eye.see(asked.images.repeat(1, 1, 8, 8))
    own = [eye.shape.concepts.index(c) for c in CONCEPTS]
    expected = seen.concepts[:, own].argmax(1) == asked.concepts
    assert torch.equal(right["agreement"], expected)
    assert torch.equal(right["agreement_person"], expected[:3])
    photo, painting = (seen.domains[:, eye.shape.domains.index(k)] for k in ("photo", "painting"))
    kinds = torch.tensor([c.startswith("a painting") for c in asked.captions])
    assert torch.equal(right["domain"], (painting > photo) == kinds)
