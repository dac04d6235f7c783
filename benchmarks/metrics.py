"""FID algebra against scipy's matrix root, on the same statistics in one process.

    python benchmarks/metrics.py [--dimensions 2048] [--below 1000]

Full rank: two sets with more images than dimensions, covariances ready; ours is Cholesky + eigvalsh.
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
    """Value and the fewest processor seconds (all threads): other work on the machine counts little there."""
    times = []
    for _ in range(runs):
        began = time.process_time()
        value = call()
        times.append(time.process_time() - began)
    return value, min(times)


def by_sqrtm(m1, s1, m2, s2):
    root = scipy.linalg.sqrtm(s1 @ s2)
    return float((m1 - m2) @ (m1 - m2) + np.trace(s1) + np.trace(s2) - 2 * np.trace(np.real(root)))


def symmetric(m1, s1, m2, s2):
    values, vectors = np.linalg.eigh(s1)
    half = vectors * np.sqrt(values.clip(0)) @ vectors.T
    roots = np.sqrt(np.linalg.eigvalsh(half @ s2 @ half).clip(0)).sum()
    return float((m1 - m2) @ (m1 - m2) + np.trace(s1) + np.trace(s2) - 2 * roots)


def compare(n, d, label, ours):
    x, y = features(n, d, 1), features(n, d, 2)
    statistics = [v for side in (x, y) for v in (side.numpy().mean(0), np.cov(side.numpy(), rowvar=False))]
    found, mine = timed(lambda: ours(x, y, statistics), 3)
    expected, theirs = timed(lambda: by_sqrtm(*statistics))
    exact = symmetric(*statistics)
    print(
        f"{label}: {n} images, {d} dimensions, {found.method}: ours {mine:.3f} s, sqrtm {theirs:.2f} s, "
        f"{theirs / mine:.1f} times; value {found.value:.9f}, "
        f"relative difference {abs(found.value / expected - 1):.1e} to sqrtm, "
        f"{abs(found.value / exact - 1):.1e} to the symmetric form",
        flush=True,
    )


def from_statistics(x, y, statistics):
    m1, s1, m2, s2 = map(torch.from_numpy, statistics)
    return frechet_distance(Gaussian(len(x), m1, s1), Gaussian(len(y), m2, s2))


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
    compare(2 * d, d, "full rank", from_statistics)
    compare(options.below, d, "below full rank", lambda x, y, _: frechet_from_features(x, y))


if __name__ == "__main__":
    main()
