"""Routing against maps that are made: what float64 rounds away is all they may differ by."""

import pytest
import torch

from palitra.core.attention import Attention, attend
from palitra.core.condition import Condition
from palitra.core.loop import sample
from palitra.core.predictor import Predictor
from palitra.core.rows import Rows
from palitra.core.schedule import Schedule
from palitra.core.step import Step
from palitra.errors import ComposeError, InputError
from palitra.guiders.cfg import ClassifierFree
from palitra.guiders.source import PHOTO, Watch
from palitra.models.tiny import _tokenizer
from palitra.models.unet_sites import find_sites
from palitra.samplers.ddim import DDIM
from palitra.taps.prompt_to_prompt import (
    CrossAttentionEdit,
    SelfAttentionReplacement,
    coarse_self_attentions,
    equaliser,
    step_range,
    token_gates,
)
from palitra.taps.prompt_tokens import read_prompt
from palitra.taps.word_alignment import Alignment
from tests.core.toy import ToyDenoiser, latent, text
from tests.models.tiny_unet import tiny_unet

B, H, N, L, D, STEPS = 3, 2, 6, 5, 4, 4
ROWS = Rows({"uncond": slice(0, B), "target": slice(B, 2 * B), "source": slice(2 * B, 3 * B)})
SCHEDULE = Schedule.scaled_linear()
TIMES = SCHEDULE.times(STEPS, "leading", 0)


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def attention(keys=L, total=3 * B):
    shapes = ((total, H, N, D), (total, H, keys, D), (total, H, keys, D))
    return Attention(*(random(*s, seed=i) for i, s in enumerate(shapes)), D**-0.5)


def step(index=0):
    return Step(index, STEPS, 500, 0.5, torch.zeros(B, 1, 2, 3))


def tables(kind, batch=B, seed=7):
    """An alignment of `kind`, gates by token and step, and weights, all by chance."""
    g = torch.Generator().manual_seed(seed)
    gates = (torch.rand(batch, STEPS + 1, L, generator=g) > 0.4).double()
    weights = torch.rand(batch, L, generator=g).double() * 3
    transport = torch.rand(batch, L, L, generator=g).double()
    taken = torch.ones(batch, L, dtype=torch.float64)
    if kind == "refine":
        taken = (torch.rand(batch, L, generator=g) > 0.5).double()
        gather = torch.randint(L, (batch, L), generator=g)
        transport = torch.nn.functional.one_hot(gather, L).double().transpose(1, 2) * taken[:, None]
    return Alignment(transport, taken), gates, weights


def edited_maps(source, target, alignment, gates, weights):
    """The published order: move or gather the photo's map, weigh it, then gate it by token."""
    taken = alignment.taken[:, None, None]
    moved = torch.einsum("bhni,bij->bhnj", source, alignment.transport)
    inner = moved * taken + target * (1 - taken)
    weighed = inner * weights[:, None, None]
    gate = gates[:, None, None]
    return weighed * gate + target * (1 - gate)


@pytest.mark.parametrize("kind", ["replace", "refine"])
@pytest.mark.parametrize("index", range(STEPS))
def test_cross_attention_equals_explicit_maps(kind, index):
    a, (alignment, gates, weights) = attention(), tables(kind)
    out = CrossAttentionEdit(alignment, gates, weights)("x.cross.attend", a, ROWS, step(index), attend)
    maps = a.probabilities()
    here, photo = ROWS.here["target"], ROWS.here["source"]
    maps[here] = edited_maps(maps[photo], maps[here], alignment, gates[:, index], weights)
    assert torch.allclose(out, maps @ a.v, atol=1e-12, rtol=0)


def test_cross_attention_equals_explicit_maps_in_float32():
    exact, (alignment, gates, weights) = attention(), tables("refine")
    a = Attention(exact.q.float(), exact.k.float(), exact.v.float(), exact.scale)
    out = CrossAttentionEdit(alignment, gates, weights)("x.cross.attend", a, ROWS, step(), attend)
    maps = exact.probabilities()
    here, photo = ROWS.here["target"], ROWS.here["source"]
    maps[here] = edited_maps(maps[photo], maps[here], alignment, gates[:, 0], weights)
    # float32 over sums of ten terms of size 1
    assert torch.allclose(out.double(), maps @ exact.v, atol=1e-5, rtol=0)


