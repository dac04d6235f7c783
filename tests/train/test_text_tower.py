from dataclasses import replace

import pytest
import torch

from palitra.train.mini_prepare import prepare_mini
from palitra.train.text_tower import PictureEncoder, first_tower
from tests.train.tiny_mini import TINY, captioned_set

CONFIG = replace(TINY, text_steps=12)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    folder = tmp_path_factory.mktemp("prepared")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("palitra.train.mini_prepare.read_captioned", lambda *_: captioned_set())
        return prepare_mini(folder, TINY, folder)


def states(tower):
    return list(tower.state_dict().values())


def test_the_first_phase_is_made_once_and_read_afterwards(prepared, tmp_path):
    made = first_tower(prepared, CONFIG, tmp_path)
    assert (tmp_path / "text_tower.safetensors").exists()
    read = first_tower(prepared, replace(CONFIG, text_steps=500), tmp_path)
    assert all(torch.equal(a, b) for a, b in zip(states(made), states(read), strict=True))


def test_the_same_seed_makes_the_same_tower(prepared, tmp_path):
    one, other = (first_tower(prepared, CONFIG, tmp_path / name) for name in ("one", "other"))
    assert all(torch.equal(a, b) for a, b in zip(states(one), states(other), strict=True))
    third = first_tower(prepared, replace(CONFIG, seed=1), tmp_path / "third")
    assert not all(torch.equal(a, b) for a, b in zip(states(one), states(third), strict=True))


def test_no_steps_is_the_fresh_tower(prepared, tmp_path):
    fresh = first_tower(prepared, replace(CONFIG, text_steps=0), tmp_path / "fresh")
    taught = first_tower(prepared, CONFIG, tmp_path / "taught")
    assert not all(torch.equal(a, b) for a, b in zip(states(fresh), states(taught), strict=True))


def test_it_learns_to_tell_captions_apart(prepared, tmp_path):
    first_tower(prepared, replace(CONFIG, text_steps=60), tmp_path)
    rows = [line.split(",") for line in (tmp_path / "text.csv").read_text(encoding="utf-8").splitlines()]
    by_text = [float(row[-1]) for row in rows]
    assert by_text[-1] < by_text[0] - 0.1


def test_the_picture_encoder_reads_any_size():
    encoder = PictureEncoder(4, 32)
    assert encoder(torch.randn(2, 4, 16, 16)).shape == (2, 32)
    assert encoder(torch.randn(2, 4, 4, 4)).shape == (2, 32)
