import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from helpers import sweep_cases
from isinglass._common.machine import cores
from isinglass.dynamics import (
    DelayMap,
    DelayState,
    Measure,
    PrecisionWarning,
    Run,
    Workers,
    bifurcation,
    continuation,
    phase_diagram,
)
from isinglass.dynamics.cells import measure_cells
from isinglass.dynamics.sweep.sizes import lanes_that_suit
from isinglass.dynamics.textbook import henon, logistic
from isinglass.dynamics.variables import bytes_while_measuring

SHORT = Measure(transient=300, steps=200, points=4, exponents=1)
BARE = Measure(transient=300, steps=10, points=1, classify=False)
START = np.array([0.3])
FIXED_POINT, PERIODIC = 0, 1


def bistable(x, parameters):
    """x → tanh(2 x + h): two fixed points for |h| < 0.5328, one otherwise."""
    return jnp.tanh(2 * x + parameters["h"])


class TestBifurcation:
    def test_each_cell_is_what_measuring_it_gives(self):
        values = np.linspace(2.6, 3.5, 7)
        diagram = bifurcation(logistic, START, {}, {"r": values}, SHORT, Run(lanes=7))
        direct = measure_cells(logistic, np.full((1, 7), 0.3), {"r": values}, SHORT)
        assert set(diagram.data_vars) == set(direct) - {"final_state"}
        for name, variable in diagram.data_vars.items():
            np.testing.assert_array_equal(variable.values, direct[str(name)])
            assert variable.values.dtype == direct[str(name)].dtype

    def test_known_periods_and_exponent(self):
        values = [2.8, 3.2, 3.5, 4.0]
        measure = Measure(transient=1000, steps=20_000, points=8, exponents=1)
        diagram = bifurcation(logistic, START, {}, {"r": values}, measure)
        assert diagram["period"].values[:3].tolist() == [1, 2, 4]
        assert float(diagram["exponents"].sel(r=2.8)[0]) == pytest.approx(
            np.log(0.8), abs=1e-9
        )
        assert float(diagram["exponents"].sel(r=4.0)[0]) == pytest.approx(
            np.log(2), abs=0.01
        )

    def test_cutting_into_tiles_changes_nothing_but_roundings(self):
        values = np.linspace(2.6, 3.5, 11)
        whole, cut = (
            bifurcation(logistic, START, {}, {"r": values}, SHORT, Run(lanes=lanes))
            for lanes in (100, 3)
        )
        xr.testing.assert_allclose(whole, cut, rtol=1e-9)

    def test_start_may_depend_on_the_parameters(self):
        def at_parameter(parameters):
            return jnp.array([parameters["x"]])

        still = Measure(transient=0, steps=1, points=1, classify=False)
        values = np.linspace(-1, 1, 5)
        diagram = bifurcation(
            lambda x, p: x, at_parameter, {}, {"x": values}, still, Run(lanes=2)
        )
        np.testing.assert_array_equal(diagram["points"].values[:, 0, 0], values)

    def test_several_starts_find_both_attractors(self):
        starts = np.array([[-1.0], [0.01], [1.0]])
        diagram = bifurcation(
            bistable, starts, {}, {"h": [0.0, 0.6]}, BARE, Run(starts=3, lanes=4)
        )
        assert diagram["points"].dims[:2] == ("start", "h")
        signs = np.sign(diagram["points"].values[:, :, 0, 0])
        assert signs.tolist() == [[-1, 1], [1, 1], [1, 1]]

    def test_parameters_may_be_arrays(self):
        def linear(x, parameters):
            return parameters["A"] @ x + parameters["c"]

        matrix = np.array([[0.5, 0.2], [0.0, 0.3]])
        diagram = bifurcation(
            linear,
            np.zeros(2),
            {"A": matrix},
            {"c": [1.0, 2.0, 3.0]},
            BARE,
            Run(lanes=2),
        )
        fixed = np.linalg.solve(np.eye(2) - matrix, np.ones(2))
        expected = np.array([1.0, 2.0, 3.0])[:, None] * fixed
        np.testing.assert_allclose(diagram["points"].values[:, 0], expected, rtol=1e-12)

    def test_delay_map_with_a_phase(self):
        delay = DelayMap(sweep_cases.head, length=3, period=4)
        start = delay.start(jnp.zeros((3, 1)), phase=2)
        measure = Measure(transient=300, steps=300, points=4)
        diagram = bifurcation(
            delay, start, {}, {"a": [0.5, 0.7, 0.9]}, measure, Run(lanes=2)
        )
        alone = bifurcation(delay, start, {}, {"a": [0.7]}, measure)
        xr.testing.assert_allclose(diagram.isel(a=slice(1, 2)), alone, rtol=1e-9)
        assert diagram["period"].values.tolist() == [4, 4, 4]  # that of the forcing

    def test_delay_map_from_several_windows(self):
        delay = DelayMap(sweep_cases.head, length=2, period=1)
        windows = DelayState(
            jnp.array([[[-1.0], [-1.0]], [[1.0], [1.0]]]), jnp.asarray(0)
        )
        diagram = bifurcation(delay, windows, {}, {"a": [2.0]}, BARE, Run(starts=2))
        alone = bifurcation(
            delay, delay.start(windows.window[1]), {}, {"a": [2.0]}, BARE
        )
        low, high = diagram["points"].values[:, 0, 0, 0]
        assert low < 0 < high
        assert high == pytest.approx(float(alone["points"].squeeze()))

    def test_starts_of_a_delay_map_share_a_phase(self):
        delay = DelayMap(sweep_cases.head, length=2, period=4)
        states = DelayState(jnp.zeros((2, 2, 1)), jnp.array([0, 1]))
        with pytest.raises(ValueError, match="one phase for all starts"):
            bifurcation(delay, states, {}, {"a": [2.0]}, BARE, Run(starts=2))

    def test_says_what_it_holds(self):
        values = xr.DataArray([2.0, 3.0], dims="r", attrs={"units": "per year"})
        diagram = bifurcation(logistic, START, {}, {"r": values}, SHORT)
        assert diagram["r"].attrs == {"units": "per year"}
        assert diagram["exponents"].attrs["units"] == "nats per step"
        assert diagram.attrs["title"] == "Bifurcation diagram over r"
        assert diagram.attrs["map"] == "logistic"
        assert "isinglass" in diagram.attrs["source"]
        assert "jax" in diagram.attrs["versions"]
        assert "transient 300" in diagram.attrs["measured"]

    def test_single_precision_is_done_but_warned_of(self):
        measure = dataclasses.replace(SHORT, precision="float32")
        with pytest.warns(PrecisionWarning, match="float64"):
            diagram = bifurcation(logistic, START, {}, {"r": [2.8]}, measure)
        assert diagram["points"].dtype == np.float32

    def test_large_results_are_cut_finer_than_asked(self, monkeypatch):
        # 97 bytes a cell are kept: 4 points, their count, exponent, error, kind, …
        cell = 97 + bytes_while_measuring(logistic, START, SHORT)
        monkeypatch.setattr("isinglass.dynamics.sweep.sizes.TILE_BYTES", 2 * cell)
        lanes = []
        monkeypatch.setattr(
            "isinglass.dynamics.sweep.tile_work.measure_cells",
            lambda step, state, *rest, **more: (
                lanes.append(state.shape[-1])
                or measure_cells(step, state, *rest, **more)
            ),
        )
        bifurcation(logistic, START, {}, {"r": [2.8, 2.9, 3.0]}, SHORT)
        assert lanes == [2, 2]

    def test_leaves_jax_as_it_was(self):
        bifurcation(logistic, START, {}, {"r": [2.8]}, SHORT)
        assert jnp.zeros(1).dtype == jnp.float32
        assert not jax.config.jax_enable_x64  # pyright: ignore[reportAttributeAccessIssue]


