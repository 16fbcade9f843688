from itertools import pairwise

import numpy as np
import pytest

from isinglass.systems.memory import (
    nearest_neighbour_radius,
    nearest_neighbours,
    unit_volume_radius,
    unit_volume_radius_asymptote,
)


def activations(n=400, d=16):
    return np.random.default_rng(0).standard_normal((n, d), dtype=np.float32)


def test_report():
    vectors = activations()
    report = nearest_neighbour_radius(vectors, (1.0, 0.25, 0.5))
    assert report.vectors.values.tolist() == [400, 100, 200]
    for share in report.fraction:
        part = report.sel(fraction=share)
        inside = np.flatnonzero(np.isfinite(part.distance.values))
        assert len(inside) == part.vectors
        alone = nearest_neighbours(vectors[inside])
        np.testing.assert_array_equal(part.distance.values[inside], alone.distance)
        np.testing.assert_array_equal(
            part.neighbour.values[inside], inside[alone.neighbour]
        )
        assert (part.neighbour.values == -1).sum() == 400 - len(inside)
        assert part["mean"] == pytest.approx(alone.distance.mean())
        assert part["median"] == pytest.approx(np.median(alone.distance))
        assert part["median"] == part.quantile_distance.sel(quantile=0.5)
        counts, _ = np.histogram(alone.distance, report.bin_edges.values)
        np.testing.assert_array_equal(part.histogram, counts)
        assert part.histogram.sum() == len(inside)
    assert report.twice_asymptote == 2 * unit_volume_radius_asymptote(16)
    assert report.unit_volume_radius == unit_volume_radius(16)


def test_shares_are_nested_and_more_vectors_are_nearer():
    report = nearest_neighbour_radius(activations())
    distance = report.distance.values
    for less, more in pairwise(distance):
        inside = np.isfinite(less)
        assert np.isfinite(more[inside]).all()
        assert (more[inside] <= less[inside]).all()


def test_same_seed_same_shares():
    vectors = activations()
    first, again, other = (
        nearest_neighbour_radius(vectors, [0.5], seed=s) for s in (3, 3, 4)
    )
    assert first.identical(again)
    assert not first.distance.equals(other.distance)


def test_duplicates_are_reported():
    vectors = activations()
    vectors[7] = vectors[100]
    vectors[8] = vectors[100]
    vectors[300] = vectors[299]
    report = nearest_neighbour_radius(vectors, [1.0]).isel(fraction=0)
    assert report.duplicates == 5
    assert (report.distance == 0).sum() == 5
    assert report.distance.values[[7, 8, 100, 299, 300]].tolist() == [0] * 5
    assert set(report.neighbour.values[[7, 8, 100]]) <= {7, 8, 100}
    assert report.neighbour.values[[299, 300]].tolist() == [300, 299]
    assert report.histogram[0] == 5


def test_all_the_same():
    report = nearest_neighbour_radius(np.ones((9, 4)), [1.0])
    assert report.duplicates == 9
    assert report["mean"] == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"fractions": [0.1]},
            "fractions must each leave two vectors at least, got 0.1 of 10: 1",
        ),
        ({"fractions": [0.0]}, r"fractions must be in \(0, 1\]"),
        ({"fractions": [1.5]}, r"fractions must be in \(0, 1\]"),
        ({"fractions": []}, "one at least"),
        ({"quantiles": [-0.1]}, r"quantiles must be in \[0, 1\]"),
    ],
)
def test_bad_input(arguments, message):
    with pytest.raises(ValueError, match=message):
        nearest_neighbour_radius(activations(10), **arguments)


def test_too_few_vectors():
    with pytest.raises(ValueError, match="two vectors at least"):
        nearest_neighbour_radius(activations(1))
