"""Many patterns: the map with features as data, dimensions, and a small sweep."""

import jax
import numpy as np
import pytest
import xarray as xr

from isinglass.dynamics import Kind
from isinglass.experiments.meanfield import many_patterns as experiment
from isinglass.experiments.meanfield.many_patterns import Ensemble, Setting
from isinglass.reproduce import Context, Ledger
from isinglass.reproduce.views import text
from isinglass.systems.meanfield import MeanField

CHAOS, CYCLE = Kind.CHAOTIC, Kind.PERIODIC


def synthetic(kinds: dict[int, list[list[Kind]]]) -> xr.Dataset:
    """Kinds by patterns, draw and β; chaos has λ₁ = 0.2 and dimension 2.5."""
    kind = np.array(list(kinds.values()), dtype=int)
    axes = ("patterns", "seed", "beta")
    chaos = kind == CHAOS
    return xr.Dataset(
        {
            "kind": (axes, kind),
            "leading": (axes, np.where(chaos, 0.2, 0.0)),
            "dimension": (axes, np.where(chaos, 2.5, 0.0)),
            "groups": (axes[:2], np.full(kind.shape[:2], 3)),
        },
        {
            "patterns": list(kinds),
            "seed": range(kind.shape[1]),
            "beta": np.arange(1.0, kind.shape[2] + 1),
        },
    )


@pytest.mark.parametrize("patterns", [1, 3, 8])
def test_the_map_with_features_as_data_is_the_mean_field_of_each(patterns: int) -> None:
    context = Context(seeds=range(3))
    draws = [experiment.random_features(context, patterns, seed) for seed in range(3)]
    ensemble = jax.jit(Ensemble(draws))
    random = np.random.default_rng(1)

    for seed, features in enumerate(draws):
        window = random.uniform(-1, 1, (experiment.LENGTH, patterns))
        parameters = {"beta": 1.7, "gamma": 80.0, "epsilon": 0.02}
        with jax.enable_x64(True):
            rows = jax.numpy.asarray(window)
            ours = ensemble(rows, parameters | {"draw": float(seed)}, seed)
            exact = MeanField(features)(rows, parameters, seed)
        np.testing.assert_allclose(ours, exact, atol=1e-13)


def test_draws_have_as_many_segments_as_patterns_and_differ() -> None:
    context = Context(seeds=range(2))
    first, second = (experiment.random_features(context, 8, seed) for seed in (0, 1))

    assert first != second
    assert first == experiment.random_features(Context(seeds=range(5)), 8, 0)
    assert first != experiment.random_features(Context(seeds=range(2), seed=1), 8, 0)
    assert first.columns is not None
    assert len(first.columns) <= 8
    assert first.n_patterns == 8


def test_one_pattern_ends_in_no_torus_and_no_chaos(monkeypatch) -> None:
    setting = {"default": Setting((1,), 8, 400, 200)}
    monkeypatch.setattr(experiment, "SETTINGS", setting)
    measured = experiment.measure(Context(seeds=range(4)))

    assert dict(measured.sizes) == {"patterns": 1, "seed": 4, "beta": 8}
    assert not np.isin(measured.kind, (Kind.QUASI_PERIODIC, CHAOS)).any()
    assert (measured.leading == 0).all()
    assert (measured.dimension == 0).all()
    assert (measured.groups == 1).all()


def test_dimension_of_a_cycle_a_torus_and_chaos() -> None:
    kind = np.array([[CYCLE, Kind.QUASI_PERIODIC, CHAOS, CHAOS]])
    exponents = np.array([[[-0.1, -0.2], [-1e-6, -0.1], [0.1, -0.4], [0.3, 0.1]]])

    # The last has a positive sum of all exponents that were measured, so it is 2 or
    # more.
    dimension = experiment.dimensions(kind, exponents)
    assert dimension == pytest.approx(np.array([[0.0, 1.0, 1.25, 2.0]]))


def test_rows_count_chaos_by_draw() -> None:
    ledger = Ledger("toy", "beyond the paper")
    kinds = [[CYCLE, CHAOS], [CYCLE, CYCLE], [CHAOS, CHAOS]]
    experiment.compare(synthetic({5: kinds}), ledger)

    share, leading, dimension = (row.ours for row in ledger.rows)
    assert share == pytest.approx(50)
    assert leading == pytest.approx((0.2 + 0.0 + 0.2) / 3)
    assert dimension == pytest.approx(5 / 3)


def test_findings_and_figure_say_where_chaos_is() -> None:
    kinds = {1: [[CYCLE, CYCLE]] * 2, 2: [[CYCLE, CHAOS], [CYCLE, CYCLE]]}
    measured = synthetic(kinds)
    findings = text(experiment, measured)

    assert "0 of 2 (M = 1), 1 of 2 (M = 2)" in findings
    assert "With M = 1 no draw was chaotic" in findings
    assert "The lowest β with chaos, of any draw and M, is 2.00." in findings
    assert len(list(experiment.draw(measured))) == 1


def test_findings_without_any_chaos() -> None:
    assert "Nothing was chaotic." in text(experiment, synthetic({1: [[CYCLE]] * 2}))
