"""Graphs whose best accuracy is known: message passing, and what is told."""

import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr

from helpers.experiments import measure, rows_of, tell
from isinglass.experiments.diffusion import block_model
from isinglass.experiments.diffusion.belief_propagation import beliefs
from isinglass.experiments.diffusion.block_graphs import Ensemble, stacked
from isinglass.experiments.diffusion.block_model import BEST, LEARNERS
from isinglass.experiments.diffusion.setting import BARE, CONVOLVED, MEAN, Training
from isinglass.systems.diffusion import Graph

TINY = Training(4, 1, 40, (1e-6, 0.1), 1, 2, 10)


@pytest.mark.parametrize("part", ["both", "features", "edges"])
def test_message_passing_is_as_sure_as_it_is_right(part):
    """Nishimori's condition: it holds of the true posterior alone."""
    ensemble, rng = Ensemble(), np.random.default_rng(0)
    right, sure = [], []
    for _ in range(3):
        graph = ensemble.draw(3.0, rng)
        signs = 2 * graph.labels - 1
        labels = np.where(rng.random(len(signs)) < 0.1, signs, 0)
        signals = ensemble.signals(3.0)
        without = {"both": {}, "features": {"edges": 0.0}, "edges": {"features": 0.0}}
        mean, _, is_fixed = beliefs(
            graph, signals._replace(**without[part]), labels, rng
        )
        assert is_fixed
        hidden = labels == 0
        right.append((np.sign(mean) == signs)[hidden].mean())
        sure.append((1 + abs(mean[hidden])).mean() / 2)
    assert np.mean(right) == pytest.approx(np.mean(sure), abs=0.02)
    assert np.mean(right) > 0.6


def test_graphs_that_are_filled_up_flow_as_before():
    rng, values = np.random.default_rng(0), jnp.arange(30.0)
    ensemble = Ensemble(30, 3, 1, 2)
    graphs = [Graph(ensemble.draw(1.0, rng).edges, 30) for _ in range(2)]
    both = stacked(graphs)
    for place, graph in enumerate(graphs):
        arrays = both.sources[place], both.targets[place], both.weights[place]
        flow = np.zeros(30)
        np.add.at(flow, arrays[1], arrays[2] * values[arrays[0]])
        np.testing.assert_allclose(flow, graph.convolve(values), rtol=1e-6)


@pytest.fixture
def measured() -> xr.Dataset:
    rng = np.random.default_rng(0)
    axes = {"learner": list(LEARNERS), "signal": [1.0, 4.0], "seed": range(4)}
    accuracy = xr.DataArray(70 + rng.normal(size=(len(LEARNERS), 2, 4)), axes)
    accuracy.loc[BEST] += 20
    accuracy.loc[block_model.SQUARED.name] = np.nan  # not trained
    highest = accuracy.sel(learner=BEST, drop=True)
    return xr.Dataset(
        {
            "accuracy": accuracy.assign_attrs(units="%", valid_range=[0, 100]),
            "rate": accuracy.mean("seed"),
            "expected": highest + 0.5,
            "fixed": highest / highest,
        },
        attrs={"resolution": "default", "seeds": 4, "seed": 0},
    )


def test_it_is_told(measured):
    outcome = tell(block_model, measured)
    rows = rows_of(outcome)
    (mean,) = measured.accuracy.sel(learner=[MEAN.along_graph().name]).values
    (alone,) = measured.accuracy.sel(learner=[CONVOLVED.name]).values
    row = rows[f"Less the mean with the graph: {CONVOLVED.name}, 4"]
    assert row.ours == pytest.approx((alone - mean)[1].mean())
    assert not any(block_model.SQUARED.name in name for name in rows)
    assert "by −0.50 points" in outcome.findings
    assert "neither the mean nor attention" in outcome.findings
    assert len(outcome.figures) == 1
    measured.accuracy.loc[BARE.name] -= 20
    measured.fixed[0, 0] = 0
    text = tell(block_model, measured).findings
    assert "So the mean adds something" in text
    assert "1 run had not come to rest" in text


def test_what_is_measured_where_nothing_is_learned(monkeypatch, untrained):
    tiny = block_model.Setting((4.0,), Ensemble(80, 8, 8, 20), TINY, (CONVOLVED,))
    monkeypatch.setitem(block_model.SETTINGS, "quick", tiny)
    measured = measure(block_model, seeds=2)
    accuracy = measured.accuracy.sel(signal=4.0)
    assert accuracy.sel(learner=BEST).mean() > 70
    assert (
        accuracy.sel(learner=BEST).mean() > accuracy.sel(learner=CONVOLVED.name).mean()
    )
    assert measured.rate.sel(learner=CONVOLVED.name) in TINY.rates
    assert accuracy.sel(learner=BARE.name).isnull().all()
    assert accuracy.sel(learner=list(block_model.PEERS)).notnull().all()


@pytest.mark.slow  # compiles a training
def test_a_tiny_run(monkeypatch):
    tiny = block_model.Setting((4.0,), Ensemble(80, 8, 8, 20), TINY, (CONVOLVED,))
    monkeypatch.setitem(block_model.SETTINGS, "quick", tiny)
    measured = measure(block_model, seeds=3)
    accuracy = measured.accuracy.sel(signal=4.0)
    assert accuracy.sel(learner=BEST).mean() > 70
    # At the other rate nothing is learned.
    assert measured.rate.sel(learner=CONVOLVED.name) == 0.1
    assert accuracy.sel(learner=CONVOLVED.name).mean() > 60
