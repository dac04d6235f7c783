from dataclasses import replace

import pytest
import torch

from palitra.core.balance import norms
from palitra.core.loop import invert, sample
from palitra.core.predictor import Predictor
from palitra.core.rows import Rows
from palitra.core.schedule import Schedule
from palitra.core.step import Step
from palitra.core.tap import Bus
from palitra.guiders.cfg import ClassifierFree, Conditional
from palitra.guiders.guide_and_rescale import (
    GuideAndRescale,
    GuideAndRescaleConfig,
    inputs_of,
    rescale,
)
from palitra.samplers.ddim import DDIM
from palitra.taps.keep import Keep
from tests.core.toy import ToyDenoiser, latent, text

STEPS = 10
SCHEDULE = Schedule.scaled_linear()
TIMES = SCHEDULE.times(STEPS, "leading")
SOURCE, TARGET, EMPTY = text(1), text(2), text(3)
LAYERS = ("down.0.self.attend", "mid.self.attend", "up.0.self.attend", "up.1.self.attend")
LOCAL = GuideAndRescaleConfig(3e5, 500, 0, 0.6, 0.33, 3.0, LAYERS, "up.1.res", "up.0.res")
STYLE = replace(LOCAL, self_attention=1e5, appearance=0, style=2.5, guided=0.5, low=1.5, high=1.5)
named = pytest.mark.parametrize("config", [LOCAL, STYLE], ids=["local", "style"])


@pytest.fixture(scope="module")
def toy():
    return ToyDenoiser()


@pytest.fixture(scope="module")
def path(toy):
    """Of two photos, inverted the way whose passes the edit can reuse."""
    return invert(DDIM(SCHEDULE), Predictor(toy, SCHEDULE, [Conditional(SOURCE)]), latent(9, 2), TIMES)[1]


def run(toy, path, config, rows=slice(None), kept=None, target=TARGET):
    guiders = [ClassifierFree(target, EMPTY, 3.0), GuideAndRescale(config, SOURCE, kept)]
    tracks = {"photo": [x[rows] for x in path]}
    predictor = Predictor(toy, SCHEDULE, guiders, (), tracks)
    return sample(DDIM(SCHEDULE), predictor, path[0][rows], TIMES), predictor


def plain(toy, path):
    return sample(
        DDIM(SCHEDULE), Predictor(toy, SCHEDULE, [ClassifierFree(TARGET, EMPTY, 3.0)]), path[0], TIMES
    )


@named
def test_it_comes_nearer_to_the_photo(toy, path, config):
    made, _ = run(toy, path, config)
    assert (norms(made - path[-1]) < norms(plain(toy, path) - path[-1])).all()


@named
def test_streamed_maps_equal_whole_ones(toy, path, config):
    made, _ = run(toy, path, config)
    whole, _ = run(toy, path, replace(config, explicit=True))
    # rounding of float64, 3e5 times larger, through ten steps
    assert torch.allclose(made, whole, atol=1e-8)


@named
def test_a_batch_is_its_singles(toy, path, config):
    both, _ = run(toy, path, config)
    for i in range(2):
        alone, _ = run(toy, path, config, slice(i, i + 1))
        assert torch.allclose(both[i : i + 1], alone, atol=1e-9)


@named
def test_weights_of_zero_are_plain_guidance(toy, path, config):
    off = replace(config, self_attention=0, appearance=0, style=0)
    assert torch.allclose(run(toy, path, off)[0], plain(toy, path), atol=1e-12)
    assert torch.allclose(run(toy, path, replace(config, guided=0))[0], plain(toy, path), atol=1e-12)
    assert torch.allclose(run(toy, path, replace(config, low=0, high=0))[0], plain(toy, path), atol=1e-12)


