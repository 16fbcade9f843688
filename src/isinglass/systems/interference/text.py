"""`TextInterference`: documents learned by counts of the words that they are made of.

Tang 2020 gave up text (§4.2): word vectors have no scale on which a component is
active, and one-hot words, a source each, make too many routes, words × classes ×
durations. In the closed form durations are not needed: what is learned is a sum over
samples, [buckets, classes], and active is what is present.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeVar

import numpy as np
from jaxtyping import Float
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.preprocessing import normalize
from sklearn.utils.validation import check_is_fitted, column_or_1d

from isinglass._common.checks import as_list, check_kind, is_whole
from isinglass._common.types import ArrayLike
from isinglass.systems.interference._samples import (
    all_or_nothing,
    check_labels_alike,
    check_learned,
    read_labels,
)

Document = str | Sequence[str]
Model = TypeVar("Model", bound="TextInterference")

# A document of unit length in whole numbers, so that sums are exact.
_UNIT = 2**20
# What is added to a bucket's sum before a ratio is taken, in documents; chosen on
# sentences that are not tested on (docs/interference_two.md).
_SMOOTHING = 1.0


class TextInterference(ClassifierMixin, BaseEstimator):
    """Few-shot classification of documents, learned as a sum over them.

    A document is the numbers of its word n-grams, hashed into buckets; log(1 + number),
    scaled to unit length, and rounded to multiples of 2⁻²⁰. A class is the sum of its
    documents. So order does not matter, models merge and documents are forgotten, to
    the last bit.

    A document is a text, of which words are runs of letters and digits, small letters
    or not, and signs; or a sequence of words, which are taken as they are. So pairs and
    other features of one's own can be counted: they are words of a sequence.

    A document without words teaches nothing, and neither does one say anything; it gets
    the class with most documents.

    Args:
        n_buckets: Buckets for n-grams, from 2 to 2³¹ − 1. Two n-grams in one bucket are
            taken for one.
        ngrams: Fewest and most words of an n-gram.
        rule: `"dipole"` for the cosine of a document with its class's sum, which is a
            dipole of unit length; `"ratio"` for the logarithms of how often the class
            has an n-gram and how often the others have it, summed over the document.
        idf: Whether n-grams that are in few documents count for more, by log((1 + N) /
            (1 + n)) + 1 where n of N documents learned have them. That is a sum, too,
            but of all classes: without it a class of the dipole rule depends on its own
            documents alone.

    Attributes:
        classes_: Labels in sorted order, (C,).
        class_count_: Documents learned per class, (C,).
        tally_: Sums of documents in units of 2⁻²⁰, whole numbers (n_buckets, C).
        document_frequency_: In how many documents a bucket is, (n_buckets,).

    Example:
        >>> model = TextInterference(ngrams=(1, 2)).fit(texts, labels)
        >>> model.forget(texts[:1], labels[:1]).predict(more_texts)
    """

    def __init__(
        self,
        n_buckets: int = 2**18,
        ngrams: tuple[int, int] = (1, 1),
        *,
        rule: Literal["dipole", "ratio"] = "dipole",
        idf: bool = True,
    ) -> None:
        self.n_buckets = n_buckets
        self.ngrams = ngrams
        self.rule = rule
        self.idf = idf

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        return tags

    # -- learning ----------------------------------------------------------------------

    @all_or_nothing
    def fit(self: Model, X, y: ArrayLike) -> Model:
        """Learn from scratch: a sum over the documents, whose order does not matter.

        Args:
            X: Documents (see the class), at least one.
            y: Labels, shape (n,).

        Raises:
            ValueError: For a parameter, a document or labels that cannot be used,
                naming it. The model is then as it was before.
        """
        for name in ("classes_", "class_count_", "tally_", "document_frequency_"):
            vars(self).pop(name, None)
        return self.partial_fit(X, y)

    @all_or_nothing
    def partial_fit(
        self: Model,
        X,
        y: ArrayLike,
        classes: ArrayLike | None = None,
    ) -> Model:
        """Learn more documents; a label not met before becomes a new class.

        Args:
            X: Documents (see the class), at least one.
            y: Labels, shape (n,).
            classes: Labels that may come, known from now on.

        Raises:
            ValueError: As `fit`.
        """
        if hasattr(self, "classes_"):
            self._check_ready()
        vectors, y = self._read_samples(X, y)
        if not hasattr(self, "classes_"):
            self.classes_ = y[:0]
            self.class_count_ = np.zeros(0, np.int64)
            self.tally_ = np.zeros((self.n_buckets, 0), np.int64)
            self.document_frequency_ = np.zeros(self.n_buckets, np.int64)
            self._learned_with = self._reading()
        declared = y[:0] if classes is None else column_or_1d(np.asarray(classes))
        self._add_classes(np.union1d(y, declared) if len(declared) else np.unique(y))
        tally, counts, frequency = self._sums(vectors, y)
        self.tally_ = self.tally_ + tally
        self.class_count_ = self.class_count_ + counts
        self.document_frequency_ = self.document_frequency_ + frequency
        return self

    @all_or_nothing
    def forget(self: Model, X, y: ArrayLike) -> Model:
        """Unlearn documents exactly: the model as if they had never been there.

        Args:
            X: Documents that were learned.
            y: Their labels, shape (n,).

        Raises:
            ValueError: For a label that the model does not know, more documents of a
                class than were learned, or documents that cannot have been among them.
                The model is then unchanged.
        """
        self._check_ready()
        vectors, y = self._read_samples(X, y)
        check_learned(y, self.classes_)
        tally, counts, frequency = self._sums(vectors, y)
        counts = self.class_count_ - counts
        if (counts < 0).any():
            short = self.classes_[counts < 0].tolist()
            raise ValueError(
                "cannot forget more than was learned: too many documents of classes "
                f"{short}"
            )
        tally, frequency = self.tally_ - tally, self.document_frequency_ - frequency
        nothing = tally[:, counts == 0]
        if (tally < 0).any() or (frequency < 0).any() or nothing.any():
            raise ValueError(
                "cannot forget documents that were never learned: what remains is no "
                "sum of documents"
            )
        self.tally_, self.class_count_ = tally, counts
        self.document_frequency_ = frequency
        return self

    @all_or_nothing
    def merge(self: Model, other: Model) -> Model:
        """Add what another model learned, as if this one had seen all documents.

        Args:
            other: A trained model with the same `n_buckets` and `ngrams`; it is left as
                it is.

        Raises:
            TypeError: For another kind of object.
            ValueError: For an incompatible model. This one is then unchanged.
        """
        check_kind(TextInterference, other=other)
        for model in (self, other):
            model._check_ready()
        here, there = self._reading(), other._reading()
        for name, value in here.items():
            if value != there[name]:
                raise ValueError(
                    f"cannot merge: {name} differs, {value} here, {there[name]} there"
                )
        self._add_classes(other.classes_)
        where = np.searchsorted(self.classes_, other.classes_)
        tally, counts = self.tally_.copy(), self.class_count_.copy()
        tally[:, where] += other.tally_
        counts[where] += other.class_count_
        self.tally_, self.class_count_ = tally, counts
        self.document_frequency_ = self.document_frequency_ + other.document_frequency_
        return self

    # -- prediction --------------------------------------------------------------------

    def scores(self, X) -> Float[np.ndarray, "n C"]:
        """Score of every class: cosines, or sums of log-ratios, by the rule.

        Args:
            X: Documents (see the class).
        """
        self._check_ready()
        vectors: Any = self._read(X) / _UNIT
        if self.rule == "dipole":
            vectors = normalize(vectors.multiply(self._rarity()[None]).tocsr())
        return np.asarray(vectors @ self._weights())

    def decision_function(self, X) -> Float[np.ndarray, "n C"] | Float[np.ndarray, "n"]:
        """Scores (n, C); for two classes, as scikit-learn asks, their difference (n,).

        Args:
            X: Documents (see the class).
        """
        scores = self.scores(X)
        return scores[:, 1] - scores[:, 0] if len(self.classes_) == 2 else scores

    def predict(self, X) -> np.ndarray:
        """The class with the largest score, shape (n,).

        Args:
            X: Documents (see the class).
        """
        scores = self.scores(X)
        # Where nothing is known of a document, what is known is the classes' sizes.
        silent = scores.max(axis=1) == scores.min(axis=1)
        winner = np.where(silent, self.class_count_.argmax(), scores.argmax(axis=1))
        return self.classes_[winner]

    def _weights(self) -> Float[np.ndarray, "n_buckets C"]:
        """What a bucket says of each class."""
        sums = self.tally_ / _UNIT
        if self.rule == "dipole":
            return np.asarray(normalize(self._rarity()[:, None] * sums, axis=0))
        others = sums.sum(axis=1, keepdims=True) - sums
        n_buckets = max(np.count_nonzero(self.document_frequency_), 1)
        own, rest = (
            np.log((part + _SMOOTHING) / (part.sum(axis=0) + _SMOOTHING * n_buckets))
            for part in (sums, others)
        )
        return self._rarity()[:, None] * (own - rest)

    def _rarity(self) -> Float[np.ndarray, "n_buckets"]:
        """Inverse document frequency of every bucket, 1 where it does not count."""
        if not self.idf:
            return np.ones(self.n_buckets)
        n = self.class_count_.sum()
        return np.log((1 + n) / (1 + self.document_frequency_)) + 1

    # -- inside ------------------------------------------------------------------------

    def _read_samples(self, X, y: ArrayLike) -> tuple[sparse.csr_matrix, np.ndarray]:
        self._check_parameters()
        vectors = self._read(X)
        return vectors, read_labels(self, y, len(X))

    def _read(self, X) -> sparse.csr_matrix:
        """Documents of unit length as whole numbers, (n, n_buckets)."""
        documents = _documents(X)
        reader = HashingVectorizer(
            analyzer=_analyzer(self.ngrams),  # pyright: ignore[reportArgumentType]
            n_features=self.n_buckets,
            alternate_sign=False,
            norm=None,  # pyright: ignore[reportArgumentType]
        )
        counts = sparse.csr_matrix(reader.transform(documents))
        counts.data = np.log1p(np.asarray(counts.data))
        vectors = sparse.csr_matrix(normalize(counts))
        vectors.data = np.rint(_UNIT * vectors.data).astype(np.int64)
        return vectors

    def _sums(
        self, vectors: sparse.csr_matrix, y: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Sums of documents per class, their numbers, and document frequencies."""
        members = np.searchsorted(self.classes_, y)
        n_classes = len(self.classes_)
        places = (members, np.arange(len(y)))
        ones = np.ones(len(y), np.int64)
        gather = sparse.csr_matrix((ones, places), (n_classes, len(y)))
        gathered: Any = gather @ vectors
        tally = gathered.toarray().T
        frequency = np.bincount(vectors.indices, minlength=self.n_buckets)
        return tally, np.bincount(members, minlength=n_classes), frequency

    def _add_classes(self, classes: np.ndarray) -> None:
        check_labels_alike(classes, self.classes_)
        union = np.union1d(self.classes_, classes) if len(self.classes_) else classes
        where = np.searchsorted(union, self.classes_)
        tally = np.zeros((self.n_buckets, len(union)), np.int64)
        counts = np.zeros(len(union), np.int64)
        tally[:, where], counts[where] = self.tally_, self.class_count_
        self.classes_, self.tally_, self.class_count_ = union, tally, counts

    def _reading(self) -> dict[str, Any]:
        """What the tally depends on."""
        return {"n_buckets": self.n_buckets, "ngrams": tuple(self.ngrams)}

    def _check_parameters(self) -> None:
        n = self.n_buckets
        if not is_whole(n) or not 2 <= n < 2**31:
            raise ValueError(
                f"n_buckets must be a whole number from 2 to 2³¹ − 1, got {n!r}"
            )
        ngrams = self.ngrams
        if not (
            isinstance(ngrams, Sequence)
            and len(ngrams) == 2
            and all(map(is_whole, ngrams))
            and 1 <= ngrams[0] <= ngrams[1]
        ):
            raise ValueError(
                "ngrams must be the fewest and the most words of an n-gram, such as "
                f"(1, 2), got {ngrams!r}"
            )
        if self.rule not in ("dipole", "ratio"):
            raise ValueError(f"rule must be 'dipole' or 'ratio', got {self.rule!r}")
        check_kind(bool, np.bool_, idf=self.idf)

    def _check_ready(self) -> None:
        check_is_fitted(self)
        self._check_parameters()
        for name, value in self._reading().items():
            if self._learned_with[name] != value:
                raise ValueError(
                    f"{name} is {value}, but the model learned with "
                    f"{self._learned_with[name]}; set it back, or call fit to start "
                    "anew"
                )


