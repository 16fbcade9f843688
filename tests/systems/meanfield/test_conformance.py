"""Against the authors' published program; see data/README.md."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from isinglass.dynamics import DelayState, Measure, lyapunov_spectrum, trajectory

# Of one step: all numbers are below 1, and a step is some dozens of operations.
ROUNDING = 4e-16


def restarted(oracle, row: int) -> DelayState:
    """The state before a row, made of the program's own rows."""
    window = oracle.data["attention"][row - oracle.mean_field.length : row][::-1]
    return oracle.mean_field.start_from_window(oracle.parameters, window, row)


def orbit(oracle) -> np.ndarray:
    """Our rows 0 … 399."""
    start = oracle.mean_field.start_from_pattern(oracle.parameters)
    rows = oracle.rows_of_start
    rest = trajectory(oracle.mean_field.map, start, oracle.parameters, 400 - len(rows))
    return np.concatenate([rows, rest])


def propagated_rounding(oracle) -> np.ndarray:
    """Standard deviation of rows if all steps before were rounded, to linear order."""
    steps = 400 - oracle.mean_field.length + 1
    with jax.enable_x64(True):
        start = oracle.mean_field.start_from_pattern(oracle.parameters)
        spread = np.asarray(
            deviations(oracle.mean_field, steps, start, oracle.parameters)
        )
    return np.concatenate([np.full((400 - steps, spread.shape[1]), ROUNDING), spread])


@partial(jax.jit, static_argnums=(0, 1))
def deviations(mean_field, steps, start, parameters):
    size = start.window.size

    def next_window(window, phase):
        return mean_field.map(DelayState(window, phase), parameters).window

    def on(carry, _):
        window, phase, covariance = carry
        jacobian = jax.jacfwd(next_window)(window, phase).reshape(size, size)
        window, phase = mean_field.map(DelayState(window, phase), parameters)
        covariance = jacobian @ covariance @ jacobian.T + ROUNDING**2 * jnp.eye(size)
        newest = jnp.diag(covariance)[: window.shape[1]]
        return (window, phase, covariance), jnp.sqrt(newest)

    carry = (*start, ROUNDING**2 * jnp.eye(size))
    return jax.lax.scan(on, carry, length=steps)[1]


@partial(jax.jit, static_argnums=0)
def heads(mean_field, windows, phases, parameters):
    def head(window, phase):
        return mean_field(window, parameters, phase)

    return jax.vmap(head)(windows, phases)


def test_every_step_from_a_restarted_window(oracle):
    expected = oracle.data["attention"]
    mean_field = oracle.mean_field
    rows = np.arange(mean_field.length, 400)
    windows = np.stack([expected[row - mean_field.length : row][::-1] for row in rows])
    with jax.enable_x64(True):
        ours = heads(
            mean_field,
            jnp.asarray(windows),
            jnp.asarray(rows % mean_field.period),
            oracle.parameters,
        )
    np.testing.assert_allclose(ours, expected[rows], rtol=0, atol=1e-12)


def test_a_window_restarts_at_any_row(oracle):
    for row in (4, 5, 6, 7, 399):
        step = oracle.mean_field.map
        ours = trajectory(step, restarted(oracle, row), oracle.parameters, 1)
        np.testing.assert_allclose(
            ours[0], oracle.data["attention"][row], rtol=0, atol=1e-12
        )


def test_the_growing_window(oracle):
    ours = oracle.rows_of_start
    assert len(ours) == oracle.mean_field.length - 1
    np.testing.assert_allclose(
        ours, oracle.data["attention"][: len(ours)], rtol=0, atol=1e-15
    )


def test_overlaps_of_the_tokens(oracle):
    attention, mean_field = oracle.data["attention"], oracle.mean_field
    ours = mean_field.overlaps(attention[:39], oracle.parameters, position=1)
    for kind, name in enumerate(("m_v", "m_q", "m_k"), start=1):
        np.testing.assert_allclose(
            ours[:, kind], oracle.data[name][1:], rtol=0, atol=1e-14
        )
    silent = oracle.parameters["epsilon"]
    semantic = mean_field.overlaps(
        attention[:39], oracle.parameters | {"epsilon": 0.0}, 1
    )[:, 0]
    np.testing.assert_allclose(
        (1 - silent) * semantic, oracle.data["m_o_semantic"][1:], rtol=0, atol=1e-14
    )


def test_a_trajectory_that_forgets_agrees_throughout(oracle_at):
    oracle = oracle_at("1.5")
    np.testing.assert_allclose(
        orbit(oracle), oracle.data["attention"], rtol=0, atol=1e-9
    )


def test_trajectories_agree_as_far_as_rounding_lets_them(oracle):
    """Where an orbit parts from its neighbours, so do programs that round otherwise.

    That holds at β = 1.255 too, though its attractor is no chaotic one: on the way to
    it the first 400 steps spread a rounding error 10¹¹-fold.
    """
    deviation = np.abs(orbit(oracle) - oracle.data["attention"]).max(axis=1)
    spread = propagated_rounding(oracle).max(axis=1)
    linear = spread < 1e-3  # beyond, linear propagation says nothing
    assert linear[:200].all()
    assert (deviation <= 3 * spread)[linear].all()
    assert deviation[:100].max() < 1e-9