class TestPhaseDiagram:
    def test_a_row_is_a_bifurcation_diagram(self):
        a, b = np.linspace(0.1, 0.3, 5), np.array([0.1, 0.2, 0.3])  # fixed points
        grid = phase_diagram(
            henon, np.zeros(2), {}, {"a": a, "b": b}, BARE, Run(lanes=4)
        )
        row = bifurcation(henon, np.zeros(2), {"b": 0.2}, {"a": a}, BARE)
        assert grid["points"].dims == ("a", "b", "point", "component")
        xr.testing.assert_allclose(grid.sel(b=0.2, drop=True), row, rtol=1e-12)


class TestContinuation:
    def test_hysteresis_where_it_is_known(self):
        edge = np.sqrt(2) - np.arctanh(np.sqrt(0.5))
        values = np.linspace(-0.8, 0.8, 33)
        diagram = continuation(
            bistable, np.array([0.0]), {}, {"h": values}, BARE, Run(block=5)
        )
        up, down = (
            diagram["points"].sel(direction=way).values[:, 0, 0]
            for way in ("up", "down")
        )
        np.testing.assert_array_equal(np.abs(up - down) > 1e-3, np.abs(values) < edge)

    @pytest.mark.parametrize("direction", ["up", "down"])
    def test_one_direction_is_that_of_both(self, direction):
        values = np.linspace(-0.8, 0.8, 9)
        start = np.array([0.0])
        both = continuation(bistable, start, {}, {"h": values}, BARE, Run(block=4))
        alone = continuation(
            bistable, start, {}, {"h": values}, BARE, Run(block=4, direction=direction)
        )
        xr.testing.assert_equal(alone, both.sel(direction=[direction]))

    def test_blocks_change_nothing(self):
        values = np.linspace(2.9, 4.0, 10)
        diagram = [
            continuation(logistic, START, {}, {"r": values}, SHORT, Run(block=block))
            for block in (1, 3, 100)
        ]
        xr.testing.assert_equal(diagram[0], diagram[1])
        xr.testing.assert_equal(diagram[0], diagram[2])

    def test_each_start_is_followed_by_itself(self):
        values = np.linspace(-0.4, 0.4, 5)
        starts = np.array([[-1.0], [1.0], [0.5]])
        diagram = continuation(
            bistable, starts, {}, {"h": values}, BARE, Run(starts=3, lanes=2, block=2)
        )
        assert diagram["points"].dims[:3] == ("direction", "start", "h")
        signs = np.sign(diagram["points"].values[..., 0, 0])
        assert (signs == np.array([-1, 1, 1])[None, :, None]).all()

    def test_what_has_diverged_starts_afresh(self):
        diagram = continuation(
            logistic,
            START,
            {},
            {"r": [2.8, 3.2, 4.5]},
            SHORT,
            Run(direction="down", block=2),
        )
        assert diagram["period"].values[0, :2].tolist() == [1, 2]

    def test_delay_map_goes_on_in_time(self):
        delay = DelayMap(sweep_cases.head, length=2, period=4)
        measure = Measure(transient=0, steps=8, points=8, classify=False)
        start = delay.start(jnp.zeros((2, 1)))
        # The values are so close that they are one, so that this is one long orbit.
        values = 0.5 + 1e-15 * np.arange(4)
        diagram = continuation(
            delay, start, {}, {"a": values}, measure, Run(direction="up", block=3)
        )
        long = dataclasses.replace(measure, steps=32, points=32)
        orbit = bifurcation(delay, start, {}, {"a": [0.5]}, long)
        np.testing.assert_allclose(
            diagram["points"].values[0, :, :, 0].ravel(),
            orbit["points"].values[0, :, 0],
            rtol=1e-12,
        )


