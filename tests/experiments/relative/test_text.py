"""The language model of characters: equal parameters, and what is told."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr

from helpers.experiments import rows_of, tell
from isinglass.experiments.relative import text
from isinglass.experiments.relative.setting import Learner
from isinglass.experiments.relative.text import BEYOND, FRESH, PLACES, TRAINED


def test_arms_have_equal_parameters():
    sizes = text.Sizes()
    numbers = [
        text.parameters(arm, sizes, text.equal_hidden(arm, sizes)) for arm in text.ARMS
    ]
    assert np.ptp(numbers) < 0.005 * max(numbers)


@pytest.fixture
def measured() -> xr.Dataset:
    axes = {"arm": list(text.NAMES), "places": list(PLACES), "seed": range(5)}
    noise = np.random.default_rng(1).normal(scale=0.01, size=(5, 3, 5))
    bits = xr.DataArray(3 + noise, axes, attrs={"units": "bits"})
    bits.loc[{"places": FRESH}] -= 0.25
    bits.loc[{"places": BEYOND}] += 0.25
    rates = bits.isel(places=0, seed=0, drop=True)
    return xr.Dataset(
        {"bits": bits, "rate": rates, "parameters": rates * 1000},
        attrs={"resolution": "default", "seeds": 5, "seed": 0},
    )


def test_it_is_told(measured):
    outcome = tell(text, measured)
    rows = rows_of(outcome)
    more = rows["RPE + c, beyond less fresh"].ours
    assert more == pytest.approx(0.5, abs=0.03)
    assert "So c adds nothing that can be told here" in outcome.findings
    measured.bits.loc["RPE + c", TRAINED] -= 0.5
    outcome = tell(text, measured)
    assert "So c helps here" in outcome.findings
    assert rows_of(outcome)["RPE + c, as trained, less RPE"].ours < -0.4
    assert len(outcome.figures) == 1
    measured.attrs["resolution"] = "quick"
    findings = tell(text, measured).findings
    assert "chosen" not in findings
    assert "one rate for all arms, 0.01, that was not searched" in findings
    measured.attrs["resolution"] = "full"
    assert "start of learning" not in tell(text, measured).findings


def logits_by_place(learner, tokens, **options):
    """Logits that say of a byte how many are before it."""
    logits = jnp.zeros((*tokens.shape, text.SYMBOLS))
    return logits.at[..., 0].set(jnp.arange(tokens.shape[1]) / 10)


def test_fresh_windows_read_the_same_bytes_with_nearly_all_the_context(monkeypatch):
    monkeypatch.setattr(Learner, "logits", logits_by_place)
    length = 16
    sizes = text.Sizes(length, width=8, layers=1)
    net = text.new_model(text.NOTHING, jax.random.key(0), sizes, 8)
    model = Learner(net, jnp.zeros((), jnp.int32), sizes, has_first=False)
    sequences = np.random.default_rng(0).integers(0, 2, (3, 2 * length + 1))
    fresh = text.fresh_bits(model, jnp.asarray(sequences))
    beyond = text.beyond_bits(model, jnp.asarray(sequences))
    for bits, before in (
        (fresh, np.tile([length - 2, length - 1], length // 2)),
        (beyond, np.arange(length, 2 * length)),
    ):
        first = before / 10
        total = np.log(np.exp(first) + text.SYMBOLS - 1)
        right = total - np.where(sequences[:, length + 1 :] == 0, first, 0)
        np.testing.assert_allclose(bits, right / np.log(2), rtol=1e-5)