@named
def test_what_the_inversion_saw_replaces_the_photos_own_passes(toy, path, config):
    sites = "|".join([inputs_of(LAYERS), config.appearance_site, config.style_site])
    keep = Keep(sites, "target")
    predictor = Predictor(toy, SCHEDULE, [Conditional(SOURCE)], [keep])
    invert(DDIM(SCHEDULE), predictor, latent(9, 2), TIMES)
    with_photo, costly = run(toy, path, config)
    without, cheap = run(toy, path, config, kept=keep.kept)
    assert torch.allclose(with_photo, without, atol=1e-9)
    assert costly.samples - cheap.samples == 2 * (round(config.guided * STEPS) - 1)


@named
def test_nothing_is_run_for_an_energy_that_is_over(toy, path, config):
    _, predictor = run(toy, path, config, slice(0, 1))
    guided = round(config.guided * STEPS) - 1
    assert predictor.samples == 2 * STEPS + 2 * guided
    ends = {"up.1.self.attend": guided}
    if config.style:
        ends["up.0.res"] = guided
    assert dict(predictor.backwards) == ends


def energy_of(seen):
    """The local energy by its definition, (B,)."""
    total = 0
    for (name, site), value in seen.items():
        if name == "now":
            other = seen["photo", site].detach()
            error = (value - other).square() if site.endswith("probs") else (value - other).abs()
            total = total + (3e5 if site.endswith("probs") else 500) * error.flatten(1).mean(1)
    return total


def look(toy, x, t, name, seen):
    """One pass with the photo's words, its maps and features kept with their graph."""

    def see(site, value):
        seen[name, site] = value
        return value

    class See:
        sites = "*.self.probs|up.1.res"

        def __call__(self, site, value, rows, step):
            return see(site, value)

    step = Step(2, STEPS, t, SCHEDULE.signal(t), x)
    toy(x, t, SOURCE.expand(len(x)), Bus([See()], Rows({"any": slice(0, len(x))}), step))


def test_the_published_energy_and_ratio(toy, path):
    """One step by the definition: whole maps, autograd over one graph, the norms written out."""
    index, t = 2, TIMES[2]
    # the photo a step noisier than the edit, as in the released code, so that there is something to pull
    photo = [path[max(i - 1, 0)] for i in range(len(path))]
    x, seen = path[index].clone().requires_grad_(), {}
    look(toy, x, t, "now", seen)
    look(toy, photo[index], t, "photo", seen)
    (g,) = torch.autograd.grad(energy_of(seen).sum(), x)
    free = Predictor(toy, SCHEDULE, [ClassifierFree(TARGET, EMPTY, 3.0)])(path[index], t, index, STEPS)
    u = Predictor(toy, SCHEDULE, [Conditional(EMPTY)])(path[index], t, index, STEPS)
    guiders = [ClassifierFree(TARGET, EMPTY, 3.0), GuideAndRescale(LOCAL, SOURCE)]
    made = Predictor(toy, SCHEDULE, guiders, (), {"photo": photo})(path[index], t, index, STEPS)
    for i in range(2):
        r = g[i].norm() / (free.eps - u.eps)[i].norm()
        # norms are taken in float32
        assert torch.allclose(made.eps[i], free.eps[i] + g[i] * r.clamp(0.33, 3.0) / r, atol=1e-6)


def test_rescale_bounds_the_ratio_of_each_sample_alone():
    g = torch.stack([torch.full((1, 2, 2), v) for v in (0.1, 1.0, 100.0)])
    c = torch.ones(3, 1, 2, 2)
    made = rescale(g, c, 0.33, 3.0)
    assert torch.allclose(norms(made).flatten() / 2, torch.tensor([0.33, 1.0, 3.0]))
    fixed = rescale(g, c, 1.5, 1.5)
    assert torch.allclose(norms(fixed).flatten() / 2, torch.full((3,), 1.5))


def test_rescale_without_guidance_or_gradient():
    g = torch.ones(1, 1, 2, 2)
    assert torch.equal(rescale(g, torch.zeros_like(g), 0.33, 3.0), g)
    assert torch.equal(rescale(torch.zeros_like(g), g, 0.33, 3.0), torch.zeros_like(g))
    assert torch.equal(rescale(g * torch.nan, g, 0.33, 3.0), torch.zeros_like(g))
