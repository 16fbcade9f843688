"""Landscape: what is told of known surfaces, and landscapes of small models."""

from dataclasses import replace

import equinox as eqx
import jax
import numpy as np
import pytest
import xarray as xr

from helpers import experiments
from helpers.looped_models import untrained
from isinglass.experiments.looped import landscape, setting
from isinglass.experiments.looped.landscape import SETTINGS, Setting, landscapes_of
from isinglass.experiments.looped.landscape_measures import (
    COMPARED,
    EXTENT,
    LANDSCAPES,
    MEASURES,
    PENALISED,
    PLAIN,
    STRIPPED,
    shape,
    verdict,
)
from isinglass.experiments.looped.models import PERCENT, Training
from isinglass.experiments.looped.parts import grid
from isinglass.experiments.looped.setting import OURS
from isinglass.reproduce import Context
from isinglass.systems.looped import Evaluation, LoopedConfig, Recipe

TINY = Setting(steps=5, points=5, sequences=4, probes=2)
SIDE = np.linspace(-EXTENT, EXTENT, 21)
A, B = np.meshgrid(SIDE, SIDE, indexing="ij")
BOWL = A**2 + B**2
# Minima at a = 0 and, lower, at a = ±0.8; ridges between them at a = ±0.4.
WELLS = -np.cos(2 * np.pi * A / 0.8) - 0.1 * A**2 + B**2


def surface(loss: np.ndarray, largest: float) -> xr.Dataset:
    local = {"point": 1.5, "largest": largest, "smallest": -1.0, "trace": 3 * largest}
    numbers = shape(loss) | local
    variables = {key: ((), x, MEASURES[key].attrs) for key, x in numbers.items()}
    plane = xr.DataArray(loss, {"a": SIDE, "b": SIDE}, ("a", "b"))
    return xr.Dataset({"loss": plane, **variables})


def measurement() -> xr.Dataset:
    """The objective with penalties is a bowl, cross-entropy has three wells."""
    losses = {PLAIN: (WELLS, 9.0), PENALISED: (BOWL, 5.0), STRIPPED: (WELLS, 9.0)}
    parts = {
        (OURS, name, seed): surface(loss, largest + 0.1 * seed)
        for name, (loss, largest) in losses.items()
        for seed in (0, 1)
    }
    arms = {"setting": [OURS], "arm": list(landscape.ARMS)}
    accuracy = np.tile([90.0, 95.0], (1, 2, 1))
    measured = grid(parts, "setting", "landscape", "seed").assign_coords(arms)
    measured["accuracy"] = (("setting", "arm", "seed"), accuracy, PERCENT)
    return measured.assign_attrs(resolution="quick")


def test_rows_have_differences_by_seed() -> None:
    outcome = experiments.tell(landscape, measurement())
    rows = experiments.rows_of(outcome)
    largest, wide = (MEASURES[name].words for name in ("largest", "funnel"))

    assert rows[f"{OURS}, {PLAIN}, {largest}"].ours == pytest.approx(9.05)
    name = f"{OURS}, {largest}: {PENALISED} less cross-entropy, by seed"
    assert rows[name].ours == pytest.approx(-4)
    assert "would have less" in rows[name].rule
    name = f"{OURS}, {wide}: {STRIPPED} less cross-entropy, by seed"
    assert rows[name].ours == 0
    assert sum("by seed" in quantity for quantity in rows) == 14
    assert all(row.n == 2 for row in outcome.rows)
    assert experiments.parts(outcome) == [""]


def test_findings_count_what_is_smoother() -> None:
    text = experiments.tell(landscape, measurement()).findings

    # All but the smallest eigenvalue.
    assert "smoother or wider beyond doubt in 6, rougher or narrower in 0" in text
    assert "it is 0, 0 and 7" in text


def test_one_seed_decides_nothing() -> None:
    alone = measurement().isel(seed=[0], setting=0)

    assert all(verdict(alone, key, PENALISED) == 0 for key in COMPARED)


def test_landscapes_are_of_arms_that_there_are() -> None:
    assert set(setting.ARMS) >= {arm for pair in LANDSCAPES.values() for arm in pair}


def test_a_landscape_is_of_its_objective(monkeypatch) -> None:
    training = Training(
        "small",
        "full-sequence",
        LoopedConfig(hidden=4, iterations=1),
        Recipe(steps=1),
        Evaluation(),
    )
    run = untrained(Context(seeds=range(1)), training)
    monkeypatch.setattr(landscape, "LANDSCAPES", {PLAIN: (setting.PLAIN,) * 2})
    (seed,) = run.seeds
    measured = landscapes_of(seed, {setting.PLAIN: run}, TINY).sel(landscape=PLAIN)

    assert measured.loss.shape == (5, 5)
    assert measured.smallest <= measured.largest
    batch = run.task.batch(jax.random.key(1), 4, 8)
    plain, penalised = eqx.filter_jit(
        lambda model: [
            landscape.objective(model, batch, setting.objective(arm))
            for arm in landscape.ARMS
        ]
    )(run.of(seed))
    assert plain < penalised


@pytest.mark.slow
def test_a_small_run_has_all_landscapes_of_all_seeds(tmp_path, monkeypatch) -> None:
    monkeypatch.setitem(SETTINGS, "quick", replace(TINY, papers=5))
    measured = experiments.measure(landscape, seeds=2, workspace=tmp_path)

    assert measured.loss.dims == ("setting", "landscape", "seed", "a", "b")
    assert measured.loss.shape == (2, 3, 2, 5, 5)
    outcome = experiments.tell(landscape, measured)
    assert experiments.parts(outcome) == ["", "paper"]
