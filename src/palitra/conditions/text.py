"""Prompts to token states.

One window of the text tower (77 tokens in Stable Diffusion) is encoded as diffusers'
`StableDiffusionPipeline` does. Beyond it the pipeline cuts; here the prompt goes on in further
windows, each with its own begin and end mark, and their states are joined (the long-prompt
convention of Stable Diffusion users). Weights scale the states of their tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from palitra.conditions.prompt_syntax import WeightedText, parse_prompt
from palitra.core.condition import Condition
from palitra.errors import InputError

if TYPE_CHECKING:
    from palitra.models.text_to_image import TextToImage

MOST_WINDOWS = 16
SMALLEST_MEAN = 0.01


@dataclass(frozen=True)
class _Tokens:
    """A prompt's token ids without marks, and how much each counts."""

    ids: list[int]
    weights: list[float]


def encode_prompts(
    model: TextToImage,
    prompts: Sequence[str],
    negative: Sequence[str] = ("",),
    *,
    clip_skip: int | None = None,
    weighted: bool = True,
) -> tuple[Condition, Condition]:
    """Conditions of the prompts and of the negative prompts, of equal length, each (N, W * 77, D).

    There are as many negative prompts as prompts, or one for all. `clip_skip` leaves out that many
    of the tower's last layers (its final norm stays) for the prompts and, as in diffusers, not for
    the negative ones. `weighted=False` takes brackets as text.

    Raises:
        InputError: no prompts, numbers of prompts that do not match, a prompt above 16 windows, a
            weight or `clip_skip` out of bounds.
    """
    if not prompts:
        raise InputError("`prompt` must not be empty: give at least one, which may be an empty text")
    if len(negative) not in (1, len(prompts)):
        raise InputError(f"`negative` must have 1 or {len(prompts)} prompts, got {len(negative)}")
    layers = int(model.text_encoder.config.num_hidden_layers)
    if clip_skip is not None and not 0 <= clip_skip < layers:
        raise InputError(f"`clip_skip` must be in [0, {layers - 1}], got {clip_skip}")
    room = model.tokenizer.model_max_length - 2
    wanted = [_tokenize(model.tokenizer, text, weighted) for text in prompts]
    unwanted = [_tokenize(model.tokenizer, text, weighted) for text in negative]
    longest = max(len(tokens.ids) for tokens in (*wanted, *unwanted))
    windows = max(1, -(-longest // room))
    if windows > MOST_WINDOWS:
        raise InputError(f"`prompt` must have at most {MOST_WINDOWS * room} tokens, got {longest}")
    return (
        Condition(text=_encode(model, wanted, windows, clip_skip)),
        Condition(text=_encode(model, unwanted, windows, None)),
    )


def count_tokens(tokenizer: Any, prompt: str, *, weighted: bool = True) -> int:
    """Tokens of a prompt without the begin and end marks and without weight notation."""
    return len(_tokenize(tokenizer, prompt, weighted).ids)


def _tokenize(tokenizer: Any, prompt: str, weighted: bool) -> _Tokens:
    ids: list[int] = []
    weights: list[float] = []
    for piece in parse_prompt(prompt) if weighted else [WeightedText(prompt, 1.0)]:
        found = tokenizer(piece.text, add_special_tokens=False, verbose=False).input_ids
        ids += found
        weights += [piece.weight] * len(found)
    return _Tokens(ids, weights)


@torch.no_grad()
def _encode(model: TextToImage, prompts: Sequence[_Tokens], windows: int, clip_skip: int | None) -> Tensor:
    n, length = len(prompts), model.tokenizer.model_max_length
    rows = [_windows(model.tokenizer, tokens, windows) for tokens in prompts]
    ids = torch.tensor([r[0] for r in rows]).view(n * windows, length).to(model.device)
    mask = torch.tensor([r[1] for r in rows]).view(n * windows, length).to(model.device)
    states = _run_tower(model.text_encoder, ids, mask, clip_skip).view(n, windows * length, -1)
    weights = torch.tensor([r[2] for r in rows], device=states.device)
    heavy = (weights != 1).any(1)
    if bool(heavy.any()):
        # rows without weights stay bit for bit what they were
        states = torch.where(heavy.view(-1, 1, 1), _weigh(states, weights), states)
    return states


def _windows(tokenizer: Any, tokens: _Tokens, windows: int) -> tuple[list[int], list[int], list[float]]:
    """Token ids, attention mask and weights of a prompt's windows, one after the other."""
    length = tokenizer.model_max_length
    room = length - 2
    ids: list[int] = []
    mask: list[int] = []
    weights: list[float] = []
    for start in range(0, windows * room, room):
        part = tokens.ids[start : start + room]
        rest = room - len(part)
        ids += [tokenizer.bos_token_id, *part, tokenizer.eos_token_id, *[tokenizer.pad_token_id] * rest]
        mask += [1] * (len(part) + 2) + [0] * rest
        weights += [1.0, *tokens.weights[start : start + room], *[1.0] * (rest + 1)]
    return ids, mask, weights


def _run_tower(tower: Any, ids: Tensor, mask: Tensor, clip_skip: int | None) -> Tensor:
    """States (N, L, D) after the final norm; padding is masked only if the model's config says so."""
    attention = mask if getattr(tower.config, "use_attention_mask", False) else None
    if clip_skip is None:
        return tower(ids, attention_mask=attention).last_hidden_state
    found = tower(ids, attention_mask=attention, output_hidden_states=True)
    return tower.final_layer_norm(found.hidden_states[-(clip_skip + 1)])


def _weigh(states: Tensor, weights: Tensor) -> Tensor:
    """Scale each token's state by its weight, then restore the mean over all of them.

    The mean is restored as in the widespread long-prompt code. Towers whose states have almost no
    mean (below 1 % of their size) keep the scaled states: their ratio of means would be chance.
    """
    before = states.float()
    after = before * weights[:, :, None]
    old, new = before.mean((1, 2)), after.mean((1, 2))
    size = before.square().mean((1, 2)).sqrt()
    usable = (old.abs() > SMALLEST_MEAN * size) & (new.abs() > SMALLEST_MEAN * size)
    ratio = torch.where(usable, old / torch.where(usable, new, torch.ones_like(new)), torch.ones_like(new))
    return (after * ratio.view(-1, 1, 1)).to(states.dtype)
