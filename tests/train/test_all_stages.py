"""`palitra train all`: order, resuming between and inside stages, checks before anything begins."""

from dataclasses import dataclass, replace

import pytest
import torch
from safetensors.torch import load_file, save_file

from palitra.data.check_shards import Shard
from palitra.errors import InputError
from palitra.train import all_stages
from palitra.train.all_stages import Made, changes_by_stage, made, summary, train_all
from palitra.train.edges import EdgesTrainer
from palitra.train.eye import EyeTrainer
from palitra.train.live import LiveTrainer
from palitra.train.mini import MiniTrainer
from palitra.train.sketch import SketchTrainer
from palitra.train.sketch_adapter import SketchAdapterTrainer
from palitra.train.stages import STAGES, Place, Stage
from palitra.train.upscale import UpscaleTrainer
from tests.train.made_sets import write_all_sets

CPU = torch.device("cpu")


@dataclass(frozen=True)
class Toy:
    steps: int = 2


def toy(name, needs=(), made_of=lambda place, settings: settings.steps):
    """A stage that writes one number and notes that it ran."""

    def train(place, settings, run, out):
        RAN.append(name)
        run.mkdir(parents=True, exist_ok=True)
        out.mkdir(parents=True, exist_ok=True)
        save_file({"x": torch.tensor([float(made_of(place, settings))])}, out / "model.safetensors")

    return Stage(name, name, Toy, train, (), needs, ("steps=1",))


RAN: list[str] = []
TOYS = (toy("first"), toy("second"), toy("third", ("first",)))


@pytest.fixture(autouse=True)
def nothing_ran():
    RAN.clear()


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path / "run", tmp_path / "data", CPU)


def test_stages_run_in_order_and_once(place):
    told = []
    found = train_all(place, tell=told.append, stages=TOYS)
    assert RAN == [m.name for m in found] == ["first", "second", "third"]
    assert told == [f"stage {i} of 3: {n}" for i, n in enumerate(RAN, 1)]
    again = train_all(place, tell=told.append, stages=TOYS)
    assert len(RAN) == 3
    assert again == found
    assert told[3:] == [f"stage {i} of 3: {n} is done" for i, n in enumerate(RAN, 1)]


def test_only_and_skip(place):
    train_all(place, only=["first", "second"], skip=["second"], stages=TOYS)
    assert RAN == ["first"]
    train_all(place, only=["third"], stages=TOYS)
    assert RAN == ["first", "third"]
    assert [m.name for m in made(place, TOYS)] == ["first", "third"]


def test_a_stage_whose_models_changed_is_made_anew(place):
    train_all(place, stages=TOYS)
    (place.folder / "third" / "note").write_text("mine")
    changed, told = replace(place, changes={"first": ["steps=7"]}), []
    train_all(changed, tell=told.append, stages=TOYS)
    assert RAN[3:] == ["first", "third"]
    assert (place.folder / "third-old-1" / "note").read_text() == "mine"
    assert not (place.folder / "third" / "note").exists()
    assert any("third is made anew" in line for line in told)


def test_a_killed_stage_is_taken_up_in_its_folder(place):
    class Killed(Exception):
        pass

    def die(_place, _settings, run, _out):
        (run / "checkpoint").write_text("half")
        raise Killed

    with pytest.raises(Killed):
        train_all(place, stages=(TOYS[0], replace(TOYS[1], train=die), TOYS[2]))
    assert [m.name for m in made(place, TOYS)] == ["first"]
    train_all(place, stages=TOYS)
    assert RAN == ["first", "second", "third"]
    assert (place.folder / "second" / "checkpoint").read_text() == "half"


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"only": ["fourth"]}, "`only` must be one of first, second, third, got fourth"),
        ({"skip": ["fourth"]}, "`skip` must be one of first, second, third, got fourth"),
        ({"only": ["first"], "skip": ["first"]}, "must leave a stage to make"),
        ({"only": ["third"]}, "must leave first in for third"),
    ],
)
def test_wrong_choices_are_one_sentence(place, asked, sentence):
    with pytest.raises(InputError, match=sentence):
        train_all(place, **asked, stages=TOYS)
    assert RAN == []


def test_wrong_settings_are_told_before_anything_runs(place):
    for changes, sentence in (
        ({"third": ["depth=3"]}, "`depth` must be one of steps"),
        ({"fourth": ["steps=3"]}, "`set` must begin with one of first, second, third and a dot"),
    ):
        with pytest.raises(InputError, match=sentence):
            train_all(replace(place, changes=changes), stages=TOYS)
    assert RAN == []