def test_masked_keys_stay_hidden():
    a, (alignment, gates, weights) = attention(), tables("replace")
    mask = torch.ones(3 * B, 1, 1, L, dtype=torch.bool)
    mask[:, ..., -1] = False
    masked = Attention(a.q, a.k, a.v, a.scale, mask)
    out = CrossAttentionEdit(alignment, gates, weights)("x.cross.attend", masked, ROWS, step(), attend)
    maps = masked.probabilities()
    here, photo = ROWS.here["target"], ROWS.here["source"]
    maps[here] = edited_maps(maps[photo], maps[here], alignment, gates[:, 0], weights)
    assert torch.allclose(out, maps @ a.v, atol=1e-12, rtol=0)


def test_closed_gates_leave_the_attention_alone():
    a, (alignment, gates, weights) = attention(), tables("replace")
    calls = []

    def counted(inner):
        calls.append(len(inner.q))
        return attend(inner)

    tap = CrossAttentionEdit(alignment, gates * 0, weights)
    assert torch.equal(tap("x.cross.attend", a, ROWS, step(), counted), attend(a))
    assert calls == [3 * B]


def test_self_attention_equals_the_photos_maps():
    a = attention(N)
    out = SelfAttentionReplacement("x", 0.5)("x.self.attend", a, ROWS, step(1), attend)
    maps = a.probabilities()
    maps[ROWS.here["target"]] = maps[ROWS.here["source"]]
    assert torch.allclose(out, maps @ a.v, atol=1e-12, rtol=0)
    late = SelfAttentionReplacement("x", 0.5)("x.self.attend", a, ROWS, step(2), attend)
    assert torch.equal(late, attend(a))


@pytest.mark.parametrize("name", ["cross", "self"])
def test_a_target_in_a_later_call_finds_the_photo(name):
    a = attention(L if name == "cross" else N)
    alignment, gates, weights = tables("refine")
    tap = CrossAttentionEdit(alignment, gates, weights)
    if name == "self":
        tap = SelfAttentionReplacement("x", 1.0)
    together = tap("x", a, ROWS, step(), attend)
    seen = step()
    first = Rows({"uncond": slice(0, B), "source": slice(B, 2 * B)})
    others = torch.tensor([*range(B), *range(2 * B, 3 * B)])
    tap("x", Attention(a.q[others], a.k[others], a.v[others], a.scale), first, seen, attend)
    here = ROWS.here["target"]
    alone = Attention(a.q[here], a.k[here], a.v[here], a.scale)
    later = tap("x", alone, Rows({"target": slice(0, B)}), seen, attend)
    assert torch.allclose(later, together[here], atol=1e-12, rtol=0)
    with pytest.raises(ComposeError, match="`source`, which no guider runs in step 0"):
        tap("x", alone, Rows({"target": slice(0, B)}), step(), attend)


def joined(*alignments):
    return Alignment(torch.cat([a.transport for a in alignments]), torch.cat([a.taken for a in alignments]))


def run(batch, source, target, taps):
    """Three guided steps of a toy beside the photo's noise."""
    guiders = [ClassifierFree(target, text(9), 3.0), Watch(source)]
    path = [latent(20 + i, batch) for i in range(STEPS + 1)]
    return sample(DDIM(SCHEDULE), Predictor(TOY, SCHEDULE, guiders, taps, {PHOTO: path}), path[0], TIMES)


TOY = ToyDenoiser()


def test_equal_prompts_and_latents_change_nothing():
    """Equal in the first step; the photo's path is then set to the edit's own."""
    eye = torch.eye(L, dtype=torch.float64).expand(2, L, L)
    alignment = Alignment(eye, torch.ones(2, L, dtype=torch.float64))
    taps = [
        CrossAttentionEdit(alignment, torch.ones(2, STEPS + 1, L, dtype=torch.float64)),
        SelfAttentionReplacement("*.self.attend", 1.0),
    ]
    told, x = text(1, 2), latent(0, 2)
    guiders = [ClassifierFree(told, text(9), 3.0), Watch(told)]
    for taps_in in (taps, []):
        p = Predictor(TOY, SCHEDULE, guiders, taps_in, {PHOTO: [x]})(x, TIMES[0], 0, STEPS)
        if taps_in:
            edited = p
    assert torch.allclose(edited.eps, p.eps, atol=1e-12, rtol=0)


