"""Question formation: the sources, the law's own loss, the verdicts, and a tiny run."""

import math

import jax
import numpy as np
import pytest

from isinglass.data import question as question_data
from isinglass.data.question import TRAINING, example_of, line_of
from isinglass.data.sources import NewExamples, question_source
from isinglass.experiments.memory import question_formation as experiment
from isinglass.experiments.memory.question_formation import TRAINED, Budget, Found
from isinglass.reproduce.experiment import Context

TINY = Budget((1, 2), 8, 1, {"new": (6, 6), "repeated": (6, 6)}, 4, 1e-3, 5, 20, 3)
COUNTINGS = question_data.COUNTED


def found_of(by_counting, training, arm):
    """What a run would have found; losses on new examples by counting, the same for two seeds."""
    by_counting = np.tile(np.array(by_counting, float), (2, 1))
    known = np.full(2, training if arm == "repeated" else np.nan)
    curve = np.full((2, 3), training)
    floors = np.tile(list(TRAINING.figures().least_losses().values()), (2, 1))
    return Found(np.array([2, 4, 6]), curve, curve, known, by_counting, floors, 99)


def all_found(excess, trained, repeated):
    """Both depths: so far above the floors, the training loss of new, and of repeated examples."""
    losses = np.array(list(TRAINING.figures().least_losses().values())) + excess
    return {
        (arm, depth): found_of(losses, trained if arm == "new" else repeated, arm)
        for depth in TINY.depths
        for arm in experiment.ARMS
    }


def test_the_law_itself_comes_out_at_the_floors():
    found = question_data.grammar_losses(TRAINING.sample(20_000, seed=5))

    assert found == pytest.approx(
        list(TRAINING.figures().least_losses().values()), abs=0.004
    )


def test_the_law_of_one_example_by_hand():
    # Half of the sentences are singular, a third of those has a plain subject, half of
    # those an intransitive verb: Det N_S Aux_S V_intrans, one of 6 · 13 · 2 · 9. Half
    # are to be copied.
    example = example_of("the newt does giggle .", "decl")
    passes = (
        1 - 0.5 / 3
    )  # a third of the subjects has a relative clause, half are questions
    nats = -math.log(0.5 / 2 / 3 / 2 / (6 * 13 * 2 * 9) / passes)

    found = dict(zip(COUNTINGS, question_data.grammar_losses([example]), strict=True))
    assert found["source"] == pytest.approx(nats / 6)
    assert found["words"] == pytest.approx(nats / 11)
    assert found["words and tab"] == pytest.approx(nats / 12)
    assert found[TRAINED] == pytest.approx(nats / 13)
    assert found["target"] == 0.0


def test_each_example_is_drawn_anew_and_a_place_is_always_the_same():
    source = NewExamples(question_data.longest_example(), TRAINED)
    places = [source.choose(np.random.default_rng((7, step)), 40) for step in range(5)]
    every = np.concatenate(places)
    batch = source.take(every)

    assert len(np.unique(every)) == 200
    assert (
        len(np.unique(batch.targets, axis=0)) > 190
    )  # short sentences may come by chance
    shuffled = np.random.default_rng(0).permutation(200)
    again = source.take(every[shuffled])
    for one, other in zip(batch, again, strict=True):
        assert (one[shuffled] == other).all()


def test_new_examples_are_those_of_the_training_grammar():
    source = NewExamples(question_data.longest_example(), TRAINED)
    places = source.choose(np.random.default_rng(0), 30)
    drawn = TRAINING.sample(30, int(places[0] >> 20))
    expected = question_source(drawn, TRAINED, context=question_data.longest_example())

    for one, other in zip(
        source.take(places), expected.take(np.arange(30)), strict=True
    ):
        assert (one == other).all()
    tokens = 2 + np.array(
        [len(line_of(each).replace("\t", " ").split()) for each in drawn]
    )
    assert tokens.max() <= question_data.longest_example()


@pytest.mark.parametrize(
    ("excess", "trained", "repeated", "near", "bound", "says"),
    [
        (
            0.02,
            0.96,
            0.3,
            100,
            (0, 0),
            ("1 and 2 layers, of every", "learned by heart"),
        ),
        (
            0.02,
            0.96,
            1.2,
            100,
            (0, 100),
            ("1 and 2 layers, of every", "did not go below 1"),
        ),
        (
            0.60,
            1.54,
            0.3,
            0,
            (100, 0),
            ("1 and 2 layers had not come down", "learned by heart"),
        ),
    ],
)
def test_verdicts_and_findings_follow_the_losses(
    excess, trained, repeated, near, bound, says
):
    found = all_found(excess, trained, repeated)
    rows = experiment._rows(TINY, found)
    findings = experiment._findings(TINY, found)

    assert len({row.quantity for row in rows}) == len(rows)
    settles = [row for row in rows if "settles near 1" in row.quantity]
    stays = [row for row in rows if row.source == "Proposition 4"]
    assert [row.ours for row in settles] == [near, near]
    assert [row.ours for row in stays] == [*bound, *bound]
    above = next(row for row in rows if "above the data's entropy" in row.quantity)
    assert above.ours == pytest.approx(excess)
    for words in says:
        assert words in findings


def test_one_depth_that_settles_and_one_that_does_not():
    found = all_found(0.02, 0.96, 0.3) | {
        ("new", 2): all_found(0.6, 1.54, 0.3)["new", 2]
    }
    findings = experiment._answer(TINY, found)

    assert "the losses of 1 layers, of every counting" in findings
    assert "the losses of 2 layers had not come down" in findings
    assert "up to 0.60 above" in findings


def test_positions_begin_as_sinusoids_that_shift_alike():
    waves = experiment.sinusoids(37, 16)
    products = waves @ waves.T

    assert (waves**2).mean() == pytest.approx(1)
    for apart in (1, 5):
        along = np.diagonal(products, apart)
        assert along == pytest.approx(along[0])
    model = experiment.start(TINY, 1, seed=0)
    assert float(np.std(model.positions)) == pytest.approx(
        float(np.std(model.embedding)), rel=0.1
    )


def test_both_arms_are_trained_alike():
    new, repeated = (
        experiment.recipe(experiment.DEFAULT, arm, 10, 1) for arm in experiment.ARMS
    )

    assert new.learning_rate == repeated.learning_rate
    assert new.batch == repeated.batch
    assert (new.steps, repeated.steps) == (8000, 800)


def test_a_tiny_run_from_end_to_end(monkeypatch, tmp_path):
    monkeypatch.setattr(experiment, "QUICK", TINY)
    monkeypatch.setattr(jax, "devices", None)  # of which the batch may be no multiple
    outcome = experiment.run(Context(seeds=1, quick=True, sweeps=tmp_path))

    assert len(outcome.rows) == len(TINY.depths) * (len(COUNTINGS) + 6)
    losses = [
        row.ours for row in outcome.rows if "new examples: loss over" in row.quantity
    ]
    # Untrained models know nothing: log 70 nats for each token, whichever count.
    assert losses == pytest.approx([math.log(70)] * len(losses), abs=0.6)
    names = [figure.name for figure in outcome.figures]
    assert names == ["memory-question-formation", "memory-question-formation-countings"]
    assert "had not come down" in outcome.findings
    assert {path.name for path in tmp_path.iterdir()} == {
        f"{arm}-{depth}-0" for arm in experiment.ARMS for depth in TINY.depths
    }
