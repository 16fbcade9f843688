"""Learning in parts, in threads of this process; tests/system has a cluster."""

import functools

import numpy as np
import pytest
from sklearn.preprocessing import FunctionTransformer

from isinglass.systems.interference import (
    CoupledClassifier,
    GaussianPrior,
    InterferenceClassifier,
    dask_parts,
    learn_in_parts,
)

array = pytest.importorskip("dask.array")
PLAIN = FunctionTransformer()
COUPLED = CoupledClassifier(encoder=PLAIN, prior=GaussianPrior(0.0, 9.0))
ROUTES = InterferenceClassifier(n_durations=8, random_state=0)


def samples(n: int = 23) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.integers(-9, 9, (n, 36)), rng.integers(3, size=n)


def same_state(model, other) -> bool:
    names = ("classes_", "class_count_", "pair_sums_", "tally_")
    return all(
        np.array_equal(getattr(model, name), getattr(other, name))
        for name in names
        if hasattr(model, name)
    )


@pytest.mark.parametrize("model", [COUPLED, ROUTES], ids=["coupled", "routes"])
@pytest.mark.parametrize("fan_in", [2, 5])
def test_parts_are_the_whole(model, fan_in):
    X, y = samples()
    whole = learn_in_parts(model, [(X, y)])
    chunked = array.from_array(X, (4, 20)), array.from_array(y, 7)
    assert same_state(learn_in_parts(model, dask_parts(*chunked), fan_in=fan_in), whole)
    files = [
        functools.partial(lambda part: (X[part], y[part]), slice(i, i + 6))
        for i in range(0, 23, 6)
    ]
    assert same_state(learn_in_parts(model, reversed(files), fan_in=fan_in), whole)
    assert not hasattr(model, "classes_")


def test_what_cannot_be_learned_in_parts():
    X, y = samples()
    with pytest.raises(ValueError, match="random_state must be a whole number"):
        learn_in_parts(InterferenceClassifier(), [(X, y)])
    with pytest.raises(ValueError, match="parts must hold one at least"):
        learn_in_parts(COUPLED, [])
    with pytest.raises(ValueError, match="fan_in must be at least 2"):
        learn_in_parts(COUPLED, [(X, y)], fan_in=1)
    with pytest.raises(ValueError, match="X holds 23 samples and y 22 labels"):
        dask_parts(array.from_array(X, 4), array.from_array(y[1:], 4))