class TestProgress:
    @pytest.mark.parametrize("kind", ["bifurcation", "continuation"])
    def test_a_function_is_told_of_every_cell(self, kind):
        reports = []
        sweep_cases.run(
            kind, None, 8, progress=lambda done, total: reports.append((done, total))
        )
        total = 8 if kind == "bifurcation" else 16
        assert {cells for _, cells in reports} == {total}
        assert reports[0][0] == 0
        assert reports[-1][0] == total
        assert all(0 <= done <= total for done, _ in reports)

    def test_a_bar_goes_to_standard_error(self, capsys, monkeypatch):
        monkeypatch.setenv("FORCE_COLOR", "1")
        sweep_cases.run("bifurcation", None, 8, progress=True)
        shown = capsys.readouterr()
        assert "Bifurcation diagram" in shown.err
        assert not shown.out

    def test_silent_by_default(self, capsys):
        sweep_cases.run("bifurcation", None, 8)
        assert capsys.readouterr() == ("", "")

    def test_its_error_ends_the_sweep(self):
        def interrupt(done, total):
            if done:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            sweep_cases.run("bifurcation", None, 40, progress=interrupt)


def test_a_map_that_was_swept_is_not_traced_again():
    traces = []

    def traced(x, parameters):
        traces.append(sorted(parameters))
        return logistic(x, {"r": parameters["r"] + 0 * x.sum()})

    for values in ([2.8, 2.9], [3.0, 3.1]):
        before = len(traces)
        bifurcation(traced, START, {}, {"r": values}, BARE)
        assert (len(traces) > before) == (values[0] == 2.8)
    with pytest.raises(ValueError, match="'rr', which neither step nor state"):
        bifurcation(traced, START, {"r": 3.0}, {"rr": [2.8]}, BARE)


