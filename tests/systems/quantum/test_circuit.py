"""The circuit: PennyLane's numbers, gates one by one, and what it cannot see."""

from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from helpers import gates
from helpers.random_models import random_model
from isinglass.systems.quantum import (
    SASQuaTCh,
    SASQuaTChConfig,
    haar_unitary,
    parameter_shift,
    readout_values,
)

ORACLES = Path(__file__).parent / "oracles"
RNG = np.random.default_rng(0)
FIELDS = RNG.normal(size=(3, 8))


@pytest.fixture(params=[0, 1])
def oracle(request):
    """Arrays of PennyLane, and a model with its angles, in float64."""
    with np.load(ORACLES / f"quantum_attention_s{request.param}.npz") as file:
        arrays = dict(file)
    registers = tuple(int(r) for r in arrays["registers"])
    config = SASQuaTChConfig(registers, len(arrays["kernel"]))
    model = random_model(SASQuaTCh, config)
    angles = jnp.asarray(arrays["kernel"]), jnp.asarray(arrays["readout"])
    return arrays, eqx.tree_at(lambda m: (m.kernel, m.readout), model, angles)


@pytest.mark.usefixtures("double_precision")
class TestPennyLane:
    @pytest.fixture(autouse=True)
    def first(self, double_precision, oracle):
        """In float64 before the oracle's arrays become JAX's."""
        self.arrays, self.model = oracle
        self.images = jnp.asarray(self.arrays["images"])

    def test_expectations(self):
        ours = self.model(self.images)
        assert np.abs(ours - self.arrays["expectation"]).max() < 1e-13

    def test_gradients_by_jax_and_by_shifts(self):
        by_jax = eqx.filter_grad(lambda m: m(self.images).sum())(self.model)
        shifted = parameter_shift(self.model, self.images)
        for name in ("kernel", "readout"):
            theirs = self.arrays[f"{name}_grad"]
            assert np.abs(getattr(by_jax, name) - theirs).max() < 1e-13
            assert np.abs(getattr(shifted, name).sum(0) - theirs).max() < 1e-13


def matrices_of(config):
    """F of each register, by NumPy."""
    sizes = [2**r for r in config.registers]
    if config.basis == "fourier":
        return [gates.fourier(size) for size in sizes]
    if config.basis == "haar":
        return [haar_unitary(m, config.seed + i) for i, m in enumerate(sizes)]
    if config.basis == "none":
        return [np.eye(size) for size in sizes]
    joint = []
    for r in config.registers:
        matrix = np.eye(1)
        for _ in range(r):
            matrix = np.kron(matrix, gates.HADAMARD)
        joint.append(matrix)
    return joint


@pytest.mark.usefixtures("double_precision")
@pytest.mark.parametrize("basis", ["fourier", "hadamard", "haar", "none"])
@pytest.mark.parametrize("registers", [(2, 1), (3,)])
def test_it_is_the_gates_one_by_one(registers, basis):
    """Two layers, whose inner transforms the package leaves out."""
    config = SASQuaTChConfig(registers, 2, basis=basis, seed=5)
    model = random_model(SASQuaTCh, config, spread=2.0)
    kernel, readout = np.asarray(model.kernel), np.asarray(model.readout)
    matrices = matrices_of(config)
    expected = [gates.expectation(x, matrices, kernel, readout) for x in FIELDS]
    np.testing.assert_allclose(model(jnp.asarray(FIELDS)), expected, atol=1e-14)
    state = gates.evolve(FIELDS[0], matrices, kernel)
    ours = model.evolve(jnp.asarray(FIELDS[0]))
    np.testing.assert_allclose(ours, state.reshape(-1), atol=1e-14)
    assert np.linalg.norm(ours) == pytest.approx(1, abs=1e-14)


@pytest.mark.usefixtures("double_precision")
def test_readout_values_are_a_spin_turned_by_the_bits():
    angles = RNG.uniform(-4, 4, (3, 2))
    basis = np.eye(8)
    none = [np.eye(8)]
    zero = np.zeros((0, 3, 4))
    expected = [gates.expectation(x, none, zero, angles) for x in basis]
    np.testing.assert_allclose(
        readout_values(jnp.asarray(angles)), expected, atol=1e-14
    )


def test_contrast_and_sign_are_invisible():
    model = random_model(SASQuaTCh, SASQuaTChConfig((3,), 1), spread=2.0)
    fields = jnp.asarray(FIELDS, jnp.float32)
    values = model(fields)
    assert np.ptp(values) > 0.1
    for factor in (-1.0, 1e-3, 1e30, -1e-30):
        np.testing.assert_allclose(model(factor * fields), values, atol=2e-6)


def test_a_register_over_all_qubits_is_another_transform():
    """A trap: the QFT of all qubits of a picture is not that of rows and columns."""
    angles = random_model(SASQuaTCh, SASQuaTChConfig((2, 1), 1), spread=2.0)
    other = random_model(SASQuaTCh, SASQuaTChConfig((3,), 1), spread=2.0)
    fields = jnp.asarray(FIELDS, jnp.float32)
    assert np.array_equal(angles.readout, other.readout)
    assert np.abs(angles(fields) - other(fields)).max() > 0.05


def test_shots_are_unbiased_and_as_noisy_as_spins():
    model = random_model(SASQuaTCh, SASQuaTChConfig((3,), 1), spread=2.0)
    fields = jnp.asarray(np.repeat(FIELDS[:1], 4000, axis=0), jnp.float32)
    exact = float(model(fields[:1])[0])
    outcomes = np.asarray(model.measure(fields, 25, key=jax.random.key(3)))
    # Outcomes of 25 runs are 1 − 2m/25.
    np.testing.assert_allclose(outcomes * 25 % 2, 1, atol=1e-4)
    variance = (1 - exact**2) / 25
    assert abs(outcomes.mean() - exact) < 5 * (variance / 4000) ** 0.5
    assert outcomes.var() == pytest.approx(variance, rel=0.12)


def test_models_are_made_and_run_side_by_side():
    config = SASQuaTChConfig((2, 1), 2)
    keys = jax.random.split(jax.random.key(0), 3)
    models = eqx.filter_vmap(lambda key: SASQuaTCh(config, key=key))(keys)
    fields = jnp.asarray(FIELDS, jnp.float32)
    together = eqx.filter_vmap(lambda m: m(fields))(models)
    arrays, static = eqx.partition(models, eqx.is_array)
    for place in range(3):
        own = eqx.combine(jax.tree.map(lambda x, i=place: x[i], arrays), static)
        np.testing.assert_allclose(own(fields), together[place], atol=1e-6)


@pytest.mark.parametrize(
    ("config", "count"),
    [
        (SASQuaTChConfig(), 48),
        (SASQuaTChConfig(layers=3), 112),
        (SASQuaTChConfig(kernel="diagonal"), 272),
        (SASQuaTChConfig(kernel="none", layers=7), 16),
    ],
)
def test_parameters_are_counted(config, count):
    model = random_model(SASQuaTCh, config)
    assert sum(leaf.size for leaf in jax.tree.leaves(model)) == count
    assert config.parameters == count
