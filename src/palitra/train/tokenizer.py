"""Learns a CLIP-layout byte-level BPE tokenizer from captions."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path


def train_tokenizer(texts: Iterable[str], folder: Path, vocab_size: int = 1024, max_length: int = 77) -> None:
    """Write `vocab.json`, `merges.txt` and the settings of a `CLIPTokenizer` into `folder`.

    Every byte is in the vocabulary, so any text can be encoded; words outside the captions become
    pieces the model never saw. The same texts give the same files. `vocab_size` bounds bytes and learned
    pieces together; the 256 word ends and the two marks come on top.
    """
    from tokenizers import pre_tokenizers, trainers
    from transformers import CLIPTokenizer

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    # a word's last byte carries the suffix, also for bytes the captions never end on; all are numbered
    # beforehand, because the trainer meets words in random order and breaks ties by number
    ends = [f"{b}</w>" for b in letters]
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size + len(ends),
        special_tokens=[*letters, *ends],
        initial_alphabet=letters,
        end_of_word_suffix="</w>",
        show_progress=False,
    )
    backend = CLIPTokenizer().backend_tokenizer
    backend.train_from_iterator(texts, trainer)
    state = json.loads(backend.to_str())["model"]
    pieces = sorted(state["vocab"], key=state["vocab"].__getitem__)
    pieces = [p for p in pieces if not p.startswith("<|")]
    vocab = {p: i for i, p in enumerate([*pieces, "<|startoftext|>", "<|endoftext|>"])}
    merges = [tuple(m) for m in state["merges"]]
    CLIPTokenizer(vocab=vocab, merges=merges, model_max_length=max_length).save_pretrained(folder)
