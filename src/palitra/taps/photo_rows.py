"""The photo's values in the rows of the edit: what MasaCtrl and Plug-and-Play are made of."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from palitra.core.rows import Rows
from palitra.core.step import Step
from palitra.errors import ComposeError

READERS = ("target", "uncond")
"""Both halves of the edit's guidance."""
PHOTO_BRANCH = "source"


def with_photo_rows(
    name: str,
    value: Tensor,
    rows: Rows,
    step: Step,
    readers: Sequence[str] = READERS,
    source: str = PHOTO_BRANCH,
) -> Tensor:
    """`value`, batch first, with the rows of the branch `source` in place of the readers' rows.

    name: under which the photo's rows wait for readers that run in a later call of the step.

    Raises:
        ComposeError: no guider runs the photo in this step.
    """
    here = [reader for reader in readers if reader in rows.here]
    if source in rows.here and len(here) < len(readers):
        step.seen[source, name] = value[rows.here[source]]
    if not here:
        return value
    if source not in rows.here and (source, name) not in step.seen:
        raise ComposeError(
            f"a tap at {name} reads the branch `{source}`, which no guider runs in step {step.index}"
        )
    photo = rows.get(source, name, value, step)
    value = value.clone()
    for reader in here:
        value[rows.here[reader]] = photo
    return value
