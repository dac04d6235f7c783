"""On a real local cluster of two workers."""

import pytest
import torch

pytest.importorskip("ray", reason="Ray is not installed: pip install palitra[ray]")

from palitra.errors import InputError, PalitraError
from palitra.scale.ray_shards import RayShards
from palitra.scale.shards import Here
from palitra.zoo import drawing, shards
from palitra.zoo.families.family import Drawing
from palitra.zoo.run_folder import load_model
from palitra.zoo.shards import draw_spread
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
