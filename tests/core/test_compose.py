import pytest
import torch

from palitra.core.branch import Branch
from palitra.core.compose import check
from palitra.core.condition import Condition
from palitra.core.guider import Guider, overrides
from palitra.core.schedule import Schedule
from palitra.core.tap import Record
from palitra.errors import ComposeError
from palitra.guiders.cfg import ClassifierFree, Conditional
from palitra.guiders.guide_and_rescale import GuideAndRescale, GuideAndRescaleConfig
from palitra.guiders.sketch import SketchGuidance
from palitra.guiders.source import Watch
from palitra.models.edge_predictor import EdgePredictor, EdgePredictorConfig
from palitra.samplers.ddim import DDIM
from palitra.samplers.edict import EDICT
from palitra.taps.masactrl import MutualSelfAttention
from tests.core.prototype_methods import LowPass
from tests.core.toy import ToyDenoiser, latent, text

SCHEDULE = Schedule.scaled_linear()
DDIM_STEP = DDIM(SCHEDULE)
A, B = text(1), text(2)


@pytest.fixture(scope="module")
def toy():
    return ToyDenoiser()


def sketch(*sites):
    predictor = EdgePredictor(EdgePredictorConfig(sites, (16,) * len(sites), 1, (8,)))
    return SketchGuidance(predictor, torch.zeros(1, 1, 8, 8), 1.0)


def refused(toy, guiders, sampler=DDIM_STEP, taps=(), tracks=None, count=None):
    with pytest.raises(ComposeError) as caught:
        check(toy, sampler, guiders, taps, tracks, count)
    return str(caught.value)


def test_what_works_is_not_refused(toy):
    editor = MutualSelfAttention(["up.1.self.attend"], readers=("target",))
    check(toy, DDIM_STEP, [ClassifierFree(A, B, 3.0), sketch("mid.res")], [editor])
    check(toy, EDICT(SCHEDULE), [ClassifierFree(A, B, 3.0)])
    trajectory = {"photo": [latent(0)] * 11}
    layers = ("up.1.self.attend",)
    energy = GuideAndRescale(GuideAndRescaleConfig(1, 1, 1, 0.5, 0, 1, layers, "up.1.res", "mid.res"), A)
    check(toy, EDICT(SCHEDULE), [ClassifierFree(A, B, 3.0), energy], (), trajectory, 10)


def test_nobody_predicts(toy):
    said = refused(toy, [Watch(A), sketch("mid.res")])
    assert "Watch, SketchGuidance gives no prediction" in said
    assert "ClassifierFree" in said
    assert "nothing gives no prediction" in refused(toy, [])


def test_one_branch_name_with_two_conditions(toy):
    said = refused(toy, [ClassifierFree(A, B, 3.0), Conditional(B)])
    assert "ClassifierFree and Conditional both run a branch `target`" in said


def test_one_branch_name_on_two_tracks(toy):
    said = refused(toy, [Conditional(A, "source"), Watch(A)], tracks={"photo": [latent(0)]})
    assert "Conditional and Watch both run a branch `source`" in said


def test_conditions_of_different_kinds(toy):
    told = Condition(text=A.text, channels=latent(0))
    said = refused(toy, [Conditional(A), Conditional(told, "other")])
    assert "`target` and `other` cannot be batched" in said
    assert "text, the other text, channels" in said


def test_conditions_of_different_length(toy):
    longer = Condition(text=torch.zeros(1, 9, 8))
    said = refused(toy, [Conditional(A), Conditional(longer, "other")])
    assert "`target` and `other` cannot be batched" in said
    assert "the one's `text` is (5, 8), the other's (9, 8)" in said


def test_a_site_the_network_does_not_have(toy):
    said = refused(toy, [Conditional(A)], taps=[Record("mid.res|up.7.*", ("target",))])
    assert "Record wants the sites `up.7.*`" in said
    assert "ToyDenoiser does not have" in said
    assert "wants the sites `mid.attn.0`" in refused(toy, [Conditional(A), sketch("mid.attn.0")])


def test_a_trajectory_that_is_missing_or_short(toy):
    guiders = [Conditional(A), Watch(A)]
    said = refused(toy, guiders)
    assert "branch `source` reads the trajectory `photo`: invert a picture first" in said
    said = refused(toy, guiders, tracks={"photo": [latent(0)] * 3}, count=10)
    assert "trajectory `photo` must have at least 10 latents for `source`, got 3" in said


def test_a_coupled_sampler_with_what_moves_the_latent(toy):
    for guider in (sketch("mid.res"), LowPass(latent(0), SCHEDULE, 4)):
        said = refused(toy, [Conditional(A), guider], EDICT(SCHEDULE))
        assert f"{type(guider).__name__} moves the latent and EDICT couples two" in said


def test_an_energy_without_its_branch(toy):
    said = refused(toy, [Conditional(A, "main"), sketch("mid.res")])
    assert "SketchGuidance differentiates the branch `target`, which no guider runs" in said


def test_overrides_tells_what_a_guider_does_itself():
    assert overrides(Conditional(A), "combine")
    assert not overrides(Conditional(A), "energy")

    class Mine(Guider):
        branches = (Branch("x", A),)

    assert not any(overrides(Mine(), name) for name in ("combine", "energy", "project"))
