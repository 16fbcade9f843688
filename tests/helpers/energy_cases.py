"""States, patterns and derivatives that several tests of energies use."""

import jax
import jax.numpy as jnp
import numpy as np
from hypothesis import settings
from hypothesis import strategies as st

quick = settings(max_examples=30, deadline=None)
seeds = st.integers(0, 2**31)
# Few shapes, for each is compiled; 2 and 64 components, and a lone pattern.
shapes = st.sampled_from([(2, 1), (64, 30)])
scales = st.floats(0.05, 20.0)


def draw(seed, n, m, scale=1.0, states=3):
    """States (states, n) and patterns (m, n), normal, of one scale; NumPy's."""
    rng = np.random.default_rng(seed)
    return scale * rng.normal(size=(states, n)), scale * rng.normal(size=(m, n))


def draw_jax(*args, **options):
    """`draw` as arrays of JAX."""
    return tuple(jnp.asarray(x) for x in draw(*args, **options))


def finite_difference(energy, state, step=1e-5):
    """Gradient of energies at states, (…, n), by central differences."""
    moves = step * np.eye(state.shape[-1])
    moved = np.stack([state[..., None, :] + sign * moves for sign in (1, -1)])
    above, below = np.asarray(energy(jnp.asarray(moved)))
    return (above - below) / (2 * step)


def check_same(derivative, ours, plain, *at):
    """Compare a derivative by all arguments, such as `jax.jacfwd`, with a plain formula's."""
    which = tuple(range(len(at)))
    derivatives = jax.jit(lambda *x: [derivative(f, which)(*x) for f in (ours, plain)])
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, atol=1e-10), *derivatives(*at)
    )
