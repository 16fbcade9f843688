"""What a transformer is trained on: windows of a text, or examples with weights.

A `Source` has numbered places. Training chooses places at random, and takes the tokens
there; to measure a loss, it takes every place once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Integer

from isinglass._common.plain_checks import (
    as_list,
    check_choice,
    check_flag,
    check_in,
    check_kind,
    check_seed,
    check_whole,
    is_array,
)
from isinglass._common.types import ArrayLike
from isinglass.data.question import (
    COUNTED,
    END,
    TOKENS,
    TRAINING,
    Counted,
    Example,
    as_examples,
    encode,
    line_of,
)
from isinglass.data.text import check_text
from isinglass.data.tokens import check_range, check_tokens

_PART = 1 << 24  # numbers that are looked at together


class Batch(NamedTuple):
    """What a model reads, and what it is to say.

    Attributes:
        tokens: Given, (b, n).
        targets: What follows each, (b, n).
        weights: How much each counts in the loss, at least 0, (b, n).
    """

    tokens: Integer[np.ndarray, "b n"]
    targets: Integer[np.ndarray, "b n"]
    weights: Float[np.ndarray, "b n"]


@runtime_checkable
class Source(Protocol):
    """What `train` takes; one of your own needs no more than this.

    Attributes:
        vocabulary: Tokens are 0 to V − 1.
        context: Tokens in a sequence, n.
    """

    vocabulary: int
    context: int

    def choose(
        self, rng: np.random.Generator, count: int
    ) -> Integer[np.ndarray, "count"]:
        """Places for one step, which depend on the generator's state only."""
        ...

    def every(self) -> Integer[np.ndarray, "m"]:
        """Places that together hold what counts once."""
        ...

    def take(self, places: Integer[np.ndarray, "b"]) -> Batch:
        """The tokens at places."""
        ...

    def digest(self) -> str:
        """A text that no other content is likely to have; checkpoints record it."""
        ...


class TextSource:
    """Windows of a text, in which every token counts; a place is where a window begins.

    Args:
        tokens: All tokens, one after the other, (m,); may be a `np.memmap`.
        context: n, of the windows, which hold n + 1 tokens: n given, and n that follow.
        vocabulary: V.

    Raises:
        TypeError: If the text is no array of NumPy or JAX.
        ValueError: If it is not of whole numbers with one axis, is shorter than a
            window, or holds a token that is not in [0, V).
    """

    def __init__(
        self, tokens: Integer[np.ndarray, "m"], context: int, vocabulary: int
    ) -> None:
        check_whole(context=context)
        check_tokens("tokens", tokens, 1, vocabulary)
        if len(tokens) < context + 1:
            raise ValueError(
                f"tokens must hold {context + 1} at least, a context of {context} and "
                f"what follows it, got {len(tokens)}"
            )
        self.tokens, self.context, self.vocabulary = tokens, context, vocabulary

    def choose(
        self, rng: np.random.Generator, count: int
    ) -> Integer[np.ndarray, "count"]:
        """Any windows, with the same chance."""
        _check_choice(rng, count)
        return rng.integers(0, len(self.tokens) - self.context, count)

    def every(self) -> Integer[np.ndarray, "m"]:
        """Windows one after the other; a rest shorter than one is left out."""
        return np.arange(0, len(self.tokens) - self.context, self.context)

    def take(self, places: Integer[np.ndarray, "b"]) -> Batch:
        """Windows that begin at places."""
        places = _as_places(places, len(self.tokens) - self.context)
        windows = self.tokens[places[:, None] + np.arange(self.context + 1)]
        windows = windows.astype(np.int32)
        return Batch(
            windows[:, :-1], windows[:, 1:], np.ones(windows[:, 1:].shape, np.float32)
        )

    def digest(self) -> str:
        """SHA-256 of the tokens, and their number."""
        digest = hashlib.sha256(f"{self.tokens.dtype.str} {len(self.tokens)}".encode())
        for start in range(0, len(self.tokens), _PART):
            digest.update(np.ascontiguousarray(self.tokens[start : start + _PART]).data)
        return f"text {digest.hexdigest()}"


def split_text(
    tokens: Integer[np.ndarray, "m"], validation: float = 0.1
) -> tuple[Integer[np.ndarray, "a"], Integer[np.ndarray, "b"]]:
    """A text for training, and its last part for validation; neither is copied.

    Args:
        tokens: All tokens, (m,).
        validation: Share of the last part, in (0, 1).

    Raises:
        ValueError: If the share is out of range, or leaves nothing in one of the parts.
    """
    check_in("(0, 1)", validation=validation)
    check_text(tokens=tokens)
    cut = len(tokens) - round(validation * len(tokens))
    if not 0 < cut < len(tokens):
        raise ValueError(
            f"validation must leave a token in each part, got {validation} of "
            f"{len(tokens)} tokens"
        )
    return tokens[:cut], tokens[cut:]