R = {"r": [2.8, 3.0]}


class TestRefusals:
    @pytest.mark.parametrize(
        ("vary", "message"),
        [
            ({"r": [2.8, np.nan]}, r"vary\['r'\] must be finite, got nan"),
            ({"r": [2.8, np.inf]}, r"vary\['r'\] must be finite, got inf"),
            ({"r": []}, r"vary\['r'\] must be one axis of at least one value"),
            ({"r": [[2.8]]}, r"shape \(1, 1\)"),
            ({"r": 2.8}, r"shape \(\)"),
            ({"r": [2.8, 3.0, 2.8]}, "holds 2.8 more than once"),
            ({"r": ["a"]}, "must hold real numbers"),
            ({"r": [1j]}, "must hold real numbers"),
            ({"rr": [2.8]}, "'rr', which neither step nor state reads"),
            ({}, "must map 1 parameter name to values"),
            ({"r": [2.8], "s": [1.0]}, "must map 1 parameter name to values"),
            ({"point": [2.8]}, "'point', which is a name in the result"),
        ],
    )
    def test_values(self, vary, message):
        with pytest.raises(ValueError, match=message):
            bifurcation(logistic, START, {"r": 3.0, "point": 0.0}, vary, SHORT)

    def test_unknown_name_beside_a_missing_one(self):
        with pytest.raises(ValueError, match="'s', which neither"):
            bifurcation(logistic, START, {"r": 3.0}, {"s": [1.0]}, SHORT)

    def test_phase_diagram_needs_two(self):
        with pytest.raises(ValueError, match="must map 2 parameter names"):
            phase_diagram(logistic, START, {}, R, SHORT)

    def test_continuation_needs_order(self):
        with pytest.raises(ValueError, match="must increase"):
            continuation(logistic, START, {}, {"r": [3.0, 2.8]}, SHORT)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (
                {"parameters": {"b": np.nan}},
                r"parameters\['b'\] must be finite, got nan",
            ),
            ({"parameters": {"b": "x"}}, r"parameters\['b'\] must hold real numbers"),
            ({"state": np.array([np.nan])}, "state must be finite"),
            ({"state": ()}, "state must hold at least one array"),
            ({"state": lambda p: jnp.array([jnp.nan])}, "state must be finite"),
            (
                {"step": lambda x, p: x[:0] * p["r"]},
                "step must return a state like the one",
            ),
            ({"run": Run(starts=2)}, r"leading axis of 2 starts, got shape \(1,\)"),
            (
                {"run": Run(recipe={"x": np.zeros(2)})},
                "recipe must be what JSON can hold",
            ),
            ({"run": Run(direction="up")}, "direction must be None but for a contin"),
        ],
    )
    def test_arguments(self, change, message):
        arguments = {
            "step": logistic,
            "state": START,
            "parameters": {},
            "vary": R,
            "measure": SHORT,
        }
        with pytest.raises(ValueError, match=message):
            bifurcation(**{**arguments, **change})

    @pytest.mark.parametrize(
        ("field", "message"),
        [
            ({"lanes": 0}, "lanes must be at least 1, got 0"),
            ({"block": 0}, "block must be at least 1, got 0"),
            ({"starts": 0}, "starts must be at least 1, got 0"),
            (
                {"direction": "x"},
                "direction must be one of both, up, down, got 'x'",
            ),
        ],
    )
    def test_runs(self, field, message):
        with pytest.raises(ValueError, match=message):
            Run(**field)

    @pytest.mark.parametrize(
        ("field", "message"),
        [
            ({"scheduler": 3}, "scheduler must be None, a dask.distributed Client"),
            ({"cluster": "cray"}, "cluster must be one of slurm"),
            ({"cluster": "slurm", "scheduler": "tcp://x"}, "cannot both be given"),
            ({"cluster_options": {"jobs": 1}}, "cluster_options needs a cluster"),
        ],
    )
    def test_workers(self, field, message):
        with pytest.raises(ValueError, match=message):
            Workers(**field)

    def test_missing_extra(self, monkeypatch):
        monkeypatch.setitem(__import__("sys").modules, "dask_jobqueue", None)
        with pytest.raises(ImportError, match=r"pip install 'isinglass\[cluster\]'"):
            Workers(cluster="slurm")

    def test_error_of_the_map_comes_through(self, monkeypatch):
        def fail(*_, **__):
            raise RuntimeError("out of cheese")

        monkeypatch.setattr("isinglass.dynamics.sweep.tile_work.measure_cells", fail)
        with pytest.raises(RuntimeError, match="out of cheese"):
            bifurcation(logistic, START, {}, R, SHORT)


