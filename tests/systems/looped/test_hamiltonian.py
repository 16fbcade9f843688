import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.random_models import random_model
from isinglass.dynamics import Measure, Sampling, lyapunov_spectrum, trajectory
from isinglass.systems.looped.hamiltonian import (
    LatentHamiltonian,
    Particle,
    hamiltonian_step,
)
from isinglass.systems.looped.model import LoopedConfig, LoopedTransformer

D, M = 3, 5

pytestmark = pytest.mark.usefixtures("double_precision")


def system(**numbers):
    rng, shapes = np.random.default_rng(0), ((D, D), (M, D), (M, D))
    draw = [jnp.asarray(rng.standard_normal(shape)) for shape in shapes]
    return LatentHamiltonian(*draw, **numbers)


def somewhere(seed=1, shape=(D,)):
    return Particle(
        *map(jnp.asarray, np.random.default_rng(seed).normal(size=(2, *shape)))
    )


def bound(h):
    """A particle in a convex well, started alike whatever the time step h."""
    start = somewhere()
    there = system()
    around = there.keys - there.keys.mean(0)  # keys that surround the origin bind
    eye = jnp.asarray(np.eye(D))
    well = LatentHamiltonian(eye, around, there.values, force=-(h**2))
    return well, Particle(start.position, h * start.velocity)


def test_a_step_is_the_equation():
    numbers = {"momentum": 0.9, "pull": 0.3, "force": 0.2, "temperature": 0.7}
    there, state = system(**numbers), somewhere()
    z, v = np.asarray(state.position), np.asarray(state.velocity)
    q, k, w = (np.asarray(x) for x in (there.query, there.keys, there.values))
    weights = np.exp((z @ q) @ k.T / (0.7 * D**0.5))
    p = weights / weights.sum()
    slope = -(p @ k) @ q.T / D**0.5
    expected = 0.9 * v + 0.3 * (p @ w - z) - 0.2 * slope
    after, halved = jax.jit(lambda: (there.step(state), there.step(state, force=0.1)))()
    np.testing.assert_allclose(after.velocity, expected, rtol=1e-12)
    np.testing.assert_allclose(after.position, z + expected, rtol=1e-12)
    np.testing.assert_allclose(halved.velocity, expected + 0.1 * slope, rtol=1e-12)


def test_the_slope_is_the_gradient_of_the_potential():
    there, state = system(temperature=0.4), somewhere(shape=(4, D))

    @jax.jit
    def both(z):
        return there.slope(z), jax.grad(lambda z: there.potential(z).sum())(z)

    np.testing.assert_allclose(*both(state.position), rtol=1e-12)


@jax.jit
def log_volume(momentum, pull, force, temperature):
    """Log of the factor by which a step scales volume around some point."""
    there = system(momentum=momentum, pull=pull, force=force, temperature=temperature)

    def flat(x):
        return jnp.concatenate(there.step(Particle(x[:D], x[D:])))

    return jnp.linalg.slogdet(jax.jacfwd(flat)(jnp.concatenate(somewhere())))[1]


@settings(max_examples=100, deadline=None)
@given(
    momentum=st.floats(0.1, 1.5),
    pull=st.floats(-1, 1),
    force=st.floats(-2, 2),
    temperature=st.floats(0.2, 5),
)
def test_a_step_scales_volume_by_its_momentum(momentum, pull, force, temperature):
    assert float(log_volume(momentum, pull, force, temperature)) == pytest.approx(
        D * np.log(momentum), abs=1e-10
    )


def test_no_energy_drifts_away_in_a_hundred_thousand_steps():
    well, start = bound(0.05)
    orbit = trajectory(
        hamiltonian_step,
        start,
        well,
        Sampling(10_000, stride=10),
        observable=lambda state: jnp.stack(
            [well.energy(state), well.shadow_energy(state)]
        ),
    )
    size = float(well.energy(start))
    energy, shadow = orbit.T / size
    first, last = slice(0, 2000), slice(-2000, None)
    # Within the orbit's own swing, by the spread of means over a fifth of it: of starts
    # near this one 0.001 of it, and of the small swing of the shadow 0.11.
    assert abs(energy[last].mean() - energy[first].mean()) < 0.05 * np.ptp(energy)
    assert abs(shadow[last].mean() - shadow[first].mean()) < 0.25 * np.ptp(shadow)
    assert np.ptp(energy) < 0.1
    assert np.ptp(shadow) < 0.1 * np.ptp(energy)


