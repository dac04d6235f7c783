import pytest
import torch
from diffusers import UNet2DConditionModel

from palitra.core.attention import Attention, attend
from palitra.core.loop import invert, sample
from palitra.core.predictor import Predictor
from palitra.core.rows import Rows
from palitra.core.schedule import Schedule
from palitra.core.step import Step
from palitra.errors import ComposeError, InputError
from palitra.guiders.cfg import ClassifierFree, Conditional
from palitra.guiders.source import PHOTO, Alongside, Watch
from palitra.models.unet_sites import find_sites
from palitra.samplers.ddim import DDIM
from palitra.taps.masactrl import GivenMasks, MutualSelfAttention, mutual_sites
from palitra.taps.word_maps import WordMaps, word_masks
from palitra.train.config import MiniConfig
from palitra.train.mini_model import build_unet
from tests.core.toy import ToyDenoiser, latent, text

SCHEDULE = Schedule.scaled_linear()
COUNT = 10
TIMES = SCHEDULE.times(COUNT)
SITE = "up.0.self.attend"
BATCH, SIDE = 2, 4
ROWS = Rows(
    {name: slice(i * BATCH, i * BATCH + BATCH) for i, name in enumerate(("uncond", "target", "source"))}
)


@pytest.fixture(scope="module")
def toy():
    return ToyDenoiser()


@pytest.fixture(scope="module")
def path(toy):
    source = Predictor(toy, SCHEDULE, [Conditional(text(1))])
    return invert(DDIM(SCHEDULE), source, latent(0), TIMES)[1]


def attention(seed=0):
    g = torch.Generator().manual_seed(seed)
    q, k, v = torch.randn(3, 3 * BATCH, 2, SIDE**2, 5, generator=g, dtype=torch.float64)
    return Attention(q, k, v, 0.5)


def step(index=5):
    return Step(index, COUNT, 100, 0.5, torch.zeros(BATCH, 4, SIDE, SIDE))


def explicit(q, k, v, allowed=None):
    scores = torch.einsum("bhld,bhmd->bhlm", q, k) * 0.5
    if allowed is not None:
        scores = scores.masked_fill(~allowed[:, None], -torch.inf)
    return scores.softmax(-1) @ v


def halves(a):
    return {name: [x[ROWS.here[name]] for x in (a.q, a.k, a.v)] for name in ROWS.here}


def run(tap, a=None, rows=ROWS, at=None):
    return tap(SITE, a or attention(), rows, at or step(), attend)


def test_both_halves_of_the_edit_look_into_the_photo():
    of, out = halves(attention()), run(MutualSelfAttention([SITE]))
    _, k, v = of["source"]
    for name in ROWS.here:
        # the fused kernel against the definition, in float64
        assert torch.allclose(out[ROWS.here[name]], explicit(of[name][0], k, v), atol=1e-12), name


def test_a_union_looks_into_both():
    of, out = halves(attention()), run(MutualSelfAttention([SITE], union=("uncond",)))
    (_, k, v), (q, k_own, v_own) = of["source"], of["uncond"]
    both = explicit(q, torch.cat([k, k_own], 2), torch.cat([v, v_own], 2))
    assert torch.allclose(out[ROWS.here["uncond"]], both, atol=1e-12)
    assert torch.allclose(out[ROWS.here["target"]], explicit(of["target"][0], k, v), atol=1e-12)
    assert torch.allclose(out[ROWS.here["source"]], explicit(*of["source"]), atol=1e-12)


def masks(seed=1):
    g = torch.Generator().manual_seed(seed)
    return (torch.rand(2, BATCH, 1, SIDE, SIDE, generator=g) > 0.5).float()


