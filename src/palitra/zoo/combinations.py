"""Choices that cannot work together; a refusal names both."""

from __future__ import annotations

from typing import TYPE_CHECKING

from palitra.errors import ComposeError

if TYPE_CHECKING:
    from palitra.zoo.config import ZooConfig

LOSSES_OF = {"vae": ("elbo",), "unet": ("epsilon", "v_prediction", "edm")}
ADVERSARIAL = ("minimax", "non_saturating", "hinge", "least_squares", "wasserstein", "relativistic")
LOGISTIC = ("minimax", "non_saturating")


def check_combination(config: ZooConfig) -> None:
    """Raise `ComposeError` for the first pair that cannot be."""
    _check_loss(config)
    if config.family != "adversarial":
        _check_not_adversarial(config)
        return
    if config.training.optimiser != "adam":
        _refuse(
            f"loss {config.loss.kind}",
            f"training.optimiser {config.training.optimiser}",
            "games are tuned for adam",
        )
    _check_regularisers(config)
    _check_semi_supervised(config)


def _refuse(a: str, b: str, why: str) -> None:
    raise ComposeError(f"`{a}` cannot be combined with `{b}`: {why}")


def _check_loss(config: ZooConfig) -> None:
    kind, loss = config.backbone.kind, config.loss.kind
    if loss not in LOSSES_OF.get(kind, ADVERSARIAL):
        wanted = ", ".join(LOSSES_OF.get(kind, ADVERSARIAL))
        _refuse(f"backbone {kind}", f"loss {loss}", f"it is trained by {wanted}")
    if config.backbone.kind == "unet" and len(config.backbone.attention) != len(config.backbone.multipliers):
        _refuse(
            f"backbone.attention of {len(config.backbone.attention)} levels",
            f"backbone.multipliers of {len(config.backbone.multipliers)}",
            "each level needs one value of both",
        )


def _check_not_adversarial(config: ZooConfig) -> None:
    loss = f"loss {config.loss.kind}"
    if config.regularisers.chosen():
        _refuse(loss, f"regularisers.{config.regularisers.chosen()[0]}", "there is no discriminator")
    if config.augmentation.kind != "none":
        _refuse(loss, f"augmentation {config.augmentation.kind}", "there is no discriminator")
    if config.conditioning.kind not in ("none", "concat"):
        _refuse(loss, f"conditioning {config.conditioning.kind}", "there is no discriminator; take concat")
    if config.training.discriminator_steps != 1:
        _refuse(loss, "training.discriminator_steps", "there is no discriminator")


def _check_regularisers(config: ZooConfig) -> None:
    chosen, backbone, loss = config.regularisers, config.backbone, config.loss.kind
    if chosen.label_smoothing and loss not in (*LOGISTIC, "least_squares"):
        _refuse("regularisers.label_smoothing", f"loss {loss}", "it has no target for real pictures")
    if chosen.virtual_batch_norm and backbone.kind != "dcgan":
        _refuse(
            "regularisers.virtual_batch_norm", f"backbone {backbone.kind}", "only dcgan has a place for it"
        )
    if chosen.minibatch_discrimination and backbone.kind not in ("mlp", "dcgan"):
        _refuse(
            "regularisers.minibatch_discrimination",
            f"backbone {backbone.kind}",
            "it is for mlp and dcgan",
        )
    if backbone.kind == "dcgan" and backbone.discriminator_norm == "batch":
        for name in ("gradient_penalty", "spectral_norm"):
            if getattr(chosen, name):
                _refuse(
                    f"regularisers.{name}",
                    "backbone.discriminator_norm batch",
                    "batch norm couples the pictures; set it to none",
                )


def _check_semi_supervised(config: ZooConfig) -> None:
    semi, loss = config.conditioning.kind == "semi_supervised", config.loss.kind
    if semi and loss not in LOGISTIC:
        _refuse(
            "conditioning semi_supervised", f"loss {loss}", "its score is a log odds; take non_saturating"
        )
    if semi and config.backbone.kind == "stylegan2":
        _refuse("conditioning semi_supervised", "backbone stylegan2", "its generator needs the class")
    if config.conditioning.labelled is not None and not semi:
        _refuse("conditioning.labelled", f"conditioning {config.conditioning.kind}", "take semi_supervised")
