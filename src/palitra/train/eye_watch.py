"""How good eye is on the training pictures that were kept from it."""

from __future__ import annotations

import torch
from torch import Tensor

from palitra.models.eye_network import EyeNetwork, fit
from palitra.train.eye_pack import EyePack


def verification_auc(identity: Tensor, person: Tensor, video: Tensor) -> float:
    """How often two pictures of one person are nearer than two of different people (area under ROC).

    Pairs from one video (numbers from 0 up) are left out: their frames are nearly the same picture.

    Args:
        identity: unit vectors (N, D).
        person: (N,).
        video: (N,), -1 for pictures of no video.

    Returns:
        0.5 where there is no pair of either kind.
    """
    first, second = torch.triu_indices(len(person), len(person), 1)
    same = person[first] == person[second]
    usable = ~(same & (video[first] == video[second]) & (video[first] >= 0))
    near = (identity @ identity.T)[first, second]
    right, wrong = near[same & usable], near[~same]
    if not len(right) or not len(wrong):
        return 0.5
    ordered = wrong.sort().values
    below = torch.searchsorted(ordered, right)
    upto = torch.searchsorted(ordered, right, right=True)
    return float((below + upto).double().mean() / 2 / len(wrong))


@torch.no_grad()
def watch(network: EyeNetwork, pack: EyePack, size: int, device: torch.device) -> dict[str, float]:
    """Parts of right answers on the held pictures of each set, and the AUC of held people; in [0, 1]."""
    found: dict[str, float] = {}
    training = network.training
    network.eval()
    for name, pictures in pack.sets.items():
        rows = pictures.held.nonzero().flatten()
        if not len(rows):
            continue
        seen = [network(fit(x.float(), size).to(device)) for x in pictures.images[rows].split(128)]
        if (pictures.column("person")[rows] >= 0).all():
            identity = torch.cat([s.identity for s in seen]).float().cpu()
            person, video = pictures.column("person")[rows], pictures.column("video")[rows]
            found[f"{name} people"] = verification_auc(identity, person, video)
            continue
        answers = torch.cat([s.concepts for s in seen]).argmax(1).cpu()
        found[f"{name} concept"] = float((answers == pictures.column("concept")[rows]).float().mean())
        if name == "pacs":
            answers = torch.cat([s.domains for s in seen]).argmax(1).cpu()
            found[f"{name} domain"] = float((answers == pictures.column("domain")[rows]).float().mean())
    network.train(training)
    return found
