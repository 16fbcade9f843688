"""Plates whose conductivity is the truth: what each map can say, and what is told."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr

from helpers.experiments import measure, rows_of, tell
from isinglass.experiments.heat import recovery, recovery_arms
from isinglass.experiments.heat.recovery_arms import NAMES
from isinglass.systems.heat import conduct


@pytest.fixture
def measured() -> xr.Dataset:
    rng = np.random.default_rng(0)
    axes = {"k": [0.1, 2.0], "noise": [0.01, 0.1], "seed": range(5)}
    modes = xr.DataArray(rng.uniform(10, 90, (2, 2, 5)), axes)
    axes = {"arm": list(NAMES), "time": [1, 2], "channel": [0.1, 2.0]}
    errors = 5 + rng.random((len(NAMES), 2, 2, 5))
    errors[0] = 1
    percent = {"units": "%", "valid_range": [0, 100]}
    return xr.Dataset(
        {
            "off": modes.assign_attrs(percent) / 10,
            "modes": modes.assign_attrs(percent),
            "error": xr.DataArray(errors, axes | {"seed": range(5)}, attrs=percent),
            "size": xr.DataArray([4.0] * 5, {"arm": list(NAMES)}),
            "rate": xr.DataArray([0.1] * 5, {"arm": list(NAMES)}),
        },
        attrs={"resolution": "default", "seeds": 5, "seed": 0},
    )


def test_findings_follow_the_numbers(measured):
    outcome = tell(recovery, measured)
    assert rows_of(outcome)["error at t = 1: k per channel"].ours == 1
    assert "the true form has the smallest error" in outcome.findings
    assert len(outcome.figures) == 1
    measured.error.loc["free gains"] /= 9
    assert "another map does as well" in tell(recovery, measured).findings


def test_maps_can_be_what_they_are_to_learn():
    """Those whose weights say so conduct; a kernel of no reach is a factor."""
    rng = np.random.default_rng(0)
    field = jnp.asarray(rng.normal(size=(2, 5, 5, 2)), jnp.float32)
    after = jax.jit(lambda plate, x: plate.after(x, 2))
    plates = {name: recovery_arms.start(name, 5, 2) for name in NAMES}
    k = 2 * np.exp(recovery_arms.START)
    for name in ("k per channel", "k per mode"):
        expected = conduct(field, k)
        np.testing.assert_allclose(after(plates[name], field), expected, atol=1e-5)
    for name in ("free gains", "convolution"):
        ours = after(plates[name], field)
        np.testing.assert_allclose(ours, field / 4, atol=1e-6)
    mean = jnp.broadcast_to(field.mean((1, 2), keepdims=True), field.shape)
    np.testing.assert_allclose(after(plates["attention"], field), mean, atol=1e-5)


def test_a_kernel_is_a_convolution():
    plate = recovery_arms.start("convolution", 5, 1)
    kernel = np.random.default_rng(0).normal(size=(5, 5, 1)).astype(np.float32)
    plate = recovery_arms.Plate((jnp.asarray(kernel),), plate.name)
    field = np.zeros((1, 5, 5, 1), np.float32)
    field[0, 2, 2] = 1
    np.testing.assert_allclose(plate(jnp.asarray(field))[0], kernel, atol=1e-6)


def test_what_is_told_of_k_is_measured(monkeypatch, untrained):
    tiny = recovery.Setting(4, 4, strengths=(0.1, 30.0), rates=(0.1,), searches=1)
    monkeypatch.setitem(recovery.SETTINGS, "quick", tiny)
    measured = measure(recovery, seeds=2)
    assert measured.error.notnull().all()
    easy, hard = (measured.modes.sel(k=k, noise=0.01).mean() for k in (0.1, 30.0))
    assert easy > 90 > 10 > hard
    assert measured.off.sel(k=0.1, noise=0.01).max() < 10
