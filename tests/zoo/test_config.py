import pytest

from palitra.errors import ComposeError, InputError, ModelNotFoundError
from palitra.zoo.config import build_config, first_difference
from palitra.zoo.models import MODELS, PRESETS, preset


@pytest.mark.parametrize("size", PRESETS)
@pytest.mark.parametrize("name", [m.name for m in MODELS])
def test_every_preset_is_valid_and_survives_json(name, size):
    config = preset(name, size)
    assert build_config(config.model_dump(mode="json")) == config
    assert first_difference(config, config.model_dump(mode="json")) is None


def test_changes_reach_their_field():
    config = preset("dcgan", "tiny", ["training.batch=16", "loss.kind=hinge", "regularisers.r1=0.5"])
    assert (config.training.batch, config.loss.kind, config.regularisers.r1) == (16, "hinge", 0.5)


def test_budget_and_rhythm_may_differ():
    mine, other = preset("dcgan"), preset("dcgan", "small", ["training.images=9"])
    assert first_difference(mine, other.model_dump(mode="json")) is None


@pytest.mark.parametrize(
    ("name", "changes", "both"),
    [
        ("cvae", ["loss.kind=hinge"], ("backbone vae", "loss hinge")),
        ("dcgan", ["loss.kind=edm"], ("backbone dcgan", "loss edm")),
        ("cdm", ["regularisers.r1=1"], ("loss v_prediction", "regularisers.r1")),
        ("cdm", ["augmentation.kind=ada"], ("loss v_prediction", "augmentation ada")),
        ("cvae", ["conditioning.kind=projection"], ("loss elbo", "conditioning projection")),
        ("biggan", ["regularisers.label_smoothing=0.1"], ("regularisers.label_smoothing", "loss hinge")),
        ("biggan", ["regularisers.virtual_batch_norm=true"], ("virtual_batch_norm", "backbone biggan")),
        ("r3gan", ["regularisers.minibatch_discrimination=true"], ("minibatch", "backbone r3gan")),
        ("dcgan", ["regularisers.gradient_penalty=10"], ("gradient_penalty", "discriminator_norm batch")),
        ("dcgan", ["regularisers.spectral_norm=true"], ("spectral_norm", "discriminator_norm batch")),
        ("sgan", ["loss.kind=hinge"], ("semi_supervised", "loss hinge")),
        ("dcgan", ["conditioning.labelled=5"], ("conditioning.labelled", "conditioning concat")),
        ("cdm", ["backbone.attention=[true]"], ("backbone.attention", "backbone.multipliers")),
    ],
)
def test_impossible_combinations_are_refused_with_both_names(name, changes, both):
    with pytest.raises(ComposeError) as caught:
        preset(name, "small", changes)
    assert all(part in str(caught.value) for part in both)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("training.batch=1", "`training.batch` must be greater than or equal to 2, got 1"),
        ("training.batch=many", "`training.batch` must be a valid integer"),
        ("training.colour=1", "`training.colour` must be a known field"),
        ("backbone.kind=vit", "`backbone.kind` must be one of"),
        ("backbone.width=3", "`backbone.width` must be greater than or equal to 4, got 3"),
        ("batch=3", "`set` must look like part.field=value, got batch=3"),
        ("training.batch", "`set` must look like part.field=value, got training.batch"),
    ],
)
def test_bad_changes_name_field_and_value(change, sentence):
    with pytest.raises(InputError) as caught:
        preset("dcgan", "tiny", [change])
    assert str(caught.value).startswith(sentence)


def test_unknown_names_are_refused():
    with pytest.raises(ModelNotFoundError, match="`model` must be one of gan, cgan"):
        preset("resnet")
    with pytest.raises(ModelNotFoundError, match="`preset` must be one of tiny, small, paper, got huge"):
        preset("dcgan", "huge")
