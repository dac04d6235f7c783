"""FID algebra against scipy's matrix root, on the same statistics in one process.

    python benchmarks/metrics.py [--dimensions 2048] [--below 1000]

Full rank: two sets with more images than dimensions, covariances ready; ours is Cholesky, congruence and
eigenvalues, and a second time without the Cholesky factorisation, which a reference keeps.
Below full rank: `--below` images a side; ours works on the centred features, scipy on the covariances, where
the root of a singular product is only as good as rounding lets it be. `symmetric` is the value by two
symmetric eigendecompositions, for judging both.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import scipy.linalg
import torch

from palitra.metrics.frechet import Gaussian, frechet_distance, frechet_from_features


def features(n, d, seed):
    """Non-negative and correlated with falling spectrum, as pooled activations are."""
    rng = np.random.default_rng(seed)
    mix = rng.normal(size=(d, d)) * np.linspace(1, 0.05, d)[:, None] / d**0.5
    return torch.from_numpy(np.maximum(rng.normal(size=(n, d)) @ mix + 0.3 + 0.02 * seed, 0))


def timed(call, runs=1):
    """Value, and the fewest seconds of the processor (where other work counts little) and of the clock."""
    busy, clock = [], []
    for _ in range(runs):
        began, at = time.process_time(), time.perf_counter()
        value = call()
        busy.append(time.process_time() - began)
        clock.append(time.perf_counter() - at)
    return value, min(busy), min(clock)


def by_sqrtm(m1, s1, m2, s2):
    root = scipy.linalg.sqrtm(s1 @ s2)
    return float((m1 - m2) @ (m1 - m2) + np.trace(s1) + np.trace(s2) - 2 * np.trace(np.real(root)))


def symmetric(m1, s1, m2, s2):
    values, vectors = np.linalg.eigh(s1)
    half = vectors * np.sqrt(values.clip(0)) @ vectors.T
    roots = np.sqrt(np.linalg.eigvalsh(half @ s2 @ half).clip(0)).sum()
    return float((m1 - m2) @ (m1 - m2) + np.trace(s1) + np.trace(s2) - 2 * roots)


def compare(n, d, label, ways):
    x, y = features(n, d, 1), features(n, d, 2)
    statistics = [v for side in (x, y) for v in (side.numpy().mean(0), np.cov(side.numpy(), rowvar=False))]
    expected, theirs, their_clock = timed(lambda: by_sqrtm(*statistics), 2)
    exact = symmetric(*statistics)
    for kind, ours in ways.items():
        call = ours(x, y, statistics)
        found, mine, my_clock = timed(call, 5)
        print(
            f"{label}, {kind}: {n} images, {d} dimensions, {found.method}: processor: ours {mine:.3f} s, "
            f"sqrtm {theirs:.2f} s, {theirs / mine:.1f} times; clock: {my_clock:.3f} s, {their_clock:.2f} s, "
            f"{their_clock / my_clock:.1f} times; value {found.value:.9f}, relative difference "
            f"{abs(found.value / expected - 1):.1e} to sqrtm, "
            f"{abs(found.value / exact - 1):.1e} to the symmetric form",
            flush=True,
        )


def gaussians(x, y, statistics):
    m1, s1, m2, s2 = map(torch.from_numpy, statistics)
    return Gaussian(len(x), m1, s1), Gaussian(len(y), m2, s2)


def from_statistics(x, y, statistics):
    return lambda: frechet_distance(*gaussians(x, y, statistics))


def with_kept_factor(x, y, statistics):
    """As in a training run: one reference, whose Cholesky factor stays, and a new set every time."""
    real, fake = gaussians(x, y, statistics)
    assert real.lower is not None
    return lambda: frechet_distance(real, fake)


def from_features(x, y, statistics):
    return lambda: frechet_from_features(x, y)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dimensions", type=int, default=2048)
    parser.add_argument("--below", type=int, default=1000)
    options = parser.parse_args()
    d = options.dimensions
    print(
        f"torch threads {torch.get_num_threads()}, numpy {np.__version__}, scipy {scipy.__version__}, "
        f"torch {torch.__version__}"
    )
    full = {"all worked out": from_statistics, "the reference's factor kept": with_kept_factor}
    compare(2 * d, d, "full rank", full)
    compare(options.below, d, "below full rank", {"all worked out": from_features})


if __name__ == "__main__":
    main()
