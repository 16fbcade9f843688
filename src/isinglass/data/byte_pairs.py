"""Byte pairs as GPT-2 has them: a text is cut into words, and bytes of a word merged.

A word begins as its bytes. Of all neighbours that the vocabulary can merge, those of
the most urgent merge, the leftmost first, become one token, until none are left
(Sennrich et al. 2016; on bytes, Radford et al. 2019). Words come again and again, so
that each is merged once. Nothing in this limits how long a word may be.
"""

from __future__ import annotations

import heapq
import itertools
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Integer

from isinglass._common.plain_checks import as_path, check_flag
from isinglass.data.tokenizer_folder import (
    TokenFileError,
    TokenizerFiles,
    letters,
    read_tokenizer,
)
from isinglass.data.tokens import as_text, dtype_for, within

_WORDS = 1 << 20  # that are looked at together
_REMEMBERED, _LONG = 1 << 19, 100  # words whose tokens are remembered; letters of one
# Unicode's White_Space. Python's \s has the separators 0x1c to 0x1f too.
_BLANKS = r"\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"


class BytePairTokens:
    """Byte pairs, from the tokenizer files of a local folder.

    Read are tokenizer.json, or vocab.json with merges.txt, as any version of
    `transformers` has written them. Tokens are those of its tokenizers for the same
    text. Words such as "<|endoftext|>" are tokens in `decode`; `encode` takes them as
    any other text unless `special` is true, so that a text cannot say where it ends.

    Args:
        folder: Where the files are.
        special: Whether special tokens are looked for in a text.

    Attributes:
        vocabulary: Number of tokens V, with those that were added.
        special: Numbers of the special tokens, by their spelling.

    Raises:
        FileNotFoundError: If a file is missing.
        TokenFileError: If the files are damaged, do not belong together, or ask for
            what is not implemented here; by name.
    """

    def __init__(self, folder: str | Path, *, special: bool = False) -> None:
        check_flag(special=special)
        files = read_tokenizer(as_path("folder", folder))
        self.files = files
        self.vocabulary = len(files.vocabulary)
        self.special = {word: files.vocabulary[word] for word in sorted(files.special)}
        numbers = files.vocabulary
        self._of_byte = [0] * 256
        for letter, byte in letters().items():
            self._of_byte[byte] = numbers[letter]
        self._merges = {
            (numbers[first], numbers[second]): (rank, numbers[first + second])
            for rank, (first, second) in enumerate(files.merges)
        }
        self._spelling = _spellings(files)
        self._whole: dict[bytes, int] = {}
        apart = files.added | files.special
        if files.whole_words:
            self._whole = {
                self._spelling[n]: n for w, n in numbers.items() if w not in apart
            }
        self._added = _added(files, files.added | (files.special if special else set()))
        self._remembered: dict[str, tuple[int, ...]] = {}

    def encode(self, text: str) -> Integer[np.ndarray, "n"]:
        """Tokens, of the smallest unsigned type that holds them all.

        Raises:
            TypeError: If the text is no str.
            ValueError: If it holds half of a surrogate pair, which no UTF-8 has.
        """
        return self.encode_part(as_text(text), is_first=True)

    def encode_part(self, part: str, *, is_first: bool) -> Integer[np.ndarray, "n"]:
        """Tokens of a part of a text, which begins where a word does."""
        dtype = dtype_for(self.vocabulary)
        arrays = [np.empty(0, dtype)]
        pieces = self._added.split(part) if self._added else [part]
        for number, piece in enumerate(pieces):
            if number % 2:  # `split` gives what it looked for at the odd places
                arrays.append(np.array([self.files.vocabulary[piece]], dtype))
            elif piece:
                begins = number > 0 or is_first
                if self.files.leading_blank and begins and not piece.startswith(" "):
                    piece = " " + piece
                arrays += self._arrays(piece, dtype)
        return np.concatenate(arrays)

    def decode(self, tokens: Any) -> str:
        """Text; what is no UTF-8 becomes U+FFFD.

        Raises:
            ValueError: If a token is none of the vocabulary.
        """
        numbers = within(tokens, self.vocabulary).tolist()
        return b"".join(map(self._spelling.__getitem__, numbers)).decode(
            errors="replace"
        )

    def _arrays(self, text: str, dtype: np.dtype) -> Iterator[np.ndarray]:
        """Tokens of a text without added ones, some words at a time."""
        matches = _word_pattern().finditer(text)
        while words := [match[0] for match in itertools.islice(matches, _WORDS)]:
            tokens = map(self._word, words)
            yield np.fromiter(itertools.chain.from_iterable(tokens), dtype)

    def _word(self, word: str) -> tuple[int, ...]:
        tokens = self._remembered.get(word)
        if tokens is None:
            tokens = self._merged(word.encode())
            if len(word) <= _LONG:
                if len(self._remembered) >= _REMEMBERED:
                    self._remembered.clear()
                self._remembered[word] = tokens
        return tokens

    def _merged(self, word: bytes) -> tuple[int, ...]:
        whole = self._whole.get(word)
        if whole is not None:
            return (whole,)
        return tuple(merged([self._of_byte[byte] for byte in word], self._merges.get))


