import pytest
import torch

from palitra.models.text_to_image import load_folder
from palitra.train.mini import MiniTrainer, mini_schedule
from palitra.train.mini_export import export_mini
from palitra.train.mini_prepare import prepare_mini
from tests.train.tiny_mini import TINY, captioned_set


@pytest.fixture(scope="module")
def trainer(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("palitra.train.mini_prepare.read_captioned", lambda *_: captioned_set())
        made = MiniTrainer(prepare_mini(folder, TINY, folder), TINY, folder, torch.device("cpu"))
    for index in range(2):
        made.step(index)
    with torch.no_grad():
        for average in made.ema.averages:
            average.mul_(1.5)
    return made


def test_the_exported_model_is_the_average_and_the_trainer_stays_as_it_is(trainer, tmp_path):
    weights = [p.detach().clone() for p in trainer.parameters]
    averages = [a.clone() for a in trainer.ema.averages]
    export_mini(trainer, tmp_path)
    assert all(torch.equal(a, b) for a, b in zip(weights, trainer.parameters, strict=True))
    assert all(torch.equal(a, b) for a, b in zip(averages, trainer.ema.averages, strict=True))
    model = load_folder(tmp_path, dtype=torch.float32)
    exported = [*model.denoiser.unet.parameters(), *model.text_encoder.parameters()]
    for average, value in zip(averages, exported, strict=True):
        assert torch.equal(average.bfloat16().float(), value)


def test_the_exported_model_is_told_how_it_was_trained(trainer, tmp_path):
    export_mini(trainer, tmp_path)
    model = load_folder(tmp_path, dtype=torch.float32)
    assert model.denoiser.parametrisation == "v_prediction"
    assert torch.allclose(model.schedule.abar, mini_schedule().abar, atol=1e-12)
    assert model.times(4) == [999, 749, 499, 249, -1]
    assert (model.size, model.factor) == (TINY.size, 4)
    images = captioned_set().images[:2].float() / 127.5 - 1
    with torch.no_grad():
        theirs = trainer.prepared.autoencoder.encode(images)
        assert torch.allclose(model.autoencoder.encode(images), theirs, atol=1e-6)
    text = "a photo of a big dog"
    assert model.tokenizer(text).input_ids == trainer.prepared.tokenizer(text).input_ids
