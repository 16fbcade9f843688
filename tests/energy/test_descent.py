import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax

from helpers.energy_cases import draw, draw_jax, quick, seeds
from isinglass.dynamics import lyapunov_spectrum
from isinglass.energy import (
    Demircigil,
    Flow,
    Hopfield,
    KrotovHopfield,
    ModernHopfield,
    NearestNeighbour,
    Sweep,
    Update,
    descend,
    descend_layers,
    global_energy,
    nearest_neighbour_energy,
    nearest_neighbour_update,
    retrieve,
    split_layers,
)

SIGNS = [
    Hopfield(),
    KrotovHopfield(3),
    KrotovHopfield(4, rectified=False),
    Demircigil(),
]


def signs(seed, n=12, m=5, states=3):
    rng = np.random.default_rng(seed)
    return (jnp.asarray(rng.choice([-1.0, 1.0], (rows, n))) for rows in (states, m))


@pytest.mark.usefixtures("double")
@quick
@given(
    seed=seeds,
    shape=st.just((17, 30)),
    beta=st.sampled_from([0.01, 1.0, 30.0]),
    kind=st.sampled_from([NearestNeighbour, ModernHopfield]),
    h=st.sampled_from([None, 2.0]),
)
def test_no_step_raises_a_continuous_energy(seed, shape, beta, kind, h):
    state, patterns = draw_jax(seed, *shape)
    # None is the update, which a step of length 1 leads to; others go up to twice as
    # far.
    landscape = kind(beta)
    after = landscape.update(state, patterns)
    if h is not None:
        after = state + h / landscape.smoothness * landscape.force(state, patterns)
    before, now = (np.asarray(landscape.energy(x, patterns)) for x in (state, after))
    assert (now <= before + 1e-13 * (1 / beta + np.abs(before) + shape[0])).all()


@pytest.mark.usefixtures("double")
@quick
@given(seed=seeds, landscape=st.sampled_from(SIGNS), sweep=st.booleans())
def test_no_step_raises_an_energy_of_signs(seed, landscape, sweep):
    state, patterns = signs(seed)
    after = (landscape.sweep if sweep else landscape.update)(state, patterns)
    assert (jnp.abs(after) == 1).all()
    before, now = (np.asarray(landscape.energy(x, patterns)) for x in (state, after))
    assert (now <= before + 1e-11 * np.abs(before)).all()


@pytest.mark.usefixtures("double")
@settings(max_examples=10, deadline=None)
@given(seed=seeds, bound=st.floats(0.01, 3), beta=st.sampled_from([0.3, 3.0]))
def test_no_layer_raises_its_energy_nor_leaves_its_ball(seed, bound, beta):
    state, patterns = (jnp.asarray(x) for x in draw(seed, 5, 12))
    layers = split_layers(patterns, 2)
    result = descend_layers(state, layers, bound, beta, steps=3)
    before, after = np.asarray(result.energy_before), np.asarray(result.energy_after)
    assert (after <= before + 1e-13 * (1 + np.abs(before))).all()
    assert (np.asarray(result.moved) <= bound * (1 + 1e-12)).all()
    steps = np.linalg.norm(np.diff(np.asarray(result.states), axis=0), axis=-1)
    np.testing.assert_allclose(steps, result.moved, atol=1e-14)
    overall = global_energy(result.states[1:], layers, beta)
    np.testing.assert_allclose(result.global_energy[1:], overall, atol=1e-11)


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize("landscape", SIGNS, ids=lambda x: x.name)
def test_the_energy_of_products_is_the_energy_up_to_a_constant(landscape):
    state, patterns = signs(0)

    @jax.jit
    def difference(state, patterns):
        energy = landscape.energy(state, patterns)
        return landscape.of_products(state @ patterns.T, 12) - energy

    differences = np.asarray(difference(state, patterns))
    np.testing.assert_allclose(differences, differences[0], atol=1e-12)


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize("landscape", SIGNS, ids=lambda x: x.name)
def test_a_sweep_ends_where_no_single_sign_is_better_turned(landscape):
    state, patterns = signs(1)
    result = descend(state, patterns, landscape, method=Sweep())
    assert result.converged.all()
    # (which sign, state, component)
    turned = np.asarray(result.state) * (1 - 2 * np.eye(12))[:, None]
    others = np.asarray([landscape.energy(jnp.asarray(x), patterns) for x in turned])
    energy = np.asarray(result.energy_after)
    assert (others >= energy - 1e-9 * np.abs(energy)).all()


@pytest.mark.parametrize("method", [Update(), Flow()])
@pytest.mark.parametrize("landscape", [NearestNeighbour(2.0), ModernHopfield(8.0)])
def test_descent_finds_a_stationary_point_near_the_right_pattern(method, landscape):
    patterns = 3 * np.eye(5, dtype=np.float32)[:4]
    start = jnp.asarray((patterns + 0.3)[[2, 0]].reshape(2, 1, 5))
    patterns = jnp.asarray(patterns)
    result = descend(start, patterns, landscape, method=method)
    force = landscape.force(result.state, patterns)
    result = jax.tree.map(np.asarray, result)
    assert result.state.shape == (2, 1, 5)
    assert result.nearest.ravel().tolist() == [2, 0]
    assert result.converged.all()
    assert (result.distance < 1e-3).all()
    assert (result.energy_after < result.energy_before).all()
    assert (np.abs(np.asarray(force)) < 1e-3).all()
    assert (result.residual <= 1e-5 * 5).all()


