"""Pictures and tokens as states, and gradients by shifts with shots."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from helpers import gates
from helpers.random_models import random_model
from isinglass.systems.quantum import (
    SASQuaTCh,
    SASQuaTChConfig,
    amplitudes,
    area_averages,
    parameter_shift,
    product_state,
    transform_registers,
)

RNG = np.random.default_rng(0)


def test_amplitudes_are_directions_however_large():
    fields = RNG.normal(size=(4, 8)).astype(np.float32)
    lengths = np.linalg.norm(fields, axis=-1, keepdims=True)
    for factor in (1, 1e-30, 1e30):
        ours = amplitudes(jnp.asarray(np.float32(factor) * fields))
        np.testing.assert_allclose(ours, fields / lengths, rtol=1e-5)


def test_tokens_by_themselves_are_a_product():
    tokens = RNG.normal(size=(2, 3, 2))
    ours = product_state(jnp.asarray(tokens, jnp.float32))
    for own, state in zip(tokens, ours, strict=True):
        a, b, c = own / np.linalg.norm(own, axis=-1, keepdims=True)
        np.testing.assert_allclose(state, np.kron(np.kron(a, b), c), atol=1e-6)


def test_no_pictures_of_tokens_have_no_states():
    assert product_state(jnp.zeros((0, 3, 2), jnp.float32)).shape == (0, 8)


def test_registers_of_tokens_by_themselves_mix_no_tokens():
    """The paper's other reading is the same function: F runs along features."""
    tokens = RNG.normal(size=(2, 4))
    joint = product_state(jnp.asarray(tokens, jnp.float32))
    waves = [gates.fourier(4) @ (x / np.linalg.norm(x)) for x in tokens]
    ours = transform_registers(joint, (2, 2))
    np.testing.assert_allclose(ours, np.kron(*waves), atol=1e-6)
    mixed = transform_registers(joint, (4,))  # of all qubits is another
    assert np.abs(np.asarray(mixed) - np.asarray(ours)).max() > 0.1


def test_areas_are_averaged():
    pictures = RNG.random((2, 28, 28))
    ours = area_averages(pictures)
    assert ours.shape == (2, 16, 16)
    np.testing.assert_allclose(ours.mean((1, 2)), pictures.mean((1, 2)))
    # Of 16 cells in 28 pixels each is the mean over squares of 7 quarter pixels.
    fine = np.kron(pictures, np.ones((4, 4))).reshape(2, 16, 7, 16, 7)
    np.testing.assert_allclose(ours, fine.mean((2, 4)))
    np.testing.assert_allclose(area_averages(np.ones((3, 5)), (7, 2)), 1)


@pytest.mark.parametrize("kernel", ["diagonal", "none"])
def test_shifts_are_exact_of_other_kernels(kernel):
    config = SASQuaTChConfig((2,), kernel=kernel)
    with jax.enable_x64(True):
        model = random_model(SASQuaTCh, config, spread=2.0)
        fields = jnp.asarray(RNG.normal(size=(3, 4)))
        shifted: Any = parameter_shift(model, fields)
        by_jax: Any = jax.jacobian(lambda m: m(fields))(model)
        np.testing.assert_allclose(shifted.readout, by_jax.readout, atol=1e-14)
        if kernel == "none":
            assert shifted.kernel is None
        else:
            np.testing.assert_allclose(shifted.kernel, by_jax.kernel, atol=1e-14)


def test_shifts_take_what_the_model_takes():
    model = random_model(SASQuaTCh, SASQuaTChConfig((2,)), spread=2.0)
    fields = jnp.asarray(RNG.normal(size=(3, 4)), jnp.float16)
    exact: Any = parameter_shift(model, fields.astype(jnp.float32))
    half: Any = parameter_shift(model, fields)
    np.testing.assert_allclose(half.readout, exact.readout, atol=1e-6)
    nothing: Any = parameter_shift(model, jnp.ones((0, 4)))
    assert nothing.readout.shape == (0, 2, 2)
    assert nothing.kernel.shape == (0, 1, 2, 4)


def test_fields_in_float64_are_computed_in_it():
    model = random_model(SASQuaTCh, SASQuaTChConfig((2,)), spread=2.0)
    with jax.enable_x64(True):
        fields = jnp.asarray(RNG.normal(size=(3, 4)))
        assert jnp.abs(jnp.linalg.norm(model.evolve(fields), axis=1) - 1).max() < 1e-14


def test_fields_that_xla_takes_for_0_are_refused():
    with pytest.raises(ValueError, match="fields must not be 0 everywhere"):
        amplitudes(jnp.full(8, 1e-40, jnp.float32))


def test_shifts_with_shots_are_around_the_gradient():
    model = random_model(SASQuaTCh, SASQuaTChConfig((2,)), spread=2.0)
    fields = jnp.asarray(np.repeat(RNG.normal(size=(1, 4)), 400, axis=0), jnp.float32)
    exact: Any = parameter_shift(model, fields[:1])
    noisy: Any = parameter_shift(model, fields, shots=100, key=jax.random.key(0))
    for ours, mean in zip(noisy, exact, strict=True):
        assert np.std(ours, axis=0).max() > 0.02  # noise there is
        # Of 400 means of two halves of 100 outcomes each: spread 0.07/20 at most.
        assert np.abs(np.mean(ours, axis=0) - mean[0]).max() < 5 * 0.0036
