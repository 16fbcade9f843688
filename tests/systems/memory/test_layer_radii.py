"""Activations and radii of each layer, beside the model's own passes."""

import inspect
from dataclasses import replace

import jax
import numpy as np
import pytest

from helpers.memory_training import random_model
from isinglass.systems.memory import (
    Execution,
    Reading,
    TransformerConfig,
    activations,
    layer_radius,
    nearest_neighbour_radius,
    sequences_of,
)

CONFIG = TransformerConfig(vocabulary=256, context=12, width=8, heads=2, layers=2)
TOKENS = np.random.default_rng(0).integers(0, 256, (11, 6)).astype(np.uint8)


@pytest.fixture(scope="module")
def model():
    return random_model(CONFIG)


@pytest.fixture(scope="module")
def passes(model):
    return jax.jit(jax.vmap(model.run))(TOKENS.astype(int))


@pytest.mark.parametrize("positions", ["last", "mean", "all"])
def test_activations_are_those_of_the_model(positions, model, passes, tmp_path):
    reading = Reading(positions=positions, batch=4)
    stack = activations(model, TOKENS, reading)
    assert stack.layers == ("0", "1", "2", "final")
    whole = np.concatenate([np.moveaxis(passes.stream, 1, 0), passes.final[None]])
    expected = {
        "last": whole[:, :, -1],
        "mean": whole.mean(2),
        "all": whole.reshape(4, -1, 8),
    }[positions]
    np.testing.assert_allclose(stack.vectors, expected, rtol=1e-4, atol=1e-6)
    on_disk = activations(model, TOKENS, reading, out=tmp_path / "a.npy")
    assert isinstance(on_disk.vectors, np.memmap)
    np.testing.assert_array_equal(on_disk.vectors, stack.vectors)
    some = activations(model, TOKENS, replace(reading, layers=["final", 1]))
    np.testing.assert_array_equal(some.of(1), stack.of("1"))
    np.testing.assert_array_equal(some.vectors[0], stack.of("final"))
    with pytest.raises(ValueError, match=r"layer must be one of .* got 0"):
        some.of(0)


def test_progress_counts_sequences(model):
    calls = []
    reading = Reading(batch=4)
    activations(model, TOKENS, reading, progress=lambda *done: calls.append(done))
    assert calls == [(4, 11), (8, 11), (11, 11)]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"layers": ["3"]}, "layers must be 0 to 2 or 'final', got '3'"),
        ({"layers": [1, "1"]}, "layers must be different ones, at least one"),
        ({"layers": []}, "layers must hold one at least"),
        ({"positions": "first"}, "positions must be one of"),
        ({"batch": 0}, "batch must be at least 1, got 0"),
    ],
)
def test_a_reading_that_is_none_is_refused(changes, message, model):
    with pytest.raises(ValueError, match=message):
        activations(model, TOKENS, Reading(**changes))


@pytest.mark.parametrize(
    ("tokens", "error", "message"),
    [
        ([[1, 2]], TypeError, "tokens must be an array of NumPy or JAX, got list"),
        (TOKENS[0], ValueError, r"tokens must be a 2-D array .* shape \(6,\)"),
        (
            TOKENS * 0.5,
            ValueError,
            "tokens must be a 2-D array of whole numbers, got f",
        ),
        (TOKENS.astype(int) + 200, ValueError, r"tokens must be in \[0, 255\], got"),
        (np.zeros((2, 13), int), ValueError, "must be sequences of 1 to 12 tokens"),
        (np.zeros((0, 5), int), ValueError, "must be sequences of 1 to 12 tokens"),
    ],
)
def test_what_are_no_sequences_is_refused(tokens, error, message, model):
    with pytest.raises(error, match=message):
        inspect.unwrap(activations)(model, tokens)


def test_bad_tokens_leave_no_file(model, tmp_path):
    tokens = TOKENS.astype(int)
    tokens[-1, -1] = 256
    with pytest.raises(ValueError, match=r"tokens must be in \[0, 255\], got 256"):
        activations(model, tokens, out=tmp_path / "a.npy")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("fractions", "message"),
    [
        ((2.0,), r"fractions must be in \(0, 1\], got 2.0"),
        ((0.5, 0.5), r"fractions must be different numbers, got \(0.5, 0.5\)"),
        ((0.1,), "fractions must each leave two vectors at least, got 0.1 of 11: 1"),
    ],
)
def test_bad_shares_are_refused_before_anything_is_computed(fractions, message, model):
    with pytest.raises(ValueError, match=message):
        layer_radius(
            model, TOKENS, fractions=fractions, progress=lambda *_: pytest.fail("late")
        )


def test_the_radius_of_each_layer_is_that_of_its_activations(model, tmp_path):
    calls = []
    reading = Reading(batch=4, scratch=tmp_path)
    report = layer_radius(
        model,
        TOKENS,
        reading,
        fractions=(0.5, 1.0),
        progress=lambda *call: calls.append(call),
    )
    assert list(tmp_path.iterdir()) == []
    assert {what for what, *_ in calls} == {
        "activations",
        *(f"layer {n}" for n in report.layer.values),
    }
    stack = activations(model, TOKENS, reading)
    for name in stack.layers:
        expected = nearest_neighbour_radius(stack.of(name), (0.5, 1.0))
        layer = report.sel(layer=name)
        for variable in ("mean", "median", "distance", "histogram", "duplicates"):
            np.testing.assert_array_equal(layer[variable], expected[variable])
        np.testing.assert_array_equal(layer.bin_edges, expected.bin_edges)
    assert float(report.asymptote) == pytest.approx((8 / (2 * np.pi * np.e)) ** 0.5)


def test_equal_sequences_are_reported(model):
    reading, tokens = Reading(["final"], batch=4), TOKENS[[0, 0, 1, 2]]
    report = layer_radius(model, tokens, reading, fractions=(1.0,))
    assert report.duplicates.values.tolist() == [[2]]


def test_one_sequence_has_no_neighbour(model):
    with pytest.raises(
        ValueError, match="tokens must be two sequences at least, got 1"
    ):
        layer_radius(model, TOKENS[:1])


def test_sequences_are_a_text_in_pieces():
    text = np.arange(23)
    assert sequences_of(text, 5).tolist() == np.arange(20).reshape(4, 5).tolist()
    assert sequences_of(text, 5, 2)[:, 0].tolist() == [0, 10]
    assert np.shares_memory(sequences_of(text, 5, 4), text)
    with pytest.raises(
        ValueError, match="text must have two sequences of 12 tokens at least"
    ):
        sequences_of(text, 12)
    with pytest.raises(ValueError, match="most must be at least 1, got 0"):
        sequences_of(text, 5, 0)


def test_half_the_bits_give_nearly_the_same(model):
    exact, rounded = (
        activations(model, TOKENS, Reading(["final"], execution=execution)).vectors
        for execution in (Execution(), Execution("bfloat16"))
    )
    assert not (exact == rounded).all()
    np.testing.assert_allclose(rounded, exact, atol=0.03 * abs(exact).max())
