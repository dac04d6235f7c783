"""Trains eye: one trunk, five heads, batches mixed from five image sets."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from palitra.models.clip_text import load_tokenizer
from palitra.models.eye import Eye, encode_texts, save_eye
from palitra.models.eye_network import EyeNetwork, EyeShape, Stage
from palitra.models.zoo import EMBEDDED
from palitra.train.checkpoint import load_checkpoint, save_checkpoint
from palitra.train.ema import EMA
from palitra.train.eye_batch import EyeBatch, draw_batch, training_rows
from palitra.train.eye_config import EyeConfig
from palitra.train.eye_losses import MarginHead, caption_loss, labelled_loss
from palitra.train.eye_pack import EyePack, prepare_eye
from palitra.train.eye_phrases import collect_phrases
from palitra.train.eye_watch import watch
from palitra.train.muon import MuonAdamW, split_parameters
from palitra.train.progress import TrainingBar

TOKENIZER = EMBEDDED / "mini" / "tokenizer"
BETAS = (0.9, 0.99)


def build_text_tower(config: EyeConfig, tokenizer: Any) -> Any:
    """A fresh transformers `CLIPTextModel` for the tokenizer."""
    from transformers.models.clip.configuration_clip import CLIPTextConfig
    from transformers.models.clip.modeling_clip import CLIPTextModel

    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=config.text_width,
            intermediate_size=4 * config.text_width,
            num_hidden_layers=config.text_layers,
            num_attention_heads=max(1, config.text_width // 32),
            max_position_embeddings=tokenizer.model_max_length,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )


def learning_rate(config: EyeConfig, step: int) -> float:
    """Linear warm-up, flat, then linear decay to 0 from `decay_from` of the steps on."""
    ramp = min(1.0, (step + 1) / config.warmup) if config.warmup else 1.0
    left = (config.steps - step) / max(1.0, config.steps * (1 - config.decay_from))
    return config.learning_rate * ramp * min(1.0, max(0.0, left))


class EyeTrainer:
    """Owns the networks, the optimiser and the averages; `step` makes one update."""

    def __init__(self, pack: EyePack, config: EyeConfig, device: torch.device) -> None:
        torch.manual_seed(config.seed)
        self.pack, self.config, self.device = pack, config, device
        self.tokenizer = load_tokenizer(TOKENIZER)
        shape = EyeShape(
            size=config.sizes[-1],
            widths=config.widths,
            embedding=config.embedding,
            text_width=config.text_width,
            breeds=pack.breeds or ("",),
        )
        self.network = EyeNetwork(shape, batch_norm=True).to(device).train()
        self.text = build_text_tower(config, self.tokenizer).to(device).train()
        self.people = MarginHead(config.embedding, pack.people).to(device)
        self.modules: dict[str, nn.Module] = {
            "network": self.network,
            "text": self.text,
            "people": self.people,
        }
        self.parameters = [p for m in self.modules.values() for p in m.parameters()]
        self.optimizer = self._optimizer()
        self.averaged: list[Tensor] = [
            *self.parameters,
            *(b for b in self.network.buffers() if b.is_floating_point()),
        ]
        self.ema = EMA(self.averaged, config.ema)
        self.rows = {name: training_rows(pictures) for name, pictures in pack.sets.items()}
        self.phrases, self.fits = collect_phrases(pack.captions, pack.caption_concepts)
        self.tokens = encode_texts(self.tokenizer, self.phrases)
        self.run: Any = torch.compile(self.network) if config.compile else self.network

    def _optimizer(self) -> MuonAdamW:
        """Muon for the convolutions but the first and for the text tower's layers, AdamW for the rest."""
        matrices, rest = split_parameters(self.network.stages, self.text)
        first = self.network.stages[0]
        assert isinstance(first, Stage)
        outer = {id(p) for p in first.convs[0].parameters()}
        inner = {id(p) for p in (*matrices, *rest)}
        rest += [p for p in matrices if id(p) in outer]
        rest += [p for p in self.parameters if id(p) not in inner]
        matrices = [p for p in matrices if id(p) not in outer]
        return MuonAdamW(
            matrices, rest, lr=self.config.learning_rate, betas=BETAS, weight_decay=self.config.weight_decay
        )

    def losses(self, batch: EyeBatch, index: int) -> dict[str, Tensor]:
        """The loss of each head, unweighted."""
        config, labels = self.config, batch.labels.to(self.device)
        concept, domain, breed, caption, person, _ = labels.unbind(1)
        unique = batch.phrases.unique()
        with torch.autocast(self.device.type, torch.bfloat16, enabled=config.bf16):
            seen = self.run(batch.images.to(self.device))
            hidden = self.text(self.tokens[unique].to(self.device)).pooler_output
            texts = F.normalize(self.network.words(hidden).float(), dim=1)
        fits = self.fits.to(self.device)[caption][:, unique.to(self.device)]
        # the margin comes slowly: at full strength from the start faces are only pushed apart
        margin = config.margin * min(1.0, index / max(1.0, 0.3 * config.steps))
        return {
            "concept": labelled_loss(seen.concepts, concept, config.label_smoothing),
            "domain": labelled_loss(seen.domains, domain, config.label_smoothing),
            "breed": labelled_loss(seen.breeds, breed, config.label_smoothing),
            "caption": caption_loss(
                seen.caption, texts, fits, self.network.caption_scale.exp().clamp_max(50)
            ),
            "identity": self.people(seen.identity, person, margin, config.margin_scale),
        }

    def step(self, index: int) -> dict[str, float]:
        """One optimiser step; returns the losses."""
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.config, index)
        found = self.losses(draw_batch(self.pack, self.rows, self.fits, self.config, index), index)
        total = torch.stack([getattr(self.config, f"{n}_weight") * loss for n, loss in found.items()]).sum()
        total.backward()
        torch.nn.utils.clip_grad_norm_(self.parameters, self.config.clip_norm)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        # weights of smaller pictures are forgotten fast: the average begins anew with every size
        self.ema.update(self.averaged, self.config.steps_at_size(index))
        return {name: float(loss.detach()) for name, loss in found.items()}

    def watch(self, step: int) -> dict[str, float]:
        """Scores of the averaged weights on the held pictures, at the size of the step."""
        self.ema.swap(self.averaged)
        try:
            return watch(self.network, self.pack, self.config.size_at(step), self.device)
        finally:
            self.ema.swap(self.averaged)

    def export(self, folder: Path) -> None:
        """Write the averaged weights, batch norm folded away, as `models.eye.save_eye` does."""
        self.ema.swap(self.averaged)
        try:
            save_eye(folder, Eye(self.network.folded(), self.text, self.tokenizer))
        finally:
            self.ema.swap(self.averaged)
            self.network.train()


