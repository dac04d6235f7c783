import pytest
import torch
from diffusers import UNet2DConditionModel

from palitra.core.attention import Attention, attend
from palitra.core.loop import invert, sample
from palitra.core.predictor import Predictor
from palitra.core.rows import Rows
from palitra.core.schedule import Schedule
from palitra.core.step import Step
from palitra.core.tap import Bus
from palitra.errors import ComposeError, InputError
from palitra.guiders.cfg import ClassifierFree, Conditional
from palitra.guiders.source import PHOTO, Alongside, Watch
from palitra.models.unet_sites import find_sites
from palitra.samplers.ddim import DDIM
from palitra.taps.plug_and_play import FEATURES, AttentionInjection, FeatureInjection, plugged_sites
from palitra.train.config import MiniConfig
from palitra.train.mini_model import build_unet
from tests.core.toy import ToyDenoiser, latent, text
from tests.models.tiny_unet import denoiser, latents, words

SCHEDULE = Schedule.scaled_linear()
COUNT = 10
TIMES = SCHEDULE.times(COUNT)
SITE = "up.1.self.attend"
BATCH = 2
ROWS = Rows(
    {name: slice(i * BATCH, i * BATCH + BATCH) for i, name in enumerate(("uncond", "target", "source"))}
)


def step(index):
    return Step(index, COUNT, 100, 0.5, torch.zeros(BATCH, 4, 4, 4))


def attention():
    g = torch.Generator().manual_seed(0)
    q, k, v = torch.randn(3, 3 * BATCH, 2, 16, 5, generator=g, dtype=torch.float64)
    return Attention(q, k, v, 0.5)


def test_the_edits_values_are_mixed_by_the_photos_map():
    a = attention()
    out = AttentionInjection([SITE])(SITE, a, ROWS, step(4), attend)
    photo = ROWS.here["source"]
    maps = (torch.einsum("bhld,bhmd->bhlm", a.q[photo], a.k[photo]) * 0.5).softmax(-1)
    for name, here in ROWS.here.items():
        # the fused kernel against the definition, in float64
        assert torch.allclose(out[here], maps @ a.v[here], atol=1e-12), name


def test_features_of_both_halves_are_the_photos():
    value = torch.randn(3 * BATCH, 7, 4, 4)
    out = FeatureInjection("up.0.res")("up.0.res", value, ROWS, step(7))
    assert torch.equal(out, value[ROWS.here["source"]].repeat(3, 1, 1, 1))


@pytest.mark.parametrize(("index", "features", "maps"), [(0, True, True), (4, True, True), (5, True, False)])
@pytest.mark.parametrize("late", [False, True])
def test_each_ends_at_its_share_of_the_steps(index, features, maps, late):
    if late:
        index, features, maps = 8, False, False
    a, value = attention(), torch.randn(3 * BATCH, 7, 4, 4)
    out = AttentionInjection([SITE])(SITE, a, ROWS, step(index), attend)
    assert torch.equal(out, attend(a)) != maps
    assert torch.equal(FeatureInjection("x")("x", value, ROWS, step(index)), value) != features


@pytest.fixture(scope="module")
def toy():
    return ToyDenoiser()


def taps_of(toy, features=0.8, maps=0.5):
    sites = [s for s in toy.sites if s.startswith("up.") and s.endswith(".self.attend")]
    return [FeatureInjection("up.0.res", features), AttentionInjection(sites, maps)]


def test_an_edit_with_the_photos_words_is_the_photos_own_sample(toy):
    noise = latent(3)
    beside = Alongside(SCHEDULE, noise, COUNT, text(1))
    guiders = [ClassifierFree(text(1), text(1), 5.0), beside]
    predictor = Predictor(toy, SCHEDULE, guiders, taps_of(toy), {PHOTO: beside.track})
    edit = sample(DDIM(SCHEDULE), predictor, noise, TIMES)
    plain = sample(DDIM(SCHEDULE), Predictor(toy, SCHEDULE, [Conditional(text(1))]), noise, TIMES)
    # rounding of float64 through guidance at scale 5 over ten steps
    assert torch.allclose(edit, plain, atol=1e-10)


def test_shares_of_0_are_plain_guidance(toy):
    _, path = invert(DDIM(SCHEDULE), Predictor(toy, SCHEDULE, [Conditional(text(1))]), latent(0), TIMES)

    def run(taps):
        guiders = [ClassifierFree(text(2), text(3), 4.0), Watch(text(1))]
        return sample(DDIM(SCHEDULE), Predictor(toy, SCHEDULE, guiders, taps, {PHOTO: path}), path[0], TIMES)

    assert torch.equal(run(taps_of(toy, 0, 0)), run([]))
    assert (run(taps_of(toy)) - run([])).norm() > 1e-3


def test_the_edit_keeps_its_own_skip():
    network = denoiser()
    x, rows = latents(batch=3), Rows({"uncond": slice(0, 1), "target": slice(1, 2), "source": slice(2, 3)})
    seen = {}

    class Look:
        sites = "up.1.res.1"

        def __call__(self, site, value, rows, step):
            seen[site] = value
            return value

    block, skips = network.unet.up_blocks[1].resnets[1], []
    handle = block.conv_shortcut.register_forward_hook(lambda _m, _i, out: skips.append(out))
    at = Step(0, 10, 500, 0.5, x[:1])
    (inner,) = network.features(x, 500, words(), [FEATURES])
    skips.clear()
    network(x, 500, words(), Bus([FeatureInjection(), Look()], rows, at))
    handle.remove()
    assert torch.allclose(seen["up.1.res.1"], inner[2:] + skips[0], atol=1e-6)
    assert (skips[0][0] - skips[0][2]).norm() > 1e-3


def test_sites_of_sd_are_the_published_ones():
    with torch.device("meta"):
        unet = UNet2DConditionModel(sample_size=64, cross_attention_dim=768)
    sites = find_sites(unet)
    published = [(1, 1), (1, 2), *((level, i) for level in (2, 3) for i in range(3))]
    names = [f"up.{level}.attn.{i}.block.0.self.attend" for level, i in published]
    assert list(plugged_sites(sites)) == names
    assert sites[FEATURES].module is unet.up_blocks[1].resnets[1].conv2


def test_the_embedded_model_has_sites_for_it():
    with torch.device("meta"):
        sites = find_sites(build_unet(MiniConfig()))
    assert FEATURES in sites
    places = ((0, 1), (1, 0), (1, 1))
    assert plugged_sites(sites) == tuple(f"up.{b}.attn.{i}.block.0.self.attend" for b, i in places)


def test_a_photo_that_nobody_runs_is_named():
    rows = Rows({"target": slice(0, 6)})
    with pytest.raises(ComposeError, match=r"a tap at up.1.self.attend q reads the branch `source`"):
        AttentionInjection([SITE])(SITE, attention(), rows, step(0), attend)


@pytest.mark.parametrize(
    "make", [lambda: FeatureInjection(until=1.2), lambda: AttentionInjection([SITE], 1.2)]
)
def test_shares_out_of_bounds_are_refused(make):
    with pytest.raises(InputError, match=r"`until` must be in \[0, 1\], got 1.2"):
        make()
