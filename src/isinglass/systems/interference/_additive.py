"""The course of learning by addition, whatever is added up.

What the classifiers of this folder know is a sum over samples. So all of them learn,
forget and merge in one way; a subclass says what one sample adds, and what else must be
equal for sums to be comparable.
"""

from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
from jaxtyping import Float
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from isinglass._common.checks import as_path
from isinglass._common.notebook import html_maps
from isinglass._common.samples import (
    all_or_nothing,
    check_labels_alike,
    check_learned,
    check_mergeable,
    declared_labels,
    read_labels,
)
from isinglass._common.types import ArrayLike
from isinglass.systems.interference import _storage
from isinglass.systems.interference._weights import as_whole_weight

# Not typing.Self, which beartype cannot check outside a decorated class.
Model = TypeVar("Model", bound="AdditiveClassifier")


class AdditiveClassifier(ClassifierMixin, BaseEstimator):
    """Base of the classifiers that are sums over samples; not for use on its own."""

    classes_: np.ndarray
    _learned_with: Mapping[str, Any]

    def _html_repr(self) -> str:
        """scikit-learn's diagram, with a picture of what each class has learned."""
        try:
            diagram = cast(Any, super())._html_repr()  # it reads fitted attributes
            maps = self._maps() if hasattr(self, "classes_") else None
        except ValueError:  # its parameters are no longer those that it learned with
            return f"<pre>{escape(repr(self))}</pre>"
        if maps is None:
            return diagram
        pictures = dict(zip(map(str, self.classes_), maps, strict=True))
        return diagram + html_maps("What each class has learned", pictures)

    # -- what a subclass provides ------------------------------------------------------

    def _check_parameters(self) -> None:
        raise NotImplementedError

    def _rule(self) -> dict[str, Any]:
        """What the sums depend on, in a form to compare: fixed once learned."""
        raise NotImplementedError

    def _merge_rule(self) -> dict[str, Any]:
        """What must be equal in two models for their sums to be added."""
        return self._rule()

    def _read(self, X: Any, *, reset: bool) -> Any:
        """Checked inputs, samples first."""
        raise NotImplementedError

    def _as_weight(self, value: Any, n_samples: int) -> np.ndarray:
        return as_whole_weight(value, n_samples)

    def _maps(self) -> Float[np.ndarray, "C r c"] | None:
        """What each class has learned, place by place, if that is a small picture."""
        return None

    def _start(self, classes: np.ndarray, X: Any) -> None:
        """Sums over no samples, for inputs like these."""
        raise NotImplementedError

    def _widen(self, classes: np.ndarray, where: np.ndarray) -> None:
        """Make room for more classes, among which those learned stand at `where`."""
        raise NotImplementedError

    def _add(self, X: Any, y: np.ndarray, weight: np.ndarray | None) -> None:
        raise NotImplementedError

    def _subtract(self, X: Any, y: np.ndarray, weight: np.ndarray | None) -> None:
        """Take samples away, or refuse what cannot have been learned."""
        raise NotImplementedError

    def _add_model(self, other: Any) -> None:
        """Add the sums of a model whose classes are all among this one's."""
        raise NotImplementedError

    def _state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """What the trained model amounts to: words, as JSON has them, and arrays."""
        raise NotImplementedError

    @classmethod
    def _of_state(
        cls: type[Model], words: Mapping[str, Any], arrays: Mapping[str, np.ndarray]
    ) -> Model:
        raise NotImplementedError

    # -- learning ----------------------------------------------------------------------

    @all_or_nothing
    def fit(self: Model, X, y, sample_weight: ArrayLike | None = None) -> Model:
        """Learn from scratch: a sum over the samples, whose order does not matter.

        A sample of weight w counts w times: the model is, bit for bit, that of a data
        set in which sample i is repeated wᵢ times, or left out where wᵢ = 0. Evidence
        adds up, so that, unlike in many classifiers, the scale of the weights matters.

        Args:
            X: The inputs (see the class).
            y: Labels, shape (n,).
            sample_weight: How often each sample counts, whole numbers from 0, shape
                (n,); once if None. Classifiers that learn routes take other numbers as
                well, up to 10⁹, and round them to multiples of 2⁻³², so that sums are
                exact while a class weighs less than 2²¹.

        Returns:
            The model itself.

        Raises:
            ValueError: For a parameter or an input that cannot be used, naming it, and
                before a sum would not be exact any more. The model is then as it was
                before.
        """
        return self._learn(X, y, None, sample_weight, anew=True)

    @all_or_nothing
    def partial_fit(
        self: Model,
        X,
        y,
        classes: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Model:
        """Learn more samples: any split into calls gives the model of one `fit` on all.

        A label not met before becomes a new class. (Where targets are placed by the
        number of classes, `geometry="corners"`, they are then placed anew; name all
        `classes` in the first call to keep every target where it is.)

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
        return self._learn(X, y, classes, sample_weight, anew=False)

    @all_or_nothing
    def forget(self: Model, X, y, sample_weight: ArrayLike | None = None) -> Model:
        """Unlearn samples exactly: the model as if they had never been there.

        Subtracts what `fit` and `partial_fit` added; other classes are not touched.

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
        self._subtract(X, y, weight)
        return self

    @all_or_nothing
    def merge(self: Model, other: Model) -> Model:
        """Add what another model learned, as if this one had met all samples.

        In place. Classes that only one of them knows are kept.

        Args:
            other: A trained model of the same class, with equal settings of all that
                its sums depend on (encoder, prior, patches, rates; of routes also their
                prior: the same integer `random_state`, or the same `route_prior`
                array). It is left as it is.

        Returns:
            The model itself.

        Raises:
            TypeError: For another kind of object.
            ValueError: For an incompatible model. This one is then unchanged.
        """
        check_mergeable(self, other)
        for model in (self, other):
            model._check_ready()
        there = other._merge_rule()
        for name, value in self._merge_rule().items():
            if value != there[name]:
                raise ValueError(
                    f"cannot merge: {name} differs, {value} here, {there[name]} there"
                )
        self._add_classes(other.classes_)
        self._add_model(other)
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
        words, sums = self._state()
        _storage.save(as_path("path", path), type(self).__name__, words, sums)

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
        path = as_path("path", path)
        words, sums = _storage.load(path, cls.__name__)
        with _storage.damage(path):
            return cls._of_state(words, sums)

    # -- inside ------------------------------------------------------------------------

    def _learn(self: Model, X, y, classes, sample_weight, *, anew: bool) -> Model:
        first = anew or not hasattr(self, "classes_")
        if not first:
            self._check_ready()
        X, y, weight = self._read_samples(X, y, sample_weight, reset=first)
        labels = declared_labels(y, classes)
        if first:
            self._start(labels, X)
            self.classes_, self._learned_with = labels, self._rule()
        else:
            self._add_classes(labels)
        self._add(X, y, weight)
        return self

    def _read_samples(
        self, X, y, sample_weight, *, reset: bool
    ) -> tuple[Any, np.ndarray, np.ndarray | None]:
        """Checked inputs, labels and weights, without the samples of weight zero."""
        self._check_parameters()
        X = self._read(X, reset=reset)
        y = read_labels(self, y, X.shape[0])
        if sample_weight is None:
            return X, y, None
        weight = self._as_weight(sample_weight, X.shape[0])
        counted = weight > 0
        return X[counted], y[counted], weight[counted]

    def _add_classes(self, classes: np.ndarray) -> None:
        check_labels_alike(classes, self.classes_)
        union = np.union1d(self.classes_, classes)
        if len(union) > len(self.classes_):
            self._widen(union, np.searchsorted(union, self.classes_))
            self.classes_ = union

    def _check_ready(self) -> None:
        """Refuse a model that is untrained, or whose sums depend on other settings."""
        check_is_fitted(self)
        self._check_parameters()
        rule = self._rule()
        for name, learned in self._learned_with.items():
            if rule[name] != learned:
                other = "another" if repr(learned) == repr(rule[name]) else learned
                raise ValueError(
                    f"{name} is {rule[name]}, but the model learned with {other}; set "
                    "it back, or call fit to start anew"
                )
