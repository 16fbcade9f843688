"""What estimators check of samples, and that a failed call leaves a model as it was."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

import numpy as np
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import (
    check_is_fitted,
    check_random_state,
    column_or_1d,
    validate_data,
)

from isinglass._common.checks import as_array, is_number, is_whole

Method = TypeVar("Method", bound=Callable[..., Any])
MOST = 10**9  # epochs or travel durations


def all_or_nothing(method: Method) -> Method:
    """Leave the model as it was if `method` fails, an interrupt included."""

    @wraps(method)
    def wrapped(self, *args, **kwargs):
        before = dict(vars(self))
        try:
            return method(self, *args, **kwargs)
        except BaseException:
            vars(self).clear()
            vars(self).update(before)
            raise

    return cast(Method, wrapped)


def check_positive_int(name: str, value: Any) -> None:
    """Refuse what is no whole number from 1 to 10⁹."""
    number = value if is_whole(value) else 0
    # Far above, counts of samples would no longer be exact.
    if not 1 <= number <= MOST:
        raise ValueError(
            f"{name} must be a whole number from 1 to {MOST:,}, got {value!r}"
        )


def check_labels_alike(*labels: np.ndarray) -> None:
    """Refuse text among numbers: they have no order, and NumPy makes text of all."""
    kinds = {
        isinstance(label, str): label for some in labels for label in some.tolist()
    }
    if len(kinds) > 1:
        raise ValueError(
            f"labels must be all text or all numbers, got {kinds[True]!r} beside "
            f"{kinds[False]!r} in y or classes"
        )


def check_learned(y: np.ndarray, classes: np.ndarray) -> None:
    """Refuse to forget labels of no class."""
    check_labels_alike(y, classes)
    unknown = np.setdiff1d(y, classes)
    if len(unknown):
        raise ValueError(f"cannot forget labels never learned: {unknown.tolist()} in y")


def declared_labels(y: np.ndarray, classes: Any) -> np.ndarray:
    """Labels to make room for, sorted: `classes`, which hold all of `y`, or y's."""
    met = np.unique(y)
    if classes is None:
        return met
    declared = np.asarray(as_array("classes", classes))
    if declared.ndim != 1:
        raise ValueError(f"classes must be labels (C,), got shape {declared.shape}")
    _check_labels(classes=declared)
    check_labels_alike(met, declared)
    declared = np.unique(declared)
    unknown = np.setdiff1d(met, declared)
    if len(unknown):
        raise ValueError(f"y holds labels that are not in classes: {unknown.tolist()}")
    return declared


def check_mergeable(model: Any, other: Any) -> None:
    """Refuse to merge but with another trained model of the same class."""
    if type(other) is not type(model):
        name = type(model).__name__
        got = type(other).__name__
        raise TypeError(f"can merge only with another {name}, got {got} as other")
    check_is_fitted(other, msg="other must be trained: this %(name)s is not fitted yet")


def picture_tags(tags: Any) -> Any:
    """Tags of a classifier of pictures, which tables of few columns are not."""
    tags.input_tags.three_d_array = True
    tags.classifier_tags.poor_score = True
    return tags


def as_random_state(value: Any) -> np.random.RandomState:
    """The `random_state` of an estimator as scikit-learn's generator.

    Raises:
        ValueError: If it is neither None, a whole number nor a generator.
    """
    try:
        return check_random_state(value)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"random_state must be None, a whole number or a generator, got {value!r}: "
            f"{error}"
        ) from None


def read_labels(estimator: Any, y: Any, n_samples: int) -> np.ndarray:
    """The labels of `n_samples` samples, checked."""
    if y is None:
        name = type(estimator).__name__
        raise ValueError(f"{name} requires y to be passed, but the target y is None")
    y = column_or_1d(y, warn=True)
    _check_labels(y=y)
    check_classification_targets(y)
    if len(y) != n_samples:
        raise ValueError(f"X holds {n_samples} samples and y {len(y)} labels")
    return y


def _check_labels(**labels: np.ndarray) -> None:
    """Refuse what cannot be sorted: neither finite numbers alone nor text alone."""
    ((name, values),) = labels.items()
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise ValueError(
            f"{name} holds NaN or infinity; labels must be finite numbers or text"
        )
    if values.dtype.kind == "O":
        for label in values.tolist():
            number = is_number(label) or isinstance(label, bool | np.bool_)
            if not isinstance(label, str) and not (number and np.isfinite(label)):
                raise ValueError(
                    f"{name} holds {label!r}; labels must be finite numbers or text"
                )
        check_labels_alike(values)


def read_inputs(estimator: Any, X: Any, *, reset: bool) -> np.ndarray:
    """Inputs (n, …) of any shape, checked as scikit-learn checks a table of them.

    Sets `n_features_in_` and, if there are any, `feature_names_in_` where `reset`.
    """
    X = as_array("X", X)
    shape = tuple(map(int, X.shape))
    if len(shape) > 2:
        X = np.asarray(X).reshape(shape[0], int(np.prod(shape[1:])))
    table = cast(np.ndarray, validate_data(estimator, X, reset=reset, dtype="numeric"))
    if table.dtype.kind not in "biuf":
        raise ValueError(f"X must hold real numbers, got dtype {table.dtype}")
    return table.reshape(shape) if len(shape) > 2 else table
