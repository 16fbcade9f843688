"""What cannot be used is refused with its name, and leaves the model as it was."""

import inspect

import numpy as np
import pytest
import scipy.sparse
from sklearn.exceptions import NotFittedError

from isinglass.systems.interference import (
    Geometry,
    InterferenceClassifier,
    WaveClassifier,
    corners,
    ensemble_energies,
    paper_settings,
)


def new(**parameters) -> InterferenceClassifier:
    # Not through the constructor, whose annotations the tests check.
    model = InterferenceClassifier(n_durations=8, random_state=0)
    return model.set_params(**(paper_settings() | parameters))


@pytest.fixture
def problem(draw):
    X, y = draw(0, 12)
    y[:3] = 0, 1, 2
    return X, y


def copy_of(value):
    return value.copy() if isinstance(value, np.ndarray) else value


def refused(model, method, *arguments, match, error: type[BaseException] = ValueError):
    """Assert that the call fails with this message and changes nothing at all."""
    before = {name: copy_of(value) for name, value in vars(model).items()}
    with pytest.raises(error, match=match):
        getattr(model, method)(*arguments)
    np.testing.assert_equal(vars(model), before)


NUMBERS = {
    "rates": [
        (
            None,
            3,
            (1.0, 2.0),
            (1.0, -1.0, 0.0),
            (1.0, -2.0, 0.0),
            (np.nan, 0, 0),
        ),
        "rates must be three finite numbers greater than -1",
    ],
    "threshold": [
        (0, -0.5, 1.1, np.nan, "a", None, 1j),
        r"threshold must lie in \(0, 1\], got",
    ],
    "n_durations": [
        (0, -3, 8.0, "a", None, 10**12),
        "n_durations must be a whole number from 1",
    ],
    "epochs": [(0, -1, 1.5, "a", None, 2**80), "epochs must be a whole number from 1"],
    "n_signals": [
        (0, -1, np.inf, np.nan, "a", None, 1j),
        "n_signals must be positive and finite",
    ],
    "patch_size": [
        (0, -1, 1.0, "a", None, (1, 2, 3), (3, 0)),
        "patch_size must be 'auto', a positive integer or a pair",
    ],
    "route_prior": [
        ("flat", None),
        r"route_prior must be 'jitter' or an array \(S, C, T\)",
    ],
    "geometry": [("ring", None, 3), "geometry must be 'corners' or a Geometry, got"],
    "random_state": [("a", -1, 1.5), "random_state must be None"],
}
PARAMETERS = [
    (name, value, message)
    for name, (values, message) in NUMBERS.items()
    for value in values
] + [
    ("rates", "abc", "rates must be 'auto' or three finite numbers greater than -1"),
    ("patch_size", 7, r"patch_size \(7, 7\) is larger than the picture, \(6, 6\)"),
    ("patch_size", (3, 7), r"patch_size \(3, 7\) is larger than the picture"),
    ("n_durations", 4, "n_durations=4 is too short.* at least 5"),
    ("route_prior", np.ones((4, 3, 7)), r"= \(4, 3, 8\), got \(4, 3, 7\)"),
    ("route_prior", np.full((4, 3, 8), np.nan), "route_prior must be finite"),
    (
        "geometry",
        corners((3, 3), 3),
        "geometry has 9 sources and 3 targets.* 4 patches",
    ),
    (
        "geometry",
        corners((2, 2), 2),
        "geometry has 4 sources and 2 targets.* 3 classes",
    ),
]


@pytest.mark.parametrize(("name", "value", "message"), PARAMETERS)
def test_parameters(problem, name, value, message):
    refused(new(**{name: value}), "fit", *problem, match=message)
    # A model that is trained already stays trained.
    refused(
        new().fit(*problem).set_params(**{name: value}), "fit", *problem, match=message
    )


