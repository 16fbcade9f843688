"""Question formation: the sources, the law's own loss, the verdicts, and a tiny run."""

import math

import jax
import numpy as np
import pytest
import xarray as xr

from helpers.experiments import measure, parts, rows_of, tell
from isinglass.data import question as question_data
from isinglass.data.question import COUNTED, TRAINING, example_of, line_of
from isinglass.data.sources import NewExamples, question_source
from isinglass.experiments.memory import question_formation as experiment
from isinglass.experiments.memory import question_model
from isinglass.experiments.memory.question_model import ARMS, TRAINED, Setting
from isinglass.experiments.memory.setting import arranged

DEPTHS = (1, 2)
TINY = Setting({"new": (6, 6), "repeated": (6, 6)}, 5, 20, 3, DEPTHS, 8, 1, 4, 1e-3)
FLOORS = np.array(list(TRAINING.figures().least_losses().values()))


@pytest.fixture(autouse=True)
def _tiny(monkeypatch):
    monkeypatch.setitem(experiment.SETTINGS, "quick", TINY)


def models(excess, new, repeated):
    """Both depths, two seeds: so far above the floors, and the training losses."""
    results = []
    for _ in DEPTHS:
        for arm in ARMS:
            final = new if arm == "new" else repeated
            model = xr.Dataset(
                {
                    "training": ("record", np.full(3, final)),
                    "validation": ("record", np.full(3, final)),
                    "step": ("record", np.array([2, 4, 6])),
                    "final": final,
                    "loss": ("counted", FLOORS + excess),
                    "least": ("counted", FLOORS),
                    "parameters": 99,
                },
                {"counted": list(COUNTED)},
            )
            results += [model] * 2
    axes = {"depth": DEPTHS, "arm": ARMS, "seed": [0, 1]}
    measured = arranged(results, axes)
    attributes = {"resolution": "quick", "seeds": 2, "seed": 0}
    return measured.assign(floor=("counted", FLOORS), tokens=22.0).assign_attrs(
        attributes
    )


def test_the_law_itself_comes_out_at_the_floors():
    losses = question_data.grammar_losses(TRAINING.sample(20_000, seed=5))

    assert losses == pytest.approx(FLOORS, abs=0.004)


def test_the_law_of_one_example_by_hand():
    # Half of the sentences are singular, a third of those has a plain subject, half of
    # those an intransitive verb: Det N_S Aux_S V_intrans, one of 6 · 13 · 2 · 9. Half
    # are to be copied.
    example = example_of("the newt does giggle .", "decl")
    # A third of the subjects has a relative clause, half are questions.
    passes = 1 - 0.5 / 3
    nats = -math.log(0.5 / 2 / 3 / 2 / (6 * 13 * 2 * 9) / passes)

    losses = dict(zip(COUNTED, question_data.grammar_losses([example]), strict=True))
    assert losses["source"] == pytest.approx(nats / 6)
    assert losses["words"] == pytest.approx(nats / 11)
    assert losses["words and tab"] == pytest.approx(nats / 12)
    assert losses[TRAINED] == pytest.approx(nats / 13)
    assert losses["target"] == 0.0


def test_each_example_is_drawn_anew_and_a_place_is_always_the_same():
    source = NewExamples(question_data.longest_example(), TRAINED)
    places = [source.choose(np.random.default_rng((7, step)), 40) for step in range(5)]
    every = np.concatenate(places)
    batch = source.take(every)

    assert len(np.unique(every)) == 200
    # Short sentences may come by chance.
    assert len(np.unique(batch.targets, axis=0)) > 190
    shuffled = np.random.default_rng(0).permutation(200)
    again = source.take(every[shuffled])
    for first, second in zip(batch, again, strict=True):
        assert (first[shuffled] == second).all()


def test_new_examples_are_those_of_the_training_grammar():
    source = NewExamples(question_data.longest_example(), TRAINED)
    places = source.choose(np.random.default_rng(0), 30)
    examples = TRAINING.sample(30, int(places[0] >> 20))
    context = question_data.longest_example()
    expected = question_source(examples, TRAINED, context=context)

    for first, second in zip(
        source.take(places), expected.take(np.arange(30)), strict=True
    ):
        assert (first == second).all()
    lines = [line_of(example).replace("\t", " ") for example in examples]
    assert max(2 + len(line.split()) for line in lines) <= context


