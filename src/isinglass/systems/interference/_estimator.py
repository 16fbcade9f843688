"""What classifiers of routes add up: a tally per class, and its storage.

The course of learning is in `_additive`, what trained routes do in `_trained`. A
subclass says what one batch adds to the tally (`_tally`), and where sources and targets
stand.
"""

from collections.abc import Mapping
from typing import Any, TypeVar, cast

import jax
import numpy as np
from jaxtyping import Float
from sklearn.utils.validation import validate_data

from isinglass._common.batches import BATCH, each_batch
from isinglass._common.checks import as_array, check_positive
from isinglass._common.samples import as_random_state, check_positive_int
from isinglass.systems.interference import _storage
from isinglass.systems.interference._additive import AdditiveClassifier
from isinglass.systems.interference._parameters import apart, together
from isinglass.systems.interference._trained import TrainedRoutes
from isinglass.systems.interference._weights import as_sample_weight
from isinglass.systems.interference.learning import LearningRule
from isinglass.systems.interference.routes import check_prior, jitter_prior

# Not typing.Self, which beartype cannot check outside a decorated class.
Model = TypeVar("Model", bound="RouteClassifier")

_SUMS = ("tally", "class_count", "prior")


class RouteClassifier(AdditiveClassifier, TrainedRoutes):
    """Base of the classifiers that learn routes; not for use on its own."""

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

    def _tally_batch(self, X: np.ndarray) -> int:
        """How many samples to tally at a time."""
        # A tally needs less memory than an energy, so that batches are larger.
        return 2 * BATCH

    def _tally_bounds(self) -> tuple[float, float]:
        """Smallest and largest entry that one sample can add to the tally."""
        raise NotImplementedError

    def _tally_width(self) -> int:
        raise NotImplementedError

    def _look_at(self, X: np.ndarray) -> None:
        """Warn of what was just learned, if little can be learned from it."""

    def _n_sources(self) -> int:
        raise NotImplementedError

    def _maps(self) -> Float[np.ndarray, "C r c"] | None:
        """The chance that a source's signal arrives in time, where sources are a grid.

        What is alike to the field sends by routes that arrive; what is not is muted.
        """
        places = np.asarray(self.geometry_.sources)
        if places.shape[1] != 2:
            return None
        order = np.lexsort(places.T[::-1])
        sides = tuple(len(np.unique(column)) for column in places.T)
        if min(sides) < 2 or sides[0] * sides[1] != len(places):
            return None
        arriving = self.route_probabilities_ * self._reachable()
        return arriving.sum(axis=-1)[order].T.reshape(-1, *sides)

    # -- storage -----------------------------------------------------------------------

    def _state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        parameters, tensors = apart(self.get_params(deep=False))
        words = {
            "parameters": parameters,
            "shape": getattr(self, self._shape_attribute),
            "classes": _storage.labels_to_json(self.classes_),
            "seed": self.seed_,
            **_storage.input_to_json(self),
        }
        sums = {name: getattr(self, f"{name}_") for name in _SUMS}
        return words, sums | tensors

    @classmethod
    def _of_state(
        cls: type[Model], words: Mapping[str, Any], arrays: Mapping[str, np.ndarray]
    ) -> Model:
        model = cls(**together(words["parameters"], arrays))
        setattr(model, cls._shape_attribute, tuple(words["shape"]))
        vars(model).update(_storage.input_from_json(words))
        model.classes_ = _storage.labels_from_json(words["classes"])
        model.seed_ = words["seed"]
        stage = (model._n_sources(), len(model.classes_))
        shapes = {
            "tally": (*stage, model._tally_width()),
            "prior": (*stage, model.n_durations),
            "class_count": stage[1:],
        }
        for name, shape in shapes.items():
            if arrays[name].shape != shape:
                raise ValueError(
                    f"{name} has shape {arrays[name].shape}, expected {shape}"
                )
            setattr(model, f"{name}_", arrays[name])
        model._check_parameters()
        model._learned_with = model._rule()
        return model

    # -- inside ------------------------------------------------------------------------

    def _validated(self, X: Any, **how: Any) -> np.ndarray:
        return cast(np.ndarray, validate_data(self, X, **how))

    def _as_weight(self, value: Any, n_samples: int) -> np.ndarray:
        return as_sample_weight(value, n_samples)

    def _check_parameters(self) -> None:
        self._learning_rule()
        check_positive_int("epochs", self.epochs)
        check_positive_int("n_durations", self.n_durations)
        check_positive(n_signals=self.n_signals)
        prior = self.route_prior
        if prior is None or (isinstance(prior, str) and prior != "jitter"):
            raise ValueError(
                f"route_prior must be 'jitter' or an array (S, C, T), got {prior!r}"
            )

    def _start(self, classes: np.ndarray, X: np.ndarray) -> None:
        rng = as_random_state(self.random_state)
        n_sources = self._n_sources()
        self.seed_ = int(rng.randint(2**31 - 1))
        self.class_count_ = np.zeros(0)
        self.prior_ = np.zeros((n_sources, 0, self.n_durations))
        self.tally_ = np.zeros((n_sources, 0, self._tally_width()))
        self._widen(classes, np.zeros(0, int))

    def _widen(self, classes: np.ndarray, where: np.ndarray) -> None:
        self._geometry_for(len(classes)).reachable(self.n_durations)
        prior = self._prior(classes)
        if not np.array_equal(prior[:, where], self.prior_):
            raise ValueError(
                "route_prior must stay as it was for the classes already learned"
            )
        tally = np.zeros((len(self.tally_), len(classes), self.tally_.shape[-1]))
        counts = np.zeros(len(classes))
        tally[:, where], counts[where] = self.tally_, self.class_count_
        self.prior_, self.tally_, self.class_count_ = prior, tally, counts

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
        for _, added in each_batch(tally, X, size=self._tally_batch(X)):
            total += added
        return total, members.sum(axis=0, dtype=np.float64)

    def _add(self, X: np.ndarray, y: np.ndarray, weight: np.ndarray | None) -> None:
        tally, counts = self._sums(X, y, weight)
        self.tally_ = self.tally_ + self.epochs * tally
        self.class_count_ = self.class_count_ + self.epochs * counts
        self._look_at(X)

    def _subtract(
        self, X: np.ndarray, y: np.ndarray, weight: np.ndarray | None
    ) -> None:
        tally, counts = self._sums(X, y, weight)
        counts = self.class_count_ - self.epochs * counts
        tally = self.tally_ - self.epochs * tally
        self._check_remainder(tally, counts)
        # Sums of logarithms leave rounding behind; an empty class has learned exactly
        # nothing.
        self.tally_ = np.where(counts[:, None] == 0, 0.0, tally)
        self.class_count_ = counts

    def _add_model(self, other: Any) -> None:
        stages = [model._geometry_for(len(self.classes_)) for model in (self, other)]
        if not np.array_equal(stages[0].flight_times, stages[1].flight_times):
            raise ValueError(
                "cannot merge: geometry differs, the flight times are not the same"
            )
        where = np.searchsorted(self.classes_, other.classes_)
        same_prior = np.array_equal(self.prior_[:, where], other.prior_)
        if self._reads_routes() and not same_prior:
            raise ValueError(
                "cannot merge: the route priors differ; give both models the same "
                "integer random_state (or the same route_prior array)"
            )
        tally, counts = self.tally_.copy(), self.class_count_.copy()
        tally[:, where] += other.tally_
        counts[where] += other.class_count_
        self.tally_, self.class_count_ = tally, counts

    def _reads_routes(self) -> bool:
        """Whether predictions depend on the routes, and so on their prior."""
        return True

    def _learning_rule(self) -> LearningRule:
        return LearningRule(self.rates, self.threshold)

    def _rule(self) -> dict[str, Any]:
        """What the tally depends on, in a form to compare."""
        return {
            name: np.asarray(as_array(name, getattr(self, name))).tolist()
            for name in self._kind_parameters
        }

    def _merge_rule(self) -> dict[str, Any]:
        return self._rule() | {"input shape": getattr(self, self._shape_attribute)}

    def _check_remainder(self, tally: np.ndarray, counts: np.ndarray) -> None:
        if (counts < 0).any():
            short = self.classes_[counts < 0].tolist()
            raise ValueError(
                "cannot forget more than was learned: too many samples (times epochs) "
                f"of classes {short} in y"
            )
        low, high = (bound * counts[:, None] for bound in self._tally_bounds())
        slack = 1e-9 * (1 + self.class_count_[:, None])
        if (tally < low - slack).any() or (tally > high + slack).any():
            raise ValueError(
                "cannot forget samples that were never learned: what remains without X "
                "is no sum of samples"
            )
