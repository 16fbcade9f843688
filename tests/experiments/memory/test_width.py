"""How much is known by heart: the recipe, the law and its verdict, and a tiny run."""

import jax
import numpy as np
import pytest
import xarray as xr

from helpers.experiments import measure, parts, rows_of, tell
from isinglass.experiments.memory import width as experiment
from isinglass.experiments.memory.width import COUNTED, HALF, Setting
from isinglass.reproduce import Context
from isinglass.systems.memory import Transformer

TINY = Setting((6, 8), 60)
WIDTHS = (4, 8, 16)
SIZES = np.array([experiment.parameters_of(width) for width in WIDTHS])


@pytest.fixture(autouse=True)
def _tiny(monkeypatch):
    monkeypatch.setitem(experiment.SETTINGS, "quick", TINY)


def searches(star):
    """A measurement with these D*, of three widths by seed."""
    star = np.asarray(star, float)
    axes = ("width", "seed")
    data = np.stack([star / 2, 2 * star], -1)
    loss = np.broadcast_to([HALF - 1, HALF + 1], data.shape)
    measured = xr.Dataset(
        {
            "data": ((*axes, "trial"), data),
            "loss": ((*axes, "trial"), loss),
            "star": (axes, star),
            "parameters": ("width", SIZES),
        },
        {"width": list(WIDTHS), "seed": list(range(star.shape[1]))},
    )
    attributes = {"resolution": "quick", "seeds": star.shape[1], "seed": 0}
    return measured.assign_attrs(attributes)


def law(power):
    """D* of an exact law N ∝ D*^a, five seeds."""
    return np.repeat(3 * SIZES[:, None] ** (1 / power), 5, axis=1)


@pytest.mark.parametrize("width", [4, 24])
def test_parameters_are_those_of_the_model(width):
    config = experiment.config_of(width)
    model = jax.eval_shape(lambda: Transformer(config, key=jax.random.key(0)))

    size = sum(leaf.size for leaf in jax.tree.leaves(model))
    assert size == experiment.parameters_of(width)


def test_all_sizes_of_data_have_as_many_passes():
    setting = experiment.SETTINGS["default"]
    for width in (8, 24):
        for sequences in (400, 900):
            recipe = setting.recipe(width, sequences, seed=0)
            passes = recipe.steps * recipe.batch / sequences
            assert passes == pytest.approx(setting.passes, rel=0.03)


def test_steps_at_d_star_go_as_data_over_parameters(monkeypatch):
    setting = experiment.SETTINGS["default"]
    monkeypatch.setitem(experiment.SETTINGS, "quick", setting)
    star = SIZES * [0.3, 0.45, 0.6]
    steps = experiment.tell(searches(star[:, None] * [0.5, 2.0]))["steps"]

    # Four steps a pass where there are 0.45 tokens for each parameter.
    assert steps == pytest.approx(600 * star / SIZES / 0.45, rel=0.06)


@pytest.mark.parametrize(
    ("power", "verdict", "says"),
    [
        (1.0, "differs", "the linear law holds"),
        (2.0, "in our interval", "That is the paper's law"),
        (1.4, "differs", "neither"),
    ],
)
def test_the_verdict_follows_the_law(power, verdict, says):
    rng = np.random.default_rng(1)
    measured = searches(law(power) * np.exp(1e-3 * rng.standard_normal((3, 5))))
    outcome, steps = tell(experiment, measured), experiment.tell(measured)["steps"]
    rows = rows_of(outcome)

    assert rows["a of N ∝ D*^a"].verdict.value == verdict
    assert says in outcome.findings
    assert "(95 %, seeds drawn anew); from N = " in outcome.findings
    counts = ", ".join(f"{count:,}" for count in steps)
    assert f"takes {counts} steps, by rising N" in outcome.findings
    assert f"{steps[2] / steps[0]:.2f} times as many at the largest" in outcome.findings
    (ratio,) = (row for name, row in rows.items() if name.startswith("log₁₀ of N/D*²"))
    change = (1 - 2 / power) * np.log10(SIZES[-1] / SIZES[0])
    assert ratio.ours == pytest.approx(change, abs=0.01)


def test_a_tiny_training_learns_some_of_it_by_heart(tmp_path):
    context = Context(seeds=[0], workspace=tmp_path)
    loss = experiment.trained_loss(context, TINY, (6, 0), 20)

    assert 0 < loss < 1.2 * HALF
    assert (tmp_path / "width-6-0-20").is_dir()
    again = experiment.trained_loss(context, TINY, (6, 0), 20)
    assert again == loss  # only read


def test_a_tiny_run_from_end_to_end(monkeypatch):
    def loss(context, setting, job, sequences):
        data = sequences * COUNTED / experiment.parameters_of(job[0])
        return 2 * HALF * data / (data + 0.5)

    monkeypatch.setattr(experiment, "trained_loss", loss)
    outcome = tell(experiment, measure(experiment))

    # Half is known at half a token of six bits for each parameter.
    bits = [row.ours for row in outcome.rows if row.unit == "bits/parameter"]
    assert bits == pytest.approx([1.5, 1.5], rel=0.02)
    assert parts(outcome) == [""]
    assert "from one seed; from N" in outcome.findings
    assert "the linear law holds" in outcome.findings
