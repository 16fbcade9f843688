"""`InterferenceClassifier`: what it takes, what it gives."""

import copy
import pickle
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone

from isinglass.systems.interference import (
    Geometry,
    InterferenceClassifier,
    ensemble_energies,
    paper_settings,
)


def new(**parameters) -> InterferenceClassifier:
    parameters = paper_settings() | parameters
    return InterferenceClassifier(n_durations=8, random_state=0, **parameters)


def test_shapes_and_attributes(draw):
    X, y = draw(0, 20)
    model = new(n_signals=7).fit(X, y)
    assert model.image_shape_ == (6, 6)
    assert model.n_features_in_ == 36
    np.testing.assert_array_equal(model.class_count_, np.bincount(y))
    assert model.tally_.shape == (4, 3, 3)
    assert model.prior_.shape == model.route_probabilities_.shape == (4, 3, 8)
    curves = model.energy_over_time(X)
    assert curves.shape == (20, 3, 8)
    np.testing.assert_allclose(model.energies(X), curves.max(axis=-1), rtol=1e-12)
    np.testing.assert_array_equal(model.decision_function(X), model.energies(X))
    np.testing.assert_array_equal(model.predict(X), model.energies(X).argmax(axis=1))
    # At most every signal of every source counts one.
    assert (np.abs(curves) <= 7 * 4).all()


def test_the_energy_grows_with_the_number_of_signals(draw):
    X, y = draw(0, 9)
    single, many = new(n_signals=1).fit(X, y), new(n_signals=500).fit(X, y)
    np.testing.assert_allclose(many.energies(X), 500 * single.energies(X))


@pytest.mark.filterwarnings("ignore::isinglass.systems.interference.FitnessWarning")
def test_it_learns():
    rng = np.random.default_rng(0)
    kinds = np.zeros((2, 9, 9))
    kinds[0, :, :3], kinds[1, :, 6:] = 1, 1
    y = np.arange(60) % 2
    X = kinds[y] + 0.05 * rng.normal(size=(60, 9, 9))
    assert new().fit(X[:10], y[:10]).score(X[10:], y[10:]) == 1


@pytest.mark.filterwarnings("ignore::isinglass.systems.interference.FitnessWarning")
def test_more_samples_than_a_batch(draw):
    X, y = draw(0, 1100)
    model = new().fit(X, y)
    parts = new().fit(X[:500], y[:500]).partial_fit(X[500:], y[500:])
    np.testing.assert_array_equal(model.tally_, parts.tally_)
    assert model.tally_.sum() == 4 * 1100
    energies = np.concatenate(
        [model.energies(X[i : i + 100]) for i in range(0, 1100, 100)]
    )
    np.testing.assert_allclose(model.energies(X), energies, rtol=1e-12, atol=1e-12)
    ensemble = ensemble_energies([model], X)
    np.testing.assert_allclose(ensemble, energies[None], rtol=1e-12, atol=1e-12)


@pytest.mark.filterwarnings("ignore::isinglass.systems.interference.FitnessWarning")
def test_pixels_beyond_the_last_whole_patch_do_not_count(draw):
    X, y = draw(0, 9)
    wider = np.pad(X, ((0, 0), (0, 1), (0, 2)), constant_values=5.0)
    np.testing.assert_array_equal(new().fit(wider, y).tally_, new().fit(X, y).tally_)


def test_patches_need_not_be_square(draw):
    X, y = draw(0, 9)
    model = new(patch_size=(3, 2)).fit(X, y)
    assert model.tally_.shape == (6, 3, 3)
    np.testing.assert_array_equal(model.geometry_.distances.shape, (6, 3))


def test_two_classes_have_one_score(draw):
    X, y = draw(0, 9, n_classes=2)
    model = new().fit(X, y)
    energies = model.energies(X)
    np.testing.assert_array_equal(
        model.decision_function(X), energies[:, 1] - energies[:, 0]
    )
    np.testing.assert_array_equal(model.predict(X) == 1, model.decision_function(X) > 0)


def test_one_class(draw):
    X, _ = draw(0, 5)
    model = new().fit(X, ["only"] * 5)
    assert model.decision_function(X).shape == (5, 1)
    assert (model.predict(X) == "only").all()


def test_one_sample(draw):
    X, y = draw(0, 1)
    assert new().fit(X, y).predict(X).tolist() == y.tolist()


