import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import softmax

from isinglass.systems.looped.penalties import (
    EnergyEntropyObjective,
    entropy_penalty,
    kinetic_energy,
    potential_energy,
    tsallis_entropy,
)

quick = settings(max_examples=150, deadline=None)
indices = st.one_of(st.just(1.0), st.floats(0.05, 5.0), st.floats(1 - 1e-3, 1 + 1e-3))
scores = arrays(np.float64, (3, 4), elements=st.floats(-30, 30))

pytestmark = pytest.mark.usefixtures("double_precision")


def shares_of(scores):
    return jnp.asarray(softmax(np.asarray(scores), axis=-1))


def exact(p, q):
    """S_q in extended precision, from the plain formula."""
    p = np.asarray(p, np.longdouble)
    p = p[p > 0]
    q = np.longdouble(q)
    if q == 1:
        return float(-(p * np.log(p)).sum())
    return float(-(p * np.expm1((q - 1) * np.log(p))).sum() / (q - 1))


def test_kinetic_energy_of_a_plain_walk():
    states = jnp.array([[0.0, 0.0], [3.0, 4.0], [3.0, 6.0]])
    assert kinetic_energy(states) == (25 + 4) / (2 * 2)


@quick
@given(states=arrays(np.float64, (4, 2, 3, 5), elements=st.floats(-10, 10)))
def test_kinetic_energy_is_the_double_sum(states):
    total = sum(
        np.sum((states[t, b, i] - states[t - 1, b, i]) ** 2)
        for t in range(1, 4)
        for b in range(2)
        for i in range(3)
    )
    assert float(kinetic_energy(jnp.asarray(states))) == pytest.approx(
        total / (2 * 3) / 6
    )


@quick
@given(scores=scores)
def test_potential_energy_is_of_the_largest_share(scores):
    rows = shares_of(scores)
    expected = np.mean([min(-np.log(row)) for row in np.asarray(rows)])
    assert float(potential_energy(rows)) == pytest.approx(expected, abs=1e-14)


def test_potential_energy_of_one_key_and_of_all():
    assert potential_energy(jnp.eye(4)) == 0
    assert potential_energy(jnp.full((2, 3, 8), 1 / 8)) == pytest.approx(np.log(8))


@quick
@given(scores=scores, q=indices)
def test_entropy_lies_between_its_bounds(scores, q):
    m = scores.shape[-1]
    entropy = np.asarray(tsallis_entropy(shares_of(scores), q))
    most = exact(np.full(m, 1 / m), q)
    assert (entropy >= -1e-15).all()
    assert (entropy <= most * (1 + 1e-14)).all()


@quick
@given(q=indices, m=st.sampled_from([1, 2, 50]))  # each size is compiled
def test_entropy_attains_its_bounds(q, m):
    # 1 − m^{1−q} would lose what its digits share with 1 as q → 1, in longdouble too.
    above_1 = np.longdouble(q) - 1
    log_m = np.log(np.longdouble(m))
    most = log_m if q == 1 else -np.expm1(-above_1 * log_m) / above_1
    extremes = jnp.asarray([np.full(m, 1 / m), np.eye(m)[0]])
    uniform, certain = np.asarray(tsallis_entropy(extremes, q))
    assert uniform == pytest.approx(float(most), abs=1e-13)
    assert certain == 0


