"""The radius in the experiment: its controls, its verdicts, and a tiny run with a model given."""

import jax
import numpy as np
import pytest

from helpers.memory_training import random_model
from isinglass.data import text as texts
from isinglass.experiments.memory import radius as experiment
from isinglass.experiments.memory.language_model import Size
from isinglass.experiments.memory.radius import Budget, Found, Kind, Rescaled
from isinglass.reproduce.experiment import Context
from isinglass.reproduce.ledger import Verdict
from isinglass.systems.memory import (
    Transformer,
    TransformerConfig,
    save_gpt2,
)

TINY = Budget(Size(2, 32, 16, 4, 10, 1e-2, 4), 64, 1e7)
NONE = np.zeros(1, np.uint8)
CONFIG = TransformerConfig(vocabulary=256, context=16, width=8, heads=2, layers=3)


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    folder = tmp_path_factory.mktemp("radius")
    text = np.random.default_rng(0).choice(["walrus", "newt", "read", "\n"], 20_000)
    (folder / "my.txt").write_text(" ".join(text))
    save_gpt2(random_model(CONFIG), folder / "model")
    context = Context(
        2,
        quick=True,
        seed=2**40,
        text=folder / "my.txt",
        model=folder / "model",
        sweeps=folder,
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(experiment, "QUICK", TINY)
        patch.setattr(jax, "devices", None)  # of which the batch may be no multiple
        yield experiment.run(context)


@pytest.mark.parametrize(
    ("depth", "layers"),
    [(1, "1"), (4, "1 2 3 4"), (12, "2 4 6 8 10 12"), (24, "4 8 12 16 20 24")],
)
def test_layers_are_spread_and_end_with_the_last(depth, layers):
    assert experiment.chosen_layers(depth) == (*layers.split(), "final")


def test_normal_vectors_have_the_norms_and_distances_that_they_must():
    vectors = np.random.default_rng(0).standard_normal((4_000, 32), np.float32)
    found = experiment._of_layers(("normal",), [vectors], 1, 0, None)
    moved = experiment._of_layers(("normal",), [vectors + 100], 1, 0, None)

    assert found.norm[0, 0] == pytest.approx(np.sqrt(32), rel=0.01)
    assert found.apart[0, 0] == pytest.approx(np.sqrt(64), rel=0.01)
    assert moved.apart[0, 0] == pytest.approx(found.apart[0, 0], rel=1e-5)
    assert moved.norm[0, 0] == pytest.approx(100 * np.sqrt(32), rel=0.01)
    assert experiment._falls(found).all()
    assert found.in_units[0, 0] == pytest.approx(
        found.mean[0, 0, -1] / np.sqrt(32 / (2 * np.pi * np.e))
    )


def test_seeds_of_more_than_32_bits_have_a_control_of_their_own(tmp_path, monkeypatch):
    controls = []

    def keep(context, model, control, *_):
        controls.append(np.asarray(control.embedding))
        return kind([15.4, 15.5, 15.6])

    monkeypatch.setattr(experiment, "_kind", keep)
    save_gpt2(random_model(CONFIG), tmp_path)
    text = texts.Text(np.zeros(2_000, np.uint8), NONE, NONE, "a text")
    for seed in (7, 2**32 + 7):
        experiment.measure_given(Context(1, seed=seed, model=tmp_path), TINY, text)

    plain = jax.jit(Transformer, static_argnums=0)(CONFIG, key=jax.random.key(7))
    assert (controls[0] == plain.embedding).all()
    assert (controls[1] != plain.embedding).any()


def test_a_tiny_run_has_rows_of_both_models_and_no_verdict(outcome):
    quantities = [row.quantity for row in outcome.rows]

    assert len(set(quantities)) == len(quantities)
    assert {row.verdict for row in outcome.rows} == {Verdict.INCOMPARABLE}
    ours, theirs = (
        {
            row.quantity.removeprefix(of): row
            for row in outcome.rows
            if row.quantity.startswith(of)
        }
        for of in ("our model", "the model given")
    )
    assert ", layer 2: mean distance over the length of activations" in ours
    assert ", layer 3: mean distance over the length of activations" in theirs
    rescaled = (
        ", rescaled to 2 √(n/2πe): largest change of a logit, over the largest logit"
    )
    assert ours[rescaled].n == 2
    assert max(ours[rescaled].ours, theirs[rescaled].ours) < 1e-4
    assert [figure.name for figure in outcome.figures] == ["memory-radius"]


def test_findings_of_a_tiny_run(outcome):
    assert "my.txt (" in outcome.findings
    assert "logits change by" in outcome.findings
    assert "has 3 and 8, and no published counterpart" in outcome.findings


def kind(
    mean, *, width=1024, depth=24, vectors=80_000, start=1.0, falls=0.9, change=1e-6
):
    """A model with a mean distance by layer, the last of them after the normalisation."""
    shares = np.linspace(1, falls, 4)
    distance = np.array(mean, float)[None, :, None] * shares / falls

    def of(distance):
        layers = (
            *(f"{1 + i}" for i in range(distance.shape[1] - 2)),
            str(depth),
            "final",
        )
        size = np.array([0.25, 0.5, 0.75, 1.0]) * vectors
        norm = np.full(distance.shape[:2], 40.0)
        flat = np.zeros(norm.shape, int)
        return Found(
            layers, depth, width, size.astype(int), distance, distance, norm, norm, flat
        )

    scale = Rescaled(np.array([2.0]), np.array([change]), np.array([2.0]))
    return Kind(of(distance), of(start * distance), of(np.full((1, 1, 4), 36.0)), scale)


def test_the_figure_keeps_its_words_off_curves_and_panels():
    made = kind([15.4, 15.5, 15.6])
    figure = experiment._figure(made, None).figure
    units, *others = figure.axes
    figure.draw_without_rendering()

    frames = [panel.get_window_extent() for panel in figure.axes]
    words = [label.get_window_extent() for label in units.texts]
    assert [label.get_text() for label in units.texts] == ["√(n/2πe)", "2 √(n/2πe)"]
    assert all(word.x0 > frames[0].x1 for word in words)
    told = max(word.x1 for word in words)
    for panel, before in zip(others, (told, frames[1].x1), strict=True):
        assert panel.yaxis.label.get_window_extent().x0 > before + figure.dpi / 10


class TestVerdicts:
    def rows(self, made):
        return experiment._rows(made, "the model given")[:8]  # of the last layer

    @pytest.mark.parametrize(
        ("mean", "verdict"), [(20.9, "reproduced"), (60.0, "differs")]
    )
    def test_of_gpt2_medium(self, mean, verdict):
        made = kind([30, mean, 100], falls=0.99)
        assert {row.verdict.value for row in self.rows(made)} == {verdict}
        assert {row.paper for row in self.rows(made)} == {20.0}

    def test_of_too_few_activations(self):
        rows = self.rows(kind([30, 20, 100], vectors=100))
        assert {row.verdict for row in rows} == {Verdict.INCOMPARABLE}
        assert "these are 25" in rows[0].rule

    def test_of_another_model(self):
        rows = self.rows(kind([30, 20, 100], width=768, depth=12))
        assert {(row.verdict, row.paper) for row in rows} == {
            (Verdict.INCOMPARABLE, None)
        }


class TestFindings:
    def told(self, made):
        text = texts.Text(NONE, NONE, NONE, "a text")
        return experiment._findings(TINY, text, made, made)

    def test_of_a_model_whose_layers_differ(self):
        told = self.told(kind([4, 10, 20, 100], start=0.5))

        assert "changes 25-fold at the same n" in told
        assert "1 of 4 are within a third of 2" in told
        assert "the same function, with the radius that one likes" in told
        assert "training spreads them" in told
        assert "in clusters" in told
        assert "falls with every larger share in all layers" in told
        assert "it is 0.900 times as large for 80,000 activations as for 20,000" in told
        assert "So a radius belongs to its number of activations" in told
        assert "four shares; here they differ" in told
        assert "here, of 80,000, 20 before and 100 after" in told

    def test_of_a_model_that_is_as_the_theory_says(self):
        told = self.told(kind([15.4, 15.5, 15.6], falls=1.01, start=2.0, change=0.5))

        assert "All layers are near 2" in told
        assert "the control failed" in told
        assert "training draws them together" in told
        assert "falls with every larger share in no layer" in told
        assert "it is 1.010 times as large" in told
        assert "So a radius belongs" not in told
        assert "four shares; here too" in told

    def test_without_a_model_given(self):
        made = kind([36, 36], width=64, depth=2)
        text = texts.Text(NONE, NONE, NONE, "a text")
        told = experiment._findings(TINY, text, made, None)

        assert "None was given (--model)" in told
        assert "training changes that little" in told
        assert "about as widely as independent vectors" in told