def test_the_seed_decides_the_prior(draw):
    X, y = draw(0, 9)
    model, same, other = (
        new().fit(X, y),
        new().fit(X, y),
        new().set_params(random_state=1).fit(X, y),
    )
    np.testing.assert_array_equal(model.energies(X), same.energies(X))
    assert (model.prior_ != other.prior_).all()
    drawn = new().set_params(random_state=np.random.RandomState(0))
    assert (drawn.fit(X, y).prior_ != drawn.fit(X, y).prior_).all()


@pytest.mark.parametrize(
    "stage",
    [
        Geometry(np.zeros((4, 1)), [[1.0], [2.0], [3.0]]),
        Geometry(np.eye(4, 3), np.eye(3) * 4, "euclidean", speed=2.0),
    ],
    ids=["1-D", "3-D"],
)
def test_any_geometry(draw, stage):
    X, y = draw(0, 9)
    model = new(geometry=stage).fit(X, y)
    assert model.geometry_ is stage
    arrives = model.energy_over_time(X).any(axis=0)
    earliest = np.ceil(stage.flight_times.min(axis=0))
    np.testing.assert_array_equal(arrives.argmax(axis=-1), earliest)


FORMS = {
    "list": lambda X: X.tolist(),
    "flat": lambda X: X.reshape(len(X), -1),
    "flat list": lambda X: X.reshape(len(X), -1).tolist(),
    "Fortran": np.asfortranarray,
    "strided": lambda X: np.repeat(X, 2, axis=2)[:, :, ::2],
    "reversed": lambda X: X[:, ::-1][:, ::-1],
    "big-endian": lambda X: X.astype(">f8"),
    "long double": lambda X: X.astype(np.longdouble),
    "object": lambda X: X.astype(object),
    "huge": lambda X: X * 1e300,
    "tiny": lambda X: X * 1e-300,
}


@pytest.mark.parametrize("form", FORMS)
def test_any_form_of_the_same_numbers(draw, form):
    X, y = draw(0, 9)
    expected = new().fit(X, y).energies(X)
    other = FORMS[form](X)
    np.testing.assert_allclose(new().fit(other, y).energies(other), expected, rtol=1e-9)


@pytest.mark.filterwarnings("ignore::isinglass.systems.interference.FitnessWarning")
@pytest.mark.parametrize(
    "dtype", [bool, np.uint8, np.int64, np.float16, np.float32, ">i2"]
)
def test_any_dtype(draw, dtype):
    X, y = draw(0, 9)
    coarse = (np.abs(X) * 2).astype(dtype)
    expected = new().fit(coarse.astype(float), y).energies(coarse.astype(float))
    np.testing.assert_allclose(
        new().fit(coarse, y).energies(coarse), expected, rtol=1e-12
    )


def test_input_is_left_alone(draw):
    X, y = draw(0, 9)
    X.flags.writeable = y.flags.writeable = False
    model = new().fit(X, y)
    model.predict(X)
    model.partial_fit(X, y).forget(X, y)


@pytest.mark.filterwarnings("ignore::isinglass.systems.interference.FitnessWarning")
def test_a_row_of_no_square_length_is_a_picture_of_one_line():
    X = np.random.default_rng(0).normal(size=(4, 7))
    model = new(patch_size=(1, 2)).fit(X, [0, 1, 0, 1])
    assert model.image_shape_ == (1, 7)
    assert model.tally_.shape == (3, 2, 3)


LABELS = {
    "text": np.array(["a", "b", "c"]),
    "objects": np.array(["a", "bb", "c"], dtype=object),
    "negative": np.array([-5, 0, 7]),
    "whole floats": np.array([0.0, 1.0, 9.0]),
    "large": np.array([0, 2**62, 2**62 + 1]),
}


@pytest.mark.parametrize("kind", LABELS)
def test_any_labels(draw, kind):
    X, y = draw(0, 12)
    labels = LABELS[kind]
    model = new().fit(X, labels[y])
    np.testing.assert_array_equal(model.classes_, labels)
    np.testing.assert_array_equal(model.tally_, new().fit(X, y).tally_)
    assert model.predict(X).dtype == model.classes_.dtype


