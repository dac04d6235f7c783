import pytest
import torch

from palitra.guiders.cfg import Conditional
from palitra.recipes.editing.guide_and_rescale import config_for, edit_with, guide_and_rescale
from palitra.recipes.editing.inversion_store import InversionStore

named = pytest.mark.parametrize("preset", ["local", "style"])
# a pass's backward over its forward, and the share of the network below the style site (SD 1.x)
BACKWARD, STYLE_SHARE = 1.15, 0.47


def forwards(job):
    """Network-forward units: a backward counts 1.15, and up to the style site 0.47 of that."""
    total = float(job.cost.samples)
    for site, samples in job.cost.backwards.items():
        total += samples * BACKWARD * (STYLE_SHARE if site == "up.1.res.1" else 1)
    return total


def test_the_sites_of_stable_diffusion(job_of):
    config = config_for(job_of("guide-and-rescale"))
    assert len(config.attention_sites) == 16
    assert (config.appearance_site, config.style_site) == ("up.3.attn.2", "up.1.res.1")
    coarse = config_for(job_of("guide-and-rescale"), "coarse").attention_sites
    assert [s for s in config.attention_sites if s not in coarse] == [
        f"{block}.attn.{i}.block.0.self.attend" for block, n in (("down.0", 2), ("up.3", 3)) for i in range(n)
    ]


def test_the_released_settings(job_of):
    local, style = (config_for(job_of("guide-and-rescale", preset=p)) for p in ("local", "style"))
    assert (local.self_attention, local.appearance, local.style) == (3e5, 500, 0)
    assert (local.low, local.high, local.guided) == (0.33, 3.0, 0.6)
    assert (style.self_attention, style.appearance, style.style) == (1e5, 0, 2.5)
    assert (style.low, style.high, style.guided) == (1.5, 1.5, 0.5)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("preset", "alignment", "most"),
    [("local", "official", 245), ("style", "official", 243), ("local", "consistent", 215)],
)
def test_costs_of_fifty_steps(job_of, preset, alignment, most):
    job = job_of("guide-and-rescale", steps=50, preset=preset)
    edit_with(job, alignment)
    assert forwards(job) <= most


@pytest.mark.slow
def test_cost_of_a_second_edit(job_of):
    store = InversionStore()
    guide_and_rescale(job_of("guide-and-rescale", steps=50, store=store))
    second = job_of("guide-and-rescale", steps=50, store=store, targets=("a red house",))
    guide_and_rescale(second)
    assert forwards(second) <= 165


@named
def test_kept_features_change_nothing(job_of, preset):
    kept = edit_with(job_of("guide-and-rescale", preset=preset), "consistent")
    run = edit_with(job_of("guide-and-rescale", preset=preset), "consistent", keep_features=False)
    # other batches round otherwise, and the pull is 3e5 times a square of small numbers
    assert torch.allclose(kept, run, atol=2e-3)


@named
def test_four_edits_at_once_are_four_singles(job_of, tiny_model, preset):
    from tests.recipes.editing.conftest import edit_rows_of

    rows = edit_rows_of(tiny_model, 4)
    together = guide_and_rescale(job_of("guide-and-rescale", rows=rows, preset=preset))
    for i, row in enumerate(rows):
        alone = guide_and_rescale(job_of("guide-and-rescale", rows=[row], preset=preset))
        assert torch.allclose(together[i : i + 1], alone, atol=2e-3)


@pytest.mark.parametrize("alignment", ["consistent", "official", "p2p"])
def test_it_comes_nearer_to_the_photo(job_of, alignment):
    job = job_of("guide-and-rescale", steps=20, prompt_scale=5)
    free = job.run([job_guider(job)], job.trajectory(convention="clean")[0])
    made = edit_with(job_of("guide-and-rescale", steps=20, prompt_scale=5), alignment)
    assert (made - job.x0).norm() < (free - job.x0).norm()


def job_guider(job):
    from palitra.guiders.cfg import ClassifierFree

    return ClassifierFree(job.target, job.empty, job.scale())


def test_full_strength_is_plain_guidance(job_of):
    made = guide_and_rescale(job_of("guide-and-rescale", strength=1))
    job = job_of("ddim", strength=1)
    free = job.run([job_guider(job)], job.trajectory(convention="clean")[0])
    assert torch.allclose(made, free, atol=1e-5)


def test_equal_words_without_guidance_are_the_plain_reconstruction(job_of):
    words = ("a photo of a cat",)
    job = job_of("guide-and-rescale", sources=words, targets=words, prompt_scale=1)
    plain = job.run([Conditional(job.source)], job.trajectory(convention="clean")[0])
    made = guide_and_rescale(job_of("guide-and-rescale", sources=words, targets=words, prompt_scale=1))
    # the photo's own pull, at most three times a guidance that is not there, stays below what it corrects
    assert (made - job.x0).norm() <= (plain - job.x0).norm() * 1.05


def test_models_of_velocity_are_edited_too(job_of, tiny_v_model):
    made = guide_and_rescale(job_of("guide-and-rescale", model=tiny_v_model))
    assert torch.isfinite(made).all()
