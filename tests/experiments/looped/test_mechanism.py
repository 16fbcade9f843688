"""Mechanism: what is told of measurements by hand, and of models that know nothing."""

import numpy as np
import pytest
import xarray as xr

from helpers import experiments
from helpers.looped_models import untrained
from isinglass.experiments.looped import mechanism, models
from isinglass.experiments.looped.mechanism import SETTINGS, Setting
from isinglass.experiments.looped.mechanism_figures import drawn_iterations
from isinglass.experiments.looped.mechanism_summary import (
    ATTENDED,
    BEYOND,
    MATCH,
    OTHER,
    PREVIOUS,
    counted,
)
from isinglass.systems.looped.places import PLACES

TRAINED = 4


def measurement(accuracy: list[float]) -> xr.Dataset:
    """Seeds that look at the previous token first, and at the match in iteration 2."""
    seeds, symbols = len(accuracy), 8
    coordinates = {
        "seed": np.arange(seeds),
        "times": np.arange(BEYOND + 1),
        "iteration": np.arange(1, BEYOND + 1),
        "attended": list(ATTENDED),
        "place": list(PLACES),
        "trained_iteration": np.arange(1, TRAINED + 1),
    }

    def full(value: float, *dims: str) -> xr.DataArray:
        own = {name: coordinates[name] for name in dims}
        return xr.DataArray(np.full([len(x) for x in own.values()], value), own, dims)

    learned = xr.DataArray(accuracy, {"seed": coordinates["seed"]})
    attention = full(10.0, "seed", "iteration", "attended")
    attention.loc[{"iteration": 1, "attended": PREVIOUS}] = 80
    attention.loc[{"iteration": 2, "attended": MATCH}] = 90
    right = full(25.0, "seed", "times")
    right.loc[{"times": TRAINED}] = learned
    barred = learned * full(1.0, "place", "trained_iteration")
    barred.loc[{"place": PREVIOUS, "trained_iteration": 1}] = 5
    barred.loc[{"place": MATCH, "trained_iteration": 2}] = 20
    always = learned * full(1.0, "place")
    always.loc[{"place": PREVIOUS}], always.loc[{"place": MATCH}] = 5, 20
    tokens = np.random.default_rng(0).integers(0, 4, symbols)
    rows = np.tile(
        np.tri(symbols) / np.arange(1, symbols + 1)[:, None], (TRAINED, 1, 1)
    )
    return xr.Dataset(
        {
            "accuracy": right,
            "attention": attention,
            "uniform": full(10.0, "seed"),
            "state": full(1.0, "seed", "times") * coordinates["times"],
            "change": full(1.0, "seed", "iteration"),
            "barred": barred,
            "always_barred": always,
            "unbarred": learned,
            "tokens": ("position", tokens),
            "source": ("position", [-1, -1, 0, 1, 1, 2, 3, 4]),
            "right": ("position", tokens == tokens),
            "rows": (("trained_iteration", "position", "attended_position"), rows),
        },
        attrs={"resolution": "quick"},
    )


def test_rows_are_of_seeds_that_learned() -> None:
    outcome = experiments.tell(mechanism, measurement([99.0, 97.0, 30.0]))
    rows = experiments.rows_of(outcome)

    solved = rows["seeds with at least 90% right answers at L = 16"]
    assert solved.ours == pytest.approx(200 / 3)
    match = rows["iteration with most attention on the match"]
    assert (match.ours, match.n) == (2, 2)
    as_trained = rows["right answers after 4 iterations, as trained"]
    assert as_trained.ours == pytest.approx(98)
    lost = rows["right answers lost if no row sees its previous token"]
    assert lost.ours == pytest.approx(93)
    alone = "the same in the iteration with most attention on its match alone"
    assert rows[alone].ours == pytest.approx(78)
    assert rows["right answers lost if no row sees another token"].ours == 0
    gain = rows["|Z| gained by an iteration at the end of 200"]
    assert gain.ours == pytest.approx(1)


def test_findings_name_the_iterations() -> None:
    text = experiments.tell(mechanism, measurement([99.0, 97.0, 30.0])).findings

    assert "2 of 3 seeds" in text
    assert "what follows is of these" in text
    assert "the previous token, 80 [80, 80] % in iteration 1" in text
    assert "above half first in iteration 2, in 2 of 2" in text
    assert "match: iteration 2, which costs 78 points" in text


def test_findings_where_nothing_was_learned() -> None:
    measured = measurement([30.0, 20.0])
    text = experiments.tell(mechanism, measured).findings

    assert counted(measured).sizes["seed"] == 2
    assert "0 of 2 seeds" in text
    assert "of all, although none learned it" in text


@pytest.mark.parametrize(("iterations", "drawn"), [(2, [1, 2]), (6, [1, 2, 3, 4, 6])])
def test_the_iterations_drawn_are_some_of_all(
    iterations: int, drawn: list[int]
) -> None:
    assert drawn_iterations(iterations) == drawn


def test_models_that_know_nothing_give_rows_and_figures(monkeypatch) -> None:
    tiny = Setting(steps=20, longest=16, iterations=2, sequences=4)
    monkeypatch.setitem(SETTINGS, "quick", tiny)
    monkeypatch.setattr(models, "trained", untrained)
    outcome = experiments.tell(mechanism, experiments.measure(mechanism, seeds=2))

    assert experiments.parts(outcome) == ["", "iterations"]
    assert "0 of 2 seeds" in outcome.findings


@pytest.mark.slow
def test_a_quick_run_finds_both_iterations(tmp_path) -> None:
    measured = experiments.measure(mechanism, seeds=2, workspace=tmp_path)

    trained = measured.attention.sel(iteration=slice(None, 6))
    assert (trained.sel(attended=PREVIOUS).argmax("iteration") == 0).all()
    assert (trained.sel(attended=MATCH).argmax("iteration") >= 1).all()
    lost = measured.unbarred - measured.always_barred
    assert (lost.sel(place=[PREVIOUS, MATCH]) > 30).all()
    assert (abs(lost.sel(place=OTHER)) < 5).all()
