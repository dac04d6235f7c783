import pytest
import torch
from diffusers import UNet2DConditionModel

from palitra.core.attention import Attention, attend
from palitra.core.rows import Rows
from palitra.core.step import Step
from palitra.models.unet_sites import find_sites
from palitra.taps.word_maps import MAPS, WordMaps, map_sites, stretched, word_masks
from palitra.train.config import MiniConfig
from palitra.train.mini_model import build_unet

ROWS = Rows({"target": slice(0, 2), "source": slice(2, 4)})


def attention(seed):
    g = torch.Generator().manual_seed(seed)
    q = torch.randn(4, 3, 8, 5, generator=g, dtype=torch.float64)
    k, v = torch.randn(2, 4, 3, 6, 5, generator=g, dtype=torch.float64)
    return Attention(q, k, v, 0.7)


def test_maps_are_the_softmax_of_the_words_summed_over_heads_and_sites():
    words = torch.tensor([[0, 1.0, 0, 0, 0, 0], [0, 0, 1.0, 0.5, 0, 0]])
    step = Step(0, 10, 900, 0.1, torch.zeros(2, 4, 16, 32))
    tap = WordMaps(("a.cross.attend", "b.cross.attend"), {"target": words, "source": words})
    for seed, site in enumerate(("a.cross.attend", "b.cross.attend")):
        a = attention(seed)
        assert torch.equal(tap(site, a, ROWS, step, attend), attend(a))
    for name, here in ROWS.here.items():
        expected = 0
        for seed in range(2):
            a = attention(seed)
            scores = torch.einsum("bhld,bhtd->bhlt", a.q[here], a.k[here]) * 0.7
            expected = expected + torch.einsum("bhlt,bt->bl", scores.softmax(-1), words.double())
        # eight cells of a latent of 16 x 32 are 2 x 4
        assert torch.allclose(step.seen[name, MAPS], expected.view(2, 1, 2, 4), atol=1e-12)


def test_masks_go_from_0_to_1_in_every_row():
    step = Step(0, 10, 900, 0.1, torch.zeros(2, 4, 8, 8))
    maps = torch.stack([torch.arange(4.0).view(1, 2, 2), torch.full((1, 2, 2), 0.3)])
    step.seen.update({("source", MAPS): maps, ("target", MAPS): maps * 5 + 1})
    photo, edit = word_masks(step)
    assert torch.allclose(photo[0].flatten(), torch.tensor([0, 1 / 3, 2 / 3, 1]))
    assert torch.allclose(edit, photo)
    # a level map tells nothing apart
    assert torch.equal(stretched(maps)[1], torch.ones(1, 2, 2))


@pytest.mark.parametrize(
    ("side", "expected"),
    [(64, [*(f"down.2.attn.{i}" for i in (0, 1)), *(f"up.1.attn.{i}" for i in (0, 1, 2))]), (4, None)],
)
def test_sites_of_sd(side, expected):
    with torch.device("meta"):
        sites = list(find_sites(UNet2DConditionModel(sample_size=64, cross_attention_dim=768)))
    if expected is None:
        expected = [f"{b}.attn.{i}" for b, n in (("down.0", 2), ("up.3", 3)) for i in range(n)]
    assert list(map_sites(sites, side)) == [f"{s}.block.0.cross.attend" for s in expected]


def test_sites_of_the_embedded_model():
    with torch.device("meta"):
        sites = list(find_sites(build_unet(MiniConfig())))
    places = ("down.1.attn.0", "up.1.attn.0", "up.1.attn.1")
    assert map_sites(sites, 16) == tuple(f"{s}.block.0.cross.attend" for s in places)
