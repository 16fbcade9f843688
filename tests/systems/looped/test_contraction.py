from functools import cache, partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax

from helpers.looped_models import drawn
from helpers.random_models import random_model
from isinglass.dynamics import Measure, Sampling, cycles, lyapunov_spectrum, trajectory
from isinglass.dynamics.cycles import jacobian_norm
from isinglass.systems.looped.contraction import (
    assumptions,
    attention_jacobian_norm,
    block_step,
    contraction_bound,
    fixed_points,
    loop_jacobian_norm,
    loop_parameters,
    loop_step,
)
from isinglass.systems.looped.model import LoopedConfig, LoopedTransformer
from isinglass.systems.looped.penalties import tsallis_entropy


@pytest.fixture
def double():
    with jax.enable_x64(True):
        yield


def within(matrix, most):
    return jnp.asarray(matrix * min(1.0, (1 - 1e-12) * most / np.linalg.norm(matrix)))


def rows_of(query, key, hidden, causal):
    scores = (hidden @ query) @ (hidden @ key).T / query.shape[-1] ** 0.5
    scores = (
        np.where(np.tri(len(scores), dtype=bool), scores, -np.inf) if causal else scores
    )
    return jnp.asarray(softmax(scores, axis=-1))


embedded = jax.jit(lambda model, tokens: model.embed(tokens))


def shaken(seed=0, n=4, **config):
    """A model whose gain and bias are not those of the start, X, and a state."""
    rng, config = np.random.default_rng(seed), LoopedConfig(**config)
    d, dtype = config.width, jax.dtypes.canonicalize_dtype(float)
    model = random_model(LoopedTransformer, config, seed)
    gain, bias = 0.5 + rng.random(d, dtype), rng.standard_normal(d, dtype)
    changed = tuple(map(jax.device_put, (gain, bias)))
    model = eqx.tree_at(lambda m: (m.gain, m.bias), model, changed)
    inputs = embedded(model, rng.integers(0, config.vocabulary, n, np.int32))
    return model, inputs, jnp.asarray(rng.standard_normal((n, d), dtype))


@cache
def untrained(n=3):
    model, key = new()
    return model, embedded(model, jax.random.randint(key, (n,), 0, 4))


@cache
def new():
    """A model, and a key for its tokens."""
    of_model, of_tokens = jax.random.split(jax.random.key(0))
    return drawn(LoopedConfig(), key=of_model), of_tokens


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize("q", [0.5, 1.5, 2.0, 3.0])
def test_the_bound_is_the_formula(q):
    rng = np.random.default_rng(0)
    query, key, value = rng.normal(size=(3, 4, 4))
    rows = rows_of(query, key, rng.normal(size=(5, 4)), causal=True)
    of_rows = (1 - (q - 1) * np.asarray(tsallis_entropy(rows, q))) ** (2 / q)
    sizes = np.linalg.norm(query, 2) * np.linalg.norm(key, 2)
    expected = (2 * sizes + np.sqrt(of_rows.sum())) * np.linalg.norm(value)
    weights = (jnp.asarray(query), jnp.asarray(key), jnp.asarray(value))
    bound = contraction_bound(weights, rows, q)
    assert float(bound) == pytest.approx(expected, rel=1e-12)


bound_of = jax.jit(contraction_bound, static_argnames="q")


@pytest.mark.usefixtures("double")
@settings(max_examples=200, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    of_query=st.floats(0, 30),
    of_key=st.floats(0, 30),
    q=st.sampled_from([0.1, 0.9, 1.5, 2.0]),
    causal=st.booleans(),
)
def test_the_bound_holds_where_its_assumptions_do(seed, of_query, of_key, q, causal):
    rng = np.random.default_rng(seed)
    draws = rng.normal(size=(3, 4, 4))
    query, key, value = of_query * draws[0], of_key * draws[1], within(draws[2], 0.5)
    inputs, state = (within(draw, 1.0) for draw in rng.normal(size=(2, 5, 4)))
    assert assumptions(value, inputs, state).hold
    rows = rows_of(query, key, np.asarray(inputs + state), causal)
    weights = (jnp.asarray(query), jnp.asarray(key), value)
    norm = attention_jacobian_norm(weights, inputs, state, causal=causal)
    assert float(norm) <= float(bound_of(weights, rows, q=q)) * (1 + 1e-12)


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize(
    ("q", "holds"), [(1.5, True), (2.0, True), (2.5, False), (4.0, False)]
)
def test_beyond_an_index_of_two_the_bound_can_be_broken(q, holds):
    nothing, value = jnp.zeros((4, 4)), 0.5 * jnp.eye(4)[:1] * jnp.eye(4)[:, :1]
    state = jnp.zeros((6, 4))
    # Attention that takes the mean: its derivative is that of a mean, of norm |W_V|
    # exactly.
    weights = (nothing, nothing, value)
    norm = attention_jacobian_norm(weights, state, state, causal=False)
    assert float(norm) == pytest.approx(0.5, rel=1e-12)
    bound = contraction_bound(weights, jnp.full((6, 6), 1 / 6), q)
    assert float(bound) == pytest.approx(0.5 * 6 ** (1 / q - 0.5), rel=1e-12)
    assert (float(norm) <= float(bound) * (1 + 1e-12)) is holds


