"""A rate for each case, searched on other seeds than those reported."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr

from helpers.experiments import measure
from isinglass.experiments.relative import positions, setting, text
from isinglass.experiments.relative.positions import FIXED, Sizes
from isinglass.experiments.relative.setting import Training


class Untrained(NamedTuple):
    """What a training gives back."""

    models: setting.Learner
    metrics: xr.Dataset
    diverged: np.ndarray


@pytest.fixture
def trainings(monkeypatch) -> list[tuple]:
    """Every call that would train; the higher rate is the best."""
    calls = []

    def untrained(models, task, recipe, *, learning_rates, **rest):
        calls.append((models, task, learning_rates))
        errors = [abs(rate - 0.02) for rate in learning_rates]
        validation = xr.DataArray(np.array(errors)[:, None], dims=("lane", "step"))
        return Untrained(
            models, xr.Dataset({"validation": validation}), np.isinf(errors)
        )

    monkeypatch.setattr(setting, "train_lanes", untrained)
    return calls


TINY = Training(4, (0.01, 0.02), 1, 4)


def test_the_best_rate_is_reported_and_a_fixed_coupling_is_frozen(
    monkeypatch, trainings
):
    arm = FIXED._replace(has_first=True)
    tiny = positions.Setting((arm,), Sizes(4, 3, 2, 8, 1), TINY, TINY, 4)
    monkeypatch.setitem(positions.SETTINGS, "quick", tiny)
    measured = measure(positions, seeds=2)

    done = measured.sel(arm=FIXED.name)
    assert (done.rate == 0.02).all()
    assert done.accuracy.notnull().all()
    assert measured.rate.isnull().sum() == 8 * 3
    models, task, _ = trainings[0]
    coupling = models.net.positions.coupling
    assert task.frozen(models) is coupling
    assert jnp.ptp(coupling) > 0.5
    # Seeds of a search are no seeds of a report.
    assert not jnp.allclose(
        trainings[-1][0].net.embedding, trainings[-2][0].net.embedding[:2]
    )


def test_texts_are_measured_beyond_the_trained_length(monkeypatch, trainings, tmp_path):
    source = np.random.default_rng(0).integers(97, 123, 400_000).astype(np.uint8)
    path = tmp_path / "text.txt"
    path.write_bytes(source.tobytes())
    tiny = text.Setting((text.URPE,), text.Sizes(4, 2, 8, 1), TINY, 4)
    monkeypatch.setitem(text.SETTINGS, "quick", tiny)
    measured = measure(text, seeds=2, text=path)
    bits = measured.bits.sel(arm="RPE + c")
    np.testing.assert_allclose(bits, 8, atol=1)  # untrained: one of 256
    assert measured.parameters.notnull().sum() == 1
