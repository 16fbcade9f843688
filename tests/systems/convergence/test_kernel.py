"""The tangent kernel: finite differences, its parts, and its limit."""

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.random_models import random_model
from helpers.shallow_encoders import FEATURES, TOKENS, N, features, trained
from isinglass.systems.convergence import (
    ShallowConfig,
    ShallowEncoder,
    arc_cosine_kernel,
    extreme_eigenvalues,
    limit_kernel,
    smallest_singular_value,
    tangent_kernel,
)

NAMES = ("layer.query", "layer.key", "layer.value", "readout")
CONFIG = ShallowConfig(FEATURES, 12, "lecun", 0.5)


def outputs(weights, inputs, config):
    return features(weights, inputs, config) @ weights[3]


def test_it_is_the_kernel_of_finite_differences():
    rng = np.random.default_rng(3)
    inputs = rng.normal(size=(N, TOKENS, FEATURES))
    model = random_model(ShallowEncoder, CONFIG)  # in float32, taken as it is
    layer = model.layer
    weights = [
        np.asarray(x, np.float64)
        for x in (layer.query, layer.key, layer.value, model.readout)
    ]
    kernel = tangent_kernel(model, inputs, block=4)  # the last block is filled up
    assert tuple(kernel.parts) == NAMES
    step = 1e-6
    for place, name in enumerate(NAMES):
        rows = np.empty((weights[place].size, N))
        for number in range(len(rows)):
            ends = []
            for sign in (1, -1):
                moved = [weight.copy() for weight in weights]
                moved[place].flat[number] += sign * step
                ends.append(outputs(moved, inputs, CONFIG))
            rows[number] = (ends[0] - ends[1]) / (2 * step)
        np.testing.assert_allclose(kernel.parts[name], rows.T @ rows, atol=1e-7)
    whole = tangent_kernel(model, inputs)
    np.testing.assert_allclose(kernel.matrix, whole.matrix, rtol=1e-12, atol=1e-13)
    assert kernel.drift(whole) < 1e-14


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.1, 3))
def test_the_part_of_the_readout_is_f_f(seed, size):
    """So λ_min(K) is no less than α², and K no less than any of its parts (law 1)."""
    rng = np.random.default_rng(seed)
    inputs = size * rng.normal(size=(N, TOKENS, FEATURES))
    with jax.enable_x64(True):
        model = random_model(ShallowEncoder, CONFIG, seed % 1000)
    weights = [np.asarray(x) for x in jax.tree.leaves(model.layer)]
    f = features(weights, inputs, CONFIG)
    kernel = tangent_kernel(model, inputs)
    scale = np.trace(kernel.matrix)
    np.testing.assert_allclose(kernel.parts["readout"], f @ f.T, atol=1e-13 * scale)
    alpha = smallest_singular_value(model, inputs)
    assert alpha == pytest.approx(np.linalg.svd(f)[1][-1], abs=1e-12 * scale)
    assert kernel.extremes.smallest >= alpha**2 - 1e-12 * scale
    assert kernel.share(NAMES) == pytest.approx(1)


def test_fewer_features_than_inputs_leave_alpha_0():
    model = ShallowEncoder(ShallowConfig(FEATURES, N - 1), key=jax.random.key(0))
    inputs = np.random.default_rng(0).normal(size=(N, TOKENS, FEATURES))
    assert smallest_singular_value(model, inputs) == 0


def test_the_arc_cosine_kernel_is_the_mean_over_gaussian_weights():
    x = np.array([[2.0, 0, 0], [0, 3, 0], [-1, 0, 0], [1, 1, 1], [0, 0, 0]])
    w = np.random.default_rng(0).normal(size=(3, 400_000))
    signal = x @ w
    for order, applied in ((0, (signal > 0) * 1.0), (1, np.maximum(signal, 0))):
        kernel = arc_cosine_kernel(x, x, order=order)
        mean = 2 * applied @ applied.T / w.shape[1]
        np.testing.assert_allclose(kernel[:4, :4], mean[:4, :4], atol=0.03)
    relu = arc_cosine_kernel(x, x)
    np.testing.assert_allclose(np.diag(relu), [4, 9, 1, 3, 0], atol=1e-14)
    np.testing.assert_allclose(relu[0, :3], [4, 6 / np.pi, 0], atol=1e-14)
    np.testing.assert_allclose(
        arc_cosine_kernel(x, x, order=0)[0, :3], [1, 0.5, 0], atol=1e-7
    )


def test_with_one_over_width_the_kernel_tends_to_its_closed_form():
    """As d_m^(−1/2): 64 times the width, an eighth of the error (law 2)."""
    errors, inverse = {}, 1.0
    for width in (64, 4096):
        parts = []
        for seed in range(4):
            case = trained("lecun", inverse, width, seed)
            limit = limit_kernel(
                case.inputs, ShallowConfig(FEATURES, width, "lecun", inverse)
            )
            parts.append(
                [
                    np.linalg.norm(case.kernel.parts[name] - part)
                    / np.linalg.norm(part)
                    for name, part in limit.parts.items()
                ]
            )
        errors[width] = np.mean(parts, axis=0)
    assert (errors[4096] < 0.1).all()
    ratio = errors[64] / errors[4096]
    assert ((ratio > 4) & (ratio < 16)).all()


def test_the_share_of_queries_and_keys_vanishes_but_from_ntk_with_one_half():
    """Law 3."""

    def share(start, exponent, width):
        cases = (trained(start, exponent, width, seed) for seed in range(4))
        return np.mean([c.kernel.share(NAMES[:2]) for c in cases])

    assert share("lecun", 1.0, 4096) < 1e-3 * share("lecun", 1.0, 64)
    assert share("lecun", 0.5, 1024) < 0.2 * share("lecun", 0.5, 64)
    assert share("ntk", 0.5, 1024) > 0.5 * share("ntk", 0.5, 64)
    attention = [trained("lecun", 1.0, width).attention for width in (64, 4096)]
    near, nearer = (abs(shares - 1 / TOKENS).max() for shares in attention)
    assert nearer < near / 4


def test_extreme_eigenvalues_are_exact_and_need_float64():
    kernel = np.diag([3.0, 1e-12, 2.0])
    assert extreme_eigenvalues(kernel) == pytest.approx((1e-12, 3), rel=1e-14)
    with pytest.raises(ValueError, match="kernel must be float64"):
        extreme_eigenvalues(kernel.astype(np.float32))
