"""How far memories lie apart: nearest-neighbour distances between activations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from jaxtyping import Float

from isinglass._common.checks import (
    as_list,
    check_function,
    check_in,
    check_seed,
)
from isinglass._common.cluster import check_client
from isinglass._common.types import ArrayLike
from isinglass.systems.memory.neighbours import (
    Progress,
    Searches,
    checked_vectors,
    nested_neighbours,
)
from isinglass.systems.memory.partition import (
    unit_volume_radius,
    unit_volume_radius_asymptote,
)

FRACTIONS = (0.25, 0.5, 0.75, 1.0)  # the shares of the sample in the paper
BINS = 60  # of the histograms; `distance` is there for others


def nearest_neighbour_radius(
    activations: ArrayLike,
    fractions: Sequence[float] = FRACTIONS,
    *,
    quantiles: Sequence[float] = (0.05, 0.25, 0.5, 0.75, 0.95),
    seed: int = 0,
    progress: Progress | None = None,
    client: Any = None,
) -> xr.Dataset:
    """Measure how far each activation is from its nearest other one, exactly.

    That is done for shares of the sample, which are nested: one random order, of which
    each takes the first part. All cost together what the largest costs alone. The more
    vectors, the nearer the nearest: a radius belongs to its number of vectors.

    Args:
        activations: Of any floating type up to float64, (n, d) with n ≥ 2; may be a
            `np.memmap`, and is then read in parts.
        fractions: Shares in (0, 1], all different, in any order; of each, at least two
            vectors.
        quantiles: Which quantiles of the distances, in [0, 1].
        seed: Of the order.
        progress: Called as `progress(done, total)` while it runs.
        client: A `distributed.Client` whose workers do the work, as for
            `nearest_neighbours`.

    Returns:
        Along "fraction": `vectors` (how many), `duplicates` (vectors that another one
        equals: their distance of 0 is in all that follows), `mean`, `median`,
        `quantile_distance` (also along "quantile") and `histogram` (counts, also along
        "bin", 60 for all shares, whose edges are `bin_edges`). Along "fraction" and
        "vector": `distance`, NaN, and `neighbour`, −1, where a vector is not in the
        share.
        `unit_volume_radius`, exact, `asymptote`, √(d/2πe), and `twice_asymptote`, with
        which the paper compares.

    Raises:
        ImportError: As for `nearest_neighbours`, and so RuntimeError.
        ValueError: If an argument is out of range, a share has fewer than two vectors,
            or one is not finite.

    Source: Niu, Bai, Deng & Han 2024, appendix F.1.
    """
    vectors = checked_vectors(activations, "activations")
    n, width = vectors.shape
    sizes = sizes_of(fractions, n)
    _check_shares("quantiles", quantiles, 0.0)
    check_seed(seed=seed)
    if progress is not None:
        check_function(progress=progress)
    if client is not None:
        check_client(client)
    order = np.random.default_rng(seed).permutation(n)
    decreasing = sorted(set(sizes), reverse=True)
    distance = np.full((len(sizes), n), np.nan)
    neighbour = np.full((len(sizes), n), -1)
    searches = Searches(vectors, order, decreasing, client)
    nearest_by_size = nested_neighbours(searches, progress)
    for size, nearest in zip(decreasing, nearest_by_size, strict=True):
        for row in np.flatnonzero(np.equal(sizes, size)):
            distance[row, order[:size]] = nearest.distance
            neighbour[row, order[:size]] = order[nearest.neighbour]
    edges = np.linspace(0.0, np.nanmax(distance) or 1.0, BINS + 1)
    shares = [row[np.isfinite(row)] for row in distance]
    ranks = np.asarray(quantiles, float)
    return xr.Dataset(
        {
            "vectors": ("fraction", sizes),
            "duplicates": ("fraction", [int((share == 0).sum()) for share in shares]),
            "mean": ("fraction", [share.mean() for share in shares]),
            "median": ("fraction", [np.median(share) for share in shares]),
            "quantile_distance": (
                ("fraction", "quantile"),
                [np.quantile(share, ranks) for share in shares],
            ),
            "histogram": (
                ("fraction", "bin"),
                [np.histogram(share, edges)[0] for share in shares],
            ),
            "distance": (("fraction", "vector"), distance),
            "neighbour": (("fraction", "vector"), neighbour),
            "unit_volume_radius": float(unit_volume_radius(width)),
            "asymptote": float(unit_volume_radius_asymptote(width)),
            "twice_asymptote": 2 * float(unit_volume_radius_asymptote(width)),
        },
        {
            "fraction": np.asarray(fractions, float),
            "quantile": ranks,
            "bin_edges": ("edge", edges),
        },
        {
            "dimension": width,
            "seed": seed,
            "units": "Euclidean distance between activations",
            "source": "Niu et al. 2024, appendix F.1",
        },
    )


def length_and_spread(vectors: Float[np.ndarray, "n d"]) -> tuple[float, float]:
    """Compute the root mean square length of vectors, and distance of any two.

    A nearest-neighbour distance over the second of them is free of the vectors' scale.

    Args:
        vectors: Of any floating type, n ≥ 2.
    """
    squared_length = np.square(vectors, dtype=np.float64).sum(1).mean()
    variance = squared_length - np.square(vectors.mean(0, np.float64)).sum()
    squared_distance = 2 * max(variance, 0.0) * len(vectors) / (len(vectors) - 1)
    return float(np.sqrt(squared_length)), float(np.sqrt(squared_distance))


def sizes_of(
    fractions: Sequence[float],
    n: int,
    name: str = "fractions",
    sample: str | None = None,
) -> list[int]:
    """Return how many vectors each share of n vectors has.

    Args:
        fractions: The shares.
        n: Vectors in the sample.
        name: What the shares are called in errors.
        sample: What the sample is called there.

    Raises:
        ValueError: If a share is out of range, there twice, or has fewer than two
            vectors.
    """
    _check_shares(name, fractions, np.nextafter(0.0, 1.0))
    if len({float(share) for share in fractions}) < len(fractions):
        raise ValueError(f"{name} must be different numbers, got {fractions}")
    sizes = [round(fraction * n) for fraction in fractions]
    for fraction, size in zip(fractions, sizes, strict=True):
        if size < 2:
            raise ValueError(
                f"{name} must each leave two vectors at least, got {fraction} of "
                f"{sample or n}: {size}"
            )
    return sizes


def _check_shares(name: str, shares: Sequence[float], least: float) -> None:
    for share in as_list(name, shares):
        check_in("[0, 1]" if least == 0 else "(0, 1]", **{name: share})
