import json

import pytest
import torch
from safetensors.torch import load_file

from palitra.errors import DiskError, PalitraError, WeightsError
from palitra.zoo.models import MODELS
from palitra.zoo.run_folder import load_model, write_tensors
from tests.zoo.toy_images import toy_images, toy_trainer

NAMES = [m.name for m in MODELS]


def weights(trainer):
    return {k: v.clone() for k, v in trainer.model.state_dict().items()}


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


@pytest.mark.parametrize("name", NAMES)
def test_resume_equals_no_interruption_bit_for_bit(name, tmp_path):
    whole = toy_trainer(name, tmp_path / "whole")
    for _ in range(4):
        whole.one_step()
    broken = toy_trainer(name, tmp_path / "broken")
    for _ in range(2):
        broken.one_step()
    broken.save()
    resumed = toy_trainer(name, tmp_path / "broken")
    assert resumed.step == 2
    for _ in range(2):
        resumed.one_step()
    assert same(weights(whole), weights(resumed))
    assert all(torch.equal(a, b) for a, b in zip(whole.ema.averages, resumed.ema.averages, strict=True))


def test_a_run_leaves_best_last_card_and_scores(tmp_path):
    trainer = toy_trainer("cvae", tmp_path, "training.score_every=32")
    trainer.train()
    assert trainer.step == trainer.steps == 8
    assert {p.name for p in tmp_path.iterdir()} >= {
        "run.json", "checkpoint.safetensors", "best.safetensors", "last.safetensors", "scores.jsonl",
    }  # fmt: skip
    scores = [json.loads(line) for line in (tmp_path / "scores.jsonl").read_text().splitlines()]
    assert [s["images"] for s in scores] == [32, 64]
    model, card = load_model(tmp_path)
    assert card.names == ("dark", "light")
    assert bool(model.fitted)


def test_the_kept_model_holds_the_averages(tmp_path):
    trainer = toy_trainer("dcgan", tmp_path)
    trainer.one_step()
    trainer.save()
    first = next(iter(dict(trainer.model.generator.named_parameters())))
    kept = load_file(tmp_path / "last.safetensors")[f"generator.{first}"]
    assert torch.equal(kept, trainer.ema.averages[0])


def test_a_bad_number_stops_with_the_name_of_its_term(tmp_path):
    trainer = toy_trainer("dcgan", tmp_path)
    trainer.one_step()
    trainer.save()
    good = (tmp_path / "checkpoint.safetensors").read_bytes()
    with torch.no_grad():
        next(trainer.model.discriminator.parameters()).fill_(float("nan"))
    with pytest.raises(PalitraError, match="step 1: the term discriminator became nan"):
        trainer.train()
    assert (tmp_path / "checkpoint.safetensors").read_bytes() == good


def test_another_configuration_is_refused_by_its_first_differing_field(tmp_path):
    toy_trainer("dcgan", tmp_path).train(until=1)
    with pytest.raises(WeightsError, match=r"backbone.width: 8, not 16"):
        toy_trainer("dcgan", tmp_path, "backbone.width=16")
    with pytest.raises(WeightsError, match="model: dcgan, not cvae"):
        toy_trainer("cvae", tmp_path)


def test_other_pictures_are_refused(tmp_path):
    toy_trainer("dcgan", tmp_path).train(until=1)
    with pytest.raises(WeightsError, match=r"shape: \[1, 16, 16\], not \[3, 16, 16\]"):
        toy_trainer("dcgan", tmp_path, data=toy_images(channels=3))


def test_a_larger_budget_goes_on(tmp_path):
    toy_trainer("cvae", tmp_path).train()
    more = toy_trainer("cvae", tmp_path, "training.images=80")
    assert (more.step, more.steps) == (8, 10)


def test_a_cut_checkpoint_is_refused(tmp_path):
    trainer = toy_trainer("cvae", tmp_path)
    trainer.one_step()
    trainer.save()
    path = tmp_path / "checkpoint.safetensors"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(WeightsError, match="whole checkpoint"):
        toy_trainer("cvae", tmp_path)


def test_a_place_that_cannot_be_written_is_a_disk_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DiskError, match="cannot"):
        write_tensors(tmp_path / "file" / "x.safetensors", {"a": torch.zeros(1)}, {})


def test_sizes_and_channels_are_free(tmp_path):
    for i, (size, width, channels) in enumerate([(28, 28, 1), (16, 32, 3), (24, 24, 2)]):
        trainer = toy_trainer("dcgan", tmp_path / str(i), data=toy_images(8, size, channels, width))
        trainer.one_step()


def test_the_program_keeps_its_own_random_stream(tmp_path):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    toy_trainer("stylegan2", tmp_path).one_step()
    assert torch.equal(torch.rand(3), expected)
