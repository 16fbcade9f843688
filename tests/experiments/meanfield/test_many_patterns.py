"""Many patterns: the map with features as data, dimensions, and a small sweep."""

import jax
import numpy as np
import pytest

from isinglass.dynamics import Kind
from isinglass.experiments.meanfield import many_patterns as experiment
from isinglass.experiments.meanfield.many_patterns import Ensemble, Found, Lengths
from isinglass.reproduce.experiment import Context
from isinglass.systems.meanfield import MeanField

BETAS = np.linspace(0.5, 4.0, 8)


def made(
    kinds: list[list[Kind]], leading: float = 0.2, dimension: float = 2.5
) -> Found:
    kind = np.array(kinds)
    chaotic = kind == Kind.CHAOTIC
    groups = np.full(len(kind), 3)
    return Found(
        kind, np.where(chaotic, leading, 0.0), np.where(chaotic, dimension, 0.0), groups
    )


@pytest.mark.parametrize("patterns", [1, 3, 8])
def test_the_map_with_features_as_data_is_the_mean_field_of_each(patterns: int) -> None:
    features = [experiment._draw(Context(seeds=3), patterns, draw) for draw in range(3)]
    ensemble = Ensemble(features)
    random = np.random.default_rng(1)

    for draw, one in enumerate(features):
        window = random.uniform(-1, 1, (experiment.LENGTH, patterns))
        given = {"beta": 1.7, "gamma": 80.0, "epsilon": 0.02}
        with jax.enable_x64(True):
            rows = jax.numpy.asarray(window)
            ours = ensemble(rows, given | {"draw": float(draw)}, draw)
            theirs = MeanField(one)(rows, given, draw)
        np.testing.assert_allclose(ours, theirs, atol=1e-13)


def test_draws_have_as_many_segments_as_patterns_and_differ() -> None:
    first, second = (experiment._draw(Context(seeds=2), 8, draw) for draw in range(2))

    assert first != second
    assert first == experiment._draw(Context(seeds=5), 8, 0)
    assert first != experiment._draw(Context(seeds=2, seed=1), 8, 0)
    assert first.columns is not None
    assert len(first.columns) <= 8
    assert first.n_patterns == 8


def test_one_pattern_ends_in_no_torus_and_no_chaos() -> None:
    found = experiment._measure(Context(seeds=4), 1, BETAS, Lengths(8, 400, 200))

    assert found.kind.shape == (4, 8)
    assert not np.isin(found.kind, (Kind.QUASI_PERIODIC, Kind.CHAOTIC)).any()
    assert (found.leading == 0).all()
    assert (found.dimension == 0).all()
    assert (found.groups == 1).all()


def test_dimension_of_a_cycle_a_torus_and_chaos() -> None:
    kind = np.array([[Kind.PERIODIC, Kind.QUASI_PERIODIC, Kind.CHAOTIC, Kind.CHAOTIC]])
    exponents = np.array([[[-0.1, -0.2], [-1e-6, -0.1], [0.1, -0.4], [0.3, 0.1]]])

    found = experiment._dimension(kind, exponents)

    # The last has a positive sum of all exponents that were measured, so it is 2 or
    # more.
    assert found == pytest.approx(np.array([[0.0, 1.0, 1.25, 2.0]]))


def test_rows_count_chaos_by_draw() -> None:
    chaos, cycle = Kind.CHAOTIC, Kind.PERIODIC
    rows = experiment._rows(5, made([[cycle, chaos], [cycle, cycle], [chaos, chaos]]))

    share, leading, dimension = (row.ours for row in rows)
    assert share == pytest.approx(50)
    assert leading == pytest.approx((0.2 + 0.0 + 0.2) / 3)
    assert dimension == pytest.approx(5 / 3)


def test_findings_and_figure_say_where_chaos_is() -> None:
    chaos, cycle = Kind.CHAOTIC, Kind.PERIODIC
    found = {1: made([[cycle, cycle]] * 2), 2: made([[cycle, chaos], [cycle, cycle]])}
    betas = np.array([1.0, 2.0])

    text = experiment._findings(found, betas)

    assert "0 of 2 (M = 1), 1 of 2 (M = 2)" in text
    assert "With M = 1 no draw was chaotic" in text
    assert "The lowest β with chaos, of any draw and M, is 2.00." in text
    assert experiment._figure(found, betas).name == "meanfield-many-patterns"


def test_findings_without_any_chaos() -> None:
    text = experiment._findings({1: made([[Kind.PERIODIC]] * 2)}, np.array([1.0]))

    assert "Nothing was chaotic." in text
