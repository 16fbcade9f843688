"""Files of text as arrays of tokens, with the tokens of a model's folder."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
from jaxtyping import Integer

from isinglass._common import files
from isinglass._common.plain_checks import as_path, check_kind, check_whole
from isinglass.data.byte_pairs import BytePairTokens
from isinglass.data.tokenizer_folder import (
    TokenFileError,
    TokenizerFiles,
    as_files,
    letters,
)
from isinglass.data.tokens import ByteTokens, dtype_for

_PART = 1 << 22  # bytes that are read at a time
# No token holds what stands before a blank or a line end, and it.
_BOUNDARY = re.compile(r"(?<=\S)(?=[ \n])")
# Each byte is the token of its number.
_BYTES = TokenizerFiles(letters(), [])


def tokens_of(folder: str | Path, vocabulary: int) -> ByteTokens | BytePairTokens:
    """Read the tokens of a model's folder: those of its tokenizer.

    A tokenizer without merges that numbers each byte by itself, as `save_tokens` writes
    it, is `ByteTokens`. A folder without a tokenizer does not say what its tokens are.

    Args:
        folder: The folder.
        vocabulary: V of the model, which may be more than the tokenizer has: many are
            padded to a round number.

    Raises:
        FileNotFoundError: If there is no tokenizer, or one of its files is missing.
        TokenFileError: As `BytePairTokens` does, or if there are more tokens than the
            model has.
    """
    check_whole(vocabulary=vocabulary)
    tokens = BytePairTokens(folder)
    if tokens.vocabulary > vocabulary:
        raise TokenFileError(
            f"{folder}: the tokenizer has {tokens.vocabulary} tokens, and the model a "
            f"vocabulary of {vocabulary}: it is not the model's"
        )
    return ByteTokens() if tokens.files == _BYTES else tokens


def save_tokens(tokens: ByteTokens | BytePairTokens, folder: str | Path) -> None:
    """Write tokens beside a model, as tokenizer.json and tokenizer_config.json.

    `transformers` reads them. Files that are there are replaced,
    each whole or not at all; vocab.json and what belongs to it must not be of another
    tokenizer.

    Args:
        tokens: Bytes, or byte pairs.
        folder: Made if need be.

    Raises:
        OSError: If it cannot be written.
    """
    check_kind(ByteTokens, BytePairTokens, tokens=tokens)
    folder = as_path("folder", folder)
    folder.mkdir(parents=True, exist_ok=True)
    content = _BYTES if isinstance(tokens, ByteTokens) else tokens.files
    files.write_together(
        {folder / name: data for name, data in as_files(content).items()}
    )


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
    check_kind(ByteTokens, BytePairTokens, tokens=tokens)
    text = as_path("text", text)
    if not text.is_file():
        raise FileNotFoundError(f"no file of text at {text}")
    if not text.stat().st_size:
        raise TokenFileError(f"{text} is empty")
    if isinstance(tokens, ByteTokens):
        return np.memmap(text, np.uint8, "r")
    path = (
        text.with_name(text.name + ".npy") if store is None else as_path("store", store)
    )
    with files.replacing(path) as file:
        _write(file, text, tokens)
    return np.load(path, mmap_mode="r", allow_pickle=False)


def _write(file: BinaryIO, text: Path, tokens: BytePairTokens) -> None:
    dtype, count = dtype_for(tokens.vocabulary), 0
    _header(file, dtype, 0)
    for number, part in enumerate(_text_parts(text)):
        encoded = tokens.encode_part(part, is_first=number == 0)
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
