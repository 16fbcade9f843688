"""What every map must satisfy, whatever it is: one law for all of `helpers.maps`."""

from collections.abc import Callable
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from helpers.maps import CASES, Case, log_volume
from isinglass.dynamics import (
    Measure,
    PrecisionWarning,
    Sampling,
    attractor,
    basins,
    bifurcation,
    cycle,
    lyapunov_spectrum,
    trajectory,
)
from isinglass.dynamics._layout import as_lane
from isinglass.dynamics.cells import measure_cells
from isinglass.dynamics.variables import dimension, variables

ROWS, STEPS = 24, 960

of_every_map = pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])


def measure_of(case: Case, exponents: int | None = None) -> Measure:
    return Measure(240, STEPS, exponents, case.qr_every, points=ROWS, extensions=0)


def itself(state: Any) -> Any:
    return state


@cache
def states_of(name: str) -> Any:
    """The first states of the orbit."""
    case = named(name)
    return trajectory(case.step, case.state, case.parameters, ROWS, observable=itself)


@cache
def spectrum_of(name: str) -> Any:
    case = named(name)
    return lyapunov_spectrum(case.step, case.state, case.parameters, measure_of(case))


@cache
def cells_of(name: str) -> dict[str, Any]:
    """Two lanes that start and run alike."""
    case = named(name)
    twice = jax.tree.map(
        lambda value: np.repeat(np.asarray(value, float)[..., None], 2, -1),
        case.parameters,
    )
    start = as_lane(case.step, jax.tree.map(np.asarray, case.state))
    start = jax.tree.map(
        lambda leaf: np.repeat(leaf, 2, -1) if leaf.ndim else leaf, start
    )
    return measure_cells(case.step, start, twice, measure_of(case))


def named(name: str) -> Case:
    return next(case for case in CASES if case.name == name)


def row(states: Any, index: Any) -> Any:
    return jax.tree.map(lambda leaf: leaf[index], states)


def assert_alike(first: Any, second: Any, **within: Any) -> None:
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, **within), first, second)


@of_every_map
def test_rows_are_the_steps_of_the_map(case: Case) -> None:
    states = states_of(case.name)
    with jax.enable_x64(True):
        step = jax.jit(case.step)
        state = jax.tree.map(jnp.asarray, case.state)
        for index in range(6):
            state = step(state, case.parameters)
            assert_alike(row(states, index), state, rtol=1e-12, atol=1e-14)


@of_every_map
def test_row_i_is_the_state_after_transient_and_strides(case: Case) -> None:
    sampling = Sampling(3, transient=5, stride=4)
    rows = trajectory(
        case.step, case.state, case.parameters, sampling, observable=itself
    )
    every = row(states_of(case.name), np.array([8, 12, 16]))
    assert_alike(rows, every, rtol=1e-12, atol=1e-13)


@of_every_map
def test_an_orbit_goes_on_from_any_of_its_states(case: Case) -> None:
    states = states_of(case.name)
    rest = trajectory(
        case.step, row(states, 9), case.parameters, ROWS, observable=itself
    )
    assert_alike(
        row(rest, slice(14)), row(states, slice(10, 24)), rtol=1e-12, atol=1e-13
    )


@of_every_map
def test_the_exponents_sum_to_the_mean_change_of_volume(case: Case) -> None:
    """Σ λ = ⟨ln |det J|⟩, whatever the directions do."""
    spectrum = spectrum_of(case.name)
    sampling = Sampling(480, transient=600)
    states = trajectory(
        case.step, case.state, case.parameters, sampling, observable=itself
    )
    assert dimension(case.state) == case.dimension == len(spectrum.exponents)
    expected = log_volume(case, states).mean()
    assert spectrum.exponents.sum() == pytest.approx(expected, abs=2e-3)
    assert (np.diff(spectrum.exponents) <= 0).all()