@pytest.mark.parametrize(
    ("excess", "new", "repeated", "near", "bound", "says"),
    [
        (0.02, 0.96, 0.3, 100, (0, 0), "learned by heart"),
        (0.02, 0.96, 1.2, 100, (0, 100), "did not go below 1"),
        (0.60, 1.54, 0.3, 0, (100, 0), "learned by heart"),
    ],
)
def test_verdicts_and_findings_follow_the_losses(
    excess, new, repeated, near, bound, says
):
    outcome = tell(experiment, models(excess, new, repeated))
    rows = rows_of(outcome)

    settles = [row for name, row in rows.items() if "settles near 1" in name]
    stays = [row for row in rows.values() if row.source == "Proposition 4"]
    assert [row.ours for row in settles] == [near, near]
    assert [row.ours for row in stays] == [*bound, *bound]
    above = rows["1 layers, new examples: loss above the data's entropy"]
    assert above.ours == pytest.approx(excess)
    settled = "of every counting" if near else "had not come down"
    assert f"the losses of 1 and 2 layers{', ' if near else ' '}{settled}" in (
        outcome.findings
    )
    assert says in outcome.findings


def test_one_depth_that_settles_and_one_that_does_not():
    measured = models(0.02, 0.96, 0.3)
    measured.loss.loc[{"depth": 2, "arm": "new"}] += 0.58

    findings = tell(experiment, measured).findings

    assert "the losses of 1 layers, of every counting" in findings
    assert "the losses of 2 layers had not come down" in findings
    assert "up to 0.60 above" in findings


def test_sides_of_the_bound_are_told_by_seed():
    measured = models(0.02, 0.96, 0.3)
    measured.final.loc[{"depth": 2, "arm": "repeated"}] = [0.95, 1.2]

    findings = tell(experiment, measured).findings

    assert (
        "ends at 0.96 [0.96, 0.96], below the bound in every training. On" in findings
    )
    assert "below the bound and below the entropy of the data in every" in findings
    assert "below the bound in 1 of 2; who knows" in findings


def test_positions_begin_as_sinusoids_that_shift_alike():
    waves = question_model.sinusoids(37, 16)
    products = waves @ waves.T

    assert (waves**2).mean() == pytest.approx(1)
    for distance in (1, 5):
        diagonal = np.diagonal(products, distance)
        assert diagonal == pytest.approx(diagonal[0])
    model = question_model.start(TINY, 1, seed=0)
    spread = float(np.std(model.embedding))
    assert float(np.std(model.positions)) == pytest.approx(spread, rel=0.1)


def test_both_arms_are_trained_alike():
    setting = experiment.SETTINGS["default"]
    new, repeated = (setting.recipe(arm, 10, 1) for arm in ARMS)

    assert new.learning_rate == repeated.learning_rate
    assert new.batch == repeated.batch
    assert (new.steps, repeated.steps) == (8000, 800)


def test_a_tiny_run_from_end_to_end(monkeypatch, tmp_path):
    # Who takes all devices takes one that is not there.
    monkeypatch.setattr(jax, "devices", lambda: [*jax.local_devices(), None])
    outcome = tell(experiment, measure(experiment, workspace=tmp_path))
    rows = rows_of(outcome)

    assert len(rows) == len(DEPTHS) * (len(COUNTED) + 6)
    losses = [
        row.ours for name, row in rows.items() if "new examples: loss over" in name
    ]
    # Untrained models know nothing: log 70 nats for each token, whichever count.
    assert losses == pytest.approx([math.log(70)] * len(losses), abs=0.6)
    assert parts(outcome) == ["", "countings"]
    assert "had not come down" in outcome.findings
    folders = {path.name for path in tmp_path.iterdir()}
    assert folders == {f"{arm}-{depth}-0" for arm in ARMS for depth in DEPTHS}