INPUTS = {
    "no sequence": (3.0, "Expected 2D array, got scalar"),
    "nothing": (None, "Expected 2D array"),
    "text": ("pictures", "Expected 2D array"),
    "one axis": (np.ones(12), "Expected 2D array, got 1D"),
    "four axes": (
        np.ones((12, 6, 6, 1)),
        r"\(n, H, W\) or flat .* got shape \(12, 6, 6, 1\)",
    ),
    "ragged": ([[1.0, 2.0], [3.0]], "X must hold inputs of one shape"),
    "NaN": (np.full((12, 6, 6), np.nan), "Input X contains NaN"),
    "infinity": (np.full((12, 6, 6), np.inf), "Input X contains infinity"),
    "complex": (np.full((12, 6, 6), 1j), "Complex data not supported"),
    "words": (np.full((12, 6, 6), "a"), "not compatible with arrays of bytes/strings"),
    "dates": (
        np.zeros((12, 36), "M8[s]"),
        "X must hold real numbers, got dtype datetime64",
    ),
    "no pictures": (np.ones((0, 6, 6)), r"0 sample\(s\)"),
    "no pixels": (np.ones((12, 6, 0)), r"0 feature\(s\)|but the model learned"),
}


@pytest.mark.parametrize("kind", INPUTS)
def test_inputs(problem, kind):
    X, message = INPUTS[kind]
    model = new().fit(*problem)
    for method in ("fit", "partial_fit", "forget"):
        refused(model, method, X, problem[1], match=message)
    for method in (
        "predict",
        "energy_over_time",
        "expected_similarity",
        "arrival_entropy",
    ):
        refused(model, method, X, match=message)
    refused(new(), "fit", X, problem[1], match=message)


def test_types_of_input(problem):
    X, y = problem
    sparse = scipy.sparse.csr_matrix(X.reshape(12, -1))
    refused(new(), "fit", sparse, y, match="[Ss]parse data was passed", error=TypeError)
    objects = np.full((12, 36), object())
    refused(
        new(),
        "fit",
        objects,
        y,
        match="must be a string or a real number",
        error=TypeError,
    )


def test_pictures_of_another_shape(problem):
    X, y = problem
    model = new().fit(X, y)
    message = r"pictures of \(5, 6\), but the model learned pictures of \(6, 6\)"
    refused(model, "predict", X[:, 1:], match=message)
    refused(model, "partial_fit", X[:, 1:], y, match=message)
    refused(model, "forget", X[:, 1:], y, match=message)
    refused(model, "predict", X.reshape(12, -1)[:, 1:], match="X has 35 features")


LABELS = {
    "none": (None, "requires y to be passed"),
    "too few": ([0, 1, 2], "X holds 12 samples and y 3 labels"),
    "two axes": (np.zeros((12, 2), int), "y should be a 1d array"),
    "no whole numbers": (np.arange(12) + 0.5, "Unknown label type: continuous"),
    "NaN": ([np.nan] * 12, "y holds NaN or infinity"),
    "infinity": ([np.inf] * 12, "y holds NaN or infinity"),
    "text and numbers": (
        np.array(["a", 1] * 6, object),
        "all text or all numbers, got 'a' beside 1",
    ),
    "nothing at all": ([None] * 12, "y holds None; labels must be"),
}


@pytest.mark.parametrize("kind", LABELS)
def test_labels(problem, kind):
    y, message = LABELS[kind]
    refused(new(), "fit", problem[0], y, match=message)
    model = new().fit(*problem)
    for method in ("fit", "partial_fit", "forget"):
        refused(model, method, problem[0], y, match=message)