def test_reports_are_of_each_state_by_itself():
    patterns = jnp.asarray([[0.0, 0.0], [10.0, 0.0]])
    start = jnp.asarray([[0.0, 0.0], [2.0, 3.0]])
    result = retrieve(start, patterns)
    assert result.iterations.tolist() == [1, 2]
    alone = retrieve(jnp.asarray([2.0, 3.0]), patterns)
    np.testing.assert_array_equal(alone.state, np.asarray(result.state)[1])
    assert int(alone.iterations) == 2
    stopped = retrieve(start, patterns, steps=1)
    assert stopped.converged.tolist() == [True, False]
    assert np.asarray(stopped.residual)[1] == pytest.approx(13**0.5, rel=1e-6)


def test_a_layer_goes_to_the_edge_of_its_ball_and_no_further():
    layers = [jnp.asarray([[10.0, 0.0]]), jnp.asarray([[10.0, 5.0]])]
    result = descend_layers(jnp.zeros(2), layers, [2.0, np.inf])
    np.testing.assert_allclose(result.states, [[0, 0], [2, 0], [10, 5]], atol=1e-5)
    assert result.bounded.tolist() == [True, False]
    assert result.converged.all()


def test_the_global_energy_may_rise():
    layers = [jnp.asarray([[0.0, 0.0]]), jnp.asarray([[5.0, 0.0]])]
    result = descend_layers(jnp.zeros(2), layers, [1.0, 1.0])
    assert (result.energy_after <= result.energy_before + 1e-6).all()
    assert float(result.global_energy[-1]) > float(result.global_energy[0]) + 0.5


def test_an_update_is_a_map_of_dynamics():
    patterns = np.asarray([[0.0, 0.0], [3.0, 0.0]])

    def step(state, parameters):
        return nearest_neighbour_update(
            state, jnp.asarray(patterns), parameters["beta"]
        )

    result = lyapunov_spectrum(step, jnp.asarray([0.4, 0.3]), {"beta": 1.0}, 200)
    end = np.asarray([0.4, 0.3])
    for _ in range(100):
        end = softmax(-((end - patterns) ** 2).sum(-1)) @ patterns
    # The derivative of the update is 2β times the covariance of the patterns.
    covariance = np.cov(
        patterns.T, aweights=softmax(-((end - patterns) ** 2).sum(-1)), ddof=0
    )
    largest = np.log(2 * np.linalg.eigvalsh(covariance).max())
    assert float(np.asarray(result.exponents).max()) == pytest.approx(largest, rel=1e-3)


def test_gradients_go_through_updates():
    state, patterns = draw_jax(0, 3, 4)

    def end(patterns):
        x = state
        for _ in range(2):
            x = nearest_neighbour_update(x, patterns)
        return nearest_neighbour_energy(x, patterns).sum()

    gradient = jax.jit(jax.grad(end))(patterns)
    ends, move = jax.jit(end), np.zeros((4, 3), np.float32)
    move[1, 2] = 1e-2
    above, below = (ends(jnp.asarray(x)) for x in (patterns + move, patterns - move))
    difference = (above - below) / 2e-2
    assert float(gradient[1, 2]) == pytest.approx(float(difference), rel=1e-2, abs=1e-3)


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (
            lambda x, p: descend(x, p, method=Sweep()),
            "Sweep is for energies of signs",
        ),
        (
            lambda x, p: descend(x, p, Hopfield(), method=Flow()),
            "Flow is for continuous",
        ),
        (lambda x, p: descend(x / 2, p, Hopfield()), "state must hold −1 and 1 only"),
        (
            lambda x, p: descend(x, p, method=Flow(1.5)),
            r"step_size must be in \(0, 1",
        ),
        (lambda x, p: descend(x, p, steps=0), "steps must be at least 1, got 0"),
        (lambda x, p: descend(x, p, tolerance=0.0), "tolerance must be positive"),
        (lambda x, p: retrieve(x, p, -1.0), "inverse_temperature must be positive"),
        (
            lambda x, p: descend_layers(x, [p, p], [1.0]),
            "radii must be one, or 2 for 2 layers",
        ),
        (lambda x, p: descend_layers(x, [p], 0.0), r"radii\[0\] must be in \(0, inf"),
        (lambda x, p: descend_layers(x, [], 1.0), "layers must hold"),
        (lambda x, p: descend_layers(x, [p], 1.0, 0.0), "inverse_temperature"),
    ],
)
def test_descents_that_make_no_sense_are_refused(call, named):
    with pytest.raises(ValueError, match=named):
        call(jnp.asarray(np.ones(2)), jnp.asarray(np.eye(2)))
