"""A labelled data set of the Hugging Face hub: `hub:OWNER/NAME`, `hub:OWNER/NAME:SPLIT`.

The hub keeps every public set as parquet files beside its own form; those are fetched into the hub's cache.
Nothing of the set's own code is run.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from palitra.errors import InputError, ModelNotFoundError

MARK = "hub:"
BRANCH = "refs/convert/parquet"
_NAME = re.compile(r"hub:(?P<set>[\w.-]+(?:/[\w.-]+)?)(?::(?P<split>[\w.-]+))?\Z")


@dataclass(frozen=True)
class HubSet:
    """A set of the hub and the part of it that is wanted."""

    name: str
    split: str = "train"

    @classmethod
    def parse(cls, text: str) -> HubSet:
        """Read `hub:OWNER/NAME` or `hub:OWNER/NAME:SPLIT`.

        Raises:
            InputError: another form.
        """
        # a path's normal form may have taken a slash away, never one between owner and name
        found = _NAME.match(text)
        if found is None:
            raise InputError(f"`data` must look like hub:OWNER/NAME or hub:OWNER/NAME:SPLIT, got {text}")
        return cls(found["set"], found["split"] or "train")


class SetHub(Protocol):
    """What reading a set asks of the hub; network faults come as OSError."""

    def files(self, name: str) -> Sequence[str]:
        """Names of the set's parquet files, CONFIGURATION/SPLIT/NUMBER.parquet.

        Raises:
            ModelNotFoundError: no such set, or one that wants a login.
        """
        ...

    def fetch(self, name: str, file: str) -> Path:
        """Where the file now lies on this machine."""
        ...


class HuggingFaceSets:
    """The real hub, through huggingface_hub (which honours HF_TOKEN, HF_ENDPOINT and HF_HUB_OFFLINE)."""

    def files(self, name: str) -> Sequence[str]:
        """One request for the names."""
        from huggingface_hub import HfApi
        from huggingface_hub.errors import HFValidationError, RepositoryNotFoundError, RevisionNotFoundError

        try:
            return HfApi().list_repo_files(name, repo_type="dataset", revision=BRANCH)
        except (RepositoryNotFoundError, RevisionNotFoundError, HFValidationError) as error:
            raise ModelNotFoundError(
                f"`data` must name a public set that the hub keeps as parquet, got {MARK}{name}"
            ) from error

    def fetch(self, name: str, file: str) -> Path:
        """From the cache, or downloaded with a progress bar."""
        from huggingface_hub import hf_hub_download

        return Path(hf_hub_download(name, file, repo_type="dataset", revision=BRANCH))


def fetch_hub_set(wanted: HubSet, hub: SetHub | None = None) -> list[Path]:
    """The parquet files of one split, of the configuration `default` or of the first one.

    Raises:
        InputError: the set has no such split; names those it has.
        ModelNotFoundError: no such set, or no network; says what to do.
    """
    hub = hub or HuggingFaceSets()
    try:
        placed = [
            f.split("/") for f in hub.files(wanted.name) if f.endswith(".parquet") and f.count("/") == 2
        ]
        configurations = sorted({p[0] for p in placed}, key=lambda c: (c != "default", c))
        splits = sorted({p[1] for p in placed if p[0] in configurations[:1]})
        if wanted.split not in splits:
            raise InputError(
                f"`data` must name a split of {wanted.name} ({', '.join(splits) or 'none'}), "
                f"got {wanted.split}"
            )
        chosen = sorted("/".join(p) for p in placed if p[:2] == [configurations[0], wanted.split])
        return [hub.fetch(wanted.name, file) for file in chosen]
    except OSError as error:
        raise ModelNotFoundError(
            f"`data` {MARK}{wanted.name} cannot be fetched without the network: put its parquet files into a "
            f"folder and name that"
        ) from error
