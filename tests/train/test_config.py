from dataclasses import replace

import pytest

from palitra.errors import InputError
from palitra.train.config import MiniConfig, SketchConfig, from_values, load_config


def test_without_anything_it_is_the_defaults():
    assert load_config(MiniConfig, None) == MiniConfig()
    assert load_config(SketchConfig, None) == SketchConfig()


def test_a_file_then_changes(tmp_path):
    path = tmp_path / "mini.toml"
    path.write_text(
        "size = 32\nbatch = 8\nchannels = [32, 64]\nattention = [true, true]\nbf16 = false\n",
        encoding="utf-8",
    )
    made = load_config(MiniConfig, path, ["batch=16", "learning_rate = 1e-3", "weighting=min_snr"])
    expected = replace(MiniConfig(), size=32, batch=16, channels=(32, 64), attention=(True, True), bf16=False)
    assert made == replace(expected, learning_rate=1e-3, weighting="min_snr")


def test_whole_numbers_serve_where_fractions_are_meant():
    made = from_values(MiniConfig, {"weight_decay": 0})
    assert made.weight_decay == 0
    assert isinstance(made.weight_decay, float)


def test_the_given_values_are_left_alone():
    values = {"channels": [32, 64, 64], "weight_decay": 0}
    from_values(MiniConfig, values)
    assert values == {"channels": [32, 64, 64], "weight_decay": 0}


def refused(*changes, path=None):
    with pytest.raises(InputError) as caught:
        load_config(MiniConfig, path, changes)
    return str(caught.value)


def test_an_unknown_key_is_named_with_those_there_are():
    said = refused("sise=64")
    assert said.startswith("`sise` must be one of size, channels, ")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("size=big", "`size` must be a whole number, got 'big'"),
        ("size=1.5", "`size` must be a whole number, got 1.5"),
        ("size=true", "`size` must be a whole number, got True"),
        ("bf16=1", "`bf16` must be true or false, got 1"),
        ("ema=[1]", "`ema` must be a number, got [1]"),
        ("channels=3", "`channels` must be a list, got 3"),
        ("channels=[32, 'wide']", "`channels` must be a list, each a whole number, got [32, 'wide']"),
        ("attention=[0, 1]", "`attention` must be a list, each true or false, got [0, 1]"),
    ],
)
def test_a_value_of_another_type_is_refused(change, sentence):
    assert refused(change) == sentence


def test_a_change_without_a_value_is_refused():
    assert refused("size") == "`set` must look like key=value, got size"


def test_a_missing_file_is_named(tmp_path):
    assert refused(path=tmp_path / "no.toml") == f"`config` must name a TOML file, got {tmp_path / 'no.toml'}"


def test_a_broken_file_is_named(tmp_path):
    path = tmp_path / "broken.toml"
    path.write_text("size = = 3", encoding="utf-8")
    assert refused(path=path).startswith(f"`config` must be valid TOML, got {path}:")


def test_an_unknown_weighting_is_refused():
    assert refused("weighting=snr") == "`weighting` must be equal or min_snr, got snr"


def test_levels_must_agree():
    said = refused("channels=[32, 64]")
    assert said == "`attention` must have one value per level of `channels` (2), got 3"
