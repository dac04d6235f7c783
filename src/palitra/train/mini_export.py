"""Writes a trained mini as a model folder in the diffusers layout."""

from __future__ import annotations

from pathlib import Path

from palitra.models.text_to_image import save_mini
from palitra.train.mini import MiniTrainer
from palitra.train.mini_objective import scheduler_config


def export_mini(trainer: MiniTrainer, folder: Path) -> None:
    """Save the averaged weights (bf16 shards), tokenizer, autoencoder and schedule to `folder`."""
    variances = trainer.objective.variances
    trainer.ema.swap(trainer.parameters)
    try:
        save_mini(
            folder,
            trainer.unet,
            trainer.text,
            trainer.prepared.tokenizer,
            trainer.prepared.autoencoder,
            scheduler_config(trainer.config),
            variances=() if variances is None else variances.tolist(),
        )
    finally:
        trainer.ema.swap(trainer.parameters)
