import pytest
import torch

from palitra.core.attention import Attention, attend
from palitra.core.rows import Rows
from palitra.core.step import Step
from palitra.core.tap import Bus
from palitra.taps.edited_word_maps import EDITED_MAPS, EditedWordMaps
from palitra.taps.prompt_to_prompt import CrossAttentionEdit
from tests.taps.test_prompt_to_prompt import ROWS, B, H, L, N, attention, edited_maps, step, tables


def test_maps_are_the_edited_ones():
    a, (alignment, gates, weights) = attention(), tables("refine")
    words = {"source": torch.eye(L)[:B], "target": torch.eye(L)[1 : B + 1] + torch.eye(L)[0]}
    edit = CrossAttentionEdit(alignment, gates, weights, sites="*.cross.attend")
    now = step()
    bus = Bus([edit, EditedWordMaps(["a.cross.attend", "b.cross.attend"], words)], ROWS, now)
    out = bus.attend("a.cross.attend", a)
    assert torch.equal(out, Bus([edit], ROWS, step()).attend("a.cross.attend", a))
    maps = a.probabilities()
    here, photo = ROWS.here["target"], ROWS.here["source"]
    wanted = {
        "source": maps[photo],
        "target": edited_maps(maps[photo], maps[here], alignment, gates[:, 0], weights),
    }
    for name, full in wanted.items():
        summed = torch.einsum("bhnl,bl->bn", full, words[name].double()).view(B, 1, 2, 3)
        # kept in float32
        assert torch.allclose(now.seen[name, EDITED_MAPS].double(), summed, atol=1e-5, rtol=0)
    once = now.seen["target", EDITED_MAPS]
    bus.attend("b.cross.attend", a)
    assert torch.allclose(now.seen["target", EDITED_MAPS], 2 * once)


def test_all_words_together_look_everywhere_alike():
    a, now = attention(), step()
    EditedWordMaps(["x"], {"source": torch.ones(B, L)})("x", a, ROWS, now, attend)
    assert torch.allclose(now.seen["source", EDITED_MAPS], torch.full((B, 1, 2, 3), float(H)), atol=1e-6)
    assert ("target", EDITED_MAPS) not in now.seen


@pytest.mark.parametrize(("height", "width"), [(2, 3), (3, 2), (4, 6)])
def test_maps_have_the_latents_shape(height, width):
    q = torch.randn(1, H, N, 4)
    k = v = torch.randn(1, H, L, 4)
    now = Step(0, 4, 500, 0.5, torch.zeros(1, 1, height, width))
    tap = EditedWordMaps(["x"], {"target": torch.ones(1, L)})
    tap("x", Attention(q, k, v, 0.5), Rows({"target": slice(0, 1)}), now, attend)
    assert now.seen["target", EDITED_MAPS].shape == (1, 1, *((2, 3) if width > height else (3, 2)))
