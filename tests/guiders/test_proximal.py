import pytest
import torch

from palitra.core.loop import invert, sample
from palitra.core.parametrise import to_prediction
from palitra.core.predictor import Predictor
from palitra.core.schedule import Schedule
from palitra.core.step import Step
from palitra.errors import InputError
from palitra.guiders.cfg import ClassifierFree, Conditional
from palitra.guiders.proximal import ProximalConfig, ProximalGuidance, proximal, widened
from palitra.samplers.ddim import DDIM
from tests.core.toy import ToyDenoiser, latent, text

SCHEDULE = Schedule.scaled_linear()
COUNT = 10
TIMES = SCHEDULE.times(COUNT)
SOURCE, TARGET = text(1), text(2)
ABAR = 0.4


@pytest.fixture(scope="module")
def toy():
    return ToyDenoiser()


@pytest.fixture(scope="module")
def path(toy):
    return invert(DDIM(SCHEDULE), Predictor(toy, SCHEDULE, [Conditional(SOURCE)]), latent(0), TIMES)[1]


def run(toy, start, config, scale=4.0, path=None):
    guider = ProximalGuidance(TARGET, SOURCE, scale, config, path)
    return sample(DDIM(SCHEDULE), Predictor(toy, SCHEDULE, [guider]), start, TIMES)


def guided(toy, start, scale):
    return sample(
        DDIM(SCHEDULE), Predictor(toy, SCHEDULE, [ClassifierFree(TARGET, SOURCE, scale)]), start, TIMES
    )


@pytest.mark.parametrize("prox", ["soft", "hard"])
def test_quantile_0_is_plain_guidance(toy, prox):
    made = run(toy, latent(1), ProximalConfig(0, prox=prox))
    # float64 rounding: guidance is added to eps here, and to x0 and eps there
    assert torch.allclose(made, guided(toy, latent(1), 4.0), atol=1e-9)


@pytest.mark.parametrize("prox", ["soft", "hard"])
def test_quantile_1_is_no_guidance(toy, prox):
    assert torch.allclose(
        run(toy, latent(1), ProximalConfig(1, prox=prox)), guided(toy, latent(1), 0), atol=1e-12
    )


def test_every_sample_has_a_threshold_of_its_own(toy):
    config = ProximalConfig(0.7)
    starts = [latent(1), latent(2) * 3, latent(3)]
    together = run(toy, torch.cat(starts), config)
    singles = torch.cat([run(toy, x, config) for x in starts])
    # float64 rounding of batched products
    assert torch.allclose(together, singles, atol=1e-9)


def test_soft_and_hard_by_their_formulas():
    d = torch.tensor([-3, -1.5, -1, -0.2, 0, 0.5, 1, 1.5, 3])
    one = torch.ones(())
    assert proximal(d, one, "soft").tolist() == [-2, -0.5, 0, 0, 0, 0, 0, 0.5, 2]
    assert proximal(d, one, "hard").tolist() == [-3, -1.5, 0, 0, 0, 0, 0, 1.5, 3]


def one_step(config, path=None, t=100, seed=0):
    """Guidance of two random predictions at x, by the guider and as tensors."""
    g = torch.Generator().manual_seed(seed)
    x, eps_u, eps_c = torch.randn(3, 2, 4, 8, 8, generator=g, dtype=torch.float64)
    step = Step(3, COUNT, t, ABAR, x)
    step.predictions["uncond"] = to_prediction(eps_u, x, ABAR, "epsilon")
    step.predictions["target"] = to_prediction(eps_c, x, ABAR, "epsilon")
    guider = ProximalGuidance(TARGET, SOURCE, 2.5, config, path)
    return guider, guider.combine(step, None), x, eps_u, eps_c - eps_u


def test_the_threshold_is_the_quantile_of_the_edits_own_differences():
    _, made, x, eps_u, d = one_step(ProximalConfig(0.7))
    size = d.abs().flatten(1).sort(1).values
    position = 0.7 * (size.shape[1] - 1)
    low, share = int(position), position - int(position)
    threshold = (size[:, low] * (1 - share) + size[:, low + 1] * share).view(-1, 1, 1, 1)
    eps = eps_u + 2.5 * d.sign() * (d.abs() - threshold).clamp_min(0)
    assert torch.allclose(made.eps, eps, atol=1e-12)
    # both still explain the same latent
    assert torch.allclose(ABAR**0.5 * made.x0 + (1 - ABAR) ** 0.5 * made.eps, x, atol=1e-12)


@pytest.mark.parametrize(("official", "own"), [(0.7, 0.4), (0.75, 0.5), (0.9, 0.8)])
def test_with_the_photo_in_it_the_quantile_is_that_of_2q_minus_1(official, own):
    quirk = one_step(ProximalConfig(official, with_photo=True))[1]
    plain = one_step(ProximalConfig(own))[1]
    # the two interpolate between neighbours of 256 and of 512 values
    assert torch.allclose(quirk.eps, plain.eps, atol=0.05)
    assert not torch.allclose(quirk.eps, one_step(ProximalConfig(official))[1].eps, atol=0.2)


def test_a_fixed_threshold_takes_the_quantiles_place():
    _, made, _, eps_u, d = one_step(ProximalConfig(threshold=0.8, prox="hard"))
    assert torch.allclose(made.eps, eps_u + 2.5 * d * (d.abs() > 0.8), atol=1e-12)