def _documents(X: Any) -> list[Document]:
    """The documents, each a text or a sequence of words.

    Raises:
        ValueError: For a single text, for none, or for a document that is neither.
    """
    if isinstance(X, str | bytes) or not hasattr(X, "__len__"):
        raise ValueError(
            f"X must be a sequence of documents, got a single {type(X).__name__}"
        )
    documents = as_list("X", X)
    for i, document in enumerate(documents):
        text = isinstance(document, str)
        if not text and not (
            isinstance(document, Sequence | np.ndarray)
            and not isinstance(document, bytes)
            and all(isinstance(word, str) for word in document)
        ):
            raise ValueError(
                "X must hold texts, or sequences of words; document "
                f"{i} is {document!r:.60}"
            )
    return documents


def _analyzer(ngrams: tuple[int, int]) -> Callable[[Document], list[str]]:
    """What makes n-grams of a document: a text, or a sequence of words."""
    words = re.compile(r"\w+|[^\w\s]").findall

    def analyze(document: Document) -> list[str]:
        parts = words(document.lower()) if isinstance(document, str) else list(document)
        # A separator that no word of a text holds, so that two words are not one.
        return [
            "\x1f".join(parts[i : i + n])
            for n in range(ngrams[0], ngrams[1] + 1)
            for i in range(len(parts) - n + 1)
        ]

    return analyze