class ExampleSource:
    """Examples, each with weights that say which of its tokens count.

    Each is preceded by a token `start`, from which its first token is to be told.
    Packed, a place holds as many whole examples as fit, one after the other in a random
    order, so that a model sees the ones before; else a place is one example. Rows are
    filled up with what does not count.

    Args:
        examples: Tokens of each, and their weights, of the same length.
        start: The token before an example.
        vocabulary: V.
        context: n, of all rows; None for the length of the longest example.
        packed: Whether to pack them.
        seed: Of the order in which they are packed.

    Raises:
        ValueError: If there are none, one has no tokens, is longer than the context,
            has other weights than tokens or a negative one, a token is not in [0, V),
            or all weights are 0.
    """

    def __init__(
        self,
        examples: Iterable[tuple[ArrayLike, ArrayLike]],
        *,
        start: int,
        vocabulary: int,
        context: int | None = None,
        packed: bool = False,
        seed: int = 0,
    ) -> None:
        check_whole(0, start=start)
        check_seed(seed=seed)
        check_whole(vocabulary=vocabulary)
        check_flag(packed=packed)
        if context is not None:
            check_whole(context=context)
        weighted = _as_weighted(examples)
        longest = max(len(tokens) for tokens, _ in weighted)
        self.context = longest if context is None else context
        self.vocabulary = vocabulary
        check_range("start", start, start, vocabulary)
        for number, example in enumerate(weighted):
            self._check(number, *example)
        if not any(weights.any() for _, weights in weighted):
            raise ValueError(
                "examples must hold a token that counts, and all weights are 0"
            )
        if packed:
            rows = _packed(weighted, self.context, seed)
        else:
            rows = [[example] for example in weighted]
        self._batch = _filled(rows, self.context, start)

    def _check(self, number: int, tokens: np.ndarray, weights: np.ndarray) -> None:
        name = f"examples[{number}]"
        if tokens.shape != weights.shape or tokens.ndim != 1 or not len(tokens):
            raise ValueError(
                f"{name} must have as many weights as tokens, at least one, got "
                f"{weights.shape} and {tokens.shape}"
            )
        if len(tokens) > self.context:
            raise ValueError(
                f"{name} has {len(tokens)} tokens; context is {self.context}"
            )
        if not (weights >= 0).all() or not np.isfinite(weights).all():
            raise ValueError(f"{name} must have weights of at least 0")
        least, greatest = int(tokens.min()), int(tokens.max())
        check_range(f"tokens of {name}", least, greatest, self.vocabulary)

    def choose(
        self, rng: np.random.Generator, count: int
    ) -> Integer[np.ndarray, "count"]:
        """Any rows, with the same chance."""
        _check_choice(rng, count)
        return rng.integers(0, len(self._batch.tokens), count)

    def every(self) -> Integer[np.ndarray, "m"]:
        """All rows."""
        return np.arange(len(self._batch.tokens))

    def take(self, places: Integer[np.ndarray, "b"]) -> Batch:
        """Rows."""
        places = _as_places(places, len(self._batch.tokens))
        return Batch(*(array[places] for array in self._batch))

    def digest(self) -> str:
        """SHA-256 of the rows."""
        digest = hashlib.sha256(repr(self._batch.tokens.shape).encode())
        for array in self._batch:
            digest.update(np.ascontiguousarray(array).data)
        return f"examples {digest.hexdigest()}"


def question_source(
    examples: Sequence[Example],
    counted: Counted = "words and tab",
    *,
    context: int | None = None,
    packed: bool = False,
    seed: int = 0,
) -> ExampleSource:
    """Examples of `isinglass.data.question`, each begun by a line end.

    Args:
        examples: At least one.
        counted: Which tokens count, one of `question.COUNTED`: the mean loss over new
            examples is at least that of this name in `SourceFigures.least_losses`.
        context: As for `ExampleSource`.
        packed: As for `ExampleSource`.
        seed: As for `ExampleSource`.

    Raises:
        ValueError: If `counted` is unknown, or as `ExampleSource` does.
    """
    check_choice(COUNTED, counted=counted)
    return ExampleSource(
        [_weighted(example, counted) for example in as_examples(examples)],
        start=TOKENS.index(END),
        vocabulary=len(TOKENS),
        context=context,
        packed=packed,
        seed=seed,
    )