@pytest.mark.parametrize("union", [(), ("target",)])
def test_foreground_looks_at_foreground_and_background_at_background(union):
    photo, edit = masks()
    of = halves(attention())
    out = run(MutualSelfAttention([SITE], union=union, masks=GivenMasks(photo, edit), threshold=0.5))
    front_s, front_t = (m.flatten(1) > 0 for m in (photo, edit))
    same = front_t[:, :, None] == front_s[:, None, :]
    _, k, v = of["source"]
    for name in ("uncond", "target"):
        q, k_own, v_own = of[name]
        if name in union:
            own = front_t[:, :, None] == front_t[:, None, :]
            expected = explicit(
                q, torch.cat([k, k_own], 2), torch.cat([v, v_own], 2), torch.cat([same, own], 2)
            )
        else:
            expected = explicit(q, k, v, same)
        assert torch.allclose(out[ROWS.here[name]], expected, atol=1e-12), name
    assert torch.allclose(out[ROWS.here["source"]], explicit(*of["source"]), atol=1e-12)


def test_a_photo_without_foreground_is_looked_at_whole():
    edit = masks()[1]
    plain = run(MutualSelfAttention([SITE]))
    masked = run(MutualSelfAttention([SITE], masks=GivenMasks(torch.zeros_like(edit), edit)))
    assert torch.allclose(masked, plain, atol=1e-12)


def test_finer_masks_are_taken_by_area_and_threshold():
    quarter = torch.zeros(BATCH, 1, 8, 8)
    quarter[:, :, ::2, :4:2] = 1
    at, of = Step(5, COUNT, 100, 0.5, torch.zeros(BATCH, 4, 8, 8)), halves(attention())
    given = GivenMasks(quarter, torch.ones_like(quarter))
    # a quarter of each cell of the left half
    left = torch.arange(SIDE**2) % SIDE < SIDE // 2
    q, (_, k, v) = of["target"][0], of["source"]
    low = run(MutualSelfAttention([SITE], masks=given, threshold=0.25), at=at)
    assert torch.allclose(low[ROWS.here["target"]], explicit(q, k[:, :, left], v[:, :, left]), atol=1e-12)
    high = run(MutualSelfAttention([SITE], masks=given, threshold=0.26), at=at)
    assert torch.allclose(high[ROWS.here["target"]], explicit(q, k, v), atol=1e-12)


@pytest.mark.parametrize("index", [0, 1, 8, 9])
def test_outside_its_steps_it_changes_nothing(index):
    tap = MutualSelfAttention([SITE], since=0.2, until=0.8)
    assert torch.equal(run(tap, at=step(index)), attend(attention()))


def test_the_photo_may_have_run_in_an_earlier_call():
    a, tap, at = attention(), MutualSelfAttention([SITE]), step()
    together = run(tap, a)
    order = torch.cat([torch.arange(6)[ROWS.here[n]] for n in ("source", "uncond", "target")])
    a = Attention(a.q[order], a.k[order], a.v[order], a.scale)
    first = Attention(a.q[:4], a.k[:4], a.v[:4], a.scale)
    run(tap, first, Rows({"source": slice(0, 2), "uncond": slice(2, 4)}), at)
    then = Attention(a.q[4:], a.k[4:], a.v[4:], a.scale)
    alone = run(tap, then, Rows({"target": slice(0, 2)}), at)
    assert torch.allclose(alone, together[ROWS.here["target"]], atol=1e-12)


def test_an_edit_with_the_photos_words_is_the_photos_own_sample(toy):
    noise = latent(3)
    beside = Alongside(SCHEDULE, noise, COUNT, text(1))
    guiders = [ClassifierFree(text(1), text(1), 5.0), beside]
    tap = MutualSelfAttention(mutual_sites_of(toy), since=0)
    edit = sample(
        DDIM(SCHEDULE), Predictor(toy, SCHEDULE, guiders, [tap], {PHOTO: beside.track}), noise, TIMES
    )
    plain = sample(DDIM(SCHEDULE), Predictor(toy, SCHEDULE, [Conditional(text(1))]), noise, TIMES)
    # rounding of float64 through guidance at scale 5 over ten steps
    assert torch.allclose(edit, plain, atol=1e-10)


def mutual_sites_of(toy):
    return [s for s in toy.sites if s.startswith("up.") and s.endswith(".self.attend")]


