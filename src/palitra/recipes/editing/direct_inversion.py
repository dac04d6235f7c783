"""Direct inversion (PnP Inversion, arXiv 2310.01506) with Prompt-to-Prompt.

The published code walks the photo along the edit and puts it back on its inverted path before each step by
offsets that it has computed in a loop of their own. Reading the path is the same: neither the loop nor the
photo's unconditional half is needed, which leaves 200 of 450 forwards.
"""

from __future__ import annotations

from torch import Tensor

from palitra.guiders.cfg import ClassifierFree
from palitra.guiders.source import PHOTO, Watch
from palitra.recipes.editing.job import EditJob
from palitra.recipes.editing.prompt_to_prompt import PUBLISHED, Published, prompt_to_prompt


def direct_inversion(job: EditJob) -> Tensor:
    """Published settings at strength 0.5.

    Strength moves the shares of the steps in which the photo's attention is held, and the threshold of local
    blend: doubled at 0, none at 1, which is plain guidance from the photo's noise. Cost at 50 steps: 50 + 150
    forwards; less where no words are swapped, as the photo is then read in the held steps only.
    """
    return edit_with(job)


def edit_with(job: EditJob, settings: Published = PUBLISHED) -> Tensor:
    """The method with Prompt-to-Prompt's choices open."""
    path = job.trajectory()
    held = prompt_to_prompt(job, path, settings)
    guide = ClassifierFree(job.target, job.empty, job.scale())
    guiders = [guide, Watch(job.source, held.until), *held.guiders]
    return job.run(guiders, path[0], taps=held.taps, tracks={PHOTO: path})
