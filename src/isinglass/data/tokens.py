"""Text as tokens, in memory or on disk: bytes, or byte pairs as GPT-2 has them."""

from __future__ import annotations

import codecs
import json
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Integer

from isinglass._common import files

# Characters that are turned into tokens at a time, or tokens that are looked at.
_PART = 1 << 22
# How GPT-2 cuts text before it merges bytes (Radford et al. 2019).
_PATTERN = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
# No token holds what stands before a blank or a line end, and it.
_BOUNDARY = re.compile(r"(?<=\S)(?=[ \n])")


class TokenFileError(ValueError):
    """Files of a vocabulary are not what they should be, or a text is no text."""


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
        """Bytes, uint8."""
        return np.frombuffer(text.encode(), np.uint8)

    def decode(self, tokens: Any) -> str:
        """Text; what is no UTF-8 becomes U+FFFD.

        Raises:
            ValueError: If a token is not in [0, 255].
        """
        return bytes(_checked(tokens, self.vocabulary).tolist()).decode(
            errors="replace"
        )


class BytePairTokens:
    """Byte pairs, from the vocab.json and merges.txt of a local folder.

    It needs tiktoken: `pip install 'isinglass[tokens]'`. Nothing is fetched. Words such
    as "<|endoftext|>" are tokens in `decode`; `encode` takes them as any other text.

    Args:
        folder: Where both files are.

    Raises:
        FileNotFoundError: If a file is missing.
        TokenFileError: If the files are damaged, or do not belong together.
        ImportError: If tiktoken is not installed.
    """

    def __init__(self, folder: str | Path) -> None:
        vocabulary, merges = _vocabulary(Path(folder)), _merges(Path(folder))
        ranks, special = _ranks(Path(folder), vocabulary, merges)
        try:
            import tiktoken
        except ImportError:
            raise ImportError(
                "byte pair tokens need tiktoken: pip install 'isinglass[tokens]', or "
                "use bytes"
            ) from None
        self._encoding = tiktoken.Encoding(
            "gpt2-like", pat_str=_PATTERN, mergeable_ranks=ranks, special_tokens=special
        )
        self.vocabulary = len(vocabulary)

    def encode(self, text: str) -> Integer[np.ndarray, "n"]:
        """Tokens, of the smallest unsigned type that holds them all."""
        return np.asarray(
            self._encoding.encode_ordinary(text), dtype_for(self.vocabulary)
        )

    def decode(self, tokens: Any) -> str:
        """Text; what is no UTF-8 becomes U+FFFD.

        Raises:
            ValueError: If a token is none of the vocabulary.
        """
        return self._encoding.decode(_checked(tokens, self.vocabulary).tolist())


def tokens_of(folder: str | Path, vocabulary: int) -> ByteTokens | BytePairTokens:
    """The tokens of a model's folder: byte pairs if it has their files, else bytes.

    Args:
        folder: The folder.
        vocabulary: V of the model. Bytes are its tokens only if it is 256.

    Raises:
        FileNotFoundError: If a file of byte pairs is missing, and the tokens cannot be
            bytes.
        TokenFileError: As `BytePairTokens` does, or if there are more tokens than the
            model has.
        ImportError: As `BytePairTokens` does.
    """
    paths = [Path(folder) / name for name in ("vocab.json", "merges.txt")]
    has_pairs = any(path.is_file() for path in paths)
    if vocabulary == ByteTokens.vocabulary and not has_pairs:
        return ByteTokens()
    tokens = BytePairTokens(folder)
    if tokens.vocabulary > vocabulary:
        raise TokenFileError(
            f"{folder}: vocab.json has {tokens.vocabulary} tokens, and the model "
            f"{vocabulary}"
        )
    return tokens


def dtype_for(vocabulary: int) -> np.dtype:
    """The smallest unsigned type that holds 0 to V − 1."""
    return np.min_scalar_type(vocabulary - 1)


