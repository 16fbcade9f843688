"""Thermometers: the program's thresholds, order, equal shares, and ties."""

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits

from isinglass.data import mnist
from isinglass.systems.lookup import Thermometer, fit_thermometer, thermometer_bits

ORACLES = Path(__file__).parent / "oracles"
SEEDS = st.integers(0, 2**32 - 1)
KINDS = st.sampled_from(["distributive", "gaussian", "uniform"])


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("uniform", "Thermometer"),
        ("gaussian", "GaussianThermometer"),
        ("distributive", "DistributiveThermometer"),
    ],
)
def test_thresholds_are_those_of_the_program(kind, name):
    x = np.load(ORACLES / "layer_s0.npz", allow_pickle=False)
    data: Any = load_digits()
    pixels = data.data[x["digits_index"]].astype(np.float32) / 16
    thermometer = fit_thermometer(pixels, int(x["bits"]), kind)
    assert thermometer.thresholds.dtype == np.float32
    expected = x[f"thresholds_{name}"]
    np.testing.assert_allclose(thermometer.thresholds, expected, atol=1e-6)
    if kind == "distributive":  # values of the data, on which bits depend
        np.testing.assert_array_equal(thermometer.thresholds, expected)


@settings(max_examples=40)
@given(SEEDS, KINDS, st.integers(1, 6))
def test_bits_never_rise_and_counts_never_fall(seed, kind, bits):
    rng = np.random.default_rng(seed)
    samples = rng.integers(0, 4, (12, 3)) * rng.random()  # with many that are equal
    thermometer = fit_thermometer(samples, bits, kind)
    code = thermometer(samples)
    assert code.shape == (12, 3, bits)
    assert (np.diff(code.astype(int), axis=-1) <= 0).all()
    rising = np.sort(samples, axis=0)
    assert (np.diff(thermometer.counts(rising), axis=0) >= 0).all()


def test_bits_of_a_distributive_thermometer_are_equally_likely():
    samples = np.random.default_rng(0).normal(size=(800, 2))
    shares = fit_thermometer(samples, 7)(samples).mean(0)
    np.testing.assert_allclose(shares, [1 - np.arange(1, 8) / 8] * 2, atol=2 / 800)


def test_samples_are_compared_in_the_type_of_the_thresholds():
    """Else a float64 sample that rounds to its threshold would pass it."""
    value = 0.3 + 2e-8
    thermometer = Thermometer(np.array([[0.3]], np.float32))
    assert np.float64(np.float32(0.3)) < value
    assert not thermometer(np.array([value])).any()


def test_a_copy_in_another_float_type_has_the_same_bits():
    """Distributive thresholds are samples, which a rounded copy would pass."""
    pixels = np.arange(256).reshape(-1, 1) / 255
    for kind in ("distributive", "gaussian", "uniform"):
        for fitted in (np.float32, np.float64):
            thermometer = fit_thermometer(pixels.astype(fitted), 7, kind)
            single = thermometer(pixels.astype(np.float32))
            np.testing.assert_array_equal(single, thermometer(pixels))


def test_what_float16_cannot_hold_is_passed_by_none_of_it():
    thermometer = Thermometer(np.array([[1.0, 1e6]]))
    np.testing.assert_array_equal(
        thermometer(np.full((1, 1), 2, np.float16)), [[[1, 0]]]
    )


def test_whole_thresholds_do_not_cut_samples():
    thermometer = Thermometer(np.array([[3]], np.uint8))
    np.testing.assert_array_equal(thermometer(np.array([[3.5], [3.0]])).ravel(), [1, 0])


def test_whole_numbers_of_any_two_types_are_compared_as_they_are():
    """A threshold of 256 is not 0, though it is in the eight bits of a sample."""
    thermometer = Thermometer(np.array([[-1, 256]]))
    for dtype in (np.uint8, np.uint64, np.int32):
        bits = thermometer(np.array([[5]], dtype))
        np.testing.assert_array_equal(bits.ravel(), [1, 0])


@pytest.mark.parametrize("kind", ["gaussian", "uniform"])
@pytest.mark.parametrize(("dtype", "most"), [("f8", 1.7e308), ("f2", 65_000)])
def test_samples_too_far_apart_are_named(kind, dtype, most):
    samples = np.array([[-most], [most]] * 2, dtype)
    if (kind, dtype) == ("uniform", "f2"):
        assert np.isfinite(fit_thermometer(samples, 3, kind).thresholds).all()
        return
    with pytest.raises(ValueError, match="samples must have finite thresholds"):
        fit_thermometer(samples, 20, kind)


def test_ties_are_counted():
    samples = np.array([[0, 0, 5], [1, 0, 5], [2, 1, 5], [3, 1, 5.0]])
    thermometer = fit_thermometer(samples, 2, "uniform")
    ties = thermometer.ties(samples)
    np.testing.assert_array_equal(ties.constant, [[0, 0], [0, 0], [1, 1]])
    # 1 of 2 features: its two bits are equal, and equal to the first's in the middle.
    assert ties.repeated.sum() == 2
    assert repr(ties) == "Ties(6 bits: 2 constant, 2 repeated)"
    useful = thermometer.useful(samples)
    columns = thermometer(samples).reshape(4, -1)
    assert len(useful) == 2
    assert len(np.unique(columns[:, useful], axis=1).T) == 2


def test_of_bits_of_digits_most_say_nothing():
    """Paper is 0 in most pictures, so that thresholds tie there."""
    pixels = mnist.load(source="subset").train.images.reshape(5000, -1)
    ties = fit_thermometer(pixels, 3).ties(pixels)
    assert ties.constant.size == 2352
    useful = 2352 - int(ties.constant.sum() + ties.repeated.sum())
    assert (int(ties.constant.sum()), useful) == (363, 1053)


def test_bits_in_a_model_pass_gradients_on():
    thresholds = jnp.array([-1.0, 0.0, 1.0])
    values = jnp.array([-2.0, -0.4, 0.0, 3.0])

    def slope(window):
        def total(values):
            return thermometer_bits(values, thresholds, window).sum()

        return jax.grad(total)(values)

    bits = thermometer_bits(values, thresholds)
    expected = [[0, 0, 0], [1, 0, 0], [1, 0, 0], [1, 1, 1]]
    np.testing.assert_array_equal(bits, expected)
    np.testing.assert_array_equal(slope(None), [3, 3, 3, 3])
    # As wide as thresholds lie apart: the slope of the line through counts.
    np.testing.assert_array_equal(slope(1.0), [0.5, 1, 1.5, 0])


def test_every_bit_equals_its_distinct_one():
    samples = np.array([[1.0, 1, 2, 5], [1, 3, 2, 5], [2, 1, 2, 5], [1, 3, 2, 5]])
    thermometer = fit_thermometer(samples, 3)
    bits = thermometer(samples).reshape(4, -1)
    columns, places = thermometer.distinct(samples)
    np.testing.assert_array_equal(bits[:, columns][:, places], bits)
    np.testing.assert_array_equal(places[columns], np.arange(len(columns)))
    assert len(np.unique(bits, axis=1).T) == len(columns)
    assert (np.diff(columns) > 0).all()
    assert set(thermometer.useful(samples)) < set(columns)
