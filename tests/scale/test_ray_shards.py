"""On a real local cluster of two workers."""

import numpy as np
import pytest
import torch

pytest.importorskip("ray", reason="Ray is not installed: pip install palitra[ray]")

from palitra.data.image_sets import open_image_set
from palitra.errors import InputError, PalitraError
from palitra.experiments.catalogue import find_experiment
from palitra.experiments.kept import find_kept
from palitra.experiments.runner import Tell, run_experiment
from palitra.experiments.trial import Scope
from palitra.metrics.evaluate import evaluate
from palitra.metrics.extract_shard import ExtractorSource
from palitra.metrics.extractors import load_extractor
from palitra.metrics.one_pass import Elsewhere
from palitra.metrics.scores import ScoreSettings
from palitra.scale.ray_shards import RayShards
from palitra.scale.shards import Here
from palitra.zoo import drawing, shards
from palitra.zoo.families.family import Drawing
from palitra.zoo.run_folder import load_model
from palitra.zoo.shards import draw_spread
from tests.experiments.made_data import write_fashion
from tests.scale.work import always_die, die_once, refuse, square
from tests.zoo.toy_images import toy_trainer


@pytest.fixture(scope="module")
def cluster():
    with pytest.MonkeyPatch.context() as patch:
        # at Ray's usual niceness a busy machine lets the workers wait for minutes
        patch.setenv("RAY_worker_niceness", "0")
        with RayShards("local", processors=2) as made:
            yield made


def test_results_come_in_order(cluster):
    assert list(cluster.run(square, range(40))) == [n * n for n in range(40)]
    assert list(Here().run(square, range(5))) == [0, 1, 4, 9, 16]


def test_a_lost_shard_is_made_again(cluster, tmp_path):
    assert list(cluster.run(die_once, range(6), str(tmp_path))) == list(range(6))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1", "3", "5"]


def test_a_shard_that_always_kills_its_worker_is_told(cluster):
    cluster.retries = 0
    try:
        with pytest.raises(PalitraError, match="lost a shard more than 0 times"):
            list(cluster.run(always_die, [1]))
    finally:
        cluster.retries = 3


def test_an_error_of_the_work_is_raised_as_it_is(cluster):
    with pytest.raises(InputError, match="`number` must be below 3, got 7"):
        list(cluster.run(refuse, [7]))


@pytest.mark.parametrize("model", ["cvae", "cdm"])
def test_a_set_drawn_by_two_workers_is_that_of_one_process_bit_for_bit(cluster, tmp_path, monkeypatch, model):
    toy_trainer(model, tmp_path).train(until=2)
    monkeypatch.setattr(drawing, "CHUNK", 6)
    monkeypatch.setattr(shards, "CHUNK", 6)
    loaded, _ = load_model(tmp_path)
    labels = torch.arange(20) % 2
    options = Drawing(steps=2) if model == "cdm" else Drawing()
    alone = torch.cat(list(drawing.draw_pictures(loaded, labels, 20, 5, options)))
    where = torch.device("cpu")
    for spread in (cluster, Here()):
        chunks = list(draw_spread(spread, tmp_path, "best", loaded, labels, 20, 5, options, where))
        assert [len(chunk) for chunk in chunks] == [6, 6, 6, 2]
        assert torch.equal(torch.cat(chunks), alone)


def test_no_cluster_at_the_address():
    with pytest.raises(InputError, match="`ray` must be local, auto or the address of a running cluster"):
        RayShards("127.0.0.1:1").__enter__()


def test_features_worked_out_by_two_workers_are_those_of_one_process(cluster, tmp_path):
    g = torch.Generator().manual_seed(0)
    for name in ("real", "fake"):
        pixels = torch.randint(0, 256, (30, 32, 32, 3), generator=g, dtype=torch.uint8)
        np.savez(tmp_path / f"{name}.npz", images=pixels.numpy())
    sets = [open_image_set(tmp_path / f"{name}.npz") for name in ("real", "fake")]
    networks = [load_extractor("random")]
    sources = {"random": ExtractorSource("random", None, "cpu", torch.get_num_threads())}
    settings = ScoreSettings(resamples=5)
    alone = evaluate(*sets, networks, settings=settings, batch=8)
    together = evaluate(*sets, networks, settings=settings, batch=8, elsewhere=Elsewhere(cluster, sources))
    assert [r.to_dict() for r in together.results] == [r.to_dict() for r in alone.results]


def test_trials_run_by_two_workers_are_kept_as_those_of_one_process(cluster, tmp_path):
    scope = Scope(write_fashion(tmp_path / "data"), seeds=1, tiny=True)
    experiment = find_experiment("discriminator_features")
    told = []
    left = run_experiment(experiment, scope, tmp_path / "spread", tell=Tell(done=told.append), spread=cluster)
    assert left == []
    assert len(told) == len(experiment.trials(scope))
    run_experiment(experiment, scope, tmp_path / "alone")
    for trial in experiment.trials(scope):
        one, other = (
            find_kept(tmp_path / out, "discriminator_features", trial) for out in ("spread", "alone")
        )
        same = {k for k in one.findings.numbers if "second" not in k and "minute" not in k}
        assert same
        for name in same:
            assert one.findings.numbers[name] == other.findings.numbers[name], name
