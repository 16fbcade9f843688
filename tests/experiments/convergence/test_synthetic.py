"""Random inputs by width: told from numbers made up, and a tiny run."""

import jax
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
from isinglass.reproduce import Context, Resolution, Verdict
from isinglass.systems.convergence import (
    DescentRecipe,
    ShallowEncoder,
    gradient_descent,
    tangent_kernel,
)

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
    # Of two trainings, three starts, two scales, two narrow widths and six draws.
    assert "Where d_m < 100 α is 0, and it says nothing: 144 runs" in text
    assert "until step 100 the loss fell by 0.045 of itself a step" in text
    measured.course.loc[{"scale": HALF}] = 0.9
    measured.held[:] = 0
    outcome = tell(synthetic, measured)
    assert rows_of(outcome)[faster].verdict == Verdict.DIFFERS
    assert "So it is no law at these widths" in outcome.findings


def test_wider_is_told_to_be_slower_where_it_is(measured):
    measured.course[:] = 0.5
    text = tell(synthetic, measured).findings
    none = "wider is slower in 0 and faster in 0 of 2 steps of width"
    assert text.count(none) == 2
    assert "a matter of the step" not in text
    slower = xr.DataArray([0.001, 0.01, 0.1], {"width": WIDTHS})
    part = {"start": "lecun", "scale": HALF, "training": ALL, "step": 100}
    measured.course.loc[part] = slower
    part["training"] = FIXED
    measured.course.loc[part] = slower[::-1].values[:, None]
    text = tell(synthetic, measured).findings
    assert "slower in 2 and faster in 0 of 2 steps of width at equal γλ_max" in text
    assert "slower in 0 and faster in 2 of 2 steps of width at one γ" in text
    assert "“wider is faster” is a matter of the step" in text


def test_a_loss_beyond_what_is_followed_is_told_as_at_least_that(measured):
    title = f"Decades of loss by step 100, {ALL}"
    row = f"{title}: lecun, {HALF}, d_m = 16"
    outcome = tell(synthetic, measured)
    assert "at least" not in outcome.findings
    assert row in rows_of(outcome)
    run = {"start": "lecun", "scale": HALF, "training": ALL, "width": 16, "seed": 1}
    measured.course.loc[run | {"step": 100}] = 1e-30
    assert float(synthetic.decades(measured).sel(run)) == synthetic.MOST
    outcome = tell(synthetic, measured)
    assert "d_m = 16, 64 and 256: at least 3.7, 2, 2 decades" in outcome.findings
    assert "A loss is followed down by 12 decades" in outcome.findings
    rows = rows_of(outcome)
    assert row not in rows
    assert row.replace(f", {ALL}:", f", {ALL} (12 is at least 12):") in rows


def test_a_training_that_diverged_is_told_and_has_lost_nothing(measured):
    run = {"start": "lecun", "scale": HALF, "training": FIXED, "width": 256, "seed": 1}
    measured.course.loc[run | {"step": measured.step[1:]}] = np.nan
    outcome = tell(synthetic, measured)
    assert "1 run diverged." in outcome.findings
    assert float(synthetic.decades(measured).sel(run)) == 0


def test_a_tiny_run_is_whole(monkeypatch):
    monkeypatch.setitem(synthetic.SETTINGS, "quick", TINY)
    measured = measure(synthetic, seeds=2).squeeze(("start", "width"))
    course = measured.course
    assert (course.sel(step=0).drop_sel(training=FROZEN) == 1).all()
    uniform = measured.sel(scale=UNIFORM)
    assert uniform.course.sel(training=FROZEN).isnull().all()
    assert float(uniform.distance.sel(training=ALL).max()) < 1e-6
    assert (uniform.share == 0).all()
    assert (measured.sel(scale=INVERSE).share > 0).all()
    assert (measured.held.sel(training=ALL) == 1).all()
    assert measured.motion.sel(scale=HALF).notnull().all()


def test_the_one_step_and_the_readout_alone_are_those_of_the_encoders(monkeypatch):
    """γ is 1/λ_max of the stiffest pilot; w_O descends as gradient descent has it."""
    monkeypatch.setitem(synthetic.SETTINGS, "quick", TINY)
    measured = measure(synthetic, seeds=1).squeeze(("start", "width", "seed"))
    context = Context(seeds=range(1), resolution=Resolution("quick"))

    def encoder(draw, scale):
        config = synthetic._config(TINY, "lecun", scale, 6)
        return ShallowEncoder(config, key=jax.random.key(draw.seed))

    pilot = synthetic._draw(context, TINY, 0, "pilot")
    kernels = [tangent_kernel(encoder(pilot, scale), pilot.inputs) for scale in SCALES]
    stiffest = max(np.linalg.eigvalsh(kernel.matrix)[-1] for kernel in kernels)
    assert measured.step_size.item() == pytest.approx(1 / stiffest, rel=1e-9)
    draw = synthetic._draw(context, TINY, 0)
    model = encoder(draw, HALF)
    part = tangent_kernel(model, draw.inputs).parts["readout"]
    recipe = DescentRecipe(1 / np.linalg.eigvalsh(part)[-1], TINY.steps)
    descent = gradient_descent(
        model, draw.inputs, draw.targets, recipe, frozen=lambda model: model.layer
    )
    course = measured.course.sel(scale=HALF, training=READOUT)
    expected = descent.losses[:: TINY.every] / descent.losses[0]
    np.testing.assert_allclose(course, expected, rtol=1e-4)
