"""A model of flow matching goes through the front door like any other: words, a sketch, an edit."""

import io
import json
import shutil

import pytest
import torch

import palitra
from palitra.core.condition import Condition
from palitra.core.loop import invert, sample
from palitra.core.predictor import Predictor
from palitra.guiders.cfg import Conditional
from palitra.samplers.ddim import DDIM
from palitra.samplers.dpm_multistep import DPMSolverMultistep
from tests.tiny_studio import drawing

FLOW = {"_class_name": "FlowMatchEulerDiscreteScheduler", "num_train_timesteps": 1000, "shift": 1.0}


def picture(size):
    file = io.BytesIO()
    drawing(size).save(file, "PNG")
    return file.getvalue()


@pytest.fixture(scope="module")
def flowing(tiny_folders, tmp_path_factory):
    folder = shutil.copytree(tiny_folders[0], tmp_path_factory.mktemp("flow") / "model")
    path = folder / "scheduler" / "scheduler_config.json"
    path.write_text(json.dumps(FLOW), encoding="utf-8")
    return palitra.load(str(folder), "cpu", tiny_folders[1])


def test_it_knows_what_it_is(flowing):
    assert flowing.model.denoiser.parametrisation == "flow_prediction"
    assert flowing.model.times(2) == [999, 499, -1]


@pytest.mark.parametrize("sampler", ["ddim", "euler", "heun", "dpm++"])
def test_words_become_pictures_with_every_sampler(flowing, sampler):
    one = flowing.text("a cat", steps=2, sampler=sampler, seed=1).pictures[0].image
    again = flowing.text("a cat", steps=2, sampler=sampler, seed=1).pictures[0].image
    assert one.tobytes() == again.tobytes()


def test_a_sketch_guides_it(flowing):
    free = flowing.text("a cat", steps=3, seed=1).pictures[0].image
    guided = flowing.sketch(picture(128), "a cat", steps=3, seed=1).pictures[0].image
    assert guided.tobytes() != free.tobytes()


def test_a_photo_is_edited_by_guide_and_rescale(flowing, tmp_path, monkeypatch):
    monkeypatch.setenv("PALITRA_HOME", str(tmp_path))
    run = flowing.edit(picture(64), "a dog", "a cat", method="guide-and-rescale", steps=3, seed=1)
    assert run.pictures[0].image.size[0] > 0


def test_inversion_leads_back(flowing):
    model = flowing.model
    words = model.text_encoder(torch.zeros(1, 4, dtype=torch.long)).last_hidden_state
    predictor = Predictor(model.denoiser, model.schedule, [Conditional(Condition(text=words))])
    clean = torch.randn(1, model.latent_channels, 8, 8, generator=torch.Generator().manual_seed(0))
    sampler, times = DDIM(model.schedule), model.times(50)
    with torch.no_grad():
        # the last step is all noise, where no way back can lead
        noisy, _ = invert(sampler, predictor, clean, times, first=1)
        back = sample(sampler, predictor, noisy, times, first=1)
        other = sample(DPMSolverMultistep(model.schedule), predictor, noisy, times, first=1)
    assert float((back - clean).abs().mean()) < 0.15 * float(clean.abs().mean())
    assert float((other.x - back).abs().mean()) < 0.15 * float(clean.abs().mean())
