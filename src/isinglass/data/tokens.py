"""Text as tokens: what a way to write text as numbers is, bytes, and checks."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Integer

from isinglass._common.plain_checks import check_whole, is_array, is_index, is_traced

_PART = 1 << 22  # numbers that are looked at together


@runtime_checkable
class Tokens(Protocol):
    """A way to write text as numbers.

    Attributes:
        vocabulary: Number of tokens V.
    """

    vocabulary: int

    def encode(self, text: str) -> Integer[np.ndarray, "n"]:
        """Tokens of a text, 0 to V − 1."""
        ...

    def decode(self, tokens: Any) -> str:
        """The text of tokens."""
        ...


class ByteTokens:
    """The bytes of a text in UTF-8."""

    vocabulary = 256

    def encode(self, text: str) -> Integer[np.ndarray, "n"]:
        """Bytes, uint8.

        Raises:
            TypeError: If the text is no str.
            ValueError: If it holds half of a surrogate pair, which no UTF-8 has.
        """
        return np.frombuffer(as_text(text).encode(), np.uint8)

    def decode(self, tokens: Any) -> str:
        """Text; what is no UTF-8 becomes U+FFFD.

        Raises:
            ValueError: If a token is not in [0, 255].
        """
        return bytes(within(tokens, self.vocabulary).tolist()).decode(errors="replace")


def as_text(text: Any) -> str:
    """A text that UTF-8 can hold.

    Raises:
        TypeError: If it is no str.
        ValueError: If it holds half of a surrogate pair.
    """
    if not isinstance(text, str):
        raise TypeError(f"text must be a str, got {type(text).__name__}")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(
            f"text must be without half surrogate pairs, got "
            f"U+{ord(text[error.start]):04X} at {error.start}"
        ) from None
    return text


def dtype_for(vocabulary: int) -> np.dtype:
    """The smallest unsigned type that holds 0 to V − 1."""
    return np.min_scalar_type(vocabulary - 1)


def check_tokens(name: str, tokens: Any, axes: int | None, vocabulary: int) -> None:
    """Refuse what is no array of tokens of a vocabulary.

    Memory maps are read in parts. What JAX traces has no values yet, and passes where
    only values are looked at: an index out of range would be cut back without a word.

    Args:
        name: Of the argument.
        tokens: What is to be one.
        axes: How many it must have; None for one at least.
        vocabulary: V.

    Raises:
        TypeError: If it is no array of NumPy or JAX.
        ValueError: If it has another number of axes, is not of whole numbers, or holds
            one that is not in [0, V).
    """
    check_whole(vocabulary=vocabulary)
    if not is_array(tokens):
        raise TypeError(
            f"{name} must be an array of NumPy or JAX, got {type(tokens).__name__}"
        )
    fits = tokens.ndim == axes or (axes is None and tokens.ndim > 0)
    if not fits or not is_index(tokens):
        shape = "an array" if axes is None else f"a {axes}-D array"
        raise ValueError(
            f"{name} must be {shape} of whole numbers, got {tokens.dtype} of "
            f"shape {tokens.shape}"
        )
    if not isinstance(tokens, np.ndarray):
        if is_traced(tokens):
            return
        tokens = np.asarray(tokens)
    rows = max(1, _PART * len(tokens) // max(1, tokens.size))
    for first in range(0, len(tokens) if tokens.size else 0, rows):
        part = tokens[first : first + rows]
        check_range(name, int(part.min()), int(part.max()), vocabulary)


def check_range(name: str, least: int, greatest: int, vocabulary: int) -> None:
    """Refuse tokens, of which these are the least and the greatest, unless in [0, V).

    Raises:
        ValueError: It names one that is not.
    """
    if not 0 <= least <= greatest < vocabulary:
        wrong = least if least < 0 else greatest
        raise ValueError(f"{name} must be in [0, {vocabulary - 1}], got {wrong}")


def within(tokens: Any, vocabulary: int) -> Integer[np.ndarray, "n"]:
    """Tokens as an array with one axis.

    Raises:
        TypeError: If they are no whole numbers.
        ValueError: If one is not in [0, V).
    """
    try:
        array = np.asarray(tokens).ravel()
    except (TypeError, ValueError) as error:
        raise TypeError(f"tokens must be whole numbers: {error}") from None
    if array.size and not np.issubdtype(array.dtype, np.integer):
        raise TypeError(f"tokens must be whole numbers, got {array.dtype}")
    array = array.astype(np.int64)
    outside = (array < 0) | (array >= vocabulary)
    if outside.any():
        raise ValueError(
            f"tokens must be in [0, {vocabulary - 1}], got {array[outside][0]}"
        )
    return array
