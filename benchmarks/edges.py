"""Edge detection on the 200 test pictures of BSDS500: ODS, OIS, exactness of folding, size, speed.

    python benchmarks/edges.py --data DATA --official pidinet_table5_official.pth --thresholds 99

`--official` names the weights of PiDiNet's authors (not part of this project); without it only the
embedded weights are measured. Scores follow `palitra.metrics.edge_detection`, which says how it
differs from the published protocol.
"""

from __future__ import annotations

import argparse
import time
from concurrent.futures import Future, ProcessPoolExecutor
from pathlib import Path

import torch
from torch import Tensor

from palitra.data.datasets import data_root
from palitra.data.edges import EMBEDDED, EdgeDetector, normalise
from palitra.metrics.edge_detection import EdgeCounts, EdgeDetection, count_matches, spread_thresholds
from palitra.models.pidinet import PiDiNet, PiDiNetConfig
from palitra.models.weights import build_network, find_weights, read_json
from palitra.train.edges import AnnotatedPicture, read_annotated

PUBLISHED = "0.807 / 0.823"


def our_name(name: str) -> str:
    """A tensor of the official PiDiNet (carv4, SA + DIL) by our name."""
    parts = name.removeprefix("module.").split(".")
    head, kind = parts[0], parts[-1]
    if head == "init_block":
        return f"stem.{kind}"
    if head == "classifier":
        return f"fuse.{kind}"
    if head.startswith("block"):
        stage, block = (int(v) - 1 for v in head.removeprefix("block").split("_"))
        part = {"conv1": "depthwise", "conv2": "pointwise", "shortcut": "shortcut"}[parts[1]]
        return f"stages.{stage}.{block}.{part}.{kind}"
    if head == "conv_reduces":
        return f"heads.{parts[1]}.logit.{kind}"
    if head == "attentions":
        return f"heads.{parts[1]}.attention.{'narrow' if parts[2] == 'conv1' else 'gate'}.{kind}"
    place = "reduce" if parts[2] == "conv1" else f"dilated.{int(parts[2].removeprefix('conv2_')) - 1}"
    return f"heads.{parts[1]}.dilation.{place}.{kind}"


def load_official(path: Path) -> PiDiNet:
    """PiDiNet base with the authors' weights; read as tensors only, never as objects."""
    state: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)["state_dict"]
    network = PiDiNet(PiDiNetConfig())
    network.load_state_dict({our_name(name): value for name, value in state.items()})
    return network.eval()


def load_embedded() -> PiDiNet:
    shape = read_json(EMBEDDED / "config.json")
    network: PiDiNet = build_network(
        lambda: PiDiNet(PiDiNetConfig(**shape)), find_weights(EMBEDDED, "model"), "cpu", torch.float32
    )
    return network


def fold_difference(network: PiDiNet, picture: AnnotatedPicture) -> float:
    """Largest difference of edge strength between the folded network and the one that trains.

    In training mode the radial convolutions are computed as differences of two rings; outside it
    the network derives the folded kernels itself, and the difference is 0 by construction.
    """
    x = normalise(picture.image[None].float() / 255)
    with torch.no_grad():
        differences = network.train()(x)[-1]
        return float((differences - network.eval().fold()(x)).abs().max())


def score(
    network: PiDiNet, pictures: list[AnnotatedPicture], thresholds: tuple[float, ...], workers: int
) -> tuple[EdgeDetection, float]:
    """Counts over all pictures, and the seconds the detector took per picture."""
    detector, result, seconds = EdgeDetector(network.fold().eval()), EdgeDetection(thresholds), 0.0
    with ProcessPoolExecutor(workers) as pool:
        counts: list[Future[EdgeCounts]] = []
        for picture in pictures:
            began = time.perf_counter()
            soft = detector(picture.image[None].float() / 255)[0, 0].numpy()
            seconds += time.perf_counter() - began
            share = picture.boundaries[0].numpy() / 255
            counts.append(pool.submit(count_matches, soft, share, picture.annotators, thresholds))
        for count in counts:
            result.update(count.result())
    return result, seconds / len(pictures)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=None, help="folder of the image sets")
    parser.add_argument("--official", type=Path, default=None, help="the authors' .pth file")
    parser.add_argument("--limit", type=int, default=200, help="number of test pictures")
    parser.add_argument("--thresholds", type=int, default=33)
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args()

    pictures = read_annotated(args.data or data_root(), "test", args.limit)
    entries = [("embedded", load_embedded(), (EMBEDDED / "model.safetensors").stat().st_size, "-")]
    if args.official:
        size = args.official.stat().st_size
        entries.insert(0, ("official", load_official(args.official), size, PUBLISHED))
    print(f"{len(pictures)} test pictures of BSDS500, {args.thresholds} thresholds")
    print("weights   ODS    OIS    at     P      R      published      fold diff  MB     s/image")
    for name, network, size, published in entries:
        result, seconds = score(network, pictures, spread_thresholds(args.thresholds), args.workers)
        s, difference = result.compute(), fold_difference(network, pictures[0])
        print(
            f"{name:9s} {s.ods:.4f} {s.ois:.4f} {s.threshold:.3f}  {s.precision:.4f} {s.recall:.4f} "
            f"{published:14s} {difference:.1e}    {size / 1e6:.3f}  {seconds:.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
