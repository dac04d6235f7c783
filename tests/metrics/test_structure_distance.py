import json

import pytest
import torch

from palitra.errors import InputError, ModelNotFoundError
from palitra.metrics.structure_distance import dino_keys, self_similarity, structure_distance


def tokens(seed, n=6):
    return torch.randn(2, n, 5, generator=torch.Generator().manual_seed(seed))


def test_self_similarity_is_the_cosine_of_every_pair():
    x = tokens(0)
    made = self_similarity(x)
    for b in range(2):
        for i in range(6):
            for j in range(6):
                cosine = torch.nn.functional.cosine_similarity(x[b, i], x[b, j], dim=0)
                assert float(made[b, i, j]) == pytest.approx(float(cosine), abs=1e-6)


def test_scaling_and_turning_all_tokens_changes_no_structure():
    x = tokens(0)
    turn = torch.linalg.qr(torch.randn(5, 5, generator=torch.Generator().manual_seed(1)))[0]
    assert float(structure_distance(x, 3 * x @ turn).max()) < 1e-12
    assert float(structure_distance(x, tokens(2)).min()) > 0.01


def test_other_shapes_are_refused():
    with pytest.raises(InputError, match="shape"):
        structure_distance(tokens(0), tokens(0, n=5))
    with pytest.raises(InputError, match=r"\(B, N, D\)"):
        self_similarity(torch.rand(3, 4))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A ViT of DINO's layout with a few thousand random weights."""
    from transformers import ViTConfig, ViTModel

    path = tmp_path_factory.mktemp("dino")
    torch.manual_seed(0)
    shape = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    ViTModel(ViTConfig(**shape, image_size=224, patch_size=56)).save_pretrained(path)
    (path / "preprocessor_config.json").write_text(json.dumps({}))
    return path


def test_keys_of_the_last_block_with_the_class_token(folder):
    images = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    keys = dino_keys(folder)(images)
    assert keys.shape == (2, 1 + 16, 16)
    assert torch.equal(dino_keys(folder)(images[1:]), keys[1:])


def test_the_quirk_hands_in_bytes(folder):
    x, y = torch.rand(2, 1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    plain, quirk = dino_keys(folder), dino_keys(folder, quirk=True)
    assert float(structure_distance(plain(x), plain(y))) != float(structure_distance(quirk(x), quirk(y)))


def test_without_weights_the_sentence_says_where_they_belong(tmp_path, monkeypatch):
    monkeypatch.setenv("PALITRA_HOME", str(tmp_path))
    with pytest.raises(ModelNotFoundError, match="dino-vitb8"):
        dino_keys()
