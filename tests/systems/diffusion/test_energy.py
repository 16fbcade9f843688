"""The energy that diffusion descends: Theorem 1, its conditions, and its limits."""

from functools import cache
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isinglass.systems.diffusion import (
    Diffusion,
    conductance,
    layer_energies,
    penalty,
)

N, D, K = 6, 3, 15
KINDS = ("simple", "sigmoid")
SEEDS = st.integers(0, 2**32 - 1)

pytestmark = pytest.mark.usefixtures("double_precision")


@pytest.mark.parametrize("kind", KINDS)
def test_the_conductance_is_the_slope_of_a_concave_penalty(kind):
    u = np.linspace(0.0, 3.99, 60)
    values, slope, f = jax.jit(
        lambda u: (
            penalty(u, kind),
            jax.vmap(jax.grad(lambda u: penalty(u, kind)))(u),
            conductance(u, kind),
        )
    )(u)
    np.testing.assert_allclose(slope, f, atol=1e-12)
    assert f.min() >= 0
    values, f = np.asarray(values), np.asarray(f)
    assert (np.diff(f) < 0).all()
    tangents = values + f * (u[:, None] - u)
    assert (values[:, None] <= tangents + 1e-12).all()
    assert abs(values[0]) < 1e-15
    dot = 1 - u / 2  # of unit vectors
    of_dot = 1 + dot if kind == "simple" else 1 / (1 + np.exp(-dot))
    np.testing.assert_allclose(f, of_dot, atol=1e-12)


class Course(NamedTuple):
    states: jax.Array
    penalties: jax.Array
    theorem: jax.Array


@cache
def course_of(kind):
    @jax.jit
    def course(seed, tau, scale, weight):
        start = jax.random.normal(jax.random.key(seed), (N, D))
        unit = start / jnp.linalg.norm(start, axis=-1, keepdims=True)
        start = unit if kind == "simple" else scale * start
        flow = Diffusion(kind=kind).replaced(step_size=tau)

        def body(state, _):
            return flow.step(state), state

        last, states = jax.lax.scan(body, start, None, length=K)
        states = jnp.concatenate([states, last[None]])
        return Course(states, flow.energy(states), layer_energies(states, weight, kind))

    return course


@pytest.mark.parametrize("kind", KINDS)
def test_the_penalty_and_the_energy_of_the_theorem_fall(kind):
    @settings(max_examples=40, deadline=None)
    @given(SEEDS, st.floats(0.01, 1), st.floats(0.1, 5), st.floats(0.2, 5))
    def holds(seed, tau, scale, weight):
        states, penalties, theorem = course_of(kind)(seed, tau, scale, weight)
        rounding = 1e-11 * float(1 + weight) * float(abs(penalties[0]))
        assert (jnp.diff(penalties) <= rounding).all()
        assert (jnp.diff(theorem) <= rounding).all()
        # Rows sum to 1 and none is negative: all stay in the hull of the start.
        assert (states.max((0, 1)) <= states[0].max(0) + 1e-12).all()

    holds()


def test_the_energy_of_the_theorem_rises_where_the_penalty_weighs_little():
    """Its λ cannot be any: clusters that meet late speed up."""
    *_, theorem = course_of("sigmoid")(0, 1.0, 2.0, 0.1)
    assert (jnp.diff(theorem) > 1e-3).any()


def test_a_step_goes_downhill():
    flow = Diffusion(kind="sigmoid").replaced(step_size=0.3)
    start = np.random.default_rng(0).normal(size=(2, N, D))
    course, rows = jax.jit(lambda x: (flow.follow(x, 5), flow.conductances(x)))(start)
    assert course.rises == 0
    assert (np.asarray(course.work) > 0).all()
    np.testing.assert_allclose(np.sum(rows, -1), 1, rtol=1e-12)
