"""Plug-and-Play (arXiv 2211.12572) on real photos: the photo's features and attention maps in the edit.

The photo is inverted under the empty prompt along the edit's own steps, and read off that path. The later
released code inverts over all training steps and tells the unconditional half what a picture should
not be; `official` does both.
"""

from __future__ import annotations

from torch import Tensor

from palitra.conditions.text import encode_prompts
from palitra.core.attention import AttentionTap
from palitra.core.condition import Condition
from palitra.core.tap import Tap
from palitra.guiders.cfg import ClassifierFree
from palitra.guiders.source import PHOTO, Watch
from palitra.recipes.editing.job import EditJob
from palitra.taps.plug_and_play import AttentionInjection, FeatureInjection, plugged_sites

FEATURE_SHARE = 0.8
ATTENTION_SHARE = 0.5
RELEASED_NEGATIVE = "ugly, blurry, black, low res, unrealistic"


def plug_and_play(job: EditJob) -> Tensor:
    """Published shares at strength 0.5: features in the first 80 % of the steps, maps in the first half.

    Both shares are multiplied by 2 (1 - strength), up to all steps; at 1 nothing is injected, which is
    plain guidance from the photo's noise. Below 0.5 guidance is weaker by 2 strength, at 0 there is none,
    which leaves the photo as its inversion gives it back. The source words are not looked at. Cost at 50
    steps: at most 50 + 3 x 40 + 2 x 10 forwards; `official` inverts in about 1000.
    """
    features, attention = (min(1.0, share * job.ease) for share in (FEATURE_SHARE, ATTENTION_SHARE))
    nothing = [""] * len(job.x0)
    path = job.trajectory(job.empty, "fine" if job.params.official else "noisy", nothing)
    taps: list[Tap | AttentionTap] = [
        FeatureInjection(until=features),
        AttentionInjection(plugged_sites(job.model.denoiser.sites), attention),
    ]
    negative = released_negative(job) if job.params.official else job.empty
    guide = ClassifierFree(job.target, negative, job.scale() * min(1.0, 2 - job.ease))
    watch = Watch(job.empty, max(features, attention))
    return job.run([guide, watch], path[0], taps=taps, tracks={PHOTO: path})


def released_negative(job: EditJob) -> Condition:
    """What the released code tells the unconditional half, as long as the job's other prompts."""
    words = [*job.source_words, *job.target_words]
    return encode_prompts(job.model, words, [RELEASED_NEGATIVE])[1]