SIZES = (100, 8, 3)  # lanes: more than there are cells, a vector, and less than one


@pytest.mark.parametrize("kind", ["bifurcation", "phase_diagram", "continuation"])
def test_results_do_not_depend_on_sizes_beyond_rounding(kind):
    measure = Measure(transient=100, steps=200, exponents=None, points=4)
    values = np.linspace(0.1, 0.9, 7)

    def swept(lanes):
        if kind == "phase_diagram":
            vary = {"a": values, "b": np.array([0.1, 0.3])}
            return phase_diagram(
                henon, np.zeros(2), {}, vary, measure, Run(lanes=lanes)
            )
        starts = np.linspace(0, 0.1, 10).reshape(5, 2)
        function = bifurcation if kind == "bifurcation" else continuation
        run = Run(lanes=lanes, starts=5)
        return function(henon, starts, {"b": 0.3}, {"a": values}, measure, run)

    first, *others = map(swept, SIZES)
    for other in others:
        xr.testing.assert_allclose(first, other, rtol=1e-9, atol=1e-12)


def _damped(x, parameters):
    return x * jnp.stack([jnp.ones(()), jnp.exp(-parameters["s"])])


@pytest.mark.parametrize("lanes", [3, 1])
def test_the_interval_of_a_cell_is_its_own_whatever_its_tile(lanes):
    """Tangents that grow 8, 24 and 36 nats apart in 4 steps."""
    s = np.array([2.0, 6.0, 9.0])
    measure = Measure(transient=0, steps=50, exponents=None, classify=False)
    swept = bifurcation(_damped, np.ones(2), {}, {"s": s}, measure, Run(lanes=lanes))
    assert swept["qr_every"].values.tolist() == [4, 2, 1]
    expected = np.stack([0 * s, -s], 1)
    np.testing.assert_allclose(swept["exponents"], expected, atol=1e-9)


@given(st.integers(1, 10_000), st.integers(1, 200), st.integers(0, 200))
def test_lanes_that_suit_leave_no_core_idle(cells, dimension, exponents):
    lanes = lanes_that_suit(cells, dimension, exponents)
    tiles = -(-cells // lanes)
    assert 1 <= lanes <= 512
    assert tiles % cores() == 0 or lanes == 64 or tiles > 3 * cores()
