"""`CoupledClassifier`: a few-shot learner whose state is sums of pairs of features."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
from jaxtyping import Float, Int
from scipy.special import log_softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from isinglass._common.checks import as_array, as_path, as_real_array, check_positive
from isinglass._common.types import ArrayLike
from isinglass.systems.interference._features import whole_features
from isinglass.systems.interference._samples import (
    all_or_nothing,
    check_labels_alike,
    check_learned,
    declared_labels,
    picture_tags,
    read_inputs,
    read_labels,
)
from isinglass.systems.interference._signature import signature
from isinglass.systems.interference.coupled import _storage as _coupled_storage
from isinglass.systems.interference.coupled import student
from isinglass.systems.interference.coupled.dipoles import DipoleEncoder
from isinglass.systems.interference.coupled.gaussian_prior import (
    Moments,
    check_prior,
    full_moments,
)
from isinglass.systems.interference.coupled.pair_sums import PairSums
from isinglass.systems.interference.coupled.strokes import StrokePrior

# Not typing.Self, which beartype cannot check outside a decorated class.
Model = TypeVar("Model", bound="CoupledClassifier")


class CoupledClassifier(ClassifierMixin, BaseEstimator):
    """Few-shot learning of a field and of couplings per class, from sums alone.

    An encoder makes whole numbers f ∈ Z^D of each input. A class learns n, Σf and Σffᵀ,
    and nothing else: no gradient, no iteration, no random number. What it says of an
    input is the predictive density of a Gaussian of unknown mean and covariance
    (`student`), for which a prior stands until samples do; the densest class wins.

    The sums are whole numbers of 64 bits, without rounding. Hence, bit for bit: the
    order of samples and their division into calls of `partial_fit` do not matter;
    `merge` is learning from all samples of both; `forget` leaves what never having met
    the samples would; classes do not touch each other, and may come at any time.

    X is what the encoder takes: pictures (n, H, W), (n, H, W, C) or (n, H·W) for the
    default, `DipoleEncoder`. It passes scikit-learn's `check_estimator`; blobs in a
    table are no pictures, and it is tagged `poor_score`, which excuses it from
    classifying them well.

    Not from Tang 2020, which stops at independent routes; the couplings are those of
    its §5 between signals that meet, learned.

    Args:
        encoder: What turns inputs into whole numbers of at most 2²⁶ by a method
            `transform(X)`, whatever the samples learned; a `DipoleEncoder()` if None.
        prior: Mean m₀ and covariance Σ₀ of the features of a class: `StrokePrior()` (if
            None), a `GaussianPrior`, such as `StrokePrior.from_pictures` makes of
            unlabelled pictures, or another with a method `moments`.
        strength: How many samples the prior's covariance weighs as much as, ν.
        mean_strength: And its mean, κ.
        class_prior: "equal"; "counts", as often as the class was learned; or an array
            of positive weights, (C,), classes in sorted order.

    Attributes:
        classes_: Labels in sorted order, (C,).
        class_count_: Samples learned of each class, by weight, (C,).
        feature_sums_: Σf, (C, D).
        pair_sums_: Σffᵀ, (C, D, D).
        input_shape_: Shape of an input.
        n_features_in_: Its numbers.

    A class without samples, declared or forgotten, is never predicted.

    Example:
        >>> model = CoupledClassifier().fit(images, labels)
        >>> model.forget(images[:1], labels[:1]).predict(more_images)
    """

    classes_: np.ndarray
    input_shape_: tuple[int, ...]
    _sums: tuple[PairSums, ...]

    def __init__(
        self,
        *,
        encoder: Any = None,
        prior: Any = None,
        strength: float = 100.0,
        mean_strength: float = 0.3,
        class_prior: Literal["equal", "counts"] | ArrayLike = "equal",
    ) -> None:
        self.encoder = encoder
        self.prior = prior
        self.strength = strength
        self.mean_strength = mean_strength
        self.class_prior = class_prior

    def __sklearn_tags__(self):
        return picture_tags(super().__sklearn_tags__())

    # -- learning ----------------------------------------------------------------------

    @all_or_nothing
    def fit(self: Model, X, y, sample_weight: ArrayLike | None = None) -> Model:
        """Learn from scratch: three sums per class, in any order.

        Args:
            X: The inputs (see the class).
            y: Labels, shape (n,).
            sample_weight: How often each sample counts, whole numbers from 0, shape
                (n,); once if None. A sample of weight w is, bit for bit, w samples.

        Returns:
            The model itself.

        Raises:
            ValueError: For a parameter or an input that cannot be used, naming it, and
                before a sum would not be exact any more, with the largest number of
                samples that fits. The model is then as it was before.
        """
        vars(self).pop("_sums", None)
        return self._learn(X, y, None, sample_weight)

    @all_or_nothing
    def partial_fit(
        self: Model,
        X,
        y,
        classes: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Model:
        """Learn more samples: any split into calls gives the model of one `fit` on all.

        A label not met before becomes a new class.

        Args:
            X: The inputs, of the shape first learned.
            y: Labels, shape (n,).
            classes: Labels that may come, if they are to be known beforehand.
            sample_weight: As for `fit`.

        Returns:
            The model itself.

        Raises:
            ValueError: As `fit`, and for a label that is not among given `classes`.
        """
        return self._learn(X, y, classes, sample_weight)

    @all_or_nothing
    def forget(self: Model, X, y, sample_weight: ArrayLike | None = None) -> Model:
        """Unlearn samples exactly: the model as if they had never been there.

        Only the classes of these samples are computed anew.

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
        y, features, weight = self._read_samples(X, y, sample_weight, reset=False)
        check_learned(y, self.classes_)
        sums = list(self._sums)
        for label, members, times in _by_label(y, features, weight):
            place = int(np.searchsorted(self.classes_, label))
            try:
                sums[place] = sums[place].minus(PairSums.of(members, times))
            except ValueError as error:
                raise ValueError(
                    f"cannot forget more than was learned of class {label} in y: "
                    f"{error}"
                ) from None
        self._sums = tuple(sums)
        return self

    @all_or_nothing
    def merge(self: Model, other: Model) -> Model:
        """Add what another model learned, as if this one had met all samples.

        In place. Classes that only one of them knows are kept.

        Args:
            other: A trained model of the same class with an equal encoder and an equal
                prior; it is left as it is.

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
        for name in ("encoder", "prior"):
            mine, theirs = (getattr(model, f"_{name}")() for model in (self, other))
            if signature(mine) != signature(theirs):
                raise ValueError(
                    f"cannot merge: {name} differs, {mine!r} here, {theirs!r} there"
                )
        if self.input_shape_ != other.input_shape_:
            raise ValueError(
                f"cannot merge: input shape differs, {self.input_shape_} here, "
                f"{other.input_shape_} there"
            )
        self._add(zip(other.classes_, other._sums, strict=True), other.classes_)
        return self

    # -- prediction --------------------------------------------------------------------

    def log_evidence(self, X) -> Float[np.ndarray, "n C"]:
        """Evidence −E_y of every class (`student`), without the class prior.

        Less (D/2) log πν it is the logarithm of the predictive density of the whitened
        features. A class without samples has that of the prior.

        Args:
            X: The inputs (see the class).
        """
        return self._evidence(X, np.arange(len(self._checked_sums())))

    def predict_log_proba(self, X) -> Float[np.ndarray, "n C"]:
        """Logarithms of `predict_proba`; −inf for a class without samples.

        Args:
            X: The inputs (see the class).
        """
        learned, weights = self._log_class_weights()
        joint = self._evidence(X, learned) + weights
        # Of the classes that are there alone: others would change the last bit.
        result = np.full((len(joint), len(self.classes_)), -np.inf)
        result[:, learned] = log_softmax(joint, axis=1)
        return result

    def predict_proba(self, X) -> Float[np.ndarray, "n C"]:
        """Probability of every class, by Bayes' rule from the evidence.

        It is exact for the model: a class's features are Gaussian. Where they are not,
        it is surer than it should be.

        Args:
            X: The inputs (see the class).
        """
        return np.exp(self.predict_log_proba(X))

    def predict(self, X) -> np.ndarray:
        """The most probable class, shape (n,).

        Args:
            X: The inputs (see the class).
        """
        learned, weights = self._log_class_weights()
        features, predictives, moments = self._readout(X, learned)
        winner = student.winners(
            features, predictives, weights, moments, float(self.strength)
        )
        return self.classes_[learned[winner]]

    # -- what was learned --------------------------------------------------------------

    @property
    def class_count_(self) -> Int[np.ndarray, "C"]:
        """Samples learned of each class, by weight."""
        check_is_fitted(self)
        return np.array([sums.count for sums in self._sums], np.int64)

    @property
    def feature_sums_(self) -> Int[np.ndarray, "C D"]:
        """Σf of each class."""
        check_is_fitted(self)
        return np.stack([sums.total for sums in self._sums])

    @property
    def pair_sums_(self) -> Int[np.ndarray, "C D D"]:
        """Σffᵀ of each class."""
        check_is_fitted(self)
        return np.stack([sums.pairs for sums in self._sums])

    # -- storage -----------------------------------------------------------------------

    def save(self, path: str | Path) -> None:
        """Write the trained model to one file, whole or not at all.

        Strokes are not written but drawn again. An encoder or a prior of your own is
        not written either: hand it to `load`.

        Args:
            path: The file; an old one is replaced.

        Raises:
            ValueError: For what the format cannot hold.
            OSError: If the folder does not exist or cannot be written to.
        """
        self._check_ready()
        _coupled_storage.save(self, self._sums, as_path("path", path))

    @classmethod
    def load(
        cls: type[Model], path: str | Path, *, encoder: Any = None, prior: Any = None
    ) -> Model:
        """Read a model that `save` wrote.

        Args:
            path: The file.
            encoder: The encoder of your own with which the model learned, if so.
            prior: And the prior.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: For a file that is truncated, damaged, of another format
                version, or whose encoder or prior is another.
        """
        state = _coupled_storage.load(
            as_path("path", path), encoder=encoder, prior=prior
        )
        model = cls(**state.parameters)
        try:
            model._check_parameters()
        except (TypeError, ValueError) as error:
            raise ValueError(f"{path} is damaged: {error}") from None
        vars(model).update(state.attributes)
        model._learned_with = signature(model._encoder())
        return model

    # -- inside ------------------------------------------------------------------------

    def _encoder(self) -> Any:
        return DipoleEncoder() if self.encoder is None else self.encoder

    def _prior(self) -> Any:
        return StrokePrior() if self.prior is None else self.prior

    def _moments(self) -> Moments:
        mean, covariance = self._prior().moments(self._encoder(), self.input_shape_)
        return full_moments(mean, covariance, len(self._sums[0].total))

    def _read(self, X, *, reset: bool) -> np.ndarray:
        X = read_inputs(self, X, reset=reset)
        if not reset and X.shape[1:] != self.input_shape_:
            raise ValueError(
                f"X holds inputs of {X.shape[1:]}, but the model learned inputs of "
                f"{self.input_shape_}"
            )
        return X

    def _read_samples(
        self, X, y, sample_weight, *, reset: bool
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """Labels, features and weights of the samples that count."""
        self._check_parameters()
        X = self._read(X, reset=reset)
        y = read_labels(self, y, len(X))
        if reset:
            self.input_shape_ = X.shape[1:]
        if sample_weight is None:
            return y, whole_features(self._encoder(), X), None
        weight = _as_whole_weight(sample_weight, len(X))
        counted = weight > 0
        features = whole_features(self._encoder(), X[counted])
        return y[counted], features, weight[counted]

    def _learn(self: Model, X, y, classes, sample_weight) -> Model:
        first = not hasattr(self, "_sums")
        if not first:
            self._check_ready()
        y, features, weight = self._read_samples(X, y, sample_weight, reset=first)
        met = declared_labels(y, classes)
        if first:
            self.classes_, self._sums = met[:0], ()
            self._learned_with = signature(self._encoder())
        added = (
            (label, PairSums.of(members, times))
            for label, members, times in _by_label(y, features, weight)
        )
        self._add(added, met, features.shape[1])
        return self

    def _add(
        self, added: Any, classes: np.ndarray, n_features: int | None = None
    ) -> None:
        """Add sums by label, and those of no samples for other `classes`."""
        check_labels_alike(classes, self.classes_)
        union = np.union1d(self.classes_, classes) if len(self.classes_) else classes
        if n_features is None or self._sums:
            n_features = len(self._sums[0].total)
        sums = [PairSums.empty(n_features)] * len(union)
        for place, mine in zip(
            np.searchsorted(union, self.classes_), self._sums, strict=True
        ):
            sums[place] = mine
        for label, more in added:
            place = int(np.searchsorted(union, label))
            if len(more.total) != n_features:
                raise ValueError(
                    f"encoder gives {len(more.total)} features, but the model learned "
                    f"{n_features}"
                )
            try:
                sums[place] = sums[place].plus(more)
            except ValueError as error:
                raise ValueError(f"class {label} is full: {error}") from None
        self.classes_, self._sums = union, tuple(sums)

    def _checked_sums(self) -> tuple[PairSums, ...]:
        self._check_ready()
        return self._sums

    def _evidence(self, X, places: Int[np.ndarray, "P"]) -> Float[np.ndarray, "n P"]:
        """Evidence of some of the classes."""
        features, predictives, moments = self._readout(X, places)
        return student.log_evidence(
            features, predictives, moments, float(self.strength)
        )

    def _readout(
        self, X, places: Int[np.ndarray, "P"]
    ) -> tuple[np.ndarray, list[student.Predictive], Moments]:
        """Features of inputs, what some classes make of them, and the prior's moments.

        The density of a class is computed once, until it learns or forgets.
        """
        features = whole_features(self._encoder(), self._read(X, reset=False))
        moments = self._moments()
        strengths = student.Strengths(float(self.strength), float(self.mean_strength))
        key = (strengths, signature(self._prior()))
        chosen = [self._sums[place] for place in places]
        for sums in chosen:
            if key not in sums.readouts:
                predictive = student.Predictive.of(sums, moments, strengths)
                sums.readouts.clear()
                sums.readouts[key] = predictive
        return features, [sums.readouts[key] for sums in chosen], moments

    def _log_class_weights(
        self,
    ) -> tuple[Int[np.ndarray, "P"], Float[np.ndarray, "P"]]:
        """Which classes have samples, and logarithms of their prior weights."""
        self._check_ready()
        counts, prior = self.class_count_, self.class_prior
        learned = np.flatnonzero(counts)
        if not len(learned):
            raise ValueError("nothing is left of what was learned: call fit first")
        if isinstance(prior, str):
            weights = counts if prior == "counts" else np.ones(len(counts))
        else:
            weights = as_real_array("class_prior", prior, (None,))
        if weights.shape != counts.shape:
            raise ValueError(
                f"class_prior holds {len(weights)} weights, the model has "
                f"{len(counts)} classes"
            )
        return learned, np.log(weights[learned].astype(np.float64))

    def _check_parameters(self) -> None:
        check_positive(strength=self.strength, mean_strength=self.mean_strength)
        prior = self.class_prior
        if isinstance(prior, str):
            fits = prior in ("equal", "counts")
        else:
            fits = prior is not None and (np.asarray(prior) > 0).all()
        if not fits:
            raise ValueError(
                f"class_prior must be 'equal', 'counts' or positive weights, got "
                f"{prior!r}"
            )
        check_prior(self._prior())

    def _check_ready(self) -> None:
        """Refuse a model that is untrained, or whose encoder is another by now."""
        check_is_fitted(self)
        self._check_parameters()
        if signature(self._encoder()) != self._learned_with:
            raise ValueError(
                f"encoder is {self._encoder()!r}, but the model learned with another; "
                "set it back, or call fit to start anew"
            )


def _by_label(
    y: np.ndarray, features: np.ndarray, weight: np.ndarray | None
) -> Iterator[tuple[Any, np.ndarray, np.ndarray | None]]:
    """Features and weights of the samples of each label."""
    for label in np.unique(y):
        members = y == label
        yield label, features[members], None if weight is None else weight[members]


def _as_whole_weight(value: Any, n_samples: int) -> Int[np.ndarray, "n"]:
    weight = as_real_array("sample_weight", as_array("sample_weight", value), (None,))
    if len(weight) != n_samples:
        raise ValueError(
            f"sample_weight holds {len(weight)} weights, X {n_samples} samples"
        )
    if (weight < 0).any() or (weight != np.rint(weight)).any():
        wrong = weight[(weight < 0) | (weight != np.rint(weight))][0]
        raise ValueError(
            f"sample_weight must hold whole numbers from 0, got {wrong:g}; a sample "
            "counts so many times"
        )
    if (weight > 1 << 53).any():
        raise ValueError(
            f"sample_weight must be at most 2^53 each, got {weight.max():g}"
        )
    if not weight.any():
        raise ValueError("sample_weight must hold a positive weight, all are zero")
    return weight.astype(np.int64)
