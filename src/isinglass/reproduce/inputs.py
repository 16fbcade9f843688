"""A text and a model that the user gave: checked before anything runs, known by a short hash."""

import codecs
import hashlib
from pathlib import Path

import numpy as np

from isinglass.data import few_shot, mnist
from isinglass.data.mnist import MNIST, MNISTFileError
from isinglass.experiments.interference.setting import CLASSES

LEAST_TEXT = 400_000  # bytes: 0.1 % of what is not held out then fills a context of 256
_PART = 1 << 22  # bytes that are read at a time


class GivenError(ValueError):
    """The text or the model that was given cannot be used."""


def text_fingerprint(text: Path | None) -> str | None:
    """Short hash of a file of text; None of none.

    Raises:
        GivenError: If it is no file that can be read, or shorter than experiments need.
    """
    if text is None:
        return None
    if not text.is_file():
        why = "it is a folder" if text.is_dir() else "there is no such file"
        raise GivenError(f"--text {text}: {why}")
    size = text.stat().st_size
    if size < LEAST_TEXT:
        raise GivenError(
            f"--text {text}: must hold at least {LEAST_TEXT:,} bytes, so that 0.1 % of "
            f"it fills a context, got {size:,}"
        )
    return _fingerprint([text], f"--text {text}")


def model_fingerprint(model: Path | None, text: Path | None = None) -> str | None:
    """Short hash of what a model's folder holds of the model; None of none.

    The model is read whole, and the text where its tokens ask for UTF-8, so that what
    is damaged is refused now.

    Raises:
        GivenError: If the model cannot be read, its tokens cannot, or the text is none
            to them.
    """
    if model is None:
        return None
    from isinglass.systems.memory import (  # here: they import jax
        BytePairTokens,
        load_gpt2,
        tokens_of,
    )

    try:
        tokens = tokens_of(model, load_gpt2(model).config.vocabulary)
    except (ValueError, OSError, ImportError) as error:
        raise GivenError(f"--model {model}: {error}") from error
    if text is not None and isinstance(tokens, BytePairTokens):
        _check_utf8(text)
    wanted = ("config.json", "vocab.json", "merges.txt")
    found = [model / name for name in wanted if (model / name).is_file()]
    return _fingerprint(
        [*found, *sorted(model.glob("*.safetensors"))], f"--model {model}"
    )


def _check_utf8(text: Path) -> None:
    decoder, read = codecs.getincrementaldecoder("utf-8")(), 0
    try:
        with text.open("rb") as file:
            while data := file.read(_PART):
                read += len(data)
                decoder.decode(data)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        # What was decoded is the last part, and what was left of the one before.
        place = read - len(error.object) + error.start
        raise GivenError(
            f"--text {text}: must be UTF-8 for the byte pairs of --model, and byte "
            f"{place:,} ({text.stat().st_size:,} in all, from 0) is not: {error.reason}"
        ) from error
    except OSError as error:
        raise GivenError(f"--text {text}: cannot read it: {error.strerror}") from error


def _fingerprint(files: list[Path], what: str) -> str:
    digest = hashlib.sha256()
    for path in files:
        try:
            with path.open("rb") as file:
                digest.update(path.name.encode() if len(files) > 1 else b"")
                digest.update(hashlib.file_digest(file, "sha256").digest())
        except OSError as error:
            raise GivenError(f"{what}: cannot read {path}: {error.strerror}") from error
    return digest.hexdigest()[:12]


# Samples of each class that the experiments need: the largest K they draw, and enough
# to test on.
TO_DRAW, TO_TEST = 50, 20


def _load_digits(folder: Path | None) -> MNIST:
    try:
        digits = mnist.load(folder)
        _check_enough(digits, mnist.find_folder(folder))
    except MNISTFileError as error:
        if folder is None:
            raise MNISTFileError(f"{mnist.ENVIRONMENT_VARIABLE}: {error}") from error
        raise
    return digits


def _check_enough(digits: MNIST, folder: Path | None) -> None:
    """Refuse digits that some experiment would fail on, perhaps after minutes."""
    try:
        pool, test = few_shot.task(digits, CLASSES)
    except ValueError as error:
        raise MNISTFileError(f"{folder}: {error}") from error
    for part, needed, purpose in (
        (pool, TO_DRAW, "learn from"),
        (test, TO_TEST, "test on"),
    ):
        for label in CLASSES:
            found = np.count_nonzero(part.labels == label)
            if found < needed:
                raise MNISTFileError(
                    f"{folder}: expected at least {needed} samples of digit {label} to "
                    f"{purpose}, found {found}"
                )


def _digits_fingerprint(digits: MNIST) -> str:
    parts = [digits.train] if digits.test is None else [digits.train, digits.test]
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part.labels).to_bytes(8))
        digest.update(part.images.tobytes())
        digest.update(part.labels.tobytes())
    return digest.hexdigest()[:12]