WEIGHTS = {
    "too few": ([1.0, 2.0], "sample_weight holds 2 weights, X 12 samples"),
    "one number": (2.0, r"sample_weight must be of shape \(any\), got \(\)"),
    "two axes": (np.ones((12, 1)), r"sample_weight must be of shape \(any\), got"),
    "negative": ([-1.0] + [1.0] * 11, "sample_weight must not be negative, got -1;"),
    "NaN": ([np.nan] * 12, "sample_weight must be finite, got NaN"),
    "infinity": ([np.inf] * 12, "sample_weight must be finite, got NaN or infinity"),
    "text": (["a"] * 12, "sample_weight must hold real numbers"),
    "ragged": ([[1.0], [1.0, 2.0]], "sample_weight must hold inputs of one shape"),
    "too heavy": ([2e9] * 12, "sample_weight must be at most 1,000,000,000, got 2e"),
    "all zero": ([0.0] * 12, "sample_weight must hold a positive weight, but all are"),
    "all next to zero": ([1e-10] * 12, "sample_weight must hold a positive weight"),
}


@pytest.mark.parametrize("kind", WEIGHTS)
def test_weights(problem, kind):
    weight, message = WEIGHTS[kind]
    X, y = problem
    model = new().fit(X, y)
    refused(new(), "fit", X, y, weight, match=message)
    refused(model, "fit", X, y, weight, match=message)
    refused(model, "partial_fit", X, y, None, weight, match=message)
    refused(model, "forget", X, y, weight, match=message)


def test_text_and_numbers_do_not_mix_over_time(problem):
    X, y = problem
    model = new().fit(X, y)
    message = "labels must be all text or all numbers, got '1' beside 2"
    refused(model, "partial_fit", X[:1], ["1"], match=message)
    refused(model, "forget", X[:1], ["1"], match=message)
    refused(new(), "partial_fit", X[:1], [2], ["1"], match=message)
    refused(model, "merge", new().fit(X[:1], ["1"]), match="all text or all numbers")


def test_labels_that_were_not_declared(problem):
    X, y = problem
    message = r"y holds labels that are not in classes: \[2\]"
    refused(new(), "partial_fit", X, y, [0, 1], match=message)
    refused(new().fit(X, y), "partial_fit", X, y, [0, 1], match=message)


def test_forgetting_labels_never_learned(problem):
    X, y = problem
    message = r"cannot forget labels never learned: \[7\]"
    refused(new().fit(X, y), "forget", X[:2], [0, 7], match=message)


def test_forgetting_more_than_was_learned(problem):
    X, y = problem
    model = new().fit(X, y)
    twice = np.concatenate([X, X[:1]]), np.append(y, y[0])
    message = r"more than was learned: .* of classes \[0\]"
    refused(model, "forget", *twice, match=message)
    refused(model, "forget", X[:1], y[:1], [20], match=message)
    refused(model.set_params(epochs=20), "forget", X[:1], y[:1], match=message)


def test_forgetting_samples_never_learned(draw, problem):
    model = new().fit(*problem)
    refused(
        model, "forget", draw(99, 12)[0], problem[1], match="that were never learned"
    )


def test_untrained(problem):
    X, y = problem
    for method in ("predict", "predict_proba", "energies", "decision_function"):
        refused(new(), method, X, match="not fitted", error=NotFittedError)
    refused(new(), "forget", X, y, match="not fitted", error=NotFittedError)
    refused(new(), "arrival_times", match="not fitted", error=NotFittedError)
    model = new().fit(X, y)
    refused(model, "merge", new(), match="other must be trained", error=NotFittedError)
    refused(new(), "merge", model, match="not fitted", error=NotFittedError)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("rates", (1.0, -0.5, -0.7)),
        ("threshold", 0.6),
        ("n_durations", 9),
        ("patch_size", 2),
    ],
)
def test_parameters_changed_after_learning(problem, tmp_path, name, value):
    X, y = problem
    model = new().fit(X, y).set_params(**{name: value})
    message = f"{name} is .*, but the model learned with .*; set it back, or call fit"
    refused(model, "predict", X, match=message)
    refused(model, "partial_fit", X, y, match=message)
    refused(model, "forget", X, y, match=message)
    refused(model, "save", tmp_path / "model", match=message)
    refused(model, "merge", new().fit(X, y), match=message)
    refused(new().fit(X, y), "merge", model, match=message)
    model.fit(X, y)