def swings(h):
    """How far the energy and the shadow energy move, in units of the energy."""
    well, start = bound(h)
    steps = int(40 / h)
    values = trajectory(
        hamiltonian_step,
        start,
        well,
        steps,
        observable=lambda state: jnp.stack(
            [well.energy(state), well.shadow_energy(state)]
        ),
    )
    return np.ptp(values, axis=0) / float(well.energy(start))


def test_the_errors_of_both_energies_fall_with_the_time_step_by_their_orders():
    orders = np.log(swings(0.1) / swings(0.025)) / np.log(4)
    np.testing.assert_allclose(orders, [1, 2], atol=0.15)


def test_a_positive_force_lets_the_particle_fall_without_end():
    there = system(force=0.1)
    orbit = trajectory(hamiltonian_step, there.at_rest(jnp.ones(D)), there, 200)
    distance = np.linalg.norm(orbit.position, axis=-1)
    assert distance[-1] > 10 * distance[20]
    lost = np.asarray(there.energy(Particle(*(jnp.asarray(x[-2:]) for x in orbit))))
    slope = np.asarray(there.slope(jnp.asarray(orbit.position[-1])))
    assert lost[1] - lost[0] == pytest.approx(
        -0.5 * 0.1**2 * (slope**2).sum(), rel=1e-6
    )


def test_momentum_is_the_sum_of_the_lyapunov_exponents():
    there = system(momentum=0.8, pull=0.2, force=0.1)
    spectrum = lyapunov_spectrum(
        hamiltonian_step,
        somewhere(),
        there,
        Measure(transient=200, steps=400, exponents=None),
    )
    assert spectrum.exponents.sum() == pytest.approx(D * np.log(0.8), abs=1e-6)
    assert spectrum.exponents[0] < 0


def test_particles_act_on_no_other():
    there, state = system(pull=0.2, momentum=0.9), somewhere(shape=(4, D))
    step = jax.jit(lambda *state: there.step(Particle(*state)))
    together = jax.tree.map(np.asarray, step(*state))
    for i in range(4):
        alone = step(*(jnp.asarray(np.asarray(x)[i]) for x in state))
        np.testing.assert_allclose(together.position[i], alone.position, rtol=1e-13)


def test_a_model_lends_its_attention():
    @jax.jit
    def both(model):
        inputs = model.embed(jnp.array([0, 1, 2, 1]))
        there = LatentHamiltonian.from_model(
            model, inputs, pull=1.0, force=0.0, momentum=0.0
        )
        # Alone, with α = 1, a step goes to the output of attention: queries from Z,
        # keys from X.
        attended = model.attention(inputs)[0] @ (inputs @ model.value)
        return there.step(there.at_rest(inputs)).position, attended

    model = random_model(LoopedTransformer, LoopedConfig(causal=False))
    np.testing.assert_allclose(*both(model), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("numbers", "named"),
    [
        ({"temperature": 0.0}, "temperature must be positive and finite, got 0.0"),
        ({"temperature": float("inf")}, "temperature must be finite"),
        ({"momentum": float("nan")}, "momentum must be finite"),
        ({"pull": float("inf")}, "pull must be finite"),
        ({"force": float("-inf")}, "force must be finite"),
    ],
)
def test_numbers_that_are_none_are_refused(numbers, named):
    with pytest.raises(ValueError, match=named):
        system(**numbers)


def test_what_does_not_fit_is_refused():
    with pytest.raises(
        ValueError, match=r"values must have the axes \(m, d\) with m = 2"
    ):
        LatentHamiltonian(jnp.eye(D), jnp.ones((2, D)), jnp.ones((3, D)))
    two = random_model(LoopedTransformer, LoopedConfig(heads=2))
    with pytest.raises(ValueError, match="model must have one head, got 2"):
        LatentHamiltonian.from_model(two, jnp.ones((3, 8)))
    near = random_model(LoopedTransformer, LoopedConfig(near=4))
    with pytest.raises(ValueError, match="no bias by distance, got near=4"):
        LatentHamiltonian.from_model(near, jnp.ones((3, 8)))