def test_settings_are_given_by_stage():
    given = ["mini.samples=3", "eye.grey=0.5", "mini.vae=a.b"]
    assert changes_by_stage(given) == {"mini": ["samples=3", "vae=a.b"], "eye": ["grey=0.5"]}
    for wrong in ("samples=3", "mini.samples", "samples=0.5"):
        with pytest.raises(InputError, match=r"stage\.key=value"):
            changes_by_stage([wrong])


def test_smoke_and_full_runs_have_folders_of_their_own(place):
    train_all(replace(place, smoke=True), stages=TOYS)
    assert load_file(place.weights / "first" / "model.safetensors")["x"] == 1
    with pytest.raises(InputError, match="holds a smoke run"):
        train_all(place, stages=TOYS)


def test_all_broken_shards_are_named_before_anything_runs(place):
    pytest.importorskip("pyarrow")
    stages = [replace(s, shards=(Shard(f"{s.name}/train.parquet", ("image",)),)) for s in TOYS]
    with pytest.raises(InputError, match=r"first/train\.parquet \(missing\), second.*third"):
        train_all(place, stages=stages)
    assert RAN == []


def test_summary_says_the_sum_and_when_it_is_too_much(tmp_path, monkeypatch):
    found = [Made("a", tmp_path / "a", 1_500_000), Made("b", tmp_path / "b", 2_000_000)]
    assert summary(found).splitlines()[-1].split() == ["together", "3.50", "MB", "of", "at", "most", "90"]
    monkeypatch.setattr(all_stages, "MOST_BYTES", 3_000_000)
    assert summary(found).endswith("of at most 3: too much to embed")


def test_stages_need_only_stages_before_them():
    for place_of, stage in enumerate(STAGES):
        assert set(stage.needs) <= {s.name for s in STAGES[:place_of]}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    pytest.importorskip("pyarrow")
    root = tmp_path_factory.mktemp("sets")
    write_all_sets(root)
    return root


@pytest.mark.slow
def test_a_smoke_run_makes_every_model_and_killed_in_every_stage_it_ends_equal(tmp_path, data):
    whole = Place(tmp_path / "whole", data, CPU, smoke=True)
    found = train_all(whole)
    assert [m.name for m in found] == [s.name for s in STAGES]
    assert all(0 < m.size < 5_000_000 for m in found)
    _load_all(whole)

    killed = Place(tmp_path / "killed", data, CPU, smoke=True)

    class Killed(Exception):
        pass

    # after a checkpoint, and before one: the third step is made twice, the second once
    for trainer, at in (
        (EdgesTrainer, 3),
        (EyeTrainer, 2),
        (MiniTrainer, 3),
        (SketchTrainer, 2),
        (SketchAdapterTrainer, 3),
        (LiveTrainer, 2),
        (UpscaleTrainer, 1),
    ):
        with pytest.MonkeyPatch.context() as patch:

            def die(self, index, step=trainer.step, at=at):
                if index == at:
                    raise Killed
                return step(self, index)

            patch.setattr(trainer, "step", die)
            with pytest.raises(Killed):
                train_all(killed)
    train_all(killed)
    files = sorted(p.relative_to(whole.weights) for p in whole.weights.rglob("*") if p.is_file())
    assert files == sorted(p.relative_to(killed.weights) for p in killed.weights.rglob("*") if p.is_file())
    for file in files:
        assert (whole.weights / file).read_bytes() == (killed.weights / file).read_bytes(), file


def _load_all(place):
    """What was made is read by the loaders of the package."""
    from palitra.data.edges import EdgeDetector
    from palitra.models.edge_predictor_files import load_edge_predictor
    from palitra.models.eye import load_eye
    from palitra.models.live_files import load_live
    from palitra.models.sketch_adapter_files import load_sketch_adapter
    from palitra.models.text_to_image import load_folder
    from palitra.models.upscaler import load_upscaler

    EdgeDetector.load(place.weights / "edges")
    load_eye(place.weights / "eye")
    assert load_folder(place.weights / "mini").size == 32
    load_edge_predictor(place.weights / "sketch" / "mini")
    load_upscaler(place.weights / "upscale")
    model = load_folder(place.weights / "mini", name="mini")
    load_sketch_adapter(place.weights / "live" / "mini" / "adapter", model)
    load_live(place.weights / "live" / "mini" / "student", model)
