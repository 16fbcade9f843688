"""Gradient descent of shallow encoders: the bound, and what width does."""

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.shallow_encoders import FEATURES, TOKENS, N, trained
from isinglass.systems.convergence import (
    DescentRecipe,
    ShallowConfig,
    ShallowEncoder,
    gradient_descent,
    linear_bound,
    smallest_singular_value,
    tangent_kernel,
)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**31), st.floats(0.05, 1))
def test_the_readout_alone_is_a_linear_problem(seed, share):
    """Losses in closed form, and never above the bound (law 4)."""
    rng = np.random.default_rng(seed)
    inputs, targets = rng.normal(size=(N, TOKENS, FEATURES)), rng.normal(size=N)
    model = ShallowEncoder(ShallowConfig(FEATURES, 64), key=jax.random.key(seed))
    readout = tangent_kernel(model, inputs).parts["readout"]
    rates, modes = np.linalg.eigh(readout)
    step = share / rates[-1]
    descent = gradient_descent(
        model,
        inputs,
        targets,
        DescentRecipe(step, steps=50),
        frozen=lambda model: model.layer,
    )
    with jax.enable_x64(True):
        outputs = np.asarray(model(jax.numpy.asarray(inputs)))
    start = modes.T @ (outputs - targets)
    decay = (1 - step * rates) ** np.arange(51)[:, None]
    expected = ((decay * start) ** 2).sum(-1) / 2
    np.testing.assert_allclose(descent.losses, expected, rtol=1e-5)
    alpha = smallest_singular_value(model, inputs)
    bound = linear_bound(descent.losses[0], alpha, step, 50)
    assert (descent.losses <= bound * (1 + 1e-9)).all()


@pytest.mark.parametrize(
    ("start", "exponent", "width"),
    [("lecun", 0.5, 64), ("lecun", 1.0, 64), ("ntk", 0.5, 64)],
)
def test_the_bound_holds_with_all_weights_trained(start, exponent, width):
    for seed in range(4):
        case = trained(start, exponent, width, seed)
        losses = case.descent.losses
        bound = linear_bound(
            losses[0], case.alpha, 1 / case.kernel.extremes.largest, len(losses) - 1
        )
        assert (losses <= bound * (1 + 1e-9)).all()
        assert case.alpha > 0


def test_the_bound_is_no_law_where_alpha_is_small_against_the_loss():
    """Of 80 such draws the 29th breaks it most."""
    case = trained("lecun", 1.0, 16, seed=28)
    losses, step = case.descent.losses, 1 / case.kernel.extremes.largest
    excess = losses / linear_bound(losses[0], case.alpha, step, len(losses) - 1)
    assert excess.max() == pytest.approx(1.01, abs=0.002)
    assert case.alpha < 0.1 * losses[0]


def test_wider_is_slower_at_equal_step_times_largest_eigenvalue():
    """Law 5: from LeCun's start. From NTK's with τ₀ = d_m^(−1/2) it is not."""

    def steps(start, exponent, width):
        cases = [trained(start, exponent, width, seed) for seed in range(4)]
        return np.median([case.descent.steps_to(1e-3) for case in cases])

    for exponent in (0.5, 1.0):
        narrow, wide = (steps("lecun", exponent, width) for width in (64, 1024))
        assert 0 < narrow < wide
    narrow, wide = (steps("ntk", 0.5, width) for width in (64, 1024))
    assert wide < 1.1 * narrow


def test_wide_encoders_are_lazy_but_from_ntk_with_one_half():
    """Law 6."""

    def drift(start, exponent, width):
        return np.mean([trained(start, exponent, width, s).drift for s in range(4)])

    for exponent in (0.5, 1.0):
        assert drift("lecun", exponent, 1024) < 0.5 * drift("lecun", exponent, 64)
    assert drift("ntk", 0.5, 1024) > 0.5 * drift("ntk", 0.5, 64)


def test_it_stops_where_it_is_good_enough_or_diverges():
    rng = np.random.default_rng(0)
    inputs, targets = rng.normal(size=(N, TOKENS, FEATURES)), rng.normal(size=N)
    model = ShallowEncoder(ShallowConfig(FEATURES, 64), key=jax.random.key(0))

    def descent(step_size, until=0.0):
        recipe = DescentRecipe(step_size, 60, until, "single")
        return gradient_descent(model, inputs, targets, recipe)

    full, half, wild = descent(0.02), descent(0.02, 0.5), descent(1e3)
    step = full.steps_to(0.5)
    assert 0 < step < 60
    assert full.steps_to(1e-30) == -1
    np.testing.assert_array_equal(half.losses, full.losses[: step + 1])
    outputs = half.model(jax.numpy.asarray(inputs, jax.numpy.float32))
    loss = ((outputs - targets) ** 2).sum() / 2
    assert half.losses[-1] == pytest.approx(float(loss), rel=1e-4)
    assert wild.diverged
    assert not full.diverged


def test_a_frozen_part_stays_as_it_is():
    case = trained("lecun", 0.5, 64)
    model = ShallowEncoder(ShallowConfig(FEATURES, 64), key=jax.random.key(0))
    descent = gradient_descent(
        model,
        case.inputs,
        np.ones(N),
        DescentRecipe(0.01, steps=2),
        frozen=lambda model: (model.layer.query, model.layer.key),
    )
    after = descent.model.layer
    np.testing.assert_array_equal(after.query, model.layer.query)
    assert np.abs(np.subtract(after.value, model.layer.value)).max() > 1e-4


def test_the_bound_is_not_for_steps_that_overshoot():
    np.testing.assert_allclose(linear_bound(8.0, 1.0, 1.0, 2), [8, 4, 2])
    with pytest.raises(ValueError, match="step_size must be at most"):
        linear_bound(1.0, 2.0, 0.6, 3)