def test_a_label_is_the_same_in_another_number_type(draw):
    X, y = draw(0, 12)
    model = new().fit(X, y).partial_fit(X, y.astype(float)).forget(X, y.astype(np.int8))
    np.testing.assert_array_equal(model.tally_, new().fit(X, y).tally_)
    assert model.classes_.dtype == y.dtype
    wider = copy.deepcopy(model).partial_fit(X[:1], [7.0])
    np.testing.assert_array_equal(wider.prior_[:, :3], model.prior_)


def test_a_class_declared_and_not_met_is_known(draw):
    X, _ = draw(0, 4)
    model = new().partial_fit(X, [2, 2, 2, 2], classes=[4, 2])
    np.testing.assert_array_equal(model.classes_, [2, 4])
    np.testing.assert_allclose(
        model.route_probabilities_[:, 1], model.prior_[:, 1], rtol=1e-14
    )


def test_a_class_can_be_added_to_a_stage_and_prior_of_ones_own(draw):
    X, y = draw(0, 12)
    y[:3] = 0, 1, 2
    targets, prior = np.arange(3.0)[:, None], np.random.default_rng(0).random((4, 3, 8))
    two = {
        "geometry": Geometry(np.zeros((4, 1)), targets[:2]),
        "route_prior": prior[:, :2],
    }
    three = {"geometry": Geometry(np.zeros((4, 1)), targets), "route_prior": prior}
    model = new(**two).fit(X[y < 2], y[y < 2])
    model.set_params(**three).partial_fit(X[y == 2], y[y == 2])
    np.testing.assert_array_equal(model.energies(X), new(**three).fit(X, y).energies(X))


def test_models_with_equal_prior_arrays_merge_without_a_seed(draw):
    X, y = draw(0, 12)
    y[:6] = 0, 1, 2, 0, 1, 2
    prior = np.ones((4, 3, 8))
    model, other = (
        InterferenceClassifier(n_durations=8, route_prior=prior).fit(X[i::2], y[i::2])
        for i in (0, 1)
    )
    np.testing.assert_array_equal(model.merge(other).tally_, new().fit(X, y).tally_)


def test_parameters_written_otherwise_are_the_same(draw):
    X, y = draw(0, 12)
    model, other = new().fit(X, y), new().fit(X, y)
    other.set_params(
        patch_size=(3, 3), rates=[1, -0.5, -0.8], threshold=np.float64(0.7)
    )
    np.testing.assert_array_equal(other.energies(X), model.energies(X))
    np.testing.assert_array_equal(model.merge(other).tally_, 2 * other.tally_)


def test_a_model_merges_with_itself(draw):
    X, y = draw(0, 12)
    model = new().fit(X, y)
    np.testing.assert_array_equal(model.merge(model).tally_, 2 * new().fit(X, y).tally_)


def test_copies(draw):
    X, y = draw(0, 9)
    model = new(rates=(2.0, 0.0, -0.5)).fit(X, y)
    for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        np.testing.assert_array_equal(twin.energies(X), model.energies(X))
    fresh: Any = clone(model)
    assert fresh.get_params() == model.get_params()
    assert not hasattr(fresh, "classes_")


def test_a_shallow_copy_does_not_learn_along(draw):
    X, y = draw(0, 9)
    model = new().fit(X, y)
    before, twin = model.energies(X), copy.copy(model)
    model.partial_fit(X, y).forget(X[:1], y[:1]).merge(model)
    np.testing.assert_array_equal(twin.energies(X), before)
    np.testing.assert_array_equal(twin.class_count_, np.bincount(y))


def test_prediction_leaves_the_model_alone(draw):
    X, y = draw(0, 9)
    model = new().fit(X, y)
    before = copy.deepcopy(vars(model))
    model.predict(X)
    model.arrival_times()
    model.expected_similarity(X)
    np.testing.assert_equal(vars(model), before)


def test_a_repr_has_no_arrays_to_scroll_over(draw):
    X, y = draw(0, 9)
    own = {"geometry": Geometry(np.zeros((4, 1)), np.ones((3, 1)))}
    model = new(**own, route_prior=np.ones((4, 3, 8))).fit(X, y)
    text = repr(model).replace("\n", "").replace(" ", "")
    assert "Geometry(4sources,3targets,metric='cityblock',speed=1)" in text
    assert "route_prior=<array(4,3,8)>" in text
    assert len(repr(model)) < 400
