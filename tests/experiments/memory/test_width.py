"""How much is known by heart: the search for D*, the fit, and a tiny run."""

import jax
import numpy as np
import pytest

from isinglass.experiments.memory import width as experiment
from isinglass.experiments.memory.width import HALF, Budget, Found, Search
from isinglass.reproduce.experiment import Context
from isinglass.systems.memory import Transformer

TINY = Budget((6, 8), 60)


def found_of(star, widths=(4, 8, 16)):
    """What a run would have found with these D*, (W, S)."""
    star = np.asarray(star, float)
    searches = [
        [Search(np.array([d / 2, 2 * d]), np.array([HALF - 1, HALF + 1])) for d in row]
        for row in star
    ]
    parameters = np.array([experiment.parameters(width) for width in widths])
    return Found(np.array(widths), parameters, searches, star)


def law(power, widths=(4, 8, 16)):
    """D* of an exact law N ∝ D*^a, two seeds."""
    parameters = np.array([experiment.parameters(width) for width in widths], float)
    return np.repeat(3 * parameters[:, None] ** (1 / power), 2, axis=1)


@pytest.mark.parametrize("width", [4, 24])
def test_parameters_are_those_of_the_model(width):
    model = jax.eval_shape(
        lambda: Transformer(experiment.config(width), key=jax.random.key(0))
    )

    assert sum(leaf.size for leaf in jax.tree.leaves(model)) == experiment.parameters(
        width
    )


@pytest.mark.parametrize("crossing", [3.1, 27.0, 100.0, 950.0])
def test_the_search_finds_the_crossing_wherever_it_is(crossing):
    # It begins at 23, 35 and 52 sequences; this loss crosses half at `crossing`.
    search = experiment.search(
        lambda count: HALF * (1 + np.log(count / crossing)), 1_000
    )

    assert (np.diff(search.data) > 0).all()
    assert search.star == pytest.approx(crossing * experiment.COUNTED, rel=1e-9)


@pytest.mark.parametrize("loss", [0.0, 4.0])
def test_a_loss_that_never_crosses_is_an_error(loss):
    with pytest.raises(RuntimeError, match="1000 parameters does not cross"):
        experiment.search(lambda count: loss, 1_000)


def test_keys_differ_and_do_not_count():
    source = experiment.random_source(500, seed=3)
    batch = source.take(source.every())
    keys = batch.targets[:, : experiment.KEY]

    assert len(np.unique(keys, axis=0)) == 500
    assert (
        batch.weights.sum(axis=0).tolist()
        == [0] * experiment.KEY + [500] * experiment.COUNTED
    )
    counts = np.bincount(batch.targets[:, experiment.KEY :].ravel(), minlength=64)
    # χ² at 63 degrees of freedom: 6 standard deviations are 130.
    expected = 500 * experiment.COUNTED / 64
    assert ((counts - expected) ** 2 / expected).sum() < 130


def test_all_sizes_of_data_have_as_many_passes():
    for width in (8, 24):
        for sequences in (400, 900):
            recipe = experiment.recipe(experiment.DEFAULT, width, sequences, seed=0)
            passes = recipe.steps * recipe.batch / sequences
            assert passes == pytest.approx(experiment.DEFAULT.passes, rel=0.03)


def test_steps_at_d_star_go_as_data_over_parameters():
    parameters = np.array([experiment.parameters(width) for width in (4, 8, 16)])
    star = parameters * [0.3, 0.45, 0.6]
    steps = found_of(star[:, None] * [0.5, 2.0]).steps(experiment.DEFAULT)

    # Four steps a pass where there are 0.45 tokens for each parameter.
    assert steps == pytest.approx(600 * star / parameters / 0.45, rel=0.06)


@pytest.mark.parametrize("power", [1.0, 1.5, 2.0])
def test_the_fit_recovers_an_exact_law(power):
    found = found_of(law(power))

    assert found.exponents() == pytest.approx(power)
    assert found.exponents(1) == pytest.approx(power)
    assert experiment.bootstrap(found, 0) == pytest.approx((power, power))


def test_the_bootstrap_is_as_wide_as_the_seeds_differ():
    rng = np.random.default_rng(0)
    star = law(1.0) * np.exp(0.1 * rng.standard_normal((3, 2)))
    low, high = experiment.bootstrap(found_of(star), 0)

    assert 0 < high - low < 0.5
    assert low <= experiment._whole(found_of(star)) <= high


@pytest.mark.parametrize(
    ("power", "verdict", "says"),
    [
        (1.0, "differs", "the linear law holds"),
        (2.0, "reproduced", "That is the paper's law"),
        (1.4, "differs", "neither"),
    ],
)
def test_the_verdict_follows_the_law(power, verdict, says):
    rng = np.random.default_rng(1)
    found = found_of(law(power) * np.exp(1e-3 * rng.standard_normal((3, 2))))
    rows = {row.quantity: row for row in experiment._rows(found)}
    findings = experiment._findings(Context(seeds=2), TINY, found)

    assert len(rows) == len(experiment._rows(found))
    assert rows["a of N ∝ D*^a"].verdict.value == verdict
    assert says in findings
    steps = found.steps(TINY)
    assert (
        f"takes {steps[0]:,}, {steps[1]:,}, {steps[2]:,} steps, by rising N" in findings
    )
    assert f"{steps[2] / steps[0]:.2f} times as many at the largest" in findings
    ratio = next(
        row for name, row in rows.items() if name.startswith("log₁₀ of N/D*² at")
    )
    change = (1 - 2 / power) * np.log10(found.parameters[-1] / found.parameters[0])
    assert ratio.ours == pytest.approx(change, abs=0.01)


def test_a_tiny_training_learns_some_of_it_by_heart(tmp_path):
    context = Context(seeds=1, sweeps=tmp_path)
    loss = experiment._trained_loss(context, TINY, 6, 0, 20)

    assert 0 < loss < 1.2 * HALF
    assert (tmp_path / "width-6-0-20").is_dir()
    assert experiment._trained_loss(context, TINY, 6, 0, 20) == loss  # only read


def test_a_tiny_run_from_end_to_end(monkeypatch):
    def loss(context, budget, width, index, sequences):
        data = sequences * experiment.COUNTED / experiment.parameters(width)
        return 2 * HALF * data / (data + 0.5)

    monkeypatch.setattr(experiment, "QUICK", TINY)
    monkeypatch.setattr(experiment, "_trained_loss", loss)
    outcome = experiment.run(Context(seeds=1, quick=True))

    # Half is known at half a token of six bits for each parameter.
    bits = [row.ours for row in outcome.rows if row.unit == "bits/parameter"]
    assert bits == pytest.approx([1.5, 1.5], rel=0.02)
    assert [figure.name for figure in outcome.figures] == ["memory-width"]
    assert "from one seed" in outcome.findings
    assert "the linear law holds" in outcome.findings
