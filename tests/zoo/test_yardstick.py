"""Numbers against themselves first, then what they must notice."""

import json

import pytest
import torch

from palitra.errors import DiskError, InputError
from palitra.metrics.extractors import load_extractor
from palitra.metrics.frechet import frechet_from_features
from palitra.zoo.class_agreement import kept_judge, train_judge
from palitra.zoo.evaluate import RunScore, Wishes, evaluate_runs, score_lines
from palitra.zoo.families.family import Drawing
from palitra.zoo.run_folder import load_model
from palitra.zoo.yardstick import Drawn, Yardstick, chosen_extractor
from tests.zoo.toy_images import toy_images, toy_trainer


def as_drawn(data, labels=None):
    return Drawn(data.images.float() / 127.5 - 1, data.labels if labels is None else labels, True, 0.001)


@pytest.fixture(scope="module")
def judge():
    return train_judge(toy_images(120), samples=1280, batch=32)


@pytest.fixture(scope="module")
def yardstick(judge):
    return Yardstick(toy_images(120), load_extractor("random"), judge=judge)


def test_the_reference_itself_is_at_distance_0_and_has_its_labels(yardstick):
    found = yardstick.measure(as_drawn(toy_images(120)))
    assert found.scores["fid@random"] == pytest.approx(0, abs=1e-6)
    assert found.scores["precision@random"] == found.scores["recall@random"] == 1
    assert found.agreement == 1
    assert found.agreement_of == {"dark": 1.0, "light": 1.0}


def test_features_are_those_of_the_extractor_on_rounded_bytes(yardstick):
    other = toy_images(120, channels=1)
    drawn = as_drawn(other)
    noisy = Drawn((drawn.pictures * 0.9), drawn.labels, True, 0.0)
    bytes_ = ((noisy.pictures + 1) * 127.5).round().clamp(0, 255)
    from palitra.metrics.resize import resize

    extractor = load_extractor("random")
    x, y = (
        extractor(resize(p.byte().expand(-1, 3, -1, -1).contiguous(), 32, "clean")).features
        for p in (other.images, bytes_)
    )
    wanted = frechet_from_features(x, y).value
    assert yardstick.measure(noisy).scores["fid@random"] == pytest.approx(wanted, rel=1e-6)


def test_worse_pictures_are_farther_and_wrong_labels_disagree(yardstick):
    data = toy_images(120)
    drawn = as_drawn(data)
    distances = [
        yardstick.measure(Drawn((drawn.pictures + s * torch.randn(drawn.pictures.shape)).clamp(-1, 1),
                                drawn.labels, True, 0.0)).scores["fid@random"]
        for s in (0.05, 0.3, 0.9)
    ]  # fmt: skip
    assert distances == sorted(distances)
    assert yardstick.measure(as_drawn(data, 1 - data.labels)).agreement == 0


def test_copies_of_the_training_pictures_are_seen(judge, tmp_path):
    train, held = toy_images(200).rows(torch.arange(100)), toy_images(200).rows(torch.arange(100, 200))
    yardstick = Yardstick(held, load_extractor("random"), train, judge, tmp_path)
    copied, fresh = (yardstick.measure(as_drawn(data)).scores for data in (train, held))
    assert copied["equal_to_real@random"] == 1
    assert copied["nearer_than_unseen@random"] == 1
    assert fresh["equal_to_real@random"] == 0
    assert fresh["nearer_than_unseen@random"] < 0.1
    # kept by content: a second one reads what the first wrote
    kept = {p.name for p in tmp_path.iterdir()}
    Yardstick(held, load_extractor("random"), train, judge, tmp_path)
    assert {p.name for p in tmp_path.iterdir()} == kept


def test_drawing_follows_shares_seeds_and_options(tmp_path):
    toy_trainer("cvae", tmp_path).train()
    model, _ = load_model(tmp_path)
    rare = toy_images(64).rows(torch.tensor([*range(0, 64, 2), 1, 3]))
    yardstick = Yardstick(rare, load_extractor("random"))
    drawn = yardstick.draw(model, 200, seed=3)
    assert drawn.conditional
    assert 0 < int((drawn.labels == 1).sum()) < 40
    assert torch.equal(drawn.pictures, yardstick.draw(model, 200, seed=3).pictures)
    assert not torch.equal(drawn.pictures, yardstick.draw(model, 200, 3, Drawing(truncation=0.1)).pictures)
    with pytest.raises(InputError, match=r"`n` must be in \[2, "):
        yardstick.draw(model, 1)


def test_learning_from_real_pictures_of_the_same_kind_is_learning(yardstick):
    data = toy_images(40)
    assert yardstick.accuracy_of_learning_from(as_drawn(data)) == 1
    assert yardstick.accuracy_of_learning_from(Drawn(data.images.float(), data.labels, False, 0.0)) is None


def test_a_kept_judge_is_the_same_judge_and_a_damaged_one_is_made_again(tmp_path):
    data = toy_images(120)
    made = kept_judge(tmp_path, data, samples=640)
    read = kept_judge(tmp_path, data, samples=640)
    pictures = data.images.float() / 127.5 - 1
    assert torch.equal(made.network(pictures), read.network(pictures))
    assert (made.accuracy, made.trained, made.tested) == (read.accuracy, read.trained, read.tested)
    (file,) = tmp_path.glob("*.safetensors")
    file.write_bytes(b"damaged")
    again = kept_judge(tmp_path, data, samples=640)
    assert torch.equal(made.network(pictures), again.network(pictures))
    kept_judge(tmp_path, data, samples=641)
    assert len(list(tmp_path.glob("*.safetensors"))) == 2


def test_a_place_that_cannot_be_written_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(DiskError, match="`cache` must be a folder that can be written"):
        kept_judge(tmp_path / "file", toy_images(40), samples=64)


def test_without_a_name_there_is_always_an_extractor():
    assert chosen_extractor(None).name in ("eye", "random")
    assert chosen_extractor("random").name == "random"
    with pytest.raises(InputError, match="`extractor` must be one of"):
        chosen_extractor("nobody")


def test_lines_are_sorted_by_distance_and_carry_notes():
    def score(run, fid):
        return RunScore(run, "cvae", "tiny", 10, {"fid@random": fid}, None, {}, None, 0.001, "how", ("why",))

    lines = score_lines([score("b", 2.0), score("a", 1.0)])
    assert [line.split()[0] for line in lines] == ["run", "a", "b", "how", "note:"]


def test_runs_of_other_classes_and_full_disks_are_refused(tmp_path):
    import numpy as np

    data = toy_images()
    np.savez(
        tmp_path / "d.npz", images=data.images[:, 0].numpy(), labels=data.labels.numpy(), names=data.names
    )
    toy_trainer("cvae", tmp_path / "a").train()
    card = json.loads((tmp_path / "a" / "run.json").read_text())
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "run.json").write_text(json.dumps({**card, "names": ["x", "y"]}))
    with pytest.raises(InputError, match="`runs` must have one picture shape and the same classes"):
        evaluate_runs([tmp_path / "a", tmp_path / "b"], tmp_path / "d.npz")
    with pytest.raises(InputError, match=r"`n` must be in \[2"):
        evaluate_runs([tmp_path / "a"], tmp_path / "d.npz", Wishes(count=1))
