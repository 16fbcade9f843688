"""What the interference classifiers share: a tally per class, routes, energies, prediction.

A subclass says how its input becomes dipoles (`_read`, `_dipoles`), what one batch adds to the
tally (`_tally`), what evidence a tally amounts to (`_evidence`), and how an energy curve becomes a
score (`_score_curves`).
"""

from __future__ import annotations

import operator
from pathlib import Path
from typing import Any, Self

import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float, Int
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, check_random_state, column_or_1d

from isinglass.interference import _storage, diagnostics
from isinglass.interference._batches import batches, map_batches
from isinglass.interference.geometry import Geometry
from isinglass.interference.learning import check_rule
from isinglass.interference.routes import arrivals, check_prior, jitter_prior, route_probabilities


class RouteClassifier(ClassifierMixin, BaseEstimator):
    """Base of `InterferenceClassifier` and `WaveClassifier`; not for use on its own."""

    rates: tuple[float, float, float]
    threshold: float
    n_durations: int
    epochs: int
    n_signals: float
    route_prior: Any
    geometry: Any
    random_state: Any
    # Parameters that must agree for two trained models to be of one kind.
    _kind_parameters = ("rates", "threshold", "n_durations")

    # -- what a subclass provides ------------------------------------------------------------

    def _read(self, X, *, reset: bool) -> np.ndarray:
        """Checked input, samples first, still in its own dtype."""
        raise NotImplementedError

    def _dipoles(self, part: np.ndarray) -> jnp.ndarray:
        """One batch as unit dipoles (n, E, D+1), emissions source-major."""
        raise NotImplementedError

    def _tally(self, part: np.ndarray, members: np.ndarray) -> jnp.ndarray:
        """What one batch adds to the tally (S, C, K), given class membership (n, C)."""
        raise NotImplementedError

    def _evidence(self, tally: np.ndarray) -> np.ndarray:
        """Evidence (S, C, 1 or T) of a tally (S, C, K)."""
        raise NotImplementedError

    def _tally_bounds(self) -> tuple[float, float]:
        """Smallest and largest entry that one sample can add to the tally."""
        raise NotImplementedError

    def _geometry_for(self, n_classes: int) -> Geometry:
        raise NotImplementedError

    def _energies(self, part: np.ndarray, arriving: np.ndarray, arrived: np.ndarray) -> jnp.ndarray:
        """Energy curves (…, n, C, T) of one batch, per signal sent."""
        raise NotImplementedError

    def _score_curves(self, curves: Any) -> Any:
        """Scores (…, n, C) of energy curves (…, n, C, T)."""
        raise NotImplementedError

    # -- learning ----------------------------------------------------------------------------

    def fit(self, X, y) -> Self:
        """Learn from scratch. One reduction over the samples; their order does not matter.

        **Arguments:** `X`, the inputs (see the class); `y`, labels, shape (n,).

        **Raises:** `ValueError` for a parameter or an input that cannot be used, naming it.
        """
        X, y = self._read_pair(X, y, reset=True)
        self._start(np.unique(y))
        return self._learn(X, y)

    def partial_fit(self, X, y, classes=None) -> Self:
        """Learn more samples. Any split into calls gives the same model as one `fit` on all.

        A label not met before becomes a new class. With `geometry="corners"` the targets are then
        placed anew for the larger number of classes; name all `classes` in the first call, or give
        a geometry, to keep every target where it is.

        **Arguments:** as for `fit`; `classes`, all labels that may come, on the first call.

        **Raises:** `ValueError` as `fit`, and for a label that is not among given `classes`.
        """
        first = not hasattr(self, "classes_")
        X, y = self._read_pair(X, y, reset=first)
        met = np.unique(y)
        if classes is not None:
            classes = np.unique(column_or_1d(np.asarray(classes)))
            unknown = np.setdiff1d(met, classes)
            if len(unknown):
                raise ValueError(f"y holds labels that are not in classes: {unknown.tolist()}")
            met = classes
        if first:
            self._start(met)
        else:
            self._check_same_parameters()
            self._add_classes(met)
        return self._learn(X, y)

    def forget(self, X, y) -> Self:
        """Unlearn samples exactly: the model as if they had never been there.

        Subtracts what `fit` and `partial_fit` added, `epochs` times.

        **Raises:** `ValueError` for a label the model does not know, for more samples of a class
        than were learned, or for samples that cannot have been among those learned. The model is
        then unchanged.
        """
        check_is_fitted(self)
        self._check_same_parameters()
        X, y = self._read_pair(X, y, reset=False)
        unknown = np.setdiff1d(y, self.classes_)
        if len(unknown):
            raise ValueError(f"cannot forget labels never learned: {unknown.tolist()}")
        epochs = self._checked_epochs()
        tally, counts = self._sums(X, y)
        counts, tally = self.class_count_ - epochs * counts, self.tally_ - epochs * tally
        self._check_remainder(tally, counts)
        # Sums of logarithms leave rounding behind; an empty class has learned exactly nothing.
        self.tally_, self.class_count_ = np.where(counts[:, None] == 0, 0.0, tally), counts
        return self

    def merge(self, other: Self) -> Self:
        """Add what another model learned; equal to one model that saw all samples of both.

        In place; returns self. Both must have the same parameters and the same `random_state`
        (their route priors must agree). Classes that only one of them knows are kept.

        **Raises:** `TypeError` for another kind of object, `ValueError` for an incompatible model.
        """
        if type(other) is not type(self):
            raise TypeError(f"can merge only with another {type(self).__name__}, got {type(other).__name__}")
        check_is_fitted(self)
        check_is_fitted(other)
        self._check_same_parameters()
        other._check_same_parameters()
        for name in self._kind_parameters:
            mine, theirs = getattr(self, name), getattr(other, name)
            if not np.array_equal(np.asarray(mine), np.asarray(theirs)):
                raise ValueError(f"cannot merge: {name} differs, {mine!r} and {theirs!r}")
        self._check_same_stage(other)
        common, mine, theirs = np.intersect1d(self.classes_, other.classes_, return_indices=True)
        if self.seed_ != other.seed_ or not np.array_equal(self.prior_[:, mine], other.prior_[:, theirs]):
            raise ValueError(
                "cannot merge: the route priors differ; give both models the same integer random_state "
                "(or the same route_prior array)"
            )
        self._add_classes(other.classes_)
        where = np.searchsorted(self.classes_, other.classes_)
        self.tally_[:, where] += other.tally_
        self.class_count_[where] += other.class_count_
        return self

    # -- prediction --------------------------------------------------------------------------

    def energy_over_time(self, X) -> Float[np.ndarray, "n C T"]:
        """Energy J_y(t) at every target and time step, for `n_signals` signals per source (Eq. 3)."""
        arriving, arrived = self._arrivals()
        curves = self._map(X, lambda part: self._energies(part, arriving, arrived))
        return self.n_signals * curves

    def energies(self, X) -> Float[np.ndarray, "n C"]:
        """Score of every class: the peak (or mean) over time of the energy at its target."""
        arriving, arrived = self._arrivals()
        scores = self._map(X, lambda part: self._score_curves(self._energies(part, arriving, arrived)))
        return self.n_signals * scores

    def decision_function(self, X) -> Float[np.ndarray, "n C"] | Float[np.ndarray, "n"]:
        """Energies J, shape (n, C); for two classes, as scikit-learn asks, J₁ − J₀ of shape (n,)."""
        energies = self.energies(X)
        return energies[:, 1] - energies[:, 0] if len(self.classes_) == 2 else energies

    def predict(self, X) -> np.ndarray:
        """The class whose target has the largest energy, shape (n,)."""
        return self.classes_[self.energies(X).argmax(axis=1)]

    # -- what was learned --------------------------------------------------------------------

    @property
    def route_probabilities_(self) -> Float[np.ndarray, "S C T"]:
        """Probability over travel durations of every source and target."""
        check_is_fitted(self)
        return route_probabilities(self.prior_, self._evidence(self.tally_), self._reachable())

    @property
    def geometry_(self) -> Geometry:
        """Where sources and targets stand."""
        check_is_fitted(self)
        return self._geometry_for(len(self.classes_))

    def expected_similarity(self, X) -> Float[np.ndarray, "n C T"]:
        """Expected similarity of two signals that arrive together, target field absent (Eq. 5)."""
        arriving, _ = self._arrivals()
        return diagnostics.expected_similarity(self._map(X, self._dipoles), arriving)

    def arrival_entropy(self, X) -> Float[np.ndarray, "n C"]:
        """Entropy in nats of the arrival times of the signals similar to the host (§3)."""
        arriving, _ = self._arrivals()
        similar = self._map(X, self._dipoles) @ self._host() >= self.threshold
        return diagnostics.arrival_entropy(similar, arriving)

    def arrival_times(self) -> Float[np.ndarray, "C C"]:
        """Expected arrival time at each learner (rows) under each class's policy (columns), Table 3."""
        return diagnostics.arrival_times(self.route_probabilities_, self._reachable())

    # -- storage -----------------------------------------------------------------------------

    def save(self, path: str | Path) -> None:
        """Write the trained model to one safetensors file, whole or not at all.

        **Raises:** `ValueError` for what the format cannot hold (a callable metric, odd labels).
        """
        check_is_fitted(self)
        _storage.save(self, Path(path))

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a model that `save` wrote.

        **Raises:** `FileNotFoundError`; `ValueError` for a file that is truncated, of another
        format version, or of another kind of model.
        """
        return _storage.load(cls, Path(path))

    # -- inside ------------------------------------------------------------------------------

    def _host(self) -> np.ndarray:
        raise NotImplementedError

    def _reachable(self) -> Bool[np.ndarray, "S C T"]:
        return self.geometry_.reachable(self.n_durations)

    def _arrivals(self) -> tuple[Float[np.ndarray, "E C T"], Bool[np.ndarray, "E C T"]]:
        return arrivals(self.route_probabilities_, self._reachable(), self._n_emissions())

    def _n_emissions(self) -> int:
        return 1

    def _map(self, X, function) -> np.ndarray:
        check_is_fitted(self)
        return map_batches(function, self._read(X, reset=False))

    def _read_pair(self, X, y, *, reset: bool) -> tuple[np.ndarray, np.ndarray]:
        self._check_parameters()
        if y is None:
            raise ValueError(f"{type(self).__name__} requires y to be passed, but the target y is None")
        X = self._read(X, reset=reset)
        y = column_or_1d(y, warn=True)
        check_classification_targets(y)
        if len(y) != len(X):
            raise ValueError(f"X holds {len(X)} samples and y {len(y)} labels")
        return X, y

    def _check_parameters(self) -> None:
        check_rule(self.rates, self.threshold)
        self._checked_epochs()
        _positive_int("n_durations", self.n_durations)
        if not (np.isscalar(self.n_signals) and np.isfinite(self.n_signals) and self.n_signals > 0):
            raise ValueError(f"n_signals must be a positive number, got {self.n_signals!r}")
        if isinstance(self.route_prior, str) and self.route_prior != "jitter":
            raise ValueError(f"route_prior must be 'jitter' or an array (S, C, T), got {self.route_prior!r}")

    def _checked_epochs(self) -> int:
        return _positive_int("epochs", self.epochs)

    def _start(self, classes: np.ndarray) -> None:
        self.seed_ = int(check_random_state(self.random_state).randint(2**31 - 1))
        n_sources = self._n_sources()
        self.classes_ = classes[:0]
        self.class_count_ = np.zeros(0, dtype=np.int64)
        self.prior_ = np.zeros((n_sources, 0, self.n_durations))
        self.tally_ = np.zeros((n_sources, 0, self._tally_width()))
        self._learned_with = self._rule()
        try:
            self._add_classes(classes)
        except ValueError:
            # A model that could not start is not a fitted model.
            for name in ("classes_", "class_count_", "prior_", "tally_", "seed_"):
                delattr(self, name)
            raise

    def _n_sources(self) -> int:
        raise NotImplementedError

    def _tally_width(self) -> int:
        raise NotImplementedError

    def _add_classes(self, classes: np.ndarray) -> None:
        union = np.union1d(self.classes_, classes) if len(self.classes_) else classes
        if len(union) == len(self.classes_):
            return
        self._geometry_for(len(union)).reachable(self.n_durations)
        prior = self._prior(union)
        tally = np.zeros((len(self.tally_), len(union), self.tally_.shape[-1]))
        counts = np.zeros(len(union), dtype=np.int64)
        where = np.searchsorted(union, self.classes_)
        tally[:, where], counts[where] = self.tally_, self.class_count_
        self.classes_, self.prior_, self.tally_, self.class_count_ = union, prior, tally, counts

    def _prior(self, classes: np.ndarray) -> Float[np.ndarray, "S C T"]:
        shape = (self._n_sources(), len(classes), self.n_durations)
        if not isinstance(self.route_prior, str):
            return check_prior(self.route_prior, shape)
        draws = [jitter_prior(self.seed_, label, shape[0], shape[2]) for label in classes]
        return np.stack(draws, axis=1)

    def _sums(self, X: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, Int[np.ndarray, "C"]]:
        """Tally and count per class of one pass over the samples."""
        members = np.searchsorted(self.classes_, y)[:, None] == np.arange(len(self.classes_))
        tally = np.zeros_like(self.tally_)
        for where, part in batches(X):
            belongs = np.zeros((len(part), members.shape[1]))
            belongs[: where.stop - where.start] = members[where]
            tally += np.asarray(self._tally(part, belongs))
        return tally, members.sum(axis=0)

    def _learn(self, X: np.ndarray, y: np.ndarray) -> Self:
        tally, counts = self._sums(X, y)
        self.tally_ = self.tally_ + self.epochs * tally
        self.class_count_ = self.class_count_ + self.epochs * counts
        return self

    def _rule(self) -> tuple:
        """What the tally depends on; changing it under a trained model would mix two rules."""
        return tuple(repr(getattr(self, name)) for name in self._kind_parameters)

    def _check_same_parameters(self) -> None:
        self._check_parameters()
        if self._rule() != self._learned_with:
            raise ValueError(
                f"the parameters {', '.join(self._kind_parameters)} must stay as they were when the model "
                "first learned; call fit to start anew"
            )

    def _check_same_stage(self, other: Self) -> None:
        if self._n_sources() != other._n_sources():
            raise ValueError(
                f"cannot merge: {self._n_sources()} sources here and {other._n_sources()} there; both models "
                "must have learned inputs of one shape"
            )
        union = len(np.union1d(self.classes_, other.classes_))
        mine, theirs = self._geometry_for(union), other._geometry_for(union)
        if not (np.array_equal(mine.distances, theirs.distances) and mine.speed == theirs.speed):
            raise ValueError("cannot merge: geometry differs")

    def _check_remainder(self, tally: np.ndarray, counts: np.ndarray) -> None:
        if (counts < 0).any():
            short = self.classes_[counts < 0].tolist()
            raise ValueError(
                f"cannot forget more than was learned: too many samples (times epochs) of classes {short}"
            )
        low, high = (bound * counts[:, None] for bound in self._tally_bounds())
        slack = 1e-9 * (1 + self.class_count_[:, None])
        if (tally < low - slack).any() or (tally > high + slack).any():
            raise ValueError("cannot forget samples that were never learned: what remains is no sum of samples")


def _positive_int(name: str, value: Any) -> int:
    try:
        number = operator.index(value)
    except TypeError:
        number = 0
    if number < 1:
        raise ValueError(f"{name} must be a whole number of at least 1, got {value!r}")
    return number