def worst_case(d, strength):
    """Weights and X = Z within the assumptions that move attention as much as any can.

    Two opposite symbols whose scores are 0, so that both have half of all attention,
    and every change of a score that is possible.
    """
    swap = np.eye(d)
    swap[:2, :2] = [[0, 1], [1, 0]]
    value = np.zeros((d, d))
    value[1, 0] = 0.5
    state = np.zeros((2, d))
    state[:, 1] = [0.5**0.5, -(0.5**0.5)]
    root = strength**0.5
    return [jnp.asarray(x) for x in (root * np.eye(d), root * swap, value, state)]


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize(
    ("d", "scale", "holds"),
    [
        (2, None, False),
        (3, None, False),
        (4, None, True),
        (8, None, True),
        (8, 1.0, False),
    ],
)
def test_the_bound_needs_scores_that_are_halved_at_least(d, scale, holds):
    strength = 100.0
    query, key, value, state = worst_case(d, strength)
    weights = (query, key, value)
    measured = assumptions(value, state, state)
    assert max(measured.inputs, measured.state, 2 * measured.value) == pytest.approx(1)
    norm = attention_jacobian_norm(weights, state, state, causal=False, scale=scale)
    # 4 |W_Q| |W_K| |W_V| times the scale, to the digit, where the theorem has a 2 for
    # all of it.
    assert float(norm) == pytest.approx(2 * strength * (scale or d**-0.5), rel=1e-9)
    bound = contraction_bound(weights, jnp.full((2, 2), 0.5))
    assert (float(norm) <= float(bound)) is holds


def test_no_model_keeps_to_the_assumptions():
    model, inputs = untrained(n=64)
    measured = assumptions(model.value, inputs, jnp.zeros_like(inputs))
    assert measured.state == 0
    assert measured.inputs > 10
    assert measured.value > 2
    assert not measured.hold


@pytest.mark.usefixtures("double")
def test_the_jacobian_of_attention_is_that_of_finite_differences():
    rng = np.random.default_rng(1)
    query, key, value, inputs, state = (
        jnp.asarray(x) for x in rng.normal(size=(5, 3, 3))
    )

    def attention(flat):
        hidden = flat.reshape(3, 3) + inputs
        rows = rows_of(query, key, hidden, causal=True)
        return np.asarray(rows @ (hidden @ value)).ravel()

    moves = 1e-6 * np.eye(9)
    flat = np.asarray(state).ravel()
    columns = [
        (attention(flat + move) - attention(flat - move)) / 2e-6 for move in moves
    ]
    norm = attention_jacobian_norm((query, key, value), inputs, state)
    assert float(norm) == pytest.approx(np.linalg.norm(columns, 2), rel=1e-6)


@pytest.mark.parametrize("residual", [True, False])
def test_the_norm_by_power_iteration_is_the_dense_one(monkeypatch, residual):
    model, inputs, state = shaken()
    dense = loop_jacobian_norm(model, state, inputs, residual=residual)
    monkeypatch.setattr(cycles, "DENSE", 0)
    step = loop_step if residual else block_step
    function = partial(step, parameters=loop_parameters(model, inputs))
    iterated = jax.jit(lambda state: jacobian_norm(function, state))(state)
    assert float(iterated) == pytest.approx(float(dense), rel=1e-4)


def test_the_norm_of_nothing_is_0(monkeypatch):
    monkeypatch.setattr(cycles, "DENSE", 0)
    assert float(jacobian_norm(lambda x: 0 * x, jnp.ones(5))) == 0


def test_the_norm_of_a_linear_map_and_of_none():
    matrix = jax.random.normal(jax.random.key(0), (3, 5))
    norm = jacobian_norm(lambda x: matrix @ x, jnp.zeros(5))
    assert float(norm) == pytest.approx(float(jnp.linalg.norm(matrix, 2)))


