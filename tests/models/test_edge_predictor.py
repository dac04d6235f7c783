import math

import pytest
import torch
import torch.nn.functional as F

from palitra.models.edge_predictor import (
    MINI_TAPS,
    SD_TAPS,
    EdgePredictor,
    EdgePredictorConfig,
    encode_time,
)

TAPS = ("down.0.res.0", "mid.res.0", "up.0.upsample", "up.1.attn.0")
CHANNELS = (6, 10, 8, 6)
SIZES = (8, 2, 4, 8)


def predictor(tap_norm=True, trained=True):
    made = EdgePredictor(EdgePredictorConfig(TAPS, CHANNELS, 3, (16, 12, 8), tap_norm=tap_norm))
    if trained:
        # statistics and scales away from their start, as after training
        for norm in made.batch_norms:
            norm.running_mean.normal_()
            norm.running_var.uniform_(0.3, 3)
            torch.nn.init.normal_(norm.weight, 1, 0.3)
            torch.nn.init.normal_(norm.bias)
        for norm in made.norms if tap_norm else ():
            torch.nn.init.normal_(norm.weight, 1, 0.3)
            torch.nn.init.normal_(norm.bias)
    return made.eval().requires_grad_(False)


def features(batch=2):
    return [torch.randn(batch, c, s, s) for c, s in zip(CHANNELS, SIZES, strict=True)]


def naive(model, maps, t, size):
    """As the paper tells it: resize, concatenate with the time on every pixel, then the MLP."""
    resized = []
    for value, norm in zip(maps, model.norms, strict=True):
        if model.config.tap_norm:
            value = norm(value.movedim(1, -1)).movedim(-1, 1)
        resized.append(F.interpolate(value, size=size, mode="bilinear", align_corners=False))
    time = encode_time(t, model.config.octaves)[:, :, None, None].expand(-1, -1, *size)
    x = torch.cat([*resized, time], 1).movedim(1, -1)
    weight = torch.cat([*(tap.weight[:, :, 0, 0] for tap in model.taps), model.time.weight], 1)
    x = x @ weight.T + model.time.bias
    for norm, layer in zip(model.batch_norms, model.layers, strict=True):
        x = norm(F.relu(x).movedim(-1, 1)).movedim(1, -1)
        x = x @ layer.weight[:, :, 0, 0].T + layer.bias
    return x.movedim(-1, 1)


@pytest.mark.parametrize("tap_norm", [True, False])
@pytest.mark.parametrize("size", [(8, 8), (4, 4), (16, 12)])
def test_the_split_first_layer_is_that_of_resized_and_concatenated_features(tap_norm, size):
    model, maps, t = predictor(tap_norm), features(), torch.tensor([30, 900])
    assert torch.allclose(model(maps, t, size), naive(model, maps, t, size), atol=1e-5)


def test_folding_batch_norm_changes_nothing():
    model, maps, t = predictor(), features(), torch.tensor([30, 900])
    expected = model(maps, t, (8, 8))
    folded = model.fold()
    assert torch.allclose(folded(maps, t, (8, 8)), expected, atol=1e-5)
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in folded.modules())
    assert torch.equal(model(maps, t, (8, 8)), expected)


def test_a_batch_is_its_samples():
    model, maps, t = predictor(), features(3), torch.tensor([1, 500, 999])
    together = model(maps, t, (8, 8))
    for i in range(3):
        alone = model([m[i : i + 1] for m in maps], t[i : i + 1], (8, 8))
        assert torch.allclose(alone[0], together[i], atol=1e-5)


def test_a_pixel_depends_on_itself_alone():
    model, t = predictor(), torch.tensor([500])
    maps = [torch.randn(1, c, 8, 8) for c in CHANNELS]
    changed = [m.clone() for m in maps]
    for m in changed:
        m[:, :, 3, 4] = torch.randn(m.shape[1])
    moved = (model(maps, t, (8, 8)) - model(changed, t, (8, 8))).abs().sum(1)[0] > 0
    assert moved.nonzero().tolist() == [[3, 4]]


def test_features_of_half_precision_are_read_in_float32():
    model, t = predictor(), torch.tensor([500])
    maps = [m.bfloat16() for m in features(1)]
    expected = model([m.float() for m in maps], t, (8, 8))
    assert model(maps, t, (8, 8)).dtype == torch.float32
    assert torch.equal(model(maps, t, (8, 8)), expected)


def test_time_encoding_is_its_formula():
    code = encode_time(torch.tensor([0, 3, 999]), 10)
    assert code.shape == (3, 11)
    assert torch.equal(code[0], torch.zeros(11))
    for row, t in ((1, 3), (2, 999)):
        waves = [math.sin(2 * math.pi * t * 2.0**-octave) for octave in range(10)]
        assert torch.allclose(code[row], torch.tensor([*waves, t / 1000]), atol=1e-3)


def test_different_times_give_different_answers():
    model, maps = predictor(), features(1)
    one, other = (model(maps, torch.tensor([t]), (8, 8)) for t in (100, 101))
    assert not torch.allclose(one, other, atol=1e-4)


def test_a_fresh_predictor_keeps_the_scale_of_its_features():
    model, maps = predictor(trained=False), features(8)
    hidden = model.first(maps, torch.full((8,), 500), (8, 8))
    assert 0.5 < float(hidden.std()) < 2.5


def test_the_published_shape_has_its_published_size():
    widths = (320, 640, 1280, 1280, 1280, 1280, 1280, 1280, 640)
    assert sum(widths) == 9280
    with torch.device("meta"):
        model = EdgePredictor(EdgePredictorConfig(SD_TAPS, widths, 4, tap_norm=False))
    # 9,291 x 512 and the layers after it: the 4.95 million of the method's public weights
    assert sum(p.numel() for p in model.parameters()) == pytest.approx(4.93e6, rel=0.01)


def test_config_survives_json():
    config = EdgePredictorConfig(MINI_TAPS, (8,) * 7, 16, (32, 16), tap_norm=False)
    plain = {k: list(v) if isinstance(v, tuple) else v for k, v in config.to_dict().items()}
    assert EdgePredictorConfig.from_dict(plain) == config


def test_another_number_of_features_is_a_fault_of_ours():
    with pytest.raises(ValueError, match="zip"):
        predictor()(features()[:3], torch.tensor([1, 1]), (8, 8))
