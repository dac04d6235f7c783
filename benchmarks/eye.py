"""eye on the test splits, none of which it was trained on.

    python benchmarks/eye.py [--weights FOLDER] [--only heads|words|distances|speed]

heads: classes, domains, breeds, and the area under the ROC curve of telling people apart; words: which
phrase of many names a picture; distances: does fid@eye rise with blur and noise; speed: milliseconds.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from palitra.data.datasets import data_root
from palitra.metrics.extractors import load_extractor
from palitra.metrics.frechet import frechet_from_features
from palitra.metrics.resize import resize
from palitra.models.eye import load_eye
from palitra.models.eye_network import CONCEPTS, DOMAINS, Seen
from palitra.train.eye_pack import COLUMNS, PhotoSet, concept_of, read_photo_set
from palitra.train.eye_watch import verification_auc

FIELDS = ("features", "concepts", "domains", "breeds", "caption", "identity")


def see(eye, photos: PhotoSet) -> Seen:
    seen = [eye.see(x) for x in photos.images.split(64)]
    return Seen(*(torch.cat([getattr(s, name) for s in seen]) for name in FIELDS))


def column(photos: PhotoSet, get, names) -> torch.Tensor:
    return torch.tensor([names.index(get(row)) for row in photos.rows])


def right(logits: torch.Tensor, labels: torch.Tensor, among=None) -> str:
    """Part of right answers, `among` some classes only if given."""
    if among is not None:
        rest = [i for i in range(logits.shape[1]) if i not in among]
        logits = logits.index_fill(1, torch.tensor(rest, dtype=torch.long), -torch.inf)
    return f"{100 * (logits.argmax(1) == labels).float().mean():.1f} %"


def heads(eye, photos: dict[str, PhotoSet], seen: dict[str, Seen]) -> None:
    concepts = {n: column(p, concept_of, CONCEPTS) for n, p in photos.items()}
    for name, labels in concepts.items():
        among = sorted(set(labels.tolist()))
        logits = seen[name].concepts
        print(
            f"{name}: concept {right(logits, labels)} among all {len(CONCEPTS)}, "
            f"{right(logits, labels, among)} among its {len(among)} ({len(labels)} pictures)"
        )
    domains = column(photos["pacs"], lambda row: row["domain"], DOMAINS)
    for i, domain in enumerate(DOMAINS):
        rows = domains == i
        among = sorted(set(concepts["pacs"].tolist()))
        logits, labels = seen["pacs"].concepts[rows], concepts["pacs"][rows]
        print(
            f"pacs {domain}: domain {right(seen['pacs'].domains[rows], domains[rows])}, concept "
            f"{right(logits, labels)} among all, {right(logits, labels, among)} among its {len(among)} "
            f"({int(rows.sum())} pictures)"
        )
    breeds = eye.shape.breeds
    rows = torch.tensor([i for i, row in enumerate(photos["pets"].rows) if row["breed"] in breeds])
    labels = torch.tensor([breeds.index(photos["pets"].rows[i]["breed"]) for i in rows.tolist()])
    print(f"breeds: {right(seen['pets'].breeds[rows], labels)} of {len(breeds)} ({len(rows)} pictures)")
    for name in ("faces-video", "faces-lfw"):
        numbers = {p: i for i, p in enumerate(sorted({str(r["identity"]) for r in photos[name].rows}))}
        person = torch.tensor([numbers[str(r["identity"])] for r in photos[name].rows])
        video = torch.tensor([int(r.get("video", -1)) for r in photos[name].rows])
        embeddings = {
            "identity": seen[name].identity,
            "features": F.normalize(seen[name].features, dim=1),
            "pixels": pixels(photos[name]),
        }
        aucs = [f"{k} {verification_auc(v, person, video):.3f}" for k, v in embeddings.items()]
        print(f"{name}: area under ROC: {', '.join(aucs)} ({len(numbers)} unseen people)")


def pixels(photos: PhotoSet) -> torch.Tensor:
    """What a network has to beat: the centred pixels of a small grey picture."""
    grey = F.adaptive_avg_pool2d(photos.images.float().mean(1, keepdim=True), 16).flatten(1)
    return F.normalize(grey - grey.mean(1, keepdim=True), dim=1)


def words(eye, photos: dict[str, PhotoSet], seen: dict[str, Seen]) -> None:
    meant = {row["caption"]: concept_of(row) for p in photos.values() for row in p.rows}
    captions = sorted(meant)
    # "photo" and "cat" of "a photo of a siamese cat"
    shown = [(text.split(" ")[1], meant[text]) for text in captions]
    texts = eye.read(captions)
    labels = eye.read(CONCEPTS)
    for name, p in photos.items():
        wanted = column(p, lambda row: row["caption"], captions)
        concepts = column(p, concept_of, CONCEPTS)
        found = (seen[name].caption @ texts.T).argmax(1)
        kind = [shown[a] == shown[b] for a, b in zip(found.tolist(), wanted.tolist(), strict=True)]
        print(
            f"{name}: its caption first among {len(captions)}: "
            f"{100 * (found == wanted).float().mean():.1f} %; kind and concept of it "
            f"{100 * sum(kind) / len(kind):.1f} %; bare label of {len(CONCEPTS)} "
            f"{right(seen[name].caption @ labels.T, concepts)}"
        )


def spoil(images: torch.Tensor, way: str, strength: float) -> torch.Tensor:
    """Bytes under Gaussian blur (sigma in pixels) or noise (deviation in grey levels)."""
    x = images.float()
    if way == "noise":
        x = x + strength * torch.randn(x.shape, generator=torch.Generator().manual_seed(0))
        return x.round().clamp(0, 255).to(torch.uint8)
    reach = int(3 * strength) + 1
    weights = torch.exp(-(torch.arange(-reach, reach + 1.0) ** 2) / (2 * strength**2))
    weights = (weights / weights.sum()).view(1, 1, 1, -1)
    planes = F.pad(x.flatten(0, 1)[:, None], (reach,) * 4, mode="replicate")
    planes = F.conv2d(F.conv2d(planes, weights), weights.transpose(2, 3))
    return planes.view(x.shape).round().clamp(0, 255).to(torch.uint8)


def distances(weights: Path | None, photos: dict[str, PhotoSet]) -> None:
    """Half of a set against the other half, whole and spoiled."""
    with np.load(data_root() / "fashion-mnist" / "test.npz") as file:
        fashion = torch.from_numpy(file["images"][:2000])
    fashion = fashion[:, None].expand(-1, 3, -1, -1)
    order = torch.randperm(len(photos["pacs"].images), generator=torch.Generator().manual_seed(0))
    sets = {"fashion-mnist": fashion, "pacs": photos["pacs"].images[order]}
    strengths = {"blur": (0.5, 1.0, 2.0, 4.0), "noise": (5, 10, 20, 40, 80)}
    for extractor in (load_extractor("eye", weights), load_extractor("random")):

        def features(images: torch.Tensor, extractor=extractor) -> torch.Tensor:
            chunks = resize(images.contiguous(), extractor.size, "torch").split(128)
            return torch.cat([extractor(x).features for x in chunks])

        for name, images in sets.items():
            reference, other = features(images[::2]), images[1::2]
            plain = frechet_from_features(reference, features(other)).value
            print(f"fid@{extractor.name} of {name}, half against half: {plain:.4g} ({len(other)} a side)")
            for way, levels in strengths.items():
                found = [
                    frechet_from_features(reference, features(spoil(other, way, level))).value
                    for level in levels
                ]
                rising = all(a < b for a, b in zip([plain, *found], found, strict=False))
                shown = ", ".join(f"{level}: {v:.4g}" for level, v in zip(levels, found, strict=True))
                print(f"  {way} {shown} ({'rising' if rising else 'NOT rising'})")


def speed(eye) -> None:
    x = 255 * torch.rand(64, 3, 64, 64)
    for threads in (1, 2):
        torch.set_num_threads(threads)
        eye.see(x)
        busy, clock = [], []
        for _ in range(5):
            began, at = time.process_time(), time.perf_counter()
            eye.see(x)
            busy.append((time.process_time() - began) / 64)
            clock.append((time.perf_counter() - at) / 64)
        print(
            f"{threads} threads, batches of 64: {1000 * min(busy):.2f} ms of the processor a picture, "
            f"{1000 * min(clock):.2f} ms by the clock",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--only", choices=("heads", "words", "distances", "speed"))
    options = parser.parse_args()
    eye = load_eye(options.weights)

    def wanted(part: str) -> bool:
        return options.only in (None, part)

    if wanted("speed"):
        speed(eye)
        torch.set_num_threads(1)
    if options.only == "speed":
        return
    photos = {name: read_photo_set(data_root(), name, "test", 128) for name in COLUMNS}
    if wanted("heads") or wanted("words"):
        seen = {name: see(eye, p) for name, p in photos.items()}
        if wanted("heads"):
            heads(eye, photos, seen)
        if wanted("words"):
            words(eye, photos, seen)
    if wanted("distances"):
        distances(options.weights, photos)


if __name__ == "__main__":
    main()