def train_eye(
    config: EyeConfig, run: Path, out: Path, data: Path | None = None, device: torch.device | None = None
) -> EyeTrainer:
    """Train to `config.samples`, resuming from the checkpoint in `run`, and export to `out`.

    Args:
        config: see `EyeConfig`.
        run: folder of the pack, the checkpoint, `log.csv` and `watch.csv`.
        out: folder of the weights, rewritten at every checkpoint.
        data: folder of the image sets, default `data_root()`.
        device: default is the CPU.

    Raises:
        InputError: the data is missing.
        WeightsError: `run` holds a damaged pack or a checkpoint of another shape.
    """
    trainer = EyeTrainer(prepare_eye(run, data), config, device or torch.device("cpu"))
    start = load_checkpoint(run, trainer.modules, trainer.optimizer, trainer.ema)
    with TrainingBar("eye", config.steps, start, run / "log.csv") as bar:
        for index in range(start, config.steps):
            bar.advance(index, **trainer.step(index), lr=learning_rate(config, index))
            if (index + 1) % config.save_every == 0 or index + 1 == config.steps:
                save_checkpoint(run, index + 1, trainer.modules, trainer.optimizer, trainer.ema)
                trainer.export(out)
                _note(run / "watch.csv", index + 1, trainer.watch(index))
    return trainer


def _note(path: Path, step: int, scores: dict[str, float]) -> None:
    if not path.exists():
        path.write_text("step," + ",".join(scores) + "\n", encoding="utf-8")
    with path.open("a", encoding="utf-8") as file:
        file.write(f"{step}," + ",".join(f"{v:.4f}" for v in scores.values()) + "\n")
    sys.stderr.write(f"held out at {step}: " + ", ".join(f"{k} {v:.3f}" for k, v in scores.items()) + "\n")
