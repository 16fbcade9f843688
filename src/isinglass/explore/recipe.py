"""Which map a sweep is of and where it starts, in words that its plan can hold."""

import dataclasses
import hashlib
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from isinglass.explore.features import features_of_file, random_features
from isinglass.explore.notation import numbers

MEAN_FIELD = "meanfield"
SECTION_TOLERANCE = 1e-3  # of the mean field's paper


@dataclass(frozen=True)
class Recipe:
    """All that is needed to build a map and its initial state again.

    Attributes:
        map: "meanfield", the name of a textbook map or flow, or
            "/whole/path/to/file.py:function".
        start: Numbers of the initial state; None for the map's own start.
        features: Of the mean field, as `features_in_words` gives them; None for the
            paper's.
        context: Context length of the mean field; None for once round its positional
            bits.
        sha256: Of the file that holds the map.
        dt: Time of a step of a flow; None for a map, or for a textbook flow's own.
        nearby: Where that file is as seen from the results, so that both can move.
    """

    map: str
    start: list[float] | None = None
    features: Mapping[str, Any] | None = None
    context: int | None = None
    sha256: str | None = None
    dt: float | None = None
    nearby: str | None = None

    def beside(self, results: Path) -> "Recipe":
        """The recipe as it is noted among results."""
        own = file_and_function(self.map)
        if own is None:
            return self
        try:
            nearby = os.path.relpath(own[0], results.resolve())
        except ValueError:  # another drive of Windows
            return self
        return dataclasses.replace(self, nearby=nearby)

    def located(self, results: Path, target: str | None = None) -> "Recipe":
        """The recipe with its file where that is now.

        Which is where it was, or else where it was as seen from the results; a file
        with the same bytes comes first.

        Args:
            results: The folder that the recipe was read from.
            target: ``path/to/file.py:function``, from somebody who knows.

        Raises:
            ValueError: If there is no such file, or the map is out of none.
        """
        own = file_and_function(self.map)
        if target is not None:
            if own is None or file_and_function(target) is None:
                raise ValueError(
                    "--map must be FILE.py:FUNCTION, for a sweep of a map in a file, "
                    f"got {target!r} for a sweep of {self.map}"
                )
            return dataclasses.replace(self, map=target)
        if own is None:
            return self
        path, function = own
        places = [path, (results / (self.nearby or path)).resolve()]
        there = [place for place in places if place.is_file()]
        if not there:
            raise ValueError(
                f"the map of {results} was {path}, which does not exist: --map "
                f"FILE.py:{function} says where it is"
            )
        same = [place for place in there if hash_of(place) == self.sha256]
        return dataclasses.replace(self, map=f"{(same or there)[0]}:{function}")

    def section_tolerance(self, tolerance: float | None) -> float | None:
        """How near to a section is on it; of the mean field as near as the paper's."""
        default = SECTION_TOLERANCE if self.map == MEAN_FIELD else None
        return default if tolerance is None else tolerance

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
                "that its map is not known: the program goes on with it, or "
                "isinglass.dynamics.resume does"
            )
        try:
            return cls(**plain)
        except TypeError as error:
            raise ValueError(
                f"the plan in {directory} is damaged: its recipe: {error}"
            ) from None


@dataclass(frozen=True)
class MapOptions:
    """What a command line says of the map.

    Attributes:
        target: MAP: "meanfield", the name of a textbook map, or
            ``path/to/file.py:function``.
        start: Numbers of the initial state, with commas.
        weights: File with the weights of the mean field; for other maps it is None, as
            are all that follow.
        patterns: M of random segments.
        segments: How many of them.
        positional_bits: P of random segments, or of the weights.
        feature_seed: Seed of the segments.
        context: Context length.
        dt: Time of a step, where MAP is a vector field.
    """

    target: str
    start: str | None = None
    weights: Path | None = None
    patterns: int | None = None
    segments: int | None = None
    positional_bits: int | None = None
    feature_seed: int | None = None
    context: int | None = None
    dt: float | None = None

    def recipe(self) -> Recipe:
        """Read the recipe that the options ask for.

        Raises:
            ValueError: If an option does not go with the others, or a file is not what
                it should be.
            OSError: If a file cannot be read.
        """
        start = None if self.start is None else numbers("--start", self.start)
        if self.dt is not None and not (math.isfinite(self.dt) and self.dt > 0):
            raise ValueError(f"--dt must be finite and above 0, got {self.dt}")
        if self.target == MEAN_FIELD:
            if self.dt is not None:
                raise ValueError(
                    f"--dt is for vector fields, got the map {MEAN_FIELD!r}"
                )
            return Recipe(self.target, start, self._features(), self.context)
        foreign = self._sizes()
        foreign += ["--weights"] * (self.weights is not None)
        foreign += ["--context"] * (self.context is not None)
        if foreign:
            raise ValueError(
                f"{foreign[0]} is an option of {MEAN_FIELD}, got the map "
                f"{self.target!r}"
            )
        own = file_and_function(self.target)
        if own is None:
            return Recipe(self.target, start, dt=self.dt)
        path, function = own
        if not path.is_file():
            raise ValueError(
                f"MAP must name a Python file, got {path}, which does not exist"
            )
        name = f"{path.resolve()}:{function}"
        return Recipe(name, start, sha256=hash_of(path), dt=self.dt)

    def _features(self) -> dict[str, Any] | None:
        """Features of the mean field, in words; None for the paper's."""
        sizes = self._sizes()
        if self.weights is not None:
            if sizes and sizes != ["--positional-bits"]:
                raise ValueError(
                    f"--weights and {sizes[0]} cannot both be given: weights have it"
                )
            return features_of_file(self.weights, self.positional_bits)
        if sizes:
            return random_features(
                self.patterns, self.segments, self.positional_bits, self.feature_seed
            )
        return None

    def _sizes(self) -> list[str]:
        """The options of random segments that are there."""
        sizes = {
            "--patterns": self.patterns,
            "--segments": self.segments,
            "--feature-seed": self.feature_seed,
            "--positional-bits": self.positional_bits,
        }
        return [name for name, value in sizes.items() if value is not None]


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
