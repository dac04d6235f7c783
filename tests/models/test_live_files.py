import json

import pytest
import torch

from palitra.errors import WeightsError
from palitra.models.live_files import in_dtype, load_live, read_student, save_live
from palitra.models.low_rank import LowRankStudent
from palitra.models.sketch_adapter import SketchAdapter
from palitra.models.sketch_adapter_files import adapter_config
from palitra.models.text_to_image import load_folder

TIMES = [999, 749, 499, 249, -1]


@pytest.fixture(scope="module")
def student(tiny_folders):
    """A second copy of the tiny model with stirred differences."""
    lows = LowRankStudent(load_folder(tiny_folders[0]).denoiser.unet, 2)
    with torch.no_grad():
        for p in lows.parameters:
            p.add_(0.02 * torch.randn(p.shape))
    return lows


def asked(denoiser, dtype=torch.float32):
    g = torch.Generator().manual_seed(0)
    x = torch.randn(2, 4, 8, 8, generator=g)
    with torch.no_grad():
        return denoiser.unet(x.to(dtype), 500, torch.ones(2, 77, 32, dtype=dtype)).sample.float()


def test_a_student_comes_back_as_a_denoiser_of_its_own(studio, student, tmp_path):
    model = studio.model
    before = asked(model.denoiser)
    adapter = SketchAdapter(adapter_config(model))
    save_live(tmp_path, student.tensors(), TIMES, model.fingerprint, "consistency", adapter, 1.5)
    live = load_live(tmp_path, model)
    assert live.times == tuple(TIMES)
    assert live.adapter is not None
    assert live.adapter[1] == 1.5
    with torch.no_grad():
        learned = student.network(
            torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(0)), 500, torch.ones(2, 77, 32)
        ).sample
    # differences of a hundredth of the weights in bf16, of outputs about 1
    assert torch.allclose(asked(live.denoiser), learned, atol=5e-3)
    assert not torch.allclose(asked(live.denoiser), before, atol=2e-2)
    assert torch.equal(asked(model.denoiser), before)


def test_another_number_format_is_a_copy(studio):
    model = studio.model
    half = in_dtype(model.denoiser, torch.bfloat16)
    assert half.unet.dtype == torch.bfloat16
    assert model.denoiser.unet.dtype == torch.float32
    assert in_dtype(model.denoiser, torch.float32) is model.denoiser
    # bf16 keeps three digits of values that are summed a few hundred times
    assert torch.allclose(asked(half, torch.bfloat16), asked(model.denoiser), atol=0.1)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"times": [10, 20, -1]}, "must fall to -1"),
        ({"times": None}, "must fall to -1"),
        ({"times": [5000, -1]}, "must be below 1000"),
        ({"fingerprint": "0" * 12}, "was distilled from weights 000000000000"),
    ],
)
def test_what_does_not_fit_is_refused(studio, student, tmp_path, changes, words):
    save_live(tmp_path, student.tensors(), TIMES, studio.model.fingerprint, "consistency")
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, **changes}))
    with pytest.raises(WeightsError, match=words):
        read_student(tmp_path, studio.model)