@quick
@given(scores=scores, q=indices)
def test_entropy_keeps_its_digits_near_shannon(scores, q):
    p = shares_of(scores)
    expected = [exact(row, q) for row in np.asarray(p)]
    np.testing.assert_allclose(tsallis_entropy(p, q), expected, rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("distance", [1e-3, 1e-6, 1e-9, 1e-12, 2.3e-16])
def test_entropy_is_smooth_through_shannon(distance):
    p = shares_of([0.3, -1.0, 2.0, 0.0])
    log_p = np.log(np.asarray(p, np.longdouble))
    slope = -0.5 * float((np.asarray(p) * log_p**2).sum())  # dS_q/dq at q = 1
    shannon = float(tsallis_entropy(p, 1.0))
    for q in (1 - distance, 1 + distance):
        expected = shannon + slope * (q - 1)
        assert float(tsallis_entropy(p, q)) == pytest.approx(
            expected, abs=2 * (q - 1) ** 2 + 1e-15
        )


@pytest.mark.parametrize("distance", [1e-3, 1e-5, 1e-7])
def test_entropy_near_shannon_is_right_to_rounding_in_single_precision(distance):
    p = shares_of(np.linspace(-3, 3, 9)).astype(jnp.float32)
    for q in (1 - distance, 1 + distance):
        assert float(tsallis_entropy(p, q)) == pytest.approx(exact(p, q), rel=1e-6)


@quick
@given(first=scores, second=scores, t=st.floats(0, 1), q=indices)
def test_entropy_is_concave(first, second, t, q):
    p, r = shares_of(first), shares_of(second)
    mixed = tsallis_entropy(t * p + (1 - t) * r, q)
    apart = t * tsallis_entropy(p, q) + (1 - t) * tsallis_entropy(r, q)
    assert (np.asarray(mixed) >= np.asarray(apart) - 1e-13).all()


@quick
@given(first=scores, second=scores, q=indices)
def test_entropy_of_independent_draws_is_nearly_additive(first, second, q):
    p, r = shares_of(first)[0], shares_of(second)[0]
    s_p, s_r = tsallis_entropy(p, q), tsallis_entropy(r, q)
    joint = tsallis_entropy(jnp.outer(p, r).ravel(), q)
    assert float(joint) == pytest.approx(
        float(s_p + s_r + (1 - q) * s_p * s_r), rel=1e-9, abs=1e-12
    )


@pytest.mark.parametrize("q", [0.5, 1.0, 1.0 + 1e-9, 1.5, 3.0])
def test_gradients_are_right_and_survive_shares_of_zero(q):
    p = jnp.array([0.5, 0.5, 0.0, 1e-300, 5e-324])
    entropy = jax.jit(lambda p: tsallis_entropy(p, q))
    gradient = np.asarray(jax.jit(jax.grad(entropy))(p))
    assert np.isfinite(gradient).all()
    log_half = np.log(0.5)
    slope = -np.expm1((q - 1) * log_half) / (q - 1) if q != 1 else -log_half
    assert gradient[0] == pytest.approx(slope - 0.5 ** (q - 1), rel=1e-12)
    assert np.isfinite(jax.jit(jax.hessian(entropy))(p)[:3, :3]).all()


@pytest.mark.parametrize("q", [0.5, 1.0, 1.5])
def test_gradients_through_a_mask_are_finite_in_single_precision(q):
    mask = np.tri(6, dtype=bool)

    def loss(scores):
        rows = jax.nn.softmax(jnp.where(mask, scores, -jnp.inf))
        return potential_energy(rows) + entropy_penalty(rows, q)

    draw = 100 * np.random.default_rng(0).standard_normal((6, 6), np.float32)
    assert np.isfinite(jax.jit(jax.grad(loss))(jnp.asarray(draw))).all()


def test_the_penalty_averages_before_it_takes_the_distance():
    rows = jnp.array([[1.0, 0.0], [0.5, 0.5]])
    mean = float(tsallis_entropy(rows[1], 1.5)) / 2
    assert entropy_penalty(rows, 1.5, mean) == pytest.approx(0, abs=1e-16)
    assert float(entropy_penalty(rows, 1.5, 1.0)) == pytest.approx(1 - mean)


def test_the_objective_has_the_weights_of_the_paper():
    total, terms = EnergyEntropyObjective()(
        2.0, kinetic=30.0, potential=0.5, entropy=0.25
    )
    assert float(total) == pytest.approx(2 + 0.001 * 30 + 0.1 * 0.5 + 0.02 * 0.25)
    assert {name: float(term) for name, term in terms.items()} == {
        "task": 2.0,
        "kinetic": 30.0,
        "potential": 0.5,
        "entropy": 0.25,
    }


def test_the_objective_of_a_trajectory_is_that_of_its_terms():
    rng = np.random.default_rng(0)
    states = jnp.asarray(rng.standard_normal((5, 2, 3, 8)))
    rows = shares_of(rng.standard_normal((4, 2, 1, 3, 3)))
    objective = EnergyEntropyObjective(q=2.0, target=0.3)
    total, terms = objective.from_trajectory(1.0, states, rows)
    assert terms["kinetic"] == kinetic_energy(states)
    assert terms["potential"] == potential_energy(rows)
    assert terms["entropy"] == pytest.approx(float(entropy_penalty(rows, 2.0, 0.3)))
    assert (
        total
        == objective(1.0, terms["kinetic"], terms["potential"], terms["entropy"] + 0.3)[
            0
        ]
    )


def test_weights_may_follow_the_step_traced_or_not():
    warm = EnergyEntropyObjective(
        kinetic=optax.linear_schedule(0.0, 1.0, 10), potential=0.0
    )
    assert float(warm.weights(5)["kinetic"]) == 0.5
    assert not warm.is_plain
    total = jax.jit(lambda step: warm(1.0, 8.0, jnp.nan, 0.0, step)[0])
    assert [float(total(step)) for step in (0, 5, 10, 20)] == [1.0, 5.0, 9.0, 9.0]


def test_a_term_of_no_weight_may_be_nan():
    plain = EnergyEntropyObjective(0.0, 0.0, 0)
    assert plain.is_plain
    assert plain(3.0, jnp.nan, jnp.inf, jnp.nan)[0] == 3.0
    assert hash(plain) == hash(EnergyEntropyObjective(0.0, 0.0, 0.0))


@pytest.mark.parametrize("q", [0.0, -1.0, float("nan"), float("inf")])
def test_an_index_that_is_none_is_refused(q):
    rows = jnp.eye(2)
    for call in (tsallis_entropy, entropy_penalty):
        with pytest.raises(ValueError, match="q must be positive and finite"):
            call(rows, q)
    with pytest.raises(ValueError, match="q must be positive and finite"):
        EnergyEntropyObjective(q=q)


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: kinetic_energy(jnp.zeros((1, 3, 2))), "states must hold two states"),
        (lambda: kinetic_energy(jnp.full((2, 3), jnp.nan)), "states must be finite"),
        (lambda: potential_energy(jnp.zeros((0, 3))), "rows must hold one time"),
        (
            lambda: potential_energy(jnp.zeros((1, 3))),
            "shares that sum to 1.* from 0 to 0",
        ),
        (
            lambda: tsallis_entropy(jnp.array([0.1, 0.1])),
            "p must hold shares that sum to 1",
        ),
        (lambda: potential_energy(jnp.array([[2.0, 0.0]])), r"shares in \[0, 1\]"),
        (lambda: potential_energy(jnp.array([[jnp.inf, 0.0]])), "rows must be finite"),
        (
            lambda: tsallis_entropy(jnp.array([-0.5, 1.0])),
            r"p must hold shares in \[0, 1\]",
        ),
        (lambda: entropy_penalty(jnp.eye(2), 1.5, jnp.inf), "target must be finite"),
        (
            lambda: EnergyEntropyObjective(kinetic=float("nan")),
            "kinetic must be finite",
        ),
        (lambda: EnergyEntropyObjective(target=float("inf")), "target must be finite"),
        (
            lambda: EnergyEntropyObjective().from_trajectory(
                0, jnp.zeros((3, 2)), jnp.eye(3)
            ),
            "one more than rows, got 3 states and 3 times",
        ),
    ],
)
def test_what_has_no_energy_is_refused(call, named):
    with pytest.raises(ValueError, match=named):
        call()
