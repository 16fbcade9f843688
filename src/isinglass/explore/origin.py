"""Which map a sweep is of and where it starts, in words that go into the sweep's plan."""

import dataclasses
import hashlib
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from isinglass._common.checks import check_whole
from isinglass.explore import words as texts

if TYPE_CHECKING:
    from isinglass.systems.meanfield import Features

MEAN_FIELD = "meanfield"
DEFAULT_PATTERNS, DEFAULT_SEGMENTS, DEFAULT_BITS = 3, 3, 2
SPINS_PER_SEGMENT = 33


@dataclass(frozen=True)
class Recipe:
    """All that is needed to build a map and its initial state again.

    Attributes:
        map: "meanfield", the name of a known map, or "/whole/path/to/file.py:function".
        start: Numbers of the initial state; None for the map's own start.
        features: Of the mean field, as `features_in_words` gives them; None for the
            paper's.
        context: Context length of the mean field; None for once round its positional
            bits.
        sha256: Of the file that holds the map.
    """

    map: str
    start: list[float] | None = None
    features: Mapping[str, Any] | None = None
    context: int | None = None
    sha256: str | None = None

    def plain(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return dataclasses.asdict(self)

    @classmethod
    def read(cls, plain: Mapping[str, Any] | None, directory: Path) -> "Recipe":
        """The recipe that `plain` gave, out of the plan in a folder.

        Raises:
            ValueError: If the plan has none, or one that is not understood.
        """
        if plain is None:
            raise ValueError(
                f"{directory} was made by a program and not by `isinglass sweep`, so "
                "that its map "
                "is not known: the program goes on with it, or "
                "isinglass.dynamics.resume does"
            )
        try:
            return cls(**plain)
        except TypeError as error:
            raise ValueError(
                f"the plan in {directory} is damaged: its recipe: {error}"
            ) from None


def of_options(
    target: str,
    start: str | None = None,
    *,
    weights: Path | None = None,
    patterns: int | None = None,
    segments: int | None = None,
    positional_bits: int | None = None,
    feature_seed: int | None = None,
    context: int | None = None,
) -> Recipe:
    """The recipe that the command line asks for.

    Args:
        target: MAP: "meanfield", a known map's name, or ``path/to/file.py:function``.
        start: Numbers of the initial state, with commas.
        weights: File with the weights of the mean field; for other maps it is None, as
            are all that follow.
        patterns: M of random segments.
        segments: How many of them.
        positional_bits: P of random segments, or of the weights.
        feature_seed: Seed of the segments.
        context: Context length.

    Raises:
        ValueError: If an option does not go with the others, or a file is not what it
            should be.
        OSError: If a file cannot be read.
    """
    numbers = None if start is None else texts.numbers("--start", start)
    sizes = {
        "--patterns": patterns,
        "--segments": segments,
        "--feature-seed": feature_seed,
        "--positional-bits": positional_bits,
    }
    given = [name for name, value in sizes.items() if value is not None]
    if target == MEAN_FIELD:
        words = None
        if weights is not None:
            if given and given != ["--positional-bits"]:
                raise ValueError(
                    f"--weights and {given[0]} cannot both be given: weights have it"
                )
            words = features_of_file(weights, positional_bits)
        elif given:
            words = random_features(patterns, segments, positional_bits, feature_seed)
        return Recipe(target, numbers, words, context)
    given += ["--weights"] * (weights is not None) + ["--context"] * (
        context is not None
    )
    if given:
        raise ValueError(
            f"{given[0]} is an option of {MEAN_FIELD}, got the map {target!r}"
        )
    own = file_and_function(target)
    if own is None:
        return Recipe(target, numbers)
    path, function = own
    if not path.is_file():
        raise ValueError(
            f"MAP must name a Python file, got {path}, which does not exist"
        )
    return Recipe(f"{path.resolve()}:{function}", numbers, sha256=hash_of(path))


def file_and_function(text: str) -> tuple[Path, str] | None:
    """Path and name of ``path/to/file.py:function``; None if the text is no such thing.

    Raises:
        ValueError: If it names a file only.
    """
    path, colon, function = text.rpartition(":")
    if colon and path.endswith(".py"):
        return Path(path), function
    if text.endswith(".py"):
        raise ValueError(
            f"MAP must name the function too, {text}:FUNCTION, got {text!r}"
        )
    return None


def hash_of(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def random_features(
    patterns: int | None,
    segments: int | None,
    positional_bits: int | None,
    seed: int | None,
) -> dict[str, Any]:
    """Random segments, in words; each size is the paper's where None is given.

    Raises:
        ValueError: If a size or the seed is out of range.
    """
    from isinglass.systems.meanfield import Features

    patterns = DEFAULT_PATTERNS if patterns is None else patterns
    segments = DEFAULT_SEGMENTS if segments is None else segments
    bits = DEFAULT_BITS if positional_bits is None else positional_bits
    seed = 0 if seed is None else seed
    check_whole(**{"--patterns": patterns, "--segments": segments})
    check_whole(0, **{"--positional-bits": bits, "--feature-seed": seed})
    spins = SPINS_PER_SEGMENT * segments
    features = Features.random_segments(patterns, bits, spins, segments, seed)
    return features_in_words(features, spins)


def features_of_file(path: Path, positional_bits: int | None) -> dict[str, Any]:
    """Weights in a file, in words.

    Args:
        path: A ``.npy`` file, or a ``.npz`` with one array or one that is called
            "weights": W^o, W^v, W^q, W^k in ±1, (4, M, N + P), the positional bits
            last.
        positional_bits: P; the paper's 2 if None.

    Raises:
        ValueError: If it holds no such thing. Nothing is unpickled.
        OSError: If it cannot be read.
    """
    from isinglass.systems.meanfield import Features

    bits = DEFAULT_BITS if positional_bits is None else positional_bits
    if bits < 0:
        raise ValueError(f"--positional-bits must be at least 0, got {bits}")
    weights = _array_in(path)
    try:
        features = Features.from_weights(weights, bits)
    except (TypeError, ValueError) as error:
        raise ValueError(f"--weights {path}: {error}") from None
    return features_in_words(features, weights.shape[2] - bits)


def features_in_words(features: "Features", n_spins: int) -> dict[str, Any]:
    """Features as JSON can hold them: each column once, in signs, with how many spins have it.

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


def features_from_words(words: Mapping[str, Any]) -> "Features":
    """The features that `features_in_words` gave, to the last bit.

    Raises:
        ValueError: If the words are damaged.
    """
    from isinglass.systems.meanfield import Features

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
