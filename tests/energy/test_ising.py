import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.energy_cases import quick, seeds
from isinglass.energy import ising_energy, ising_force

pytestmark = pytest.mark.usefixtures("double")


def unit_dipoles(seed, batch=2, k=5, d=3):
    q = np.random.default_rng(seed).normal(size=(batch, k, d))
    return q / np.linalg.norm(q, axis=-1, keepdims=True)


def by_hand(q, field, guests, threshold, coupling):
    total = -sum(x @ field for x in q)
    for i, x in enumerate(q):
        for j, y in enumerate(q):
            if guests and i != j and (threshold is None or x @ y >= threshold):
                total -= coupling * (x @ y)
    return total


@quick
@given(
    seed=seeds,
    guests=st.booleans(),
    threshold=st.sampled_from([None, -1.5, 0.0, 0.7]),
    coupling=st.floats(-2, 2),
)
def test_energy_and_force_are_the_formula(seed, guests, threshold, coupling):
    q, field = unit_dipoles(seed), np.asarray([0.0, 0.7, -0.7])
    options = {"guests": guests, "threshold": threshold, "coupling": coupling}
    energy = ising_energy(jnp.asarray(q), jnp.asarray(field), **options)
    expected = [by_hand(x, field, guests, threshold, coupling) for x in q]
    np.testing.assert_allclose(energy, expected, atol=1e-12)
    force = ising_force(jnp.asarray(q), jnp.asarray(field), **options)
    step = 1e-6
    for at in [
        (0, 0, 0),
        (1, 4, 2),
    ]:  # linear in each dipole, so that differences are exact
        moved = [q.copy(), q.copy()]
        moved[0][at] += step
        moved[1][at] -= step
        above, below = (
            by_hand(x[at[0]], field, guests, threshold, coupling) for x in moved
        )
        np.testing.assert_allclose(force[at], (below - above) / (2 * step), atol=1e-7)


@pytest.mark.parametrize("threshold", [None, 0.2])
def test_force_is_minus_the_gradient(threshold):
    q, field = jnp.asarray(unit_dipoles(0)), jnp.ones(3)

    @jax.jit
    def both(q):
        energy = lambda q: ising_energy(q, field, threshold=threshold).sum()  # noqa: E731
        return jax.grad(energy)(q), ising_force(q, field, threshold=threshold)

    gradient, force = both(q)
    np.testing.assert_allclose(-np.asarray(gradient), force, atol=1e-12)


def test_dipoles_along_the_field_have_the_least_energy():
    field = np.asarray([0.0, 1.0, 0.0])
    least = float(ising_energy(jnp.asarray([field] * 4), jnp.asarray(field)))
    assert least == -(4 * 3) - 4
    others = ising_energy(jnp.asarray(unit_dipoles(0, 50, 4)), jnp.asarray(field))
    assert (others > least).all()


@pytest.mark.parametrize(
    ("dipoles", "field", "coupling", "named"),
    [
        (np.ones((0, 2)), np.ones(2), 1.0, "dipoles must be one or more"),
        (np.ones((3, 2)), np.ones(3), 1.0, r"field must have shape \(2,\), got \(3,\)"),
        (np.full((3, 2), np.nan), np.ones(2), 1.0, "dipoles must be finite"),
        (np.ones((3, 2)), np.full(2, np.inf), 1.0, "field must be finite"),
        (np.ones((3, 2)), np.ones(2), np.nan, "coupling must be finite"),
    ],
)
@pytest.mark.parametrize("call", [ising_energy, ising_force])
def test_what_has_no_energy_is_refused(call, dipoles, field, coupling, named):
    with pytest.raises(ValueError, match=named):
        call(dipoles, field, coupling=coupling)
