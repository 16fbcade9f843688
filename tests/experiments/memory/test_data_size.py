"""Shares of a text: that they are what they are said to be, what is known by heart, a tiny run."""

import jax
import numpy as np
import pytest

import isinglass.systems.memory
from helpers.memory_training import random_model
from isinglass.data import text as texts
from isinglass.experiments.memory import data_size as experiment
from isinglass.experiments.memory import language_model as memory_text
from isinglass.experiments.memory.data_size import Budget, Found
from isinglass.experiments.memory.language_model import Size
from isinglass.reproduce.experiment import Context

TINY = Budget(Size(1, 32, 128, 4, 20, 1e-2, 4), 4, 8)
NONE = np.zeros(1, np.uint8)
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
def context(tmp_path_factory):
    folder = tmp_path_factory.mktemp("text")
    words = np.random.default_rng(0).choice(WORDS, 40_000)
    (folder / "my.txt").write_text(" ".join(words))
    (folder / "sweeps").mkdir()
    return Context(
        seeds=2, quick=True, text=folder / "my.txt", sweeps=folder / "sweeps"
    )


@pytest.fixture(scope="module")
def outcome(context):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(experiment, "QUICK", TINY)
        patch.setattr(jax, "devices", None)  # of which the batch may be no multiple
        yield experiment.run(context)


class TestParts:
    def test_no_share_holds_what_is_held_out(self):
        whole = np.arange(50_007)
        training, held = texts.hold_out(whole)

        assert len(held) / len(whole) == pytest.approx(0.1, abs=0.001)
        assert sorted([*training, *held]) == list(whole)
        assert (np.diff(held) != 1).sum() == 4  # five whole stretches

    def test_a_share_is_a_part_of_the_larger_ones(self):
        training = np.arange(9_000_000)
        shares = texts.shares(training, (1.0, 0.01, 0.001), seed=3)
        hundredth, thousandth = shares.texts[0.01], shares.texts[0.001]

        assert shares.texts[1.0] is training
        assert len(hundredth) == pytest.approx(90_000, rel=0.01)
        assert len(thousandth) == pytest.approx(9_000, rel=0.01)
        assert shares.piece <= texts.PIECE
        assert set(thousandth) < set(hundredth)
        assert (shares.smallest.ravel() == thousandth).all()
        assert (np.diff(shares.smallest, axis=1) == 1).all()

    def test_seeds_have_other_shares(self):
        shares = [
            texts.shares(np.arange(10**6), (0.001,), seed).texts for seed in (0, 1)
        ]
        assert set(shares[0][0.001]).isdisjoint(shares[1][0.001])

    @pytest.mark.parametrize(
        "pieces", [np.arange(1000), np.arange(1000).reshape(4, 250)]
    )
    def test_a_prompt_and_what_follows_are_of_one_piece(self, pieces):
        texts = experiment.windows(pieces, 9)

        assert texts.shape == (9, 128)
        assert (np.diff(texts, axis=1) == 1).all()
        rows = np.atleast_2d(pieces)
        whence = (rows[:, :1] <= texts[:, 0]) & (texts[:, -1] <= rows[:, -1:])
        assert whence.any(0).all()
        assert (texts[0, 0], texts[-1, -1]) == (0, 999)


def test_bytes_are_counted_until_the_first_wrong_one(monkeypatch):
    first_wrong = np.array([0, 7, 8, 31, 32, 63, 64, 64])
    texts = np.random.default_rng(0).integers(0, 256, (8, 128))

    def known_by_heart(model, prompts, count):
        """Continues as the text does, but for one byte."""
        told = []
        for prompt in prompts:
            (which,) = np.flatnonzero((texts[:, :64] == prompt[:64]).all(1))
            right = texts[which].copy()
            if first_wrong[which] < 64:
                right[64 + first_wrong[which]] += 1
            told.append(right[len(prompt) : len(prompt) + count])
        return np.array(told)

    monkeypatch.setattr(isinglass.systems.memory, "continue_greedily", known_by_heart)
    model = random_model(memory_text.config(TINY.size))

    assert (experiment.right(model, texts) == first_wrong).all()


def test_rows(outcome):
    quantities = [row.quantity for row in outcome.rows]

    assert len(set(quantities)) == len(quantities) == 3 * 7
    assert {row.verdict.value for row in outcome.rows} == {"cannot be compared"}
    assert all(row.n == 2 for row in outcome.rows)
    losses = [row.ours for row in outcome.rows if row.unit == "nats/byte"]
    assert 1 < min(losses) < max(losses) < np.log(256)


def test_figures_and_findings(outcome):
    assert [figure.name for figure in outcome.figures] == ["memory-data-size"]
    assert "my.txt (" in outcome.findings
    assert "By Proposition 4" in outcome.findings


def test_a_resumed_run_trains_nothing_and_finds_the_same(outcome, context, monkeypatch):
    monkeypatch.setattr(experiment, "QUICK", TINY)
    monkeypatch.setattr("isinglass.systems.memory._steps.advance", None)

    assert experiment.run(context).rows == outcome.rows


def found(training, validation, exact, lowest=None):
    """Two seeds that ended so."""
    way = np.array([[5.0, validation if lowest is None else lowest, validation]] * 2)
    right = np.zeros((2, 2, 10))
    right[:, 0, : round(exact / 10)] = 64
    return Found(
        1000,
        2.0,
        np.array([1, 2, 3]),
        way,
        way,
        np.array([[training, validation]] * 2),
        right,
    )


class TestFindings:
    def told(self, *ends):
        kinds = dict(zip(experiment.SHARES, ends, strict=True))
        text = texts.Text(NONE, NONE, NONE, "a text")
        return experiment._findings(TINY, text, kinds)

    def test_where_the_least_is_known_by_heart_and_tells_new_text_worst(self):
        told = self.told(found(2, 2, 0), found(0.5, 4, 20, 2.5), found(0.05, 8, 100, 3))

        assert (
            "The less text, the lower the loss of training and the higher that of"
            in told
        )
        assert "gaps of 0.00, 3.50 and 7.95 nats" in told
        assert "is 0.1 % of the text. So what decides" in told
        assert "after a lowest of 3.00 on the way: it has been rising" in told
        assert "does not keep to the bound" in told

    def test_where_nothing_is_known_by_heart(self):
        told = self.told(found(2, 2, 0), found(1.5, 2.5, 0), found(1.6, 3, 20))

        assert "The less text, the wider the gap" in told
        assert "No share is known by heart" in told
        assert "Here none is below 1.50" in told

    def test_where_gaps_do_not_widen_and_the_bound_is_open(self):
        told = self.told(found(2, 3, 0), found(1.5, 2, 100), found(0.5, 1, 100))

        assert "The gaps do not widen with less text: 1.00, 0.50 and 0.50 nats" in told
        assert "Known by heart is 1 % of the text and 0.1 % of the text" in told
        assert "does not decide about the bound" in told
