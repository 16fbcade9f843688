"""`TextInterference`: documents learned by counts of the words that they are made of.

Tang 2020 gave up text (§4.2): word vectors have no scale on which a component is
active, and one-hot words, a source each, make too many routes, words × classes ×
durations. In the closed form durations are not needed: what is learned is a sum over
samples, [buckets, classes], and active is what is present.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypeVar

import numpy as np
from jaxtyping import Float, Int
from scipy import sparse
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.preprocessing import normalize

from isinglass._common.checks import as_list, check_choice, check_kind, is_whole
from isinglass.systems.interference import _storage
from isinglass.systems.interference._additive import AdditiveClassifier

Document = str | Sequence[str]
Model = TypeVar("Model", bound="TextInterference")

# A document of unit length in whole numbers, so that sums are exact.
_UNIT = 2**20
# Documents of a class that sums of 64 bits hold, with room to spare.
_MOST = 2**42
# What is added to a bucket's sum before a ratio is taken, in documents; chosen on
# sentences that are not tested on (docs/interference_two.md).
_SMOOTHING = 1.0


class TextInterference(AdditiveClassifier):
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
        class_count_: Documents learned per class, by weight, (C,).
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

    # -- prediction --------------------------------------------------------------------

    def scores(self, X) -> Float[np.ndarray, "n C"]:
        """Score of every class: cosines, or sums of log-ratios, by the rule.

        Args:
            X: Documents (see the class).
        """
        self._check_ready()
        vectors: Any = self._read(X, reset=False) / _UNIT
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

    def _read(self, X, *, reset: bool) -> sparse.csr_matrix:
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

    def _start(self, classes: np.ndarray, X: Any) -> None:
        self.class_count_ = np.zeros(len(classes), np.int64)
        self.tally_ = np.zeros((self.n_buckets, len(classes)), np.int64)
        self.document_frequency_ = np.zeros(self.n_buckets, np.int64)

    def _widen(self, classes: np.ndarray, where: np.ndarray) -> None:
        tally = np.zeros((self.n_buckets, len(classes)), np.int64)
        counts = np.zeros(len(classes), np.int64)
        tally[:, where], counts[where] = self.tally_, self.class_count_
        self.tally_, self.class_count_ = tally, counts

    def _add(
        self, X: sparse.csr_matrix, y: np.ndarray, weight: np.ndarray | None
    ) -> None:
        tally, counts, frequency = self._sums(X, y, weight)
        self._add_sums(tally, counts, frequency, np.arange(len(counts)))

    def _add_model(self, other: Any) -> None:
        where = np.searchsorted(self.classes_, other.classes_)
        frequency = other.document_frequency_
        self._add_sums(other.tally_, other.class_count_, frequency, where)

    def _add_sums(
        self,
        tally: np.ndarray,
        counts: np.ndarray,
        frequency: np.ndarray,
        where: np.ndarray,
    ) -> None:
        total, number = self.tally_.copy(), self.class_count_.copy()
        number[where] += counts
        if (number > _MOST).any():
            raise ValueError(
                f"class {self.classes_[number.argmax()]} is full: it holds {_MOST:,} "
                f"documents at most, but would hold {number.max():,}"
            )
        total[:, where] += tally
        self.tally_, self.class_count_ = total, number
        self.document_frequency_ = self.document_frequency_ + frequency

    def _subtract(
        self, X: sparse.csr_matrix, y: np.ndarray, weight: np.ndarray | None
    ) -> None:
        tally, counts, frequency = self._sums(X, y, weight)
        counts = self.class_count_ - counts
        if (counts < 0).any():
            short = self.classes_[counts < 0].tolist()
            raise ValueError(
                "cannot forget more than was learned: too many documents of classes "
                f"{short} in y"
            )
        tally, frequency = self.tally_ - tally, self.document_frequency_ - frequency
        nothing = tally[:, counts == 0]
        if (tally < 0).any() or (frequency < 0).any() or nothing.any():
            raise ValueError(
                "cannot forget documents that were never learned: what remains without "
                "X is no sum of documents"
            )
        self.tally_, self.class_count_ = tally, counts
        self.document_frequency_ = frequency

    def _sums(
        self, vectors: sparse.csr_matrix, y: np.ndarray, weight: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Sums of documents per class, their numbers, and document frequencies."""
        members, n_classes = np.searchsorted(self.classes_, y), len(self.classes_)
        times = np.ones(len(y), np.int64) if weight is None else weight
        # In floating point first, which does not overflow.
        if np.bincount(members, times.astype(float)).max() > _MOST:
            raise ValueError(f"sample_weight must sum to at most {_MOST:,} in a class")
        places = (members, np.arange(len(y)))
        gather: Any = sparse.csr_matrix((times, places), (n_classes, len(y)))
        present = vectors.copy()
        present.data = np.ones_like(vectors.data)
        tally = (gather @ vectors).toarray().T
        frequency = np.asarray(present.T @ times)
        return tally, np.asarray(gather.sum(axis=1)).ravel(), frequency

    def _rule(self) -> dict[str, Any]:
        return {"n_buckets": self.n_buckets, "ngrams": tuple(self.ngrams)}

    def _state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        # Most buckets are empty, and what is in none has no sums.
        buckets: Int[np.ndarray, "b"] = np.flatnonzero(self.document_frequency_)
        words = {
            "parameters": self.get_params(deep=False),
            "classes": _storage.labels_to_json(self.classes_),
        }
        sums = {
            "buckets": buckets,
            "tally": self.tally_[buckets],
            "document_frequency": self.document_frequency_[buckets],
            "class_count": self.class_count_,
        }
        return words, sums

    @classmethod
    def _of_state(
        cls: type[Model], words: Mapping[str, Any], arrays: Mapping[str, np.ndarray]
    ) -> Model:
        parameters: dict[str, Any] = dict(words["parameters"])
        parameters["ngrams"] = tuple(parameters["ngrams"])
        model = cls(**parameters)
        model._check_parameters()
        model.classes_ = _storage.labels_from_json(words["classes"])
        counts, buckets = arrays["class_count"], arrays["buckets"]
        if counts.shape != model.classes_.shape:
            raise ValueError(
                f"class_count has shape {counts.shape}, expected {model.classes_.shape}"
            )
        model._start(model.classes_, None)
        model.class_count_ = counts
        model.tally_[buckets] = arrays["tally"]
        model.document_frequency_[buckets] = arrays["document_frequency"]
        model._learned_with = model._rule()
        return model

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
        check_choice(("dipole", "ratio"), rule=self.rule)
        check_kind(bool, np.bool_, idf=self.idf)


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