@of_every_map
def test_a_lane_is_the_orbit_alone(case: Case) -> None:
    cells, spectrum = cells_of(case.name), spectrum_of(case.name)
    np.testing.assert_array_equal(cells["points"][0], cells["points"][1])
    np.testing.assert_array_equal(cells["exponents"][0], cells["exponents"][1])
    # Of a cycle's exponents only the part counts that is on it.
    within = 1e-6 if cells["measured_steps"][0] == spectrum.steps else 1e-2
    np.testing.assert_allclose(cells["exponents"][0], spectrum.exponents, atol=within)
    described = variables(case.step, case.state, measure_of(case))
    assert set(described) == set(cells) - {"final_state"}
    for name, (dims, dtype, _) in described.items():
        assert cells[name].shape == (2, *(size for _, size in dims)), name
        assert cells[name].dtype == dtype, name


@of_every_map
def test_the_leading_exponent_is_the_first_of_all(case: Case) -> None:
    measure = measure_of(case, exponents=1)
    leading = lyapunov_spectrum(case.step, case.state, case.parameters, measure)
    assert leading.exponents.shape == leading.standard_error.shape == (1,)
    assert leading.exponents[0] == pytest.approx(
        spectrum_of(case.name).exponents[0], abs=2e-3
    )


@of_every_map
def test_the_same_call_gives_the_same_bits(case: Case) -> None:
    again = lyapunov_spectrum(case.step, case.state, case.parameters, measure_of(case))
    np.testing.assert_array_equal(again.trace, spectrum_of(case.name).trace)
    assert again.qr_every == spectrum_of(case.name).qr_every


@of_every_map
def test_single_precision_is_single_and_warned_of(case: Case) -> None:
    with pytest.warns(PrecisionWarning, match="float64"):
        rows = trajectory(
            case.step,
            case.state,
            case.parameters,
            4,
            observable=itself,
            precision="float32",
        )
    expected = row(states_of(case.name), slice(4))
    for single, double in zip(
        jax.tree.leaves(rows), jax.tree.leaves(expected), strict=True
    ):
        assert single.dtype == (
            np.float32 if double.dtype == np.float64 else single.dtype
        )
        np.testing.assert_allclose(single, double, rtol=1e-4, atol=1e-5)


@of_every_map
def test_no_setting_of_jax_changes(case: Case) -> None:
    before = jax.config.values.copy()
    trajectory(case.step, case.state, case.parameters, ROWS, observable=itself)
    assert jax.config.values == before
    assert jnp.ones(1).dtype == jnp.float32


def starts(state: Any) -> Any:
    return jax.tree.map(lambda leaf: np.asarray(leaf)[None], state)


# Every function that runs a map, as (step, state, parameters).
RUNNERS: dict[str, Callable[..., Any]] = {
    "trajectory": lambda step, state, rest: trajectory(step, state, rest, 3),
    "lyapunov_spectrum": lambda step, state, rest: lyapunov_spectrum(
        step, state, rest, 3
    ),
    "attractor": lambda *problem: attractor(*problem),
    "basins": lambda step, state, rest: basins(step, starts(state), rest),
    "cycle": lambda *problem: cycle(*problem),
    "bifurcation": lambda step, state, rest: bifurcation(
        step, state, rest, {"unused": [1.0]}
    ),
}


class Unhashable:
    """A map that compares by what it holds."""

    __hash__ = None  # type: ignore[assignment]

    def __call__(self, x: Any, parameters: Any) -> Any:
        return x


@pytest.mark.parametrize("runner", RUNNERS)
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"state": np.array([0.0, np.nan])}, "must be finite"),
        (
            {"parameters": {"a": np.inf, "b": 0.3, "unused": 0.0}},
            r"parameters\['a'\] must be finite",
        ),
        (
            {"step": lambda x, _: x[:1]},
            "step must return a state like the one it is given",
        ),
        (
            {"step": lambda x, _: (x, x)},
            "step must return a state like the one it is given",
        ),
        ({"step": Unhashable()}, "step must be hashable"),
        ({"state": np.array([0.1 + 0.2j])}, "states? must be real"),
        ({"state": np.array([1, 2])}, "floating-point"),
    ],
)
def test_what_no_map_can_be_run_with_is_refused_by_name(runner, change, message):
    henon = named("henon")
    problem = {
        "step": henon.step,
        "state": henon.state,
        "parameters": {**henon.parameters, "unused": 0.0},
        **change,
    }
    with pytest.raises(ValueError, match=message):
        RUNNERS[runner](*problem.values())
