"""All energies with their plain formulas, and states and patterns to try them on.

A new energy is one more `Case`: `tests/energy/test_contract.py` then checks of it what
is asked of all.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from jax.nn import logsumexp

from isinglass import energy

quick = settings(max_examples=30, deadline=None)
seeds = st.integers(0, 2**31)
# Few shapes, for each is compiled; 2 and 64 components, and a lone pattern.
shapes = st.sampled_from([(2, 1), (64, 30)])
scales = st.floats(0.05, 20.0)
# The shapes of the contract: every energy is compiled for them once.
STATES, COMPONENTS, PATTERNS = 3, 4, 7


class Case(NamedTuple):
    """An energy, as the contract has it.

    Attributes:
        name: For the report of the tests.
        energy: Of states (…, 4), patterns (m, 4) and its parameters.
        force: −∇E, of the same.
        plain: The energy as a textbook has it, of the same.
        parameters: Numbers, or vectors as tuples, that have derivatives, too.
        noun: What it calls its patterns.
        streams: Whether it reads patterns in blocks.
        symmetries: Under which it does not change: "order" of the patterns, a common
            "rotation" or "translation" of states and patterns.
    """

    name: str
    energy: Callable[..., Any]
    force: Callable[..., Any]
    plain: Callable[..., Any]
    parameters: tuple[Any, ...] = ()
    noun: str = "patterns"
    streams: bool = True
    symmetries: frozenset[str] = frozenset({"order", "rotation"})


def _nearest(x, p, beta):
    return -logsumexp(-beta * ((x[..., None, :] - p) ** 2).sum(-1), -1) / beta


def _modern(x, p, beta):
    constant = jnp.log(p.shape[0]) / beta + (p**2).sum(-1).max() / 2
    return constant + (x**2).sum(-1) / 2 - logsumexp(beta * x @ p.T, -1) / beta


def _attention(x, p, tau, scale):
    return -tau * logsumexp(scale * x @ p.T / tau, -1)


def _hopfield(x, p, bias, self_coupling=False):
    weights = p.T @ p / p.shape[1]
    if not self_coupling:
        weights = weights - jnp.diag(jnp.diag(weights))
    return -((x @ weights) * x).sum(-1) / 2 - x @ bias


def _ising(x, p, coupling):
    q = x.reshape(*x.shape[:-1], 2, 2)
    pairs = 2 * (q[..., 0, :] * q[..., 1, :]).sum(-1)
    return -coupling * pairs - (q.sum(-2) * p[0, :2]).sum(-1)


def _of_dipoles(call):
    """An energy of two dipoles as one of states of four components."""

    def of_state(x, p, coupling):
        q = jnp.reshape(x, (*x.shape[:-1], 2, 2))
        y = call(q, jnp.asarray(p)[0, :2], coupling=coupling)
        return y if call is energy.ising_energy else y.reshape(x.shape)

    return of_state


def _of_layers(call):
    """An energy of layers, here two, as one of patterns."""
    return lambda x, p, beta: call(x, [p[:3], p[3:]], beta)


def _coupled(call):
    return lambda x, p, bias, **options: call(x, p, bias, self_coupling=True, **options)


def _powers(call, degree, rectified):
    return lambda x, p, **options: call(x, p, degree, rectified=rectified, **options)


BIAS = (0.5, -2.0, 1.0, 0.0)
CASES = (
    Case(
        "nearest",
        energy.nearest_neighbour_energy,
        energy.nearest_neighbour_force,
        _nearest,
        (0.7,),
        symmetries=frozenset({"order", "rotation", "translation"}),
    ),
    Case(
        "modern Hopfield",
        energy.modern_hopfield_energy,
        energy.modern_hopfield_force,
        _modern,
        (0.7,),
    ),
    Case(
        "Demircigil",
        energy.demircigil_energy,
        energy.demircigil_force,
        lambda x, p: -logsumexp(x @ p.T, -1),
    ),
    Case(
        "attention",
        energy.attention_energy,
        energy.attention_force,
        _attention,
        (0.7, -0.4),
        noun="keys",
    ),
    Case(
        "Hopfield",
        energy.hopfield_energy,
        energy.hopfield_force,
        _hopfield,
        (BIAS,),
        symmetries=frozenset({"order"}),
    ),
    Case(
        "Hopfield, coupled to itself",
        _coupled(energy.hopfield_energy),
        _coupled(energy.hopfield_force),
        lambda x, p, bias: _hopfield(x, p, bias, self_coupling=True),
        ((0.0,) * COMPONENTS,),
    ),
    Case(
        "Krotov–Hopfield, k = 3",
        _powers(energy.krotov_hopfield_energy, 3, rectified=False),
        _powers(energy.krotov_hopfield_force, 3, rectified=False),
        lambda x, p: -((x @ p.T) ** 3).sum(-1),
    ),
    Case(
        "Krotov–Hopfield, k = 2, rectified",
        _powers(energy.krotov_hopfield_energy, 2, rectified=True),
        _powers(energy.krotov_hopfield_force, 2, rectified=True),
        lambda x, p: -(jnp.maximum(x @ p.T, 0) ** 2).sum(-1),
    ),
    Case(
        "layers",
        _of_layers(energy.global_energy),
        _of_layers(energy.global_force),
        _nearest,
        (0.7,),
        streams=False,
        symmetries=frozenset({"order", "rotation", "translation"}),
    ),
    Case(
        "Ising",
        _of_dipoles(energy.ising_energy),
        _of_dipoles(energy.ising_force),
        _ising,
        (0.7,),
        noun="field",
        streams=False,
        symmetries=frozenset(),
    ),
)


def draw(seed, n=COMPONENTS, m=PATTERNS, scale=1.0, states=STATES):
    """States (states, n) and patterns (m, n), normal, of one scale; NumPy's."""
    rng = np.random.default_rng(seed)
    return scale * rng.normal(size=(states, n)), scale * rng.normal(size=(m, n))


def draw_jax(*args, **options):
    """`draw` as arrays of JAX."""
    return tuple(jnp.asarray(x) for x in draw(*args, **options))


def finite_difference(call, state, step=1e-5):
    """Gradient of energies at states, (…, n), by central differences."""
    moves = step * np.eye(state.shape[-1])
    moved = np.stack([state[..., None, :] + sign * moves for sign in (1, -1)])
    rows = jnp.asarray(moved.reshape(-1, state.shape[-1]))
    above, below = np.asarray(call(rows)).reshape(moved.shape[:-1])
    return (above - below) / (2 * step)


def check_same(derivative, ours, plain, *at):
    """A derivative by all arguments, such as `jax.jacfwd`, against a formula's."""
    which = tuple(range(len(at)))
    values = jax.jit(lambda *x: [derivative(f, which)(*x) for f in (ours, plain)])(*at)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-10), *values)