def check_tokens(name: str, tokens: Any, axes: int, vocabulary: int) -> None:
    """Refuse what is no array of tokens of a vocabulary. Memory maps are read in parts.

    Raises:
        TypeError: If it is no array of NumPy or JAX.
        ValueError: If it has another number of axes, is not of whole numbers, or holds
            one that is not in [0, V).
    """
    if not _is_array(tokens):
        raise TypeError(
            f"{name} must be an array of NumPy or JAX, got {type(tokens).__name__}"
        )
    if tokens.ndim != axes or not np.issubdtype(tokens.dtype, np.integer):
        raise ValueError(
            f"{name} must be a {axes}-D array of whole numbers, got {tokens.dtype} of "
            f"shape {tokens.shape}"
        )
    rows = max(1, _PART * len(tokens) // max(1, tokens.size))
    for first in range(0, len(tokens) if tokens.size else 0, rows):
        part = tokens[first : first + rows]
        check_range(name, int(part.min()), int(part.max()), vocabulary)


def _is_array(value: Any) -> bool:
    # Text is read without JAX: where nobody has imported it, nothing is of its type.
    jax = sys.modules.get("jax")
    return isinstance(value, np.ndarray) or (
        jax is not None and isinstance(value, jax.Array)
    )


def check_range(name: str, least: int, greatest: int, vocabulary: int) -> None:
    """Refuse tokens, of which these are the least and the greatest, unless in [0, V).

    Raises:
        ValueError: It names one that is not.
    """
    if not 0 <= least <= greatest < vocabulary:
        wrong = least if least < 0 else greatest
        raise ValueError(f"{name} must be in [0, {vocabulary - 1}], got {wrong}")


# -- files of text ---------------------------------------------------------------------


def tokenise(
    text: str | Path,
    tokens: ByteTokens | BytePairTokens,
    store: str | Path | None = None,
) -> Integer[np.ndarray, "n"]:
    """The tokens of a file, of any length, as an array on disk.

    Bytes are read where they are, so that the file must stay. Byte pairs are written to
    `store`, whole or not at all; they are those of the whole text, though it is read in
    parts.

    Args:
        text: The file; in UTF-8 for byte pairs.
        tokens: How to write it.
        store: An .npy file for byte pairs, replaced if it is there; text.npy beside the
            text if None.

    Returns:
        A memory map, which cannot be written to.

    Raises:
        FileNotFoundError: If there is no such file.
        TokenFileError: If it is empty, or not in UTF-8 where it must be.
        OSError: If `store` cannot be written.
    """
    text = Path(text)
    if not text.is_file():
        raise FileNotFoundError(f"no file of text at {text}")
    if not text.stat().st_size:
        raise TokenFileError(f"{text} is empty")
    if isinstance(tokens, ByteTokens):
        return np.memmap(text, np.uint8, "r")
    path = text.with_name(text.name + ".npy") if store is None else Path(store)
    with files.replacing(path) as file:
        _write(file, text, tokens)
    return np.load(path, mmap_mode="r", allow_pickle=False)


def _write(file: BinaryIO, text: Path, tokens: BytePairTokens) -> None:
    dtype, count = dtype_for(tokens.vocabulary), 0
    _header(file, dtype, 0)
    for part in _text_parts(text):
        encoded = tokens.encode(part)
        file.write(encoded.tobytes())
        count += len(encoded)
    file.seek(0)
    _header(file, dtype, count)


def _header(file: BinaryIO, dtype: np.dtype, count: int) -> None:
    """The header of an .npy file, which leaves room for a number that grows."""
    about = {"descr": dtype.str, "fortran_order": False, "shape": (count,)}
    np.lib.format.write_array_header_1_0(file, about)


def _text_parts(path: Path) -> Iterator[str]:
    """A file cut where tokens end in any case."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    rest = ""
    with path.open("rb") as file:
        while True:
            data = file.read(_PART)
            try:
                rest += decoder.decode(data, final=not data)
            except UnicodeDecodeError as error:
                raise TokenFileError(f"{path} is not UTF-8: {error}") from None
            if not data:
                break
            cut = _last_boundary(rest)
            if cut:
                yield rest[:cut]
                rest = rest[cut:]
    if rest:
        yield rest


def _last_boundary(text: str) -> int:
    """Where the last whitespace begins that follows anything else; else 0."""
    width = 256
    while True:
        start = max(0, len(text) - width)
        places = [match.start() for match in _BOUNDARY.finditer(text, start)]
        if places or start == 0:
            return places[-1] if places else 0
        width *= 8


def _checked(tokens: Any, vocabulary: int) -> Integer[np.ndarray, "n"]:
    array = np.asarray(tokens).astype(np.int64).ravel()
    outside = (array < 0) | (array >= vocabulary)
    if outside.any():
        raise ValueError(
            f"tokens must be in [0, {vocabulary - 1}], got {array[outside][0]}"
        )
    return array


# -- vocab.json and merges.txt ---------------------------------------------------------


def _vocabulary(folder: Path) -> dict[str, int]:
    path = folder / "vocab.json"
    if not path.is_file():
        raise FileNotFoundError(f"no file {path}")
    try:
        numbers = json.loads(path.read_bytes())
    except ValueError as error:
        raise TokenFileError(f"{path} is not JSON: {error}") from None
    whole = isinstance(numbers, dict) and all(
        type(number) is int for number in numbers.values()
    )
    if not whole or sorted(numbers.values()) != list(range(len(numbers))):
        raise TokenFileError(
            f"{path} must give each token a number of its own, from 0 on"
        )
    return numbers


def _merges(folder: Path) -> list[tuple[str, str]]:
    path = folder / "merges.txt"
    if not path.is_file():
        raise FileNotFoundError(f"no file {path}")
    try:
        lines = path.read_text("utf-8").split("\n")
    except UnicodeDecodeError as error:
        raise TokenFileError(f"{path} is not UTF-8: {error}") from None
    merges = []
    for number, line in enumerate(lines, start=1):
        if not line.strip() or (number == 1 and line.startswith("#version")):
            continue
        pair = line.rstrip("\r").split(" ")
        if len(pair) != 2 or not all(pair):
            raise TokenFileError(f"{path}:{number}: must be two tokens, got {line!r}")
        merges.append((pair[0], pair[1]))
    return merges


def _ranks(
    folder: Path, vocabulary: dict[str, int], merges: list[tuple[str, str]]
) -> tuple[dict[bytes, int], dict[str, int]]:
    """Number of each mergeable token by its bytes, and of each special one.

    tiktoken merges in the order of the numbers, which must be that of the merges, then.
    """
    letters = _letters()
    single = {letter for letter in letters if letter in vocabulary}
    if len(single) < 256:
        lacking = sorted(
            byte for letter, byte in letters.items() if letter not in single
        )[0]
        raise TokenFileError(
            f"{folder / 'vocab.json'} lacks a token for the byte {lacking}"
        )
    ordinary, before = {letter: vocabulary[letter] for letter in single}, -1
    for first, second in merges:
        merged = first + second
        if not {first, second} <= ordinary.keys() or merged not in vocabulary:
            raise TokenFileError(
                f"{folder}: merges.txt merges {first!r} and {second!r}, which "
                f"vocab.json and the merges before do not give"
            )
        if vocabulary[merged] <= before:
            raise TokenFileError(
                f"{folder}: vocab.json must number tokens in the order of merges.txt, "
                f"and {merged!r} is out of order"
            )
        ordinary[merged] = before = vocabulary[merged]
    special = {
        token: number for token, number in vocabulary.items() if token not in ordinary
    }
    as_bytes = {
        bytes(letters[letter] for letter in token): number
        for token, number in ordinary.items()
    }
    return as_bytes, special


@cache
def _letters() -> dict[str, int]:
    """The printable letter that stands for each byte in both files, and the byte."""
    plain = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in plain]
    letters = {chr(byte): byte for byte in plain}
    return letters | {chr(256 + i): byte for i, byte in enumerate(others)}