def edited(toy, path, tap, conditions, words=None):
    guiders = [ClassifierFree(conditions, text(3), 4.0), Watch(text(1))]
    taps = [tap] if words is None else [words, tap]
    predictor = Predictor(toy, SCHEDULE, guiders, taps, {PHOTO: path})
    return sample(DDIM(SCHEDULE), predictor, path[0], TIMES)


def test_it_changes_the_edit(toy, path):
    free = edited(toy, path, MutualSelfAttention(mutual_sites_of(toy), until=0.08), text(2))
    held = edited(toy, path, MutualSelfAttention(mutual_sites_of(toy)), text(2))
    assert (held - free).norm() > 1e-3


def word_maps(words):
    return WordMaps(("down.0.cross.attend", "mid.cross.attend"), words)


def test_masks_of_words_compose_foreground_and_background(toy, path):
    def words(on):
        return torch.zeros(1, 5).index_fill_(1, torch.tensor(on, dtype=torch.long), 1)

    sites = mutual_sites_of(toy)
    plain = edited(toy, path, MutualSelfAttention(sites), text(2))
    tap = MutualSelfAttention(sites, masks=word_masks, threshold=0.5)
    one = edited(toy, path, tap, text(2), word_maps({"source": words([1]), "target": words([2])}))
    other = edited(toy, path, tap, text(2), word_maps({"source": words([3]), "target": words([2])}))
    assert (one - plain).norm() > 1e-3
    assert (one - other).norm() > 1e-3
    # without words there is nothing to tell foreground by
    none = edited(toy, path, tap, text(2), word_maps({"source": words([]), "target": words([])}))
    assert torch.allclose(none, plain, atol=1e-10)


def test_layers_of_sd_are_the_published_ones():
    with torch.device("meta"):
        sites = list(find_sites(UNet2DConditionModel(sample_size=64, cross_attention_dim=768)))
    attentions = [s for s in sites if s.endswith(".self.attend")]
    assert list(mutual_sites(sites)) == attentions[10:]


def test_the_embedded_model_has_layers_for_it():
    with torch.device("meta"):
        sites = list(find_sites(build_unet(MiniConfig())))
    assert mutual_sites(sites) == tuple(f"up.1.attn.{i}.block.0.self.attend" for i in (0, 1))


def test_a_photo_that_nobody_runs_is_named(toy, path):
    guiders = [ClassifierFree(text(2), text(3), 4.0), Watch(text(1), until=0.5)]
    predictor = Predictor(toy, SCHEDULE, guiders, [MutualSelfAttention([SITE])], {PHOTO: path})
    with pytest.raises(ComposeError, match="reads the branch `source`, which no guider runs in step 5"):
        sample(DDIM(SCHEDULE), predictor, path[0], TIMES)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"threshold": 1.5}, r"`threshold` must be in \[0, 1\], got 1.5"),
        ({"since": -0.1}, r"`since` must be in \[0, 1\], got -0.1"),
        ({"since": 0.5, "until": 0.4}, r"`until` must be in \[0.5, 1\], got 0.4"),
    ],
)
def test_settings_out_of_bounds_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        MutualSelfAttention([SITE], **options)


@pytest.mark.parametrize(
    ("photo", "edit", "message"),
    [
        (torch.ones(2, 4, 4), torch.ones(2, 4, 4), "`photo mask` must have the shape"),
        (torch.ones(2, 1, 4, 4), torch.ones(2, 1, 8, 8), "`edit mask` must have the photo mask's shape"),
        (torch.ones(2, 1, 4, 4) * 2, torch.ones(2, 1, 4, 4), r"`photo mask` must be in \[0, 1\], got 2"),
    ],
)
def test_masks_of_wrong_kinds_are_refused(photo, edit, message):
    with pytest.raises(InputError, match=message):
        GivenMasks(photo, edit)


def test_masks_of_another_size_than_the_latent_are_refused():
    mask = torch.ones(BATCH, 1, 8, 8)
    with pytest.raises(InputError, match=r"`photo mask` must have the shape \(2, 1, 4, 4\)"):
        run(MutualSelfAttention([SITE], masks=GivenMasks(mask, mask)))