def test_changes_are_widened_in_their_own_channel():
    changes = torch.zeros(1, 2, 5, 5, dtype=torch.bool)
    changes[0, 0, 2, 2] = True
    assert widened(changes, 0).equal(changes.float())
    for radius in (1, 2):
        expected = torch.zeros(1, 2, 5, 5)
        expected[0, 0, 2 - radius : 3 + radius, 2 - radius : 3 + radius] = 1
        assert widened(changes, radius).equal(expected)


def kept(d, threshold, dilation=1):
    """1 where nothing within `dilation` cells has more than twice the threshold, by hand."""
    changed = d.abs() > 2 * threshold
    out = torch.ones_like(d)
    for b, c, y, x in changed.nonzero().tolist():
        out[b, c, max(0, y - dilation) : y + dilation + 1, max(0, x - dilation) : x + dilation + 1] = 0
    return out


def photo_path(count=COUNT):
    g = torch.Generator().manual_seed(9)
    return list(torch.randn(count + 1, 2, 4, 8, 8, generator=g, dtype=torch.float64))


def test_inversion_guidance_pulls_the_next_latent_to_the_path():
    path = photo_path()
    config = ProximalConfig(threshold=1.2, toward_photo="inversion", rate=0.6)
    guider, made, *_, d = one_step(config, path)
    plain = one_step(ProximalConfig(threshold=1.2))[1]
    assert torch.equal(made.x0, plain.x0)
    x = torch.randn(2, 4, 8, 8, dtype=torch.float64)
    keep = kept(d, 1.2)
    assert 0.1 < keep.mean() < 0.9
    assert torch.allclose(guider.project(x, 80, 3, COUNT), x - 0.6 * keep * (x - path[4]), atol=1e-12)


def test_whole_cells_change_or_stay_by_the_quantile_of_their_size():
    path = photo_path()
    config = ProximalConfig(0.75, toward_photo="inversion", dilation=0, by_channel=False)
    guider, *_, d = one_step(config, path)
    sizes = (d**2).mean(1).sqrt().flatten(1)
    # a quarter of 64 cells is above the quantile of 0.75
    changed = sizes >= sizes.sort(1).values[:, 48:49]
    x = torch.randn(2, 4, 8, 8, dtype=torch.float64)
    expected = torch.where(changed.view(2, 1, 8, 8), x, path[4])
    assert torch.allclose(guider.project(x, 80, 3, COUNT), expected, atol=1e-12)


def test_reconstruction_guidance_pulls_the_clean_picture_and_not_the_noise():
    path = photo_path()
    config = ProximalConfig(threshold=1.2, toward_photo="reconstruction", rate=0.6, dilation=0)
    guider, made, *_, d = one_step(config, path)
    plain = one_step(ProximalConfig(threshold=1.2))[1]
    keep = kept(d, 1.2, 0)
    assert torch.equal(made.eps, plain.eps)
    assert torch.allclose(made.x0, plain.x0 - 0.6 * keep * (plain.x0 - path[-1]), atol=1e-12)
    x = torch.randn(2, 4, 8, 8, dtype=torch.float64)
    assert guider.project(x, 80, 3, COUNT) is x


@pytest.mark.parametrize(("recon_t", "pulled"), [(400, 20), (600, 30), (-400, 29), (0, 0)])
def test_the_photo_pulls_below_its_time_or_above_it(recon_t, pulled):
    config = ProximalConfig(toward_photo="inversion", recon_t=recon_t)
    assert sum(config.pulls_at(t) for t in SCHEDULE.times(50)[:-1]) == pulled


@pytest.mark.parametrize(
    ("ease", "quantile", "rate"), [(0, 0, 0), (0.5, 0.3, 0.25), (1, 0.6, 0.5), (2, 1, 1)]
)
def test_ease_moves_from_plain_guidance_to_none(ease, quantile, rate):
    eased = ProximalConfig(0.6, rate=0.5).eased(ease)
    assert (eased.quantile, eased.rate) == pytest.approx((quantile, rate))


def test_inversion_guidance_brings_the_edit_nearer_the_photo(toy, path):
    def off(config):
        return (run(toy, path[0], config, path=path) - path[-1]).norm()

    # weak guidance: the toy's own error must not hide the pull
    assert off(ProximalConfig(0.7, toward_photo="inversion")) < off(ProximalConfig(0.7))
    # without guidance nothing changes: the last pull is the photo itself
    whole = run(toy, path[0], ProximalConfig(1, toward_photo="inversion"), path=path)
    assert torch.allclose(whole, path[-1], atol=1e-12)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"quantile": 1.2}, r"`quantile` must be in \[0, 1\], got 1.2"),
        ({"rate": -1}, r"`rate` must be in \[0, 1\], got -1"),
        ({"threshold": -0.5}, "`threshold` must be at least 0, got -0.5"),
        ({"dilation": -1}, "`dilation` must be at least 0, got -1"),
        ({"prox": "l0"}, "`prox` must be soft or hard, got l0"),
    ],
)
def test_settings_out_of_bounds_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        ProximalConfig(**options)


def test_a_pull_without_a_photo_is_refused():
    with pytest.raises(InputError, match="`photo` must be given for inversion guidance"):
        ProximalGuidance(TARGET, SOURCE, 2.5, ProximalConfig(toward_photo="inversion"))