def test_four_edits_at_once_equal_four_alone():
    made = [tables(kind, 1, seed) for seed, kind in enumerate(("replace", "refine", "refine", "replace"))]
    own = SelfAttentionReplacement("*.self.attend", 0.5)
    words = [(text(30 + i), text(40 + i)) for i in range(4)]
    guided = ClassifierFree(Condition(torch.cat([t.text for _, t in words])), text(9), 3.0)
    source = Condition(torch.cat([s.text for s, _ in words]))
    paths = [[latent(100 * i + k) for k in range(STEPS + 1)] for i in range(4)]
    tap = CrossAttentionEdit(
        joined(*(m[0] for m in made)), torch.cat([m[1] for m in made]), torch.cat([m[2] for m in made])
    )
    track = [torch.cat([p[k] for p in paths]) for k in range(STEPS + 1)]
    predictor = Predictor(TOY, SCHEDULE, [guided, Watch(source)], [tap, own], {PHOTO: track})
    together = sample(DDIM(SCHEDULE), predictor, track[0], TIMES)
    for i, (m, (s, t)) in enumerate(zip(made, words, strict=True)):
        guiders = [ClassifierFree(t, text(9), 3.0), Watch(s)]
        one = Predictor(TOY, SCHEDULE, guiders, [CrossAttentionEdit(*m), own], {PHOTO: paths[i]})
        alone = sample(DDIM(SCHEDULE), one, paths[i][0], TIMES)
        assert torch.allclose(together[i : i + 1], alone, atol=1e-10, rtol=0)
        free = Predictor(TOY, SCHEDULE, guiders, [], {PHOTO: paths[i]})
        assert (sample(DDIM(SCHEDULE), free, paths[i][0], TIMES) - alone).norm() > 1e-3


@pytest.fixture(scope="module")
def prompt():
    return read_prompt(_tokenizer(), "a photo of a zebra")


def test_gates_open_at_the_published_steps(prompt):
    gates = token_gates(prompt, 50, 0.4, {"zebra": (0.2, 0.8)})
    assert gates.shape == (51, 77)
    assert gates[:, 1].nonzero().flatten().tolist() == list(range(20))
    zebra = list(prompt.find("zebra"))
    assert gates[:, zebra].sum(0).tolist() == [30.0] * 5
    assert gates[:, zebra[0]].nonzero().flatten().tolist() == list(range(10, 40))


def test_shares_end_at_whole_steps():
    assert step_range(50, 0.6) == (0, 30)
    assert step_range(50, (0.1, 0.58)) == (5, 29)
    assert step_range(50, 0.0) == (0, 0)


def test_weights_are_those_of_the_words(prompt):
    weights = equaliser(prompt, {"zebra": 2.0, "photo": 0.5})
    assert weights[list(prompt.find("zebra"))].tolist() == [2.0] * 5
    assert weights[list(prompt.find("photo"))].tolist() == [0.5]
    assert float(weights.sum()) == 77 + 5 - 0.5


@pytest.mark.parametrize("largest", [0.5, 0.25])
def test_self_maps_of_photos_are_those_up_to_half_the_side(largest):
    # the block layout of SD 1.x
    unet = tiny_unet(
        block_out_channels=(8, 8, 8, 8),
        down_block_types=(*["CrossAttnDownBlock2D"] * 3, "DownBlock2D"),
        up_block_types=("UpBlock2D", *["CrossAttnUpBlock2D"] * 3),
        layers_per_block=2,
    )
    found = coarse_self_attentions(find_sites(unet), largest).split("|")
    blocks = [s.removesuffix(".block.0.self.attend") for s in found]
    coarse = ["down.2.attn.0", "down.2.attn.1", "mid.attn.0", *(f"up.1.attn.{i}" for i in range(3))]
    if largest == 0.5:
        coarse = ["down.1.attn.0", "down.1.attn.1", *coarse, *(f"up.2.attn.{i}" for i in range(3))]
    assert blocks == coarse


def test_bad_input_is_named(prompt):
    alignment, gates, weights = tables("refine")
    with pytest.raises(InputError, match="`gates` must have the shape"):
        CrossAttentionEdit(alignment, gates[:1])
    with pytest.raises(InputError, match="`weights` must have the shape"):
        CrossAttentionEdit(alignment, gates, weights[:, :2])
    with pytest.raises(InputError, match="`until` must be in"):
        SelfAttentionReplacement("*", 1.2)
    with pytest.raises(InputError, match="`until` must be in"):
        token_gates(prompt, 50, (0.5, 0.4))
    with pytest.raises(InputError, match="got `dog`"):
        equaliser(prompt, {"dog": 2.0})
    with pytest.raises(InputError, match="got `dog`"):
        token_gates(prompt, 50, 0.4, {"dog": 0.8})
