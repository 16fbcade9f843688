"""scikit-learn's contract."""

import inspect

import numpy as np
import pandas as pd
import pytest
from sklearn import config_context
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.estimator_checks import parametrize_with_checks

from isinglass.systems.interference import (
    CoupledClassifier,
    DipoleEncoder,
    GaussianPrior,
    InterferenceClassifier,
    Whitening,
)

ENCODER = DipoleEncoder(hosts=2, places=2)
PRIOR = GaussianPrior(0.0, 1e4)


@pytest.fixture(autouse=True)
def bare_constructor(monkeypatch):
    """Without the tests' check of annotations: scikit-learn's constructors take all."""
    for estimator in (
        CoupledClassifier,
        DipoleEncoder,
        InterferenceClassifier,
        Whitening,
    ):
        bare = inspect.unwrap(estimator.__init__)
        monkeypatch.setattr(estimator, "__init__", bare)


# `poor_score` is set on the classifiers: tables are no pictures, and their blobs not
# their task. No check is expected to fail. Some send rows of equal numbers.
@pytest.mark.filterwarnings("ignore::isinglass.systems.interference.FitnessWarning")
@parametrize_with_checks(
    [
        InterferenceClassifier(),
        # Of an encoder that costs nothing; the other is checked below.
        CoupledClassifier(encoder=FunctionTransformer(np.rint), prior=PRIOR),
        ENCODER,
        Whitening(encoder=ENCODER, prior=PRIOR),
    ]
)
def test_contract(estimator, check):
    check(estimator)


@pytest.fixture
def problem(draw):
    X, y = draw(0, 24)
    return X.reshape(24, 36), y


def test_pipeline(problem):
    X, y = problem
    model = InterferenceClassifier(n_durations=8, random_state=0)
    chain = make_pipeline(FunctionTransformer(np.abs), model).fit(X, y)
    np.testing.assert_array_equal(
        chain.predict(X), model.fit(np.abs(X), y).predict(np.abs(X))
    )


def test_grid_search(problem):
    X, y = problem
    grid = {"threshold": [0.5, 0.9], "patch_size": [2, (3, 3)], "epochs": [1, 2]}
    search = GridSearchCV(
        InterferenceClassifier(n_durations=8, random_state=0), grid, cv=2
    )
    search.fit(X, y)
    assert len(search.cv_results_["params"]) == 8
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_data_frame(problem):
    X, y = problem
    names = [f"pixel {i}" for i in range(36)]
    frame, labels = pd.DataFrame(X, columns=names), pd.Series(y.astype(str))
    model = InterferenceClassifier(n_durations=8, random_state=0).fit(frame, labels)
    np.testing.assert_array_equal(model.feature_names_in_, names)
    bare = InterferenceClassifier(n_durations=8, random_state=0).fit(X, y.astype(str))
    np.testing.assert_array_equal(model.energies(frame), bare.energies(X))
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(frame.rename(columns={"pixel 0": "other"}))


def test_weights_are_routed(problem):
    """Through a search over a pipeline, to what is fitted and to its score."""
    X, y = problem
    weight = np.random.default_rng(0).integers(0, 4, len(y))
    with config_context(enable_metadata_routing=True):
        model = InterferenceClassifier(n_durations=8, random_state=0)
        model.set_fit_request(sample_weight=True)
        model.set_score_request(sample_weight=True)
        search = GridSearchCV(
            make_pipeline(FunctionTransformer(), model),
            {"interferenceclassifier__threshold": [0.5]},
            cv=2,
        )
        search.fit(X, y, sample_weight=weight)
    chosen = search.best_estimator_[-1]
    repeated = X.repeat(weight, axis=0), y.repeat(weight)
    expected = model.set_params(threshold=0.5).fit(*repeated)
    np.testing.assert_array_equal(chosen.tally_, expected.tally_)
    np.testing.assert_array_equal(chosen.predict(X), expected.predict(X))


def test_weights_of_a_series(problem):
    X, y = problem
    weight = np.arange(24) % 3
    model = InterferenceClassifier(n_durations=8, random_state=0)
    tally = model.fit(X, y, weight).tally_
    model.fit(X, y, sample_weight=pd.Series(weight, index=np.arange(24)[::-1]))
    np.testing.assert_array_equal(model.tally_, tally)
