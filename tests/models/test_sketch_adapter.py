import pytest
import torch

from palitra.errors import WeightsError
from palitra.models.sketch_adapter import SketchAdapter, SketchAdapterConfig, encoder_sites
from palitra.models.sketch_adapter_files import adapter_config, load_sketch_adapter, save_sketch_adapter
from palitra.studio import EMBEDDED


@pytest.fixture(scope="module")
def adapter(studio):
    torch.manual_seed(0)
    made = SketchAdapter(adapter_config(studio.model))
    for output in made.outputs:
        torch.nn.init.normal_(output.weight)
    return made


def test_an_untrained_adapter_says_nothing(studio):
    maps = SketchAdapter(adapter_config(studio.model))(torch.rand(2, 1, 64, 64))
    assert all(not m.any() for m in maps)


def test_the_maps_fit_the_encoders_levels(studio, adapter):
    config = adapter.config
    assert config.sites == ("down.0.attn.1", "down.1.attn.1", "down.2.attn.1", "down.3.res.1")
    maps = adapter(torch.rand(2, 1, 64, 64))
    assert [tuple(m.shape[1:]) for m in maps] == [(32, 8, 8), (64, 4, 4), (64, 2, 2), (64, 1, 1)]


def test_a_level_without_attention_is_read_after_its_last_block():
    sites = (
        "down.0.res.0",
        "down.0.res.0.conv2",
        "down.0.downsample",
        "down.1.res.0",
        "down.1.attn.0",
        "mid.res.0",
    )
    assert encoder_sites(sites) == ("down.0.res.0", "down.1.attn.0")


def test_empty_paper_is_all_zero_inside(adapter):
    # biases alone are left: every inner place of a map gets the same value
    inner = adapter(torch.ones(1, 1, 64, 64))[0][..., 3:5, 3:5]
    assert torch.allclose(inner, inner[..., :1, :1].expand_as(inner), atol=1e-5)


def test_a_batch_equals_its_singles(adapter):
    paper = torch.rand(3, 1, 64, 64)
    for together, alone in zip(
        adapter(paper), zip(*(adapter(p[None]) for p in paper), strict=True), strict=True
    ):
        # convolutions of other batch sizes sum in another order
        assert torch.allclose(together, torch.cat(alone), atol=1e-4)


def test_it_comes_back_from_disk_as_it_was_up_to_bf16(studio, adapter, tmp_path):
    save_sketch_adapter(tmp_path, adapter, 1.5, studio.model.fingerprint)
    again, width = load_sketch_adapter(tmp_path, studio.model)
    assert width == 1.5
    for name, value in adapter.state_dict().items():
        assert torch.equal(again.state_dict()[name], value.bfloat16().float())


def test_one_for_other_weights_is_refused(studio, adapter, tmp_path):
    save_sketch_adapter(tmp_path, adapter, 1.5, "0" * 12)
    with pytest.raises(WeightsError, match="was trained for weights 000000000000"):
        load_sketch_adapter(tmp_path, studio.model)
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(WeightsError, match="of a sketch adapter"):
        load_sketch_adapter(tmp_path, studio.model)


def test_minis_is_small():
    config = SketchAdapterConfig(
        ("down.0.res.0", "down.1.attn.0", "down.2.attn.0"), (96, 192, 288), 4, (64, 128, 192)
    )
    assert sum(p.numel() for p in SketchAdapter(config).parameters()) <= 1_500_000
    assert (EMBEDDED / "mini").is_dir()