def _check_choice(rng: Any, count: Any) -> None:
    check_kind(np.random.Generator, rng=rng)
    check_whole(count=count)


def _as_places(places: Any, end: int) -> Integer[np.ndarray, "b"]:
    """Places as an array, one at least, each from 0 and below the end.

    Raises:
        ValueError: If they are others.
    """
    try:
        array = np.asarray(places)
    except (TypeError, ValueError) as error:
        raise ValueError(f"places must be whole numbers: {error}") from None
    if array.ndim != 1 or array.dtype.kind not in "iu" or not array.size:
        raise ValueError(
            f"places must be whole numbers in a row, got {array.dtype} of shape "
            f"{array.shape}"
        )
    if array.min() < 0 or array.max() >= end:
        raise ValueError(f"places must be in [0, {end}), got {array.tolist()}")
    return array


def _as_weighted(examples: Iterable[Any]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Tokens of each example and their weights, as arrays."""
    check_kind(Iterable, examples=examples)
    if is_array(examples):
        examples = as_list("examples", examples)
    weighted = []
    for number, example in enumerate(examples):
        try:
            tokens, weights = (np.asarray(part) for part in example)
            if tokens.size and tokens.dtype.kind not in "iu":
                raise TypeError(f"tokens must be whole numbers, got {tokens.dtype}")
            weighted.append((tokens.astype(np.int32), weights.astype(np.float32)))
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"examples[{number}] must be whole numbers and their weights: {error}"
            ) from None
    if not weighted:
        raise ValueError("examples must hold one at least, got none")
    return weighted


def _weighted(example: Example, counted: Counted) -> tuple[list[int], np.ndarray]:
    tokens = encode(line_of(example))
    tab = len(example.source.split())
    weights = np.zeros(len(tokens), np.float32)
    weights[:tab] = counted != "target"
    weights[tab] = "tab" in counted
    weights[tab + 1 : -1] = counted != "source"
    weights[-1] = "line end" in counted
    return tokens, weights


def _filled(rows: Sequence[Any], context: int, start: int) -> Batch:
    """Rows of examples, one after the other, and then what does not count."""
    shape = (len(rows), context)
    batch = Batch(
        np.full(shape, start, np.int32),
        np.full(shape, start, np.int32),
        np.zeros(shape, np.float32),
    )
    for row, examples in enumerate(rows):
        first = 0
        for tokens, weights in examples:
            last = first + len(tokens)
            batch.targets[row, first:last] = tokens
            batch.weights[row, first:last] = weights
            batch.tokens[row, first + 1 : last] = tokens[:-1]
            first = last
    return batch


def _packed(examples: Sequence[Any], context: int, seed: int) -> list[list[Any]]:
    """Rows of whole examples, in a random order."""
    rows: list[list[Any]] = []
    room = 0
    for number in np.random.default_rng(seed).permutation(len(examples)):
        example = examples[number]
        if len(example[0]) > room:
            rows.append([])
            room = context
        rows[-1].append(example)
        room -= len(example[0])
    return rows


class NewExamples:
    """A source of training examples each of which is drawn anew.

    A place is the seed of a batch and a number in it, so that all data depend on places
    only.

    Args:
        context: Tokens in a row.
        counted: Which tokens count, as for `question_source`.

    Raises:
        ValueError: If one is none of those.
    """

    _LOT = 1 << 20  # numbers in a batch

    def __init__(self, context: int, counted: Counted) -> None:
        check_whole(context=context)
        check_choice(COUNTED, counted=counted)
        self.vocabulary, self.context = len(TOKENS), context
        self._counted: Counted = counted

    def choose(
        self, rng: np.random.Generator, count: int
    ) -> Integer[np.ndarray, "count"]:
        """A batch of its own."""
        _check_choice(rng, count)
        return int(rng.integers(1 << 40)) * self._LOT + np.arange(count)

    def every(self) -> Integer[np.ndarray, "m"]:
        """There is no end of them; one batch."""
        return np.arange(256)

    def take(self, places: Integer[np.ndarray, "b"]) -> Batch:
        """The examples at places."""
        places = _as_places(places, 2**63)
        seeds, numbers = np.divmod(places, self._LOT)
        drawn = {
            seed: TRAINING.sample(int(numbers[seeds == seed].max()) + 1, int(seed))
            for seed in np.unique(seeds)
        }
        examples = [drawn[seed][i] for seed, i in zip(seeds, numbers, strict=True)]
        rows = question_source(examples, self._counted, context=self.context)
        return rows.take(np.arange(len(examples)))

    def digest(self) -> str:
        """What it is, since there is no content to be read."""
        return f"new examples, {self._counted}"