def merged(
    tokens: list[int],
    merge_of: Callable[[tuple[int, int]], tuple[int, int] | None],
) -> list[int]:
    """Merge neighbours, the most urgent pair first and of those the leftmost.

    It takes a time in proportion to n log n for n tokens.

    Args:
        tokens: Of a word, which are overwritten.
        merge_of: Rank of the merge of two tokens, less being more urgent, and the token
            that they become; None if they stay apart.
    """
    n = len(tokens)
    following, before = list(range(1, n + 1)), list(range(-1, n - 1))
    queue: list[tuple[int, int, int, int, int]] = []

    def offer(left: int, right: int) -> None:
        pair = tokens[left], tokens[right]
        merge = merge_of(pair)
        if merge is not None:
            heapq.heappush(queue, (merge[0], left, merge[1], *pair))

    for left in range(n - 1):
        offer(left, left + 1)
    while queue:
        _, left, token, first, second = heapq.heappop(queue)
        right = following[left]
        # One of the two may have been merged with another since.
        if tokens[left] != first or right == n or tokens[right] != second:
            continue
        tokens[left], tokens[right] = token, -1
        following[left] = beyond = following[right]
        if beyond < n:
            before[beyond] = left
            offer(left, beyond)
        if before[left] >= 0:
            offer(before[left], left)
    return [token for token in tokens if token >= 0]


def _spellings(files: TokenizerFiles) -> list[bytes]:
    """The bytes of each token, by its number."""
    spelling = [b""] * len(files.vocabulary)
    added = files.added | files.special
    for word, number in files.vocabulary.items():
        of_letters = [letters().get(letter) for letter in word]
        if word in added or None in of_letters:
            spelling[number] = word.encode(errors="replace")
        else:
            spelling[number] = bytes(byte for byte in of_letters if byte is not None)
    return spelling


def _added(files: TokenizerFiles, words: Iterable[str]) -> re.Pattern[str] | None:
    """What finds added tokens in a text: the leftmost, and of those the longest."""
    longest_first = sorted((word for word in words if word), key=len, reverse=True)
    for word in longest_first:
        if re.search(r"\S[ \n]", word):
            raise TokenFileError(
                f"added token {word!r} holds a blank after a letter, which is not "
                "supported"
            )
    if not longest_first:
        return None
    return re.compile("(" + "|".join(map(re.escape, longest_first)) + ")")


@cache
def _word_pattern() -> re.Pattern[str]:
    r"""How GPT-2 cuts a text before it merges bytes.

    It is ``'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+``,
    with the classes of Unicode written out, for `re` does not know them. It says of any
    run in one pass where it ends, however long it is.
    """
    letter = _characters(str.isalpha)
    # Some Chinese letters are numeric too.
    number = _characters(lambda x: x.isnumeric() and not x.isalpha())
    return re.compile(
        rf"'(?:[sdmt]|ll|ve|re)| ?[{letter}]+| ?[{number}]+"
        rf"| ?[^{_BLANKS}{letter}{number}]+|[{_BLANKS}]+(?![^{_BLANKS}])|[{_BLANKS}]+"
    )


def _characters(is_member: Callable[[str], bool]) -> str:
    """The inside of a class of `re` of all characters of a kind."""
    codes = [code for code in range(sys.maxunicode + 1) if is_member(chr(code))]
    # Of a run, code minus place is the same.
    runs = itertools.groupby(enumerate(codes), lambda item: item[1] - item[0])
    ends = [[code for _, code in run] for _, run in runs]
    return "".join(f"\\U{run[0]:08x}-\\U{run[-1]:08x}" for run in ends)
