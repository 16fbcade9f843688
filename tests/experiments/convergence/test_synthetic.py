"""Random inputs by width: told from numbers made up, and a tiny run."""

import numpy as np
import pytest
import xarray as xr

from helpers.experiments import measure, parts, rows_of, tell
from isinglass.experiments.convergence import synthetic
from isinglass.experiments.convergence.synthetic import (
    ALL,
    FIXED,
    FROZEN,
    HALF,
    INVERSE,
    PARTS,
    READOUT,
    SCALES,
    STARTS,
    TRAININGS,
    UNIFORM,
    Setting,
)
from isinglass.reproduce import Verdict

SEEDS, WIDTHS = range(6), [16, 64, 256]
TINY = Setting(
    (6,), ("lecun",), TRAININGS, 5, 3, 4, steps=20, every=2, reading=10, pilots=1
)


@pytest.fixture
def measured() -> xr.Dataset:
    """A decade of loss is lost in 100 steps, and twice that with d_m^(−1/2)."""
    rng = np.random.default_rng(0)
    axes = {"start": list(STARTS), "scale": list(SCALES)}
    ends = {"width": WIDTHS, "seed": SEEDS}
    step = xr.DataArray(np.arange(0, 401, 4), dims="step", name="step")
    step = step.assign_coords(step=step)

    def table(value: float = 1.0, **more: list) -> xr.DataArray:
        coordinates = axes | more | ends
        shape = [len(values) for values in coordinates.values()]
        values = value * (1 + 0.01 * rng.uniform(size=shape))
        return xr.DataArray(values, coordinates, list(coordinates))

    speed = table(training=list(TRAININGS))
    speed.loc[{"scale": HALF}] += 1
    speed.loc[{"scale": UNIFORM, "training": FROZEN}] = np.nan
    distance = table(0.02).expand_dims(training=[ALL, FIXED], time=["start", "end"])
    distance = distance.reindex(training=list(TRAININGS)).copy()
    held = (0 * speed + 1).where(speed.training.isin([ALL, FIXED]))
    return xr.Dataset(
        {
            "course": 10 ** (-speed * step / 100),
            "held": held.where(held.width > 100),
            "distance": distance,
            "motion": table().expand_dims(part=list(PARTS)),
            **{
                name: table()
                for name in ("alpha", "smallest", "largest", "share", "drift")
            },
            "step_size": xr.DataArray([0.1] * 3, {"start": list(STARTS)}),
        },
        attrs={"resolution": "default", "seeds": 6, "seed": 0},
    )


def test_claims_get_verdicts_by_how_often_they_hold(measured):
    outcome = tell(synthetic, measured)
    rows = rows_of(outcome)
    bound = rows[f"{ALL}: ℓ_t ≤ (1 − γα²/2)^t ℓ_0 at all steps"]
    assert (bound.ours, bound.n, bound.verdict) == (100, 36, Verdict.IN_INTERVAL)
    faster = f"{ALL}, lecun, d_m = 256: d_m^(−1/2) is faster than 1/d_m"
    assert rows[faster].verdict == Verdict.IN_INTERVAL
    title = f"Decades of loss by step 100, {ALL}"
    row = rows[f"{title}: lecun, {HALF}, d_m = 16"]
    assert row.ours == pytest.approx(2, abs=0.02)
    assert parts(outcome) == ["", "kernel"]
    text = outcome.findings
    assert "The linear rate holds wherever" in text
    assert "Where d_m < 100 α is 0, and it says nothing: 72 runs" in text.replace(
        "144", "72"
    )
    measured.course.loc[{"scale": HALF}] = 0.9
    measured.held[:] = 0
    outcome = tell(synthetic, measured)
    assert rows_of(outcome)[faster].verdict == Verdict.DIFFERS
    assert "So it is no law at these widths" in outcome.findings


def test_wider_is_told_to_be_slower_where_it_is(measured):
    assert "wider is not slower" in tell(synthetic, measured).findings
    slower = xr.DataArray([0.001, 0.01, 0.1], {"width": WIDTHS})
    part = {"start": "lecun", "scale": HALF, "training": ALL, "step": 100}
    measured.course.loc[part] = slower
    part["training"] = FIXED
    measured.course.loc[part] = slower[::-1].values[:, None]
    text = tell(synthetic, measured).findings
    assert "“wider is faster” at one γ is a matter of the step" in text


def test_a_tiny_run_is_whole(monkeypatch):
    monkeypatch.setitem(synthetic.SETTINGS, "quick", TINY)
    measured = measure(synthetic, seeds=2).squeeze(("start", "width"))
    course = measured.course
    assert (course.sel(step=0).drop_sel(training=FROZEN) == 1).all()
    # Of no more inputs than features, w_O alone descends without end.
    assert (course.sel(training=READOUT).diff("step") <= 0).all()
    uniform = measured.sel(scale=UNIFORM)
    assert uniform.course.sel(training=FROZEN).isnull().all()
    assert float(uniform.distance.sel(training=ALL).max()) < 1e-6
    assert (uniform.share == 0).all()
    assert (measured.sel(scale=INVERSE).share > 0).all()
    assert (measured.held.sel(training=ALL) == 1).all()
    # All but for rounding take one step: 1/λ_max, and that of the stiffest pilot.
    assert float(measured.step_size) > 0
    assert measured.motion.sel(scale=HALF).notnull().all()
