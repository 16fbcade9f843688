"""How interference classifiers learn: a tally per class, its laws, its storage.

What trained routes do is in `_trained`. A subclass says what one batch adds to the
tally (`_tally`), and where sources and targets stand.
"""

from numbers import Real
from pathlib import Path
from typing import Any, TypeVar, cast

import jax
import numpy as np
from jaxtyping import Float
from sklearn.base import ClassifierMixin
from sklearn.utils.validation import (
    check_is_fitted,
    check_random_state,
    validate_data,
)

from isinglass._common.batches import BATCH, each_batch
from isinglass._common.checks import as_path
from isinglass._common.types import ArrayLike
from isinglass.systems.interference import _storage
from isinglass.systems.interference._samples import (
    all_or_nothing,
    check_labels_alike,
    check_learned,
    check_positive_int,
    declared_labels,
    read_labels,
)
from isinglass.systems.interference._trained import TrainedRoutes
from isinglass.systems.interference._weights import as_sample_weight
from isinglass.systems.interference.learning import LearningRule
from isinglass.systems.interference.routes import (
    check_prior,
    jitter_prior,
)

# Not typing.Self, which beartype cannot check outside a decorated class.
Model = TypeVar("Model", bound="RouteClassifier")


class RouteClassifier(ClassifierMixin, TrainedRoutes):
    """Base of `InterferenceClassifier` and `WaveClassifier`; not for use on its own."""

    rates: Any
    threshold: float
    n_durations: int
    epochs: int
    n_signals: float
    route_prior: Any
    geometry: Any
    random_state: Any
    n_features_in_: int
    feature_names_in_: np.ndarray
    # Parameters that what was learned depends on: equal for models that merge, fixed
    # once learned.
    _kind_parameters: tuple[str, ...] = ("rates", "threshold", "n_durations")
    # The attribute that holds the shape of one input.
    _shape_attribute: str

    # -- what a subclass provides ------------------------------------------------------

    def _tally(self, part: np.ndarray, members: np.ndarray) -> jax.Array:
        """What one batch adds to the tally (S, C, K), given weights by class (n, C)."""
        raise NotImplementedError

    def _tally_bounds(self) -> tuple[float, float]:
        """Smallest and largest entry that one sample can add to the tally."""
        raise NotImplementedError

    def _tally_width(self) -> int:
        raise NotImplementedError

    def _look_at(self, X: np.ndarray) -> None:
        """Warn of what was just learned, if little can be learned from it."""

    def _n_sources(self) -> int:
        raise NotImplementedError

    # -- learning ----------------------------------------------------------------------

    @all_or_nothing
    def fit(self: Model, X, y, sample_weight: ArrayLike | None = None) -> Model:
        """Learn from scratch: a sum over the samples, whose order does not matter.

        A sample of weight w counts w times. With whole-number weights the model is, bit
        for bit, that of a data set in which sample i is repeated wᵢ times, or left out
        where wᵢ = 0. Other weights are rounded to multiples of 2⁻³², so that their sums
        are exact as well, and all laws hold to the last bit while a class weighs less
        than 2²¹ in all. Unlike in many classifiers the scale of the weights matters:
        evidence adds up, so doubling them is like a second epoch.

        Args:
            X: The inputs (see the class).
            y: Labels, shape (n,).
            sample_weight: How often each sample counts, shape (n,), from 0 to 10⁹; once
                if None.

        Returns:
            The model itself.

        Raises:
            ValueError: For a parameter or an input that cannot be used, naming it. The
                model is then as it was before.
        """
        X, y, weight = self._read_samples(X, y, sample_weight, reset=True)
        self._start(np.unique(y))
        return self._learn(X, y, weight)

    @all_or_nothing
    def partial_fit(
        self: Model,
        X,
        y,
        classes: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Model:
        """Learn more samples: any split into calls gives the model of one `fit` on all.

        A label not met before becomes a new class. With `geometry="corners"` the
        targets are then placed anew for the larger number of classes; name all
        `classes` in the first call, or give a geometry, to keep every target where it
        is.

        Args:
            X: The inputs, of the shape first learned.
            y: Labels, shape (n,).
            classes: All labels that may come, on the first call.
            sample_weight: As for `fit`.

        Returns:
            The model itself.

        Raises:
            ValueError: As `fit`, and for a label that is not among given `classes`.
        """
        first = not hasattr(self, "classes_")
        if not first:
            self._check_ready()
        X, y, weight = self._read_samples(X, y, sample_weight, reset=first)
        met = declared_labels(y, classes)
        if first:
            self._start(met)
        else:
            self._add_classes(met)
        return self._learn(X, y, weight)

    @all_or_nothing
    def forget(self: Model, X, y, sample_weight: ArrayLike | None = None) -> Model:
        """Unlearn samples exactly: the model as if they had never been there.

        Subtracts what `fit` and `partial_fit` added, `epochs` times.

        Args:
            X: Inputs that were learned.
            y: Their labels, shape (n,).
            sample_weight: The weights with which they were learned, or smaller ones, to
                take away a part.

        Returns:
            The model itself.

        Raises:
            ValueError: For a label the model does not know, for more samples of a class
                than were learned, or for samples that cannot have been among those
                learned. The model is then unchanged.
        """
        self._check_ready()
        X, y, weight = self._read_samples(X, y, sample_weight, reset=False)
        check_learned(y, self.classes_)
        tally, counts = self._sums(X, y, weight)
        counts = self.class_count_ - self.epochs * counts
        tally = self.tally_ - self.epochs * tally
        self._check_remainder(tally, counts)
        # Sums of logarithms leave rounding behind; an empty class has learned exactly
        # nothing.
        self.tally_, self.class_count_ = (
            np.where(counts[:, None] == 0, 0.0, tally),
            counts,
        )
        return self

    @all_or_nothing
    def merge(self: Model, other: Model) -> Model:
        """Add what another model learned, as if this one had seen all samples.

        In place. Both must have equal parameters and equal route priors: the same
        integer `random_state`, or the same `route_prior` array. Classes that only one
        of them knows are kept.

        Args:
            other: A trained model of the same class; it is left as it is.

        Returns:
            The model itself.

        Raises:
            TypeError: For another kind of object.
            ValueError: For an incompatible model. This one is then unchanged.
        """
        if type(other) is not type(self):
            raise TypeError(
                f"can merge only with another {type(self).__name__}, got "
                f"{type(other).__name__} as other"
            )
        for model in (self, other):
            model._check_ready()
        self._check_same_stage(other)
        self._add_classes(other.classes_)
        where = np.searchsorted(self.classes_, other.classes_)
        if not np.array_equal(self.prior_[:, where], other.prior_):
            raise ValueError(
                "cannot merge: the route priors differ; give both models the same "
                "integer random_state (or the same route_prior array)"
            )
        tally, counts = self.tally_.copy(), self.class_count_.copy()
        tally[:, where] += other.tally_
        counts[where] += other.class_count_
        self.tally_, self.class_count_ = tally, counts
        return self

    # -- storage -----------------------------------------------------------------------

    def save(self, path: str | Path) -> None:
        """Write the trained model to one file, whole or not at all.

        Args:
            path: The file; an old one is replaced.

        Raises:
            ValueError: For what the format cannot hold (a callable metric, odd labels).
            OSError: If the folder does not exist or cannot be written to.
        """
        self._check_ready()
        _storage.save(self._state(), as_path("path", path))

    @classmethod
    def load(cls: type[Model], path: str | Path) -> Model:
        """Read a model that `save` wrote.

        Args:
            path: The file.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: For a file that is truncated, damaged, of another format
                version, or of another kind of model.
        """
        state = _storage.load(as_path("path", path), cls.__name__)
        try:
            return cls._of_state(state)
        except (AttributeError, TypeError, ValueError) as error:
            raise ValueError(f"{path} is damaged: {error}") from None

    def _state(self) -> _storage.TrainedState:
        return _storage.TrainedState(
            kind=type(self).__name__,
            parameters=self.get_params(deep=False),
            input_shape=getattr(self, self._shape_attribute),
            classes=self.classes_,
            class_count=self.class_count_,
            tally=self.tally_,
            prior=self.prior_,
            seed=self.seed_,
            feature_count=getattr(self, "n_features_in_", None),
            feature_names=getattr(self, "feature_names_in_", None),
        )

    @classmethod
    def _of_state(cls: type[Model], state: _storage.TrainedState) -> Model:
        model = cls(**state.parameters)
        setattr(model, cls._shape_attribute, state.input_shape)
        if state.feature_count is not None:
            model.n_features_in_ = state.feature_count
        if state.feature_names is not None:
            model.feature_names_in_ = state.feature_names
        model.classes_, model.class_count_ = state.classes, state.class_count
        model.tally_, model.prior_ = state.tally, state.prior
        model.seed_ = state.seed
        stage = (model._n_sources(), len(model.classes_))
        shapes = {
            "tally": (*stage, model._tally_width()),
            "prior": (*stage, model.n_durations),
            "class_count": stage[1:],
        }
        for name, shape in shapes.items():
            stored = getattr(state, name).shape
            if stored != shape:
                raise ValueError(f"{name} has shape {stored}, expected {shape}")
        model._check_parameters()
        model._learned_with = model._rule()
        return model

    # -- inside ------------------------------------------------------------------------

    def _validated(self, X: Any, **how: Any) -> np.ndarray:
        return cast(np.ndarray, validate_data(self, X, **how))

    def _read_samples(
        self, X, y, sample_weight, *, reset: bool
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """Checked inputs, labels and weights, without the samples of weight zero."""
        X, y = self._read_pair(X, y, reset=reset)
        if sample_weight is None:
            return X, y, None
        weight = as_sample_weight(sample_weight, len(X))
        counted = weight > 0
        return X[counted], y[counted], weight[counted]

    def _read_pair(self, X, y, *, reset: bool) -> tuple[np.ndarray, np.ndarray]:
        self._check_parameters()
        X = self._read(X, reset=reset)
        return X, read_labels(self, y, len(X))

    def _check_parameters(self) -> None:
        self._learning_rule()
        check_positive_int("epochs", self.epochs)
        check_positive_int("n_durations", self.n_durations)
        n = self.n_signals
        if not (isinstance(n, Real) and np.isfinite(n) and n > 0):
            raise ValueError(f"n_signals must be a positive number, got {n!r}")
        prior = self.route_prior
        if prior is None or (isinstance(prior, str) and prior != "jitter"):
            raise ValueError(
                f"route_prior must be 'jitter' or an array (S, C, T), got {prior!r}"
            )

    def _start(self, classes: np.ndarray) -> None:
        try:
            rng = check_random_state(self.random_state)
        except ValueError as error:
            raise ValueError(f"random_state cannot be used: {error}") from None
        n_sources = self._n_sources()
        self.seed_ = int(rng.randint(2**31 - 1))
        self.classes_ = classes[:0]
        self.class_count_ = np.zeros(0)
        self.prior_ = np.zeros((n_sources, 0, self.n_durations))
        self.tally_ = np.zeros((n_sources, 0, self._tally_width()))
        self._learned_with = self._rule()
        self._add_classes(classes)

    def _add_classes(self, classes: np.ndarray) -> None:
        check_labels_alike(classes, self.classes_)
        union = np.union1d(self.classes_, classes) if len(self.classes_) else classes
        if len(union) == len(self.classes_):
            return
        self._geometry_for(len(union)).reachable(self.n_durations)
        where = np.searchsorted(union, self.classes_)
        prior = self._prior(union)
        if not np.array_equal(prior[:, where], self.prior_):
            raise ValueError(
                "route_prior must stay as it was for the classes already learned"
            )
        tally = np.zeros((len(self.tally_), len(union), self.tally_.shape[-1]))
        counts = np.zeros(len(union))
        tally[:, where], counts[where] = self.tally_, self.class_count_
        self.classes_, self.prior_, self.tally_, self.class_count_ = (
            union,
            prior,
            tally,
            counts,
        )

    def _prior(self, classes: np.ndarray) -> Float[np.ndarray, "S C T"]:
        shape = (self._n_sources(), len(classes), self.n_durations)
        if not isinstance(self.route_prior, str):
            return check_prior(self.route_prior, shape)
        draws = [
            jitter_prior(self.seed_, label, shape[0], shape[2]) for label in classes
        ]
        return np.stack(draws, axis=1)

    def _sums(
        self, X: np.ndarray, y: np.ndarray, weight: np.ndarray | None
    ) -> tuple[np.ndarray, Float[np.ndarray, "C"]]:
        """Tally and weight per class of one pass over the samples."""
        members = np.searchsorted(self.classes_, y)[:, None] == np.arange(
            len(self.classes_)
        )
        # Counts of a batch are exact in float32, twice as fast; sums of weights are
        # not.
        members = members.astype(np.float32 if weight is None else np.float64)
        if weight is not None:
            members *= weight[:, None]

        def tally(where: slice, part: np.ndarray) -> jax.Array:
            padded = np.zeros((len(part), members.shape[1]), members.dtype)
            padded[: where.stop - where.start] = members[where]
            return self._tally(part, padded)

        total = np.zeros_like(self.tally_)
        # A tally needs less memory than an energy, so that batches are larger.
        for _, added in each_batch(tally, X, size=2 * BATCH):
            total += added
        return total, members.sum(axis=0, dtype=np.float64)

    def _learn(
        self: Model, X: np.ndarray, y: np.ndarray, weight: np.ndarray | None
    ) -> Model:
        tally, counts = self._sums(X, y, weight)
        self.tally_ = self.tally_ + self.epochs * tally
        self.class_count_ = self.class_count_ + self.epochs * counts
        self._look_at(X)
        return self

    def _learning_rule(self) -> LearningRule:
        return LearningRule(self.rates, self.threshold)

    def _rule(self) -> dict[str, Any]:
        """What the tally depends on, in a form to compare."""
        return {
            name: np.asarray(getattr(self, name)).tolist()
            for name in self._kind_parameters
        }

    def _check_ready(self) -> None:
        check_is_fitted(self)
        self._check_parameters()
        rule = self._rule()
        for name, learned in self._learned_with.items():
            if rule[name] != learned:
                raise ValueError(
                    f"{name} is {rule[name]}, but the model learned with {learned}; "
                    "set it back, or call fit to start anew"
                )

    def _check_same_stage(self, other: "RouteClassifier") -> None:
        rules = []
        for model in (self, other):
            shape = getattr(model, model._shape_attribute)
            rules.append(model._rule() | {"input shape": shape})
        for name, value in rules[0].items():
            if value != rules[1][name]:
                raise ValueError(
                    f"cannot merge: {name} differs, {value} here, {rules[1][name]} "
                    "there"
                )
        union = len(np.union1d(self.classes_, other.classes_))
        stages = [model._geometry_for(union) for model in (self, other)]
        if not np.array_equal(stages[0].flight_times, stages[1].flight_times):
            raise ValueError(
                "cannot merge: geometry differs, the flight times are not the same"
            )

    def _check_remainder(self, tally: np.ndarray, counts: np.ndarray) -> None:
        if (counts < 0).any():
            short = self.classes_[counts < 0].tolist()
            raise ValueError(
                "cannot forget more than was learned: too many samples (times epochs) "
                f"of classes {short}"
            )
        low, high = (bound * counts[:, None] for bound in self._tally_bounds())
        slack = 1e-9 * (1 + self.class_count_[:, None])
        if (tally < low - slack).any() or (tally > high + slack).any():
            raise ValueError(
                "cannot forget samples that were never learned: what remains is no sum "
                "of samples"
            )
