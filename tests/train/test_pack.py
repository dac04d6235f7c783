from dataclasses import replace

import pytest
import torch

from palitra.models.patch_autoencoder import PatchAutoencoder, PatchAutoencoderConfig
from palitra.train.captioned import CONCEPTS, phrasings
from palitra.train.pack import Pack, encode_set
from tests.train.tiny_mini import captioned_set


@pytest.fixture(scope="module")
def code():
    made = PatchAutoencoder(PatchAutoencoderConfig(4, 4))
    made.fit(captioned_set().images.float() / 127.5 - 1)
    return made


def test_saving_and_loading_gives_the_same(tmp_path, code):
    pack = encode_set(captioned_set(), code)
    pack.save(tmp_path / "deep" / "pack.safetensors")
    again = Pack.load(tmp_path / "deep" / "pack.safetensors")
    assert again.texts == pack.texts
    for name in ("latents", "phrasings", "concepts"):
        one, other = getattr(pack, name), getattr(again, name)
        assert one.dtype == other.dtype
        assert torch.equal(one, other)
    assert [p.name for p in (tmp_path / "deep").iterdir()] == ["pack.safetensors"]


def test_latents_are_those_of_the_picture_and_its_mirror_image(code):
    images = captioned_set()
    pack = encode_set(images, code)
    assert pack.latents.shape == (24, 2, 4, 4, 4)
    x = images.images[:1].float() / 127.5 - 1
    with torch.no_grad():
        assert torch.equal(pack.latents[0, 0], code.encode(x)[0].bfloat16())
        assert torch.equal(pack.latents[0, 1], code.encode(x.flip(-1))[0].bfloat16())


def test_texts_begin_with_the_empty_prompt_and_rows_name_the_phrasings(code):
    images = captioned_set()
    pack = encode_set(images, code)
    assert pack.texts[0] == ""
    assert len(set(pack.texts)) == len(pack.texts)
    for i, (caption, concept) in enumerate(zip(images.captions, images.concepts.tolist(), strict=True)):
        told = tuple(pack.texts[row] for row in pack.phrasings[i].tolist())
        assert told == phrasings(caption, CONCEPTS[concept])
        assert told[0] == caption


def joined(size):
    small = replace(captioned_set(6, size), small=torch.ones(6, dtype=torch.bool))
    return captioned_set(24, size).joined(small)


def test_enlarged_pictures_are_told_as_such_and_at_their_own_size_not(tmp_path, code):
    large, own = encode_set(joined(64), code), encode_set(joined(32), code)
    assert large.texts == own.texts
    said = [{pack.texts[i] for i in pack.phrasings[24:].flatten().tolist()} for pack in (large, own)]
    assert all(text.endswith(", low resolution") for text in said[0])
    assert not any("resolution" in text for text in said[1])
    assert torch.equal(large.phrasings[:24], own.phrasings[:24])
    large.save(tmp_path / "pack.safetensors")
    again = Pack.load(tmp_path / "pack.safetensors")
    assert torch.equal(again.small, torch.tensor([False] * 24 + [True] * 6))


def test_words_may_tell_less(code):
    pack = encode_set(captioned_set(), code, "class")
    assert "a photo of a dog" in pack.texts
    assert not any("old" in text or "big" in text for text in pack.texts)


def test_variances_are_mean_squares_of_the_channels(code):
    pack = encode_set(captioned_set(), code)
    twice = torch.cat([pack.latents, pack.latents[:1]]).double()
    expected = twice.square().mean((0, 1, 3, 4))
    weights = torch.ones(len(pack.latents))
    weights[0] = 2
    # four digits are kept
    assert torch.allclose(torch.tensor(pack.variances(weights), dtype=torch.float64), expected, rtol=1e-3)
