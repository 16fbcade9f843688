"""Features of the mean field in words that a file can hold."""

import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from isinglass._common.checks import check_seed, check_whole
from isinglass.systems.meanfield import Features

DEFAULT_PATTERNS, DEFAULT_SEGMENTS, DEFAULT_BITS = 3, 3, 2
SPINS_PER_SEGMENT = 33


def random_features(
    patterns: int | None,
    segments: int | None,
    positional_bits: int | None,
    seed: int | None,
) -> dict[str, Any]:
    """Draw random segments, in words; None stands for the paper's size.

    Raises:
        ValueError: If a size or the seed is out of range.
    """
    patterns = DEFAULT_PATTERNS if patterns is None else patterns
    segments = DEFAULT_SEGMENTS if segments is None else segments
    bits = DEFAULT_BITS if positional_bits is None else positional_bits
    seed = 0 if seed is None else seed
    check_whole(**{"--patterns": patterns, "--segments": segments})
    check_whole(0, **{"--positional-bits": bits})
    check_seed(**{"--feature-seed": seed})
    spins = SPINS_PER_SEGMENT * segments
    features = Features.random_segments(patterns, bits, spins, segments, seed)
    return features_in_words(features, spins)


def features_of_file(path: Path, positional_bits: int | None) -> dict[str, Any]:
    """Read the features of the weights in a file, in words.

    Args:
        path: A ``.npy`` file, or a ``.npz`` with one array or one that is called
            "weights": W^o, W^v, W^q, W^k in ±1, (4, M, N + P), the positional bits
            last.
        positional_bits: P; the paper's 2 if None.

    Raises:
        ValueError: If it holds no such thing. Nothing is unpickled.
        OSError: If it cannot be read.
    """
    bits = DEFAULT_BITS if positional_bits is None else positional_bits
    if bits < 0:
        raise ValueError(f"--positional-bits must be at least 0, got {bits}")
    weights = _array_in(path)
    try:
        features = Features.from_weights(weights, bits)
    except (TypeError, ValueError) as error:
        raise ValueError(f"--weights {path}: {error}") from None
    return features_in_words(features, weights.shape[2] - bits)


def features_in_words(features: Features, n_spins: int) -> dict[str, Any]:
    """Write features as JSON can hold them.

    Each column stands once, in signs, with how many spins have it.

    Args:
        features: With known columns.
        n_spins: N, how many spins there are in all.
    """
    if features.columns is None or features.shares is None:
        raise ValueError("the columns of the features must be known")
    spins = np.rint(features.shares * n_spins).astype(int).tolist()
    columns = [_signs(column) for column in features.columns]
    return {
        "patterns": features.n_patterns,
        "spins": dict(zip(columns, spins, strict=True)),
        "positional": [_signs(weight) for weight in features.positional],
    }


def features_from_words(words: Mapping[str, Any]) -> Features:
    """Read the features that `features_in_words` wrote, to the last bit.

    Raises:
        ValueError: If the words are damaged.
    """
    try:
        m = words["patterns"]
        columns = np.stack([_numbers(text).reshape(4, m) for text in words["spins"]])
        bits = np.stack([_numbers(text) for text in words["positional"]]).reshape(
            4, m, -1
        )
        spins = np.array(list(words["spins"].values()), dtype=np.int64)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"the features in the plan are damaged: {error!r}") from None
    return Features.from_columns(columns, spins, bits.astype(float))


def _signs(array: Any) -> str:
    return "".join("+" if value > 0 else "-" for value in np.ravel(array))


def _numbers(text: str) -> Any:
    if set(text) - {"+", "-"}:
        raise ValueError(f"{text!r} holds more than + and -")
    return np.array([1 if sign == "+" else -1 for sign in text], dtype=np.int8)


def _array_in(path: Path) -> Any:
    if not path.is_file():
        raise ValueError(
            f"--weights must name a file, got {path}, which does not exist"
        )
    try:
        # Opened here: of a damaged archive NumPy leaves it open.
        with path.open("rb") as file:
            loaded = np.load(file, allow_pickle=False)
            return (
                loaded
                if isinstance(loaded, np.ndarray)
                else loaded[_only_name(loaded.files)]
            )
    except (ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(
            f"--weights {path} is no NumPy file of weights: {error}"
        ) from None


def _only_name(names: list[str]) -> str:
    if "weights" in names or len(names) == 1:
        return "weights" if "weights" in names else names[0]
    raise ValueError(
        "it must hold one array, or one that is called 'weights', got "
        f"{', '.join(names) or 'none'}"
    )
