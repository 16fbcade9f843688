"""Transforms and translations of registers, and which kernels are convolutions."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers import gates
from helpers.random_models import random_model
from isinglass.systems.quantum import (
    SASQuaTCh,
    SASQuaTChConfig,
    circuit_unitary,
    haar_unitary,
    quadratic_form,
    transform_registers,
    translate,
    translation_commutator,
    translation_phases,
)

RNG = np.random.default_rng(0)
REGISTERS = (2, 1, 1)  # more axes than XLA's transform takes at once are below

pytestmark = pytest.mark.usefixtures("double_precision")


def phases_of(registers, phases):
    """A diagonal kernel of some phases."""
    model = random_model(SASQuaTCh, SASQuaTChConfig(registers, kernel="diagonal"))
    return eqx.tree_at(lambda m: m.kernel, model, jnp.asarray(phases)[None])


@pytest.mark.parametrize("registers", [(3,), (2, 1), REGISTERS, (1, 1, 1, 1)])
def test_the_transform_has_the_sign_of_physics(registers):
    joint = np.eye(1)
    for r in registers:
        joint = np.kron(joint, gates.fourier(2**r))
    basis = jnp.eye(2 ** sum(registers))
    ours = transform_registers(basis, registers)
    np.testing.assert_allclose(ours.T, joint, atol=2e-15)


@pytest.mark.parametrize("basis", ["fourier", "hadamard", "haar", "none"])
def test_the_inverse_undoes_it(basis):
    states = jnp.asarray(RNG.normal(size=(2, 16)))
    there = transform_registers(states, REGISTERS, basis, seed=3)
    back = transform_registers(there, REGISTERS, basis, seed=3, inverse=True)
    np.testing.assert_allclose(back, states, atol=1e-14)
    np.testing.assert_allclose(
        np.linalg.norm(there, axis=-1), np.linalg.norm(states, axis=-1)
    )


def test_one_register_is_another_matrix_than_two():
    basis = jnp.eye(256)
    whole = transform_registers(basis, (8,))
    pair = transform_registers(basis, (4, 4))
    distance = np.linalg.norm(whole - pair) / np.linalg.norm(pair)
    assert distance == pytest.approx(1.40, abs=0.02)


def test_haar_draws_are_unitary_and_other_by_seed():
    first, second = haar_unitary(8, 0), haar_unitary(8, 1)
    np.testing.assert_allclose(first @ first.conj().T, np.eye(8), atol=1e-14)
    assert np.abs(first - second).max() > 0.1
    # Of a Haar draw E|tr U|² = 1; without the phases of R it is not.
    traces = [np.trace(haar_unitary(2, seed)) for seed in range(2000)]
    assert np.mean(np.abs(traces) ** 2) == pytest.approx(1, abs=0.1)


@given(st.tuples(*[st.integers(-9, 9)] * 3), st.integers(0, 2**32 - 1))
def test_momentum_generates_translations(shifts, seed):
    states = jnp.asarray(np.random.default_rng(seed).normal(size=16))
    phases = translation_phases(REGISTERS, shifts)
    modes = np.asarray(transform_registers(states, REGISTERS)) * np.exp(1j * phases)
    moved = transform_registers(jnp.asarray(modes), REGISTERS, inverse=True)
    np.testing.assert_allclose(moved, translate(states, REGISTERS, shifts), atol=1e-13)


def test_rotations_about_z_are_a_shift():
    """θ_q = 2π 2^(n−1−q) a/N of R_Z alone: a translation up to a phase."""
    config = SASQuaTChConfig((3,), kernel="rotations")
    angles = np.zeros((1, 3, 4))
    angles[0, :, 1] = 2 * np.pi * 2.0 ** np.arange(3)[::-1] * 3 / 8
    model = random_model(SASQuaTCh, config)
    model = eqx.tree_at(lambda m: m.kernel, model, jnp.asarray(angles))
    state = jnp.asarray(RNG.normal(size=8))
    state = state / jnp.linalg.norm(state)
    overlap = np.vdot(translate(state, (3,), (3,)), model.evolve(state))
    assert abs(overlap) == pytest.approx(1, abs=1e-14)


@pytest.mark.parametrize("registers", [(3,), (2, 1)])
def test_a_diagonal_kernel_is_a_circular_convolution(registers):
    phases = RNG.uniform(-3, 3, 8)
    unitary = circuit_unitary(phases_of(registers, phases))
    np.testing.assert_allclose(unitary @ unitary.conj().T, np.eye(8), atol=1e-14)
    shape = [2**r for r in registers]
    kernel, field = unitary[:, 0].reshape(shape), RNG.normal(size=shape)
    convolved = np.zeros(shape, complex)
    for place in np.ndindex(*shape):
        convolved += field[place] * np.roll(kernel, place, tuple(range(len(shape))))
    np.testing.assert_allclose(
        unitary @ field.reshape(-1), convolved.reshape(-1), atol=1e-13
    )


def test_only_the_diagonal_kernel_commutes_with_translations():
    diagonal = translation_commutator(phases_of((4, 4), RNG.uniform(-3, 3, 256)))
    assert diagonal.shape == (2,)
    assert diagonal.max() < 1e-13
    # The ring alone breaks it as far as a unitary can, whatever the angles.
    small = random_model(SASQuaTCh, SASQuaTChConfig((4, 4)), spread=1e-6)
    assert translation_commutator(small).max() == pytest.approx(2, abs=1e-4)
    # Without it the commutator goes with the angles.
    norms = [
        translation_commutator(
            random_model(
                SASQuaTCh, SASQuaTChConfig((4, 4), kernel="rotations"), spread=s
            )
        ).max()
        for s in (0.001, 0.01, 0.1)
    ]
    np.testing.assert_allclose(np.divide(norms[1:], norms[:-1]), 10, rtol=0.1)


def test_the_norm_of_the_commutator_is_that_of_the_matrices():
    model = random_model(SASQuaTCh, SASQuaTChConfig((2, 1)), spread=1.0)
    unitary = circuit_unitary(model)
    for axis, norm in enumerate(translation_commutator(model)):
        steps = [int(place == axis) for place in range(2)]
        shift = np.asarray(translate(jnp.eye(8), (2, 1), steps)).T
        expected = np.linalg.norm(unitary @ shift - shift @ unitary, 2)
        assert norm == pytest.approx(expected, abs=1e-13)


@pytest.mark.parametrize("kernel", ["circuit", "rotations", "diagonal", "none"])
def test_the_model_is_a_quadratic_form_within_one(kernel):
    model = random_model(SASQuaTCh, SASQuaTChConfig((2, 1), 2, kernel), spread=2.0)
    form = quadratic_form(model)
    np.testing.assert_array_equal(form, form.T)
    assert np.abs(np.linalg.eigvalsh(form)).max() <= 1 + 1e-13
    fields = RNG.normal(size=(5, 8))
    lengths = (fields**2).sum(-1)
    expected = np.einsum("ni,ij,nj->n", fields, form, fields) / lengths
    np.testing.assert_allclose(model(jnp.asarray(fields)), expected, atol=1e-13)


@pytest.mark.parametrize("kernel", ["rotations", "diagonal"])
def test_layers_of_these_kernels_are_one(kernel):
    """Transforms between layers cancel: depth adds nothing to a product of phases."""
    model = random_model(SASQuaTCh, SASQuaTChConfig((2, 1), 2, kernel), spread=2.0)
    both = circuit_unitary(model)
    parts = [
        circuit_unitary(
            eqx.tree_at(lambda m: m.kernel, model, model.kernel[place : place + 1])
        )
        for place in (0, 1)
    ]
    np.testing.assert_allclose(both, parts[1] @ parts[0], atol=1e-13)
