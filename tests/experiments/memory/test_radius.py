"""The radius in the experiment: controls, verdicts, a tiny run with a model given."""

import jax
import numpy as np
import pytest
import xarray as xr

from helpers.experiments import measure, parts, rows_of, tell
from helpers.memory_training import random_model
from isinglass.data import ByteTokens, save_tokens
from isinglass.experiments.memory import controlled_radii, setting
from isinglass.experiments.memory import radius as experiment
from isinglass.experiments.memory.controlled_radii import FRACTIONS
from isinglass.experiments.memory.language_model import Size
from isinglass.experiments.memory.radius import Setting
from isinglass.reproduce import Context, Verdict, inputs
from isinglass.systems.memory import TransformerConfig, save_gpt2

TINY = Setting(Size(2, 32, 16, 4, 10, 1e-2, 4), 64, 1e7)
CONFIG = TransformerConfig(vocabulary=256, context=16, width=8, heads=2, layers=3)


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    folder = tmp_path_factory.mktemp("radius")
    text = np.random.default_rng(0).choice(["walrus", "newt", "read", "\n"], 20_000)
    (folder / "my.txt").write_text(" ".join(text))
    save_gpt2(random_model(CONFIG), folder / "model")
    save_tokens(ByteTokens(), folder / "model")
    paths = {"text": folder / "my.txt", "model": folder / "model"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(experiment.SETTINGS, "quick", TINY)
        # Who takes all devices takes one that is not there.
        patch.setattr(jax, "devices", lambda: [*jax.local_devices(), None])
        measured = measure(experiment, seeds=2, workspace=folder, **paths)
        yield tell(experiment, measured)


@pytest.mark.parametrize(
    ("depth", "layers"),
    [(1, "1"), (4, "1 2 3 4"), (12, "2 4 6 8 10 12"), (24, "4 8 12 16 20 24")],
)
def test_layers_are_spread_and_end_with_the_last(depth, layers):
    assert controlled_radii.chosen_layers(depth) == (*layers.split(), "final")


def test_normal_vectors_have_the_norms_and_distances_that_they_must():
    vectors = np.random.default_rng(0).standard_normal((4_000, 32), np.float32)
    radii, moved = (
        controlled_radii.radii([vectors + shift], ["normal"], 0).isel(layer=0)
        for shift in (np.float32(0), np.float32(100))
    )

    assert float(radii.norm) == pytest.approx(np.sqrt(32), rel=0.01)
    assert float(radii.spread) == pytest.approx(np.sqrt(64), rel=0.01)
    assert float(moved.spread) == pytest.approx(float(radii.spread), rel=1e-5)
    assert float(moved.norm) == pytest.approx(100 * np.sqrt(32), rel=0.01)
    assert (radii.mean_distance.diff("fraction") < 0).all()


def test_seeds_of_more_than_32_bits_have_a_control_of_their_own(tmp_path, monkeypatch):
    controls = []

    def keep(context, model, control, sample):
        controls.append(np.asarray(control.embedding))
        return xr.Dataset()

    monkeypatch.setattr(experiment, "controlled_radii", keep)
    save_gpt2(random_model(CONFIG), tmp_path / "model")
    save_tokens(ByteTokens(), tmp_path / "model")
    (tmp_path / "text").write_bytes(bytes(2_000))
    paths = {"text": tmp_path / "text", "model": tmp_path / "model"}
    for seed in (7, 2**32 + 7):  # a key has 32 bits of a seed
        context = Context(seeds=[0], seed=seed, paths=paths)
        text = context.read(inputs.text_file)
        experiment.radii_of_given(context, TINY, text, paths["model"])

    assert (controls[0] != controls[1]).any()


def test_a_tiny_run_has_rows_of_both_models_and_no_verdict(outcome):
    rows = rows_of(outcome)

    assert {row.verdict for row in rows.values()} == {Verdict.UNPUBLISHED}
    over_length = "mean distance over the length of activations"
    assert f"our model, layer 2: {over_length}" in rows
    assert f"the model given, layer 3: {over_length}" in rows
    rescaled = "rescaled to 2 √(n/2πe): largest change of a logit, over the largest"
    ours, theirs = (
        rows[f"{name}, {rescaled} logit"] for name in ("our model", "the model given")
    )
    assert ours.n == 2
    assert max(ours.ours, theirs.ours) < 1e-4
    assert parts(outcome) == [""]


def test_findings_of_a_tiny_run(outcome):
    assert "my.txt (" in outcome.findings
    assert "from 2 seeds." in outcome.findings
    assert "logits change by" in outcome.findings
    assert "has 3 and 8, and no published counterpart" in outcome.findings


def radii(mean, *, width=1024, depth=24, vectors=80_000, **ratios):
    """A model with a mean distance by layer, the last of them after the normalisation.

    The ratios are the distance of an untrained model (`start`) and that of the whole
    sample to that of a quarter (`falls`), and the change of a logit (`change`).
    """
    ratio = {"start": 1.0, "falls": 0.9, "change": 1e-6} | ratios
    shares = np.linspace(1, ratio["falls"], 4)
    trained = np.array(mean, float)[:, None] * shares / ratio["falls"]
    distance = np.stack([trained, ratio["start"] * trained])
    layers = [*(f"{1 + i}" for i in range(len(mean) - 2)), str(depth), "final"]
    of_layer = ("weights", "layer")
    shape = distance.shape[:2]
    model = xr.Dataset(
        {
            "mean_distance": ((*of_layer, "fraction"), distance),
            "median_distance": ((*of_layer, "fraction"), distance),
            "norm": (of_layer, np.full(shape, 40.0)),
            "spread": (of_layer, np.full(shape, 40.0)),
            "duplicates": (of_layer, np.zeros(shape, int)),
            "vectors": ("fraction", (np.array(FRACTIONS) * vectors).astype(int)),
            "normal_distance": ("fraction", np.full(4, 36.0)),
            "normal_spread": 40.0,
            "width": width,
            "depth": depth,
            "factor": 2.0,
            "rescaled_distance": 2.0,
            "logit_change": ratio["change"],
        },
        {
            "weights": ["trained", "untrained"],
            "layer": layers,
            "fraction": [*FRACTIONS],
        },
    )
    return setting.arranged([model], {"seed": [0]})


def told_of(**models):
    measured = setting.joined(models, ("weights", "fraction"))
    attributes = {"resolution": "quick", "seeds": 1, "about": "a text"}
    return tell(experiment, measured.assign_attrs(attributes))


def test_the_figure_keeps_its_words_off_curves_and_panels():
    figure = told_of(our=radii([15.4, 15.5, 15.6])).figures[0].figure
    units, *others = figure.axes
    figure.draw_without_rendering()

    frames = [panel.get_window_extent() for panel in figure.axes]
    words = [label.get_window_extent() for label in units.texts]
    assert [label.get_text() for label in units.texts] == ["√(n/2πe)", "2 √(n/2πe)"]
    assert all(word.x0 > frames[0].x1 for word in words)
    end = max(word.x1 for word in words)
    for panel, before in zip(others, (end, frames[1].x1), strict=True):
        assert panel.yaxis.label.get_window_extent().x0 > before + figure.dpi / 10


class TestVerdicts:
    def rows(self, model):
        """Those of the last layer of a model given."""
        rows = told_of(our=radii([1, 1]), given=model).rows
        return [row for row in rows if row.quantity.startswith("the model given")][:8]

    @pytest.mark.parametrize(
        ("mean", "verdict"), [(20.9, "in our interval"), (60.0, "differs")]
    )
    def test_of_gpt2_medium(self, mean, verdict):
        rows = self.rows(radii([30, mean, 100], falls=0.99))
        assert {row.verdict.value for row in rows} == {verdict}
        assert {row.paper for row in rows} == {20.0}

    def test_of_too_few_activations(self):
        rows = self.rows(radii([30, 20, 100], vectors=100))
        assert {row.verdict for row in rows} == {Verdict.NOT_COMPARABLE}
        assert "these are 25" in rows[0].rule

    def test_of_another_model(self):
        rows = self.rows(radii([30, 20, 100], width=768, depth=12))
        verdicts = {(row.verdict, row.paper) for row in rows}
        assert verdicts == {(Verdict.UNPUBLISHED, None)}


class TestFindings:
    def findings(self, model):
        return told_of(our=model, given=model).findings

    def test_of_a_model_whose_layers_differ(self):
        findings = self.findings(radii([4, 10, 20, 100], start=0.5))

        assert "changes 25-fold at the same n" in findings
        assert "1 of 4 are within a third of 2." in findings
        assert "the same function, with the radius that one likes" in findings
        assert "training spreads them" in findings
        assert "in clusters" in findings
        assert "falls with every larger share in all layers." in findings
        assert (
            "it is 0.900 times as large for 80,000 activations as for 20,000"
            in findings
        )
        assert "So a radius belongs to its number of activations. The" in findings
        assert "four shares; here they differ. No two activations" in findings
        assert "here, of 80,000, 20 before and 100 after" in findings

    def test_of_a_model_that_is_as_the_theory_says(self):
        findings = self.findings(
            radii([15.4, 15.5, 15.6], falls=1.01, start=2.0, change=0.5)
        )

        assert "All layers are near 2" in findings
        assert "the control failed" in findings
        assert "training draws them together" in findings
        assert "falls with every larger share in no layer." in findings
        assert "it is 1.010 times as large" in findings
        assert "So a radius belongs" not in findings
        assert "four shares; here too" in findings

    def test_of_activations_that_are_equal(self):
        model = radii([15.4, 15.5, 15.6], vectors=1_000)
        findings = self.findings(model.assign(duplicates=model.duplicates + 20))

        assert "After the last layer 2 % of the activations equal another" in findings

    def test_without_a_model_given(self):
        findings = told_of(our=radii([36, 36], width=64, depth=2)).findings

        assert "None was given (--model)" in findings
        assert "training changes that little" in findings
        assert "about as widely as independent vectors" in findings