STAGE = {"geometry": Geometry(np.zeros((4, 1)), np.ones((3, 1)))}


@pytest.mark.parametrize(
    ("here", "there", "message"),
    [
        ({}, {"rates": (1.0, -0.5, -0.7)}, "rates differs"),
        ({}, {"threshold": 0.6}, "threshold differs, 0.7 here, 0.6 there"),
        ({}, {"n_durations": 9}, "n_durations differs, 8 here, 9 there"),
        ({}, {"patch_size": 2}, "patch_size differs"),
        ({}, {"random_state": 1}, "route priors differ"),
        ({}, {"route_prior": np.ones((4, 3, 8))}, "route priors differ"),
        ({}, STAGE, "geometry differs"),
    ],
)
def test_merging_what_does_not_fit(problem, here, there, message):
    model, other = new(**here).fit(*problem), new(**there).fit(*problem)
    refused(model, "merge", other, match=f"cannot merge: .*{message}")
    refused(other, "merge", model, match="cannot merge: ")


def test_merging_other_pictures(draw, problem):
    X, y = problem
    wider = np.pad(X, ((0, 0), (0, 0), (0, 1)))  # The same patches.
    message = r"input shape differs, \(6, 6\) here, \(6, 7\) there"
    refused(new().fit(X, y), "merge", new().fit(wider, y), match=message)


@pytest.mark.filterwarnings("ignore::isinglass.systems.interference.FitnessWarning")
def test_merging_disjoint_classes_of_other_seeds(problem):
    X, _ = problem
    model, other = new().fit(X, [0] * 12), new(random_state=1).fit(X, [1] * 12)
    refused(model, "merge", other, match="route priors differ")


def test_merging_with_something_else(problem):
    model = new().fit(*problem)
    for other in (WaveClassifier(), 3, None):
        name = type(other).__name__
        message = f"can merge only with another InterferenceClassifier, got {name}"
        with pytest.raises(TypeError, match=message):
            # Past the annotations, which the tests check.
            inspect.unwrap(InterferenceClassifier.merge)(model, other)


def test_a_prior_that_changes_known_classes(problem):
    X, y = problem
    model = new().fit(X, y).set_params(route_prior=np.ones((4, 4, 8)))
    refused(model, "partial_fit", X[:1], [9], match="route_prior must stay as it was")


def test_a_geometry_without_room_for_a_new_class(problem):
    model = new(**STAGE).fit(*problem)
    message = "geometry has 4 sources and 3 targets.* there are 4 classes"
    refused(model, "partial_fit", problem[0][:1], [9], match=message)


def test_an_interrupt_while_learning(problem, monkeypatch):
    model = new().fit(*problem)

    def interrupted(*_):
        raise KeyboardInterrupt("by hand")

    monkeypatch.setattr(model, "_tally", interrupted)
    refused(
        model,
        "partial_fit",
        problem[0][:1],
        [9],
        match="by hand",
        error=KeyboardInterrupt,
    )


def test_ensembles(draw, problem):
    X, y = problem
    model = new().fit(X, y)
    with pytest.raises(ValueError, match="models must hold one"):
        ensemble_energies([], X)
    with pytest.raises(NotFittedError):
        ensemble_energies([model, new()], X)
    with pytest.raises(
        TypeError, match="must all be InterferenceClassifier, one is WaveC"
    ):
        # Past the annotations, which the tests check.
        inspect.unwrap(ensemble_energies)([model, WaveClassifier()], X)
    for other in (
        {"threshold": 0.6},
        {"patch_size": (2, 3)},
        {"n_durations": 9},
        STAGE,
    ):
        with pytest.raises(ValueError, match="models must share picture shape"):
            ensemble_energies([model, new(**other).fit(X, y)], X)
    fewer = new().fit(X, y % 2)
    with pytest.raises(ValueError, match="number of classes"):
        ensemble_energies([model, fewer], X)
    with pytest.raises(ValueError, match="learned pictures of"):
        ensemble_energies([model], X[:, 1:])
