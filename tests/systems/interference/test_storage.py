"""Models on disk: whole, checked, never pickled."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from isinglass._common import arrays
from isinglass.systems.interference import (
    Geometry,
    InterferenceClassifier,
    WaveClassifier,
)
from isinglass.systems.interference._storage import FORMAT

STAGE = Geometry(
    np.zeros((4, 2)), [[1.0, 0.0], [0.0, 2.0], [1.5, 1.5]], "euclidean", 0.5
)
PRIOR = np.random.default_rng(0).random((4, 3, 8))
MODELS = {
    "default": {"random_state": 3},
    "array prior": {"route_prior": PRIOR},
    "own geometry": {"geometry": STAGE, "random_state": np.int64(3)},
    "pairs and lists": {"patch_size": (3, 3), "rates": [2, -0.1, -0.2], "epochs": 2},
    "drawn seed": {"random_state": np.random.RandomState(0)},
    "NumPy numbers": {"threshold": np.float32(0.5), "n_signals": np.int64(9)},
}


def new(**parameters) -> InterferenceClassifier:
    return InterferenceClassifier(n_durations=8).set_params(**parameters)


@pytest.fixture
def saved(draw, tmp_path) -> tuple[InterferenceClassifier, Path]:
    model = new(random_state=0).fit(*draw(0, 9))
    path = tmp_path / "model"
    model.save(path)
    return model, path


@pytest.mark.parametrize("kind", MODELS)
def test_round_trip(draw, tmp_path, kind):
    X, y = draw(0, 12)
    model = new(**MODELS[kind]).fit(X, y)
    model.save(tmp_path / "model")
    again = InterferenceClassifier.load(str(tmp_path / "model"))
    for name in (
        "tally_",
        "class_count_",
        "prior_",
        "classes_",
        "route_probabilities_",
    ):
        np.testing.assert_array_equal(getattr(again, name), getattr(model, name))
        assert getattr(again, name).dtype == getattr(model, name).dtype
    np.testing.assert_array_equal(again.energies(X), model.energies(X))
    assert (again.image_shape_, again.n_features_in_) == ((6, 6), 36)
    for key in ("threshold", "n_durations", "epochs", "n_signals", "patch_size"):
        assert getattr(again, key) == getattr(model, key)


@pytest.mark.parametrize(
    "labels",
    [
        np.array(["a", "bb", "ç"]),
        np.array(["a", "bb", "c"], object),
        np.array([1.0, 2.0, 3.0]),
    ],
    ids=["text", "objects", "floats"],
)
def test_labels(draw, tmp_path, labels):
    X, y = draw(0, 12)
    model = new(random_state=0).fit(X, labels[y])
    model.save(tmp_path / "model")
    again = InterferenceClassifier.load(tmp_path / "model")
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    assert again.classes_.dtype == model.classes_.dtype


def test_waves(tmp_path):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(6, 4, 5, 2)), np.array([0, 1, 2, 0, 1, 2])
    model = WaveClassifier(
        geometry=STAGE, host=np.array([1.0, 2.0]), readout="peak"
    ).fit(X, y)
    model.save(tmp_path / "model")
    again = WaveClassifier.load(tmp_path / "model")
    np.testing.assert_array_equal(again.energies(X), model.energies(X))
    assert again.wave_shape_ == (4, 5, 2)
    merged = again.merge(model)
    np.testing.assert_array_equal(merged.tally_, 2 * model.tally_)


def test_a_loaded_model_learns_on(draw, saved):
    model, path = saved
    X, y = draw(1, 9)
    new_X, new_y = X[:2], np.array([5, 7])
    again = InterferenceClassifier.load(path)
    for twin in (model, again):
        twin.partial_fit(X, y).partial_fit(new_X, new_y).forget(X, y)
    again.merge(InterferenceClassifier.load(path))
    model.merge(InterferenceClassifier.load(path))
    np.testing.assert_array_equal(again.classes_, [0, 1, 2, 5, 7])
    np.testing.assert_array_equal(
        again.route_probabilities_, model.route_probabilities_
    )


def test_feature_names_are_kept(draw, tmp_path):
    X, y = draw(0, 9)
    frame = pd.DataFrame(X.reshape(9, -1)).rename(columns=str)
    new().fit(frame, y).save(tmp_path / "model")
    InterferenceClassifier.load(tmp_path / "model").predict(frame)


def rewritten(path: Path, **changes) -> None:
    """The same file with other words in its header, and a checksum that fits."""
    file = arrays.open_file(path, FORMAT)
    contents = file.read()
    form = FORMAT._replace(version=changes.pop("version", FORMAT.version))
    arrays.write(path, form, dict(file.header) | changes, contents.items())


def test_every_damaged_byte_is_noticed(saved):
    _, path = saved
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    # All of the header, where damage is most varied, and a part of the arrays.
    header = whole.index(b"\n")
    places = [*range(header), *rng.integers(header, len(whole), 100)]
    for place in places:
        damaged = bytearray(whole)
        damaged[place] ^= 1 << rng.integers(8)
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=re.escape(str(path))):
            InterferenceClassifier.load(path)


def test_a_foreign_file(tmp_path):
    (tmp_path / "noise").write_bytes(np.random.default_rng(0).bytes(200))
    with pytest.raises(ValueError, match="is damaged, or no model of isinglass"):
        InterferenceClassifier.load(tmp_path / "noise")
    form = arrays.Format("other", 1, "other file")
    arrays.write(tmp_path / "model", form, {}, [("a", np.zeros(3))])
    with pytest.raises(ValueError, match="has format 'other' version 1; expected"):
        InterferenceClassifier.load(tmp_path / "model")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"shape": [6, 9]}, r"damaged: tally has shape \(9, 3, 3\), expected \(12, "),
        ({"shape": None}, "is damaged"),
        ({"classes": {}}, "is damaged"),
        ({"parameters": {"epochs": 0, "n_durations": 8}}, "damaged: epochs must be"),
        ({"parameters": {"other": 0}}, "is damaged"),
    ],
)
def test_a_whole_file_that_fits_no_model(saved, change, message):
    _, path = saved
    rewritten(path, **change)
    with pytest.raises(ValueError, match=message):
        InterferenceClassifier.load(path)


def test_no_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no model file at .*nothing"):
        InterferenceClassifier.load(tmp_path / "nothing")
    with pytest.raises(FileNotFoundError, match="no model file at"):
        InterferenceClassifier.load(tmp_path)


def test_another_version(saved):
    _, path = saved
    rewritten(path, version=2)
    with pytest.raises(
        ValueError, match="version 2; expected 'isinglass-interference' version 1"
    ):
        InterferenceClassifier.load(path)


def test_another_kind_of_model(saved):
    _, path = saved
    with pytest.raises(
        ValueError, match=r"an? InterferenceClassifier.*InterferenceClassifier\.load"
    ):
        WaveClassifier.load(path)


def test_what_the_format_cannot_hold(draw, tmp_path):
    X, y = draw(0, 9)
    stage = Geometry(np.zeros((4, 1)), np.zeros((3, 1)), lambda a, b: 1.0)
    with pytest.raises(ValueError, match="callable metric"):
        new(geometry=stage).fit(X, y).save(tmp_path / "model")
    with pytest.raises(ValueError, match="labels of dtype datetime64"):
        new().fit(X, y.astype("M8[D]")).save(tmp_path / "model")
    with pytest.raises(ValueError, match="not fitted"):
        new().save(tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_save_leaves_the_old_file(draw, saved, monkeypatch):
    model, path = saved
    before = path.read_bytes()

    def interrupted(self, target):
        assert (
            self.read_bytes() != before
        )  # The new file is written, and not yet in place.
        raise KeyboardInterrupt

    model.partial_fit(*draw(1, 9))
    monkeypatch.setattr(Path, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        model.save(path)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_a_folder_that_does_not_exist(saved, tmp_path):
    with pytest.raises(FileNotFoundError):
        saved[0].save(tmp_path / "no" / "model")
