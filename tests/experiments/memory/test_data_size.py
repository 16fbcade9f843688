"""Shares of a text: a tiny run, one that is resumed, and what is told of losses."""

import jax
import numpy as np
import pytest
import xarray as xr

from helpers.experiments import measure, parts, rows_of, tell
from isinglass.experiments.memory import data_size as experiment
from isinglass.experiments.memory.data_size import ORIGINS, SHARES, Setting
from isinglass.experiments.memory.language_model import Size
from isinglass.experiments.memory.setting import arranged

TINY = Setting(Size(1, 32, 128, 4, 20, 1e-2, 4), 4, 8)
WORDS = [
    "a",
    "walrus",
    "does",
    "read",
    "the",
    "newt",
    "that",
    "some",
    "zebra",
    "giggles\n",
]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Measures with two seeds on a text of words; what is trained stays in a folder."""
    folder = tmp_path_factory.mktemp("text")
    words = np.random.default_rng(0).choice(WORDS, 40_000)
    (folder / "my.txt").write_text(" ".join(words))
    (folder / "work").mkdir()
    options = {"workspace": folder / "work", "text": folder / "my.txt"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(experiment.SETTINGS, "quick", TINY)
        # Who takes all devices takes one that is not there.
        patch.setattr(jax, "devices", lambda: [*jax.local_devices(), None])
        yield lambda: measure(experiment, seeds=2, **options)


@pytest.fixture(scope="module")
def measured(run):
    return run()


def test_rows(measured):
    rows = rows_of(tell(experiment, measured)).values()

    assert len(rows) == 3 * 7
    assert {row.verdict.value for row in rows} == {"no published value"}
    assert all(row.n == 2 for row in rows)
    losses = [row.ours for row in rows if row.unit == "nats/byte"]
    assert 1 < min(losses) < max(losses) < np.log(256)


def test_figures_and_findings(measured):
    outcome = tell(experiment, measured)

    assert parts(outcome) == [""]
    assert "my.txt (" in outcome.findings
    assert "By Proposition 4" in outcome.findings


def test_a_resumed_run_trains_nothing_and_measures_the_same(measured, run, monkeypatch):
    monkeypatch.setattr("isinglass.systems.memory._steps.advance", None)

    xr.testing.assert_identical(run(), measured)


def models(*ends):
    """Two seeds of each share that ended with these losses and exact continuations.

    Of each: losses of training and validation, the percentage of prompts that are
    continued exactly, and the lowest validation loss on the way.
    """
    seeds = []
    for training, validation, percentage, lowest in ends:
        correct = np.zeros((2, 10))
        correct[0, : round(percentage / 10)] = 64
        way = ("step", np.array([5.0, lowest, validation]))
        variables = {
            "training": way,
            "validation": way,
            "loss": ("origin", np.array([training, validation])),
            "correct": (("origin", "prompt"), correct),
            "size": ((), 1000),
        }
        coordinates = {"step": [1, 2, 3], "origin": list(ORIGINS)}
        seeds += [xr.Dataset(variables, coordinates)] * 2
    measured = arranged(seeds, {"share": SHARES, "seed": [0, 1]})
    return measured.assign_attrs(resolution="quick", about="a text")


class TestFindings:
    def findings(self, *ends):
        return tell(experiment, models(*ends)).findings

    def test_where_the_least_is_known_by_heart_and_tells_new_text_worst(self):
        findings = self.findings((2, 2, 0, 2), (0.5, 4, 20, 2.5), (0.05, 8, 100, 3))

        less = "The less text, the lower the loss of training and the higher that of"
        assert less in findings
        assert "gaps of 0.00, 3.50 and 7.95 nats." in findings
        assert "is 0.1 % of the text. So what decides" in findings
        assert "after a lowest of 3.00 on the way: it has been rising" in findings
        assert "and validation at 2.00, and still about its lowest. 0 %" in findings
        assert "does not keep to the bound" in findings

    def test_where_nothing_is_known_by_heart(self):
        findings = self.findings((2, 2, 0, 2), (1.5, 2.5, 0, 2.5), (1.6, 3, 20, 3))

        assert "The less text, the wider the gap" in findings
        assert "No share is known by heart" in findings
        assert "Here none is below 1.50" in findings

    def test_where_gaps_do_not_widen_and_the_bound_is_open(self):
        findings = self.findings((2, 3, 0, 3), (1.5, 2, 100, 2), (0.5, 1, 100, 1))

        gaps = "The gaps do not widen with less text: 1.00, 0.50 and 0.50 nats."
        assert gaps in findings
        assert "Known by heart is 1 % of the text and 0.1 % of the text." in findings
        assert "does not decide about the bound" in findings

    def test_where_all_shares_are_known_by_heart(self):
        findings = self.findings(*[(0.1, 3, 100, 3)] * 3)

        assert "All shares are known by heart." in findings
