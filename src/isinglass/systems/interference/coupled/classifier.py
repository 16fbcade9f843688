"""`CoupledClassifier`: a few-shot learner whose state is sums of pairs of features."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
from jaxtyping import Float, Int
from scipy.special import log_softmax
from sklearn.utils.validation import check_is_fitted

from isinglass._common.checks import as_array, as_path, as_real_array, check_positive
from isinglass._common.samples import picture_tags, read_inputs
from isinglass._common.types import ArrayLike
from isinglass.systems.interference import _storage
from isinglass.systems.interference._additive import AdditiveClassifier
from isinglass.systems.interference._features import encoded_features, whole_features
from isinglass.systems.interference._signature import Signed, signature
from isinglass.systems.interference.coupled import _parts, contest, student
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


class CoupledClassifier(AdditiveClassifier):
    """Few-shot learning of a field and of couplings per class, from sums alone.

    An encoder makes whole numbers f ∈ Z^D of each input. A class learns n, Σf and Σffᵀ,
    and nothing else: no gradient, no iteration, no random number. What it says of an
    input is the predictive density of a Gaussian of unknown mean and covariance
    (`student`), for which a prior stands until samples do; the densest class wins.

    The sums are whole numbers of 64 bits, without rounding. Hence, bit for bit: the
    order of samples and their division into calls of `partial_fit` do not matter;
    `merge` is learning from all samples of both; `forget` leaves what never having met
    the samples would; classes do not touch each other, and may come at any time. `save`
    draws strokes again and does not write them, nor an encoder or a prior of your own.

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
        winner = contest.winners(
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
        path = as_path("path", path)
        words, sums = _storage.load(path, cls.__name__)
        with _storage.damage(path):
            own = {"encoder": encoder, "prior": prior}
            parts = _parts.parts_from_words(words, sums, own)
            model = cls(**words["parameters"], **parts)
            model._check_parameters()
            vars(model).update(_storage.input_from_json(words))
            model.input_shape_ = tuple(words["input_shape"])
            model.classes_ = _storage.labels_from_json(words["classes"])
            model._sums = _parts.sums_from_arrays(sums, len(model.classes_))
        _parts.check_same_parts(path, words, parts)
        model._learned_with = model._rule()
        return model

    def _state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        class_prior = self.class_prior
        if not isinstance(class_prior, str):
            class_prior = np.asarray(class_prior, float)
        parts = {"encoder": self.encoder, "prior": self.prior}
        words, arrays = _parts.parts_to_words(parts)
        words |= {
            "parameters": {
                "strength": float(self.strength),
                "mean_strength": float(self.mean_strength),
                "class_prior": class_prior,
            },
            "input_shape": self.input_shape_,
            "classes": _storage.labels_to_json(self.classes_),
            **_storage.input_to_json(self),
        }
        return words, arrays | _parts.sums_to_arrays(self._sums)

    # -- inside ------------------------------------------------------------------------

    def _encoder(self) -> Any:
        return DipoleEncoder() if self.encoder is None else self.encoder

    def _prior(self) -> Any:
        return StrokePrior() if self.prior is None else self.prior

    def _moments(self) -> Moments:
        mean, covariance = self._prior().moments(self._encoder(), self.input_shape_)
        return full_moments(mean, covariance, len(self._sums[0].total))

    def _maps(self) -> Float[np.ndarray, "C p q"] | None:
        """Mean features of each class at the places of a `DipoleEncoder`."""
        encoder = self._encoder()
        if not isinstance(encoder, DipoleEncoder):
            return None
        side = encoder.places
        sums = self.feature_sums_.reshape(len(self.classes_), -1, side, side)
        return sums.sum(axis=1) / np.maximum(self.class_count_, 1)[:, None, None]

    def _rule(self) -> dict[str, Any]:
        return {"encoder": Signed(self._encoder())}

    def _merge_rule(self) -> dict[str, Any]:
        other = {"prior": Signed(self._prior()), "input shape": self.input_shape_}
        return self._rule() | other

    def _read(self, X, *, reset: bool) -> np.ndarray:
        X = read_inputs(self, X, reset=reset)
        if reset:
            self.input_shape_ = X.shape[1:]
        elif X.shape[1:] != self.input_shape_:
            raise ValueError(
                f"X holds inputs of {X.shape[1:]}, but the model learned inputs of "
                f"{self.input_shape_}"
            )
        return X

    def _read_samples(
        self, X, y, sample_weight, *, reset: bool
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """Features, labels and weights of the samples that count."""
        X, y, weight = super()._read_samples(X, y, sample_weight, reset=reset)
        return whole_features(self._encoder(), X), y, weight

    def _start(self, classes: np.ndarray, X: np.ndarray) -> None:
        self._sums = (PairSums.empty(X.shape[1]),) * len(classes)

    def _widen(self, classes: np.ndarray, where: np.ndarray) -> None:
        sums = [PairSums.empty(len(self._sums[0].total))] * len(classes)
        for place, learned in zip(where, self._sums, strict=True):
            sums[place] = learned
        self._sums = tuple(sums)

    def _add(self, X: np.ndarray, y: np.ndarray, weight: np.ndarray | None) -> None:
        self._add_sums(
            (label, PairSums.of(members, times))
            for label, members, times in _by_label(y, X, weight)
        )

    def _add_model(self, other: Any) -> None:
        self._add_sums(zip(other.classes_, other._sums, strict=True))

    def _add_sums(self, added: Iterable[tuple[Any, PairSums]]) -> None:
        """Add sums by label."""
        sums = list(self._sums)
        for label, more in added:
            place = int(np.searchsorted(self.classes_, label))
            if len(more.total) != len(sums[place].total):
                raise ValueError(
                    f"encoder gives {len(more.total)} features, but the model learned "
                    f"{len(sums[place].total)}"
                )
            try:
                sums[place] = sums[place].plus(more)
            except ValueError as error:
                raise ValueError(f"class {label} is full: {error}") from None
        self._sums = tuple(sums)

    def _subtract(
        self, X: np.ndarray, y: np.ndarray, weight: np.ndarray | None
    ) -> None:
        sums = list(self._sums)
        for label, members, times in _by_label(y, X, weight):
            place = int(np.searchsorted(self.classes_, label))
            try:
                sums[place] = sums[place].minus(PairSums.of(members, times))
            except ValueError as error:
                raise ValueError(
                    f"cannot forget more than was learned of class {label} in y: "
                    f"{error}"
                ) from None
        self._sums = tuple(sums)

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
        features = encoded_features(self._encoder(), self._read(X, reset=False))
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
            weights = np.asarray(as_array("class_prior", prior))
            fits = weights.dtype.kind in "iuf" and bool((weights > 0).all())
        if not fits:
            raise ValueError(
                f"class_prior must be 'equal', 'counts' or positive weights, got "
                f"{prior!r}"
            )
        check_prior(self._prior())


def _by_label(
    y: np.ndarray, features: np.ndarray, weight: np.ndarray | None
) -> Iterator[tuple[Any, np.ndarray, np.ndarray | None]]:
    """Features and weights of the samples of each label."""
    for label in np.unique(y):
        members = y == label
        yield label, features[members], None if weight is None else weight[members]