@pytest.mark.parametrize(
    "config",
    [{}, {"inner_residual": True}, {"width": 12, "heads": 3, "causal": False}],
)
def test_the_maps_are_those_of_the_model(config):
    model, inputs, state = shaken(**config)

    @eqx.filter_jit
    def differences(model, inputs, state):
        parameters = loop_parameters(model, inputs)
        block = block_step(state, parameters) - model.block(state + inputs)
        return block, loop_step(state, parameters) - model.step(state, inputs)

    assert all(jnp.abs(x).max() < 1e-5 for x in differences(model, inputs, state))


in_one, jacobian_of = jax.jit(loop_step), jax.jit(jax.jacfwd(loop_step))


@pytest.mark.usefixtures("double")
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_the_loop_never_contracts(seed):
    model, inputs, state = shaken(seed)
    parameters = loop_parameters(model, inputs)
    moved = ((in_one(state, parameters) - state) / model.gain).sum(-1)
    np.testing.assert_allclose(moved, (model.bias / model.gain).sum(), atol=1e-10)
    jacobian = jacobian_of(state, parameters)
    # 1/γ at one position, and 0 at all others, is a left eigenvector of eigenvalue 1.
    for position in range(len(state)):
        left = np.zeros(state.shape)
        left[position] = 1 / model.gain
        np.testing.assert_allclose(np.tensordot(left, jacobian, 2), left, atol=1e-10)
    assert loop_jacobian_norm(model, state, inputs) >= 1


def test_where_the_state_runs_away_all_exponents_of_the_loop_vanish():
    model, inputs = untrained()
    parameters = loop_parameters(model, inputs)
    start = jnp.zeros_like(inputs)
    size = np.linalg.norm(trajectory(loop_step, start, parameters, 400), axis=(1, 2))
    assert size[-1] / size[199] == pytest.approx(2, rel=0.02)
    spectrum = lyapunov_spectrum(
        loop_step,
        start,
        parameters,
        Measure(transient=400, steps=400, exponents=None, qr_every=4),
    )
    assert np.abs(spectrum.exponents).max() < 0.01


def test_the_fixed_point_of_a_block_that_contracts():
    model, inputs = untrained()
    starts = jnp.stack([jnp.zeros_like(inputs), jnp.ones_like(inputs)])
    points = fixed_points(model, inputs, starts, residual=False)
    assert points.converged.all()
    assert points.residual.max() < 1e-12
    parameters = loop_parameters(model, inputs)
    end = trajectory(block_step, starts[0], parameters, Sampling(1, transient=200))[0]
    np.testing.assert_allclose(points.point[0], end, atol=1e-9)
    spectrum = lyapunov_spectrum(
        block_step,
        starts[0],
        parameters,
        Measure(transient=200, steps=200, exponents=1),
    )
    assert np.log(points.spectral_radius[0]) == pytest.approx(
        spectrum.exponents[0], abs=1e-3
    )


def test_the_loop_of_an_untrained_model_rests_only_where_it_repels():
    model, inputs = untrained()
    starts = jnp.stack([-inputs, jnp.zeros_like(inputs)])
    points = fixed_points(model, inputs, starts, steps=30)
    assert points.converged[0]
    assert points.residual[0] == 0
    assert points.spectral_radius[0] > 10


def test_a_bias_leaves_the_loop_without_a_fixed_point():
    model, inputs, state = shaken()
    points = fixed_points(
        model, inputs, jnp.stack([state, -inputs, 0 * state]), steps=100
    )
    along = np.asarray(1 / model.gain)
    least = abs((np.asarray(model.bias) * along).sum()) / np.linalg.norm(along)
    assert not points.converged.any()
    assert (points.residual >= least * len(inputs) ** 0.5 * (1 - 1e-6)).all()


@pytest.mark.parametrize(
    ("q", "named"),
    [
        (1.0, "q must not be 1"),
        (0.0, "q must be positive and finite, got 0"),
        (-1.0, "q must be positive"),
        (float("nan"), "q must be positive"),
    ],
)
def test_an_index_without_a_bound_is_refused(q, named):
    with pytest.raises(ValueError, match=named):
        contraction_bound((jnp.eye(2), jnp.eye(2), jnp.eye(2)), jnp.eye(3), q)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"steps": 0}, "steps must be at least 1, got 0"),
        ({"tolerance": 0.0}, "tolerance must be positive and finite, got 0.0"),
        ({"starts": jnp.full((1, 3, 8), jnp.nan)}, "starts must be finite"),
        (
            {"inputs": jnp.ones((300, 8)), "starts": jnp.ones((1, 300, 8))},
            "starts must hold at most 2048 numbers",
        ),
    ],
)
def test_searches_that_make_no_sense_are_refused(arguments, named):
    model, inputs = untrained()
    call = {"inputs": inputs, "starts": inputs[None], **arguments}
    with pytest.raises(ValueError, match=named):
        fixed_points(model, call.pop("inputs"), call.pop("starts"), **call)