def test_a_quasi_periodic_trajectory_agrees_once_it_is_on_its_attractor(oracle_at):
    oracle = oracle_at("1.255")
    ours = trajectory(
        oracle.mean_field.map, restarted(oracle, 200), oracle.parameters, 200
    )
    np.testing.assert_allclose(ours, oracle.data["attention"][200:], rtol=0, atol=1e-9)


def matched_exponents(oracle, starts) -> np.ndarray:
    """As the program measures: identity at first, dense Jacobian, QR in every step."""
    mean_field, parameters = oracle.mean_field, oracle.parameters
    # Our start has done the steps in which the window grows.
    transient = int(oracle.data["transient_steps"]) - (mean_field.length - 1)
    measured = int(oracle.data["measured_steps"])
    size = mean_field.length * mean_field.features.n_patterns

    def next_window(window, phase):
        return mean_field.map(DelayState(window, phase), parameters).window

    def on(carry, _):
        window, phase, vectors = carry
        jacobian = jax.jacfwd(next_window)(window, phase).reshape(size, size)
        vectors, r = jnp.linalg.qr(jacobian @ vectors)
        state = mean_field.map(DelayState(window, phase), parameters)
        return (*state, vectors), jnp.log(jnp.abs(jnp.diag(r)))

    @jax.jit
    def exponents(window):
        state = DelayState(window, start.phase)
        step = partial(mean_field.map, parameters=parameters)
        state = jax.lax.fori_loop(0, transient, lambda _, state: step(state), state)
        carry = (*state, jnp.eye(size))
        return jax.lax.scan(on, carry, length=measured)[1].mean(axis=0)

    with jax.enable_x64(True):
        start = mean_field.start_from_pattern(parameters)
        return np.stack([exponents(start.window * factor) for factor in starts])


def test_exponents_of_the_quasi_periodic_orbit(oracle_at):
    oracle = oracle_at("1.255")
    expected = oracle.data["exponents"]
    ours = matched_exponents(oracle, 1 + 1e-15 * np.arange(8))
    np.testing.assert_allclose(
        ours[:, :9], np.tile(expected[:9], (8, 1)), rtol=0, atol=1e-3
    )
    # The last three depend on how closely the orbit passes where the Jacobian is
    # singular, and so on the last bit of the start: they agree as the members of this
    # ensemble do.
    last = ours[:, 9:]
    assert (
        np.abs(expected[9:] - last.mean(axis=0)) < 4 * last.std(axis=0, ddof=1)
    ).all()
    assert last.std(axis=0).max() < 5e-3


def test_exponents_of_the_periodic_orbit(oracle_at):
    oracle = oracle_at("1.5")
    (ours,) = matched_exponents(oracle, [1.0])
    np.testing.assert_allclose(
        ours[:2], oracle.data["exponents"][:2], rtol=0, atol=1e-3
    )
    # W^v_1 = −W^v_0: the Jacobian is singular and these exponents are −∞. The program's
    # −30.3 per step is what rounding leaves of zero, and so is whatever we find.
    assert (oracle.data["exponents"][2:] < -30).all()
    assert (ours[2:] < -30).all()


def test_the_toolbox_finds_the_exponents_of_the_periodic_orbit(oracle_at):
    """Exactly: they are logarithms of the multipliers of the orbit of period two."""
    oracle = oracle_at("1.5")
    state, step = restarted(oracle, 398), oracle.mean_field.map
    with jax.enable_x64(True):

        def twice(window):
            once = step(DelayState(window, state.phase), oracle.parameters)
            return step(once, oracle.parameters).window

        jacobian = jax.jit(jax.jacfwd(twice))(state.window).reshape(4, 4)
    multipliers = np.sort(np.abs(np.linalg.eigvals(jacobian)))[::-1]
    spectrum = lyapunov_spectrum(
        step, state, oracle.parameters, Measure(steps=1000, exponents=2, qr_every=1)
    )
    np.testing.assert_allclose(
        spectrum.exponents, np.log(multipliers[:2]) / 2, atol=1e-3
    )
    # Whoever starts from the identity, as the program, still has its beginning in the
    # average.
    start_up = np.array([1.0, 25.0]) / oracle.data["measured_steps"]
    assert (np.abs(spectrum.exponents - oracle.data["exponents"][:2]) < start_up).all()


@pytest.mark.parametrize("beta", ["1.255", "1.266", "1.4"])
def test_the_toolbox_finds_the_exponents_within_sampling_error(oracle_at, beta):
    """Runs of the same length from starts that differ in the thirteenth digit."""
    oracle = oracle_at(beta)
    start = oracle.mean_field.start_from_pattern(oracle.parameters)
    transient = int(oracle.data["transient_steps"]) - oracle.mean_field.length + 1
    steps = int(oracle.data["measured_steps"])
    runs = []
    with jax.enable_x64(True):
        starts = [
            start._replace(window=start.window * (1 + 1e-13 * i)) for i in range(12)
        ]
    for state in starts:
        runs.append(
            lyapunov_spectrum(
                oracle.mean_field.map,
                state,
                oracle.parameters,
                Measure(transient=transient, steps=steps, exponents=None, qr_every=1),
            ).exponents
        )
    expected = oracle.data["exponents"]
    error = (
        np.std(runs, axis=0, ddof=1) + 5 / steps
    )  # and the tangents' start, some nats
    assert (np.abs(expected - np.mean(runs, axis=0)) < 3 * error).all()
