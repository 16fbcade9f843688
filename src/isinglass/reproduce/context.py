"""What an experiment's `measure` is handed, and what it makes its measurement with."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import xarray as xr

from isinglass._common.progress import Progress, Silent
from isinglass.reproduce.experiment import Resolution
from isinglass.reproduce.inputs import Input


@dataclass(frozen=True, kw_only=True)
class Context:
    """How an experiment is to be run.

    Attributes:
        seeds: Numbers of the independent repetitions, 0 to n − 1.
        seed: Base seed, at least 0; the repetitions draw theirs from it.
        resolution: "quick" where a rough answer in seconds is wanted, "full" for the
            published resolution, else "default".
        paths: What the user handed in, by the name of the input; None of what was not.
        workspace: Folder for sweeps and checkpoints that take long, which a resumed run
            finds as it was left; None to keep them in memory.
        progress: Where to say how far it is.
    """

    seeds: Sequence[int]
    seed: int = 0
    resolution: Resolution = Resolution.DEFAULT
    paths: Mapping[str, Path | None] = field(default_factory=dict)
    workspace: Path | None = None
    progress: Progress = field(default_factory=Silent)

    def rng(self, purpose: str, *numbers: int) -> np.random.Generator:
        """A generator of its own for every purpose and repetition.

        Args:
            purpose: What is drawn, such as "waves". Two purposes share no numbers.
            *numbers: The repetition, and what else tells draws of one purpose apart.
        """
        return self._generator(crc32(purpose.encode()), *numbers)

    def seed_of(self, purpose: str, *numbers: int) -> int:
        """A seed from 0 to 2³¹ − 2 for what wants a number, drawn as `rng` is."""
        return int(self.rng(purpose, *numbers).integers(2**31 - 1))

    def model_seed(self, *numbers: int, below: int = 2**31) -> int:
        """The seed of a model that is trained, from 0 to below − 1.

        It is that of `numbers` alone, whatever else is drawn in an experiment, so that
        experiments which train the same model do so from one seed.

        Args:
            *numbers: The repetition, and what else tells models apart.
            below: One more than the largest seed.
        """
        return int(self._generator(*numbers).integers(below))

    def _generator(self, *numbers: int) -> np.random.Generator:
        # All that is random in an experiment comes from here.
        return np.random.default_rng([self.seed, *numbers])

    def table(
        self, *, unit: str = "", valid_range: Sequence[float] = (), **axes: Iterable
    ) -> xr.DataArray:
        """An array of NaN to be filled, with a dimension for every axis.

        Args:
            unit: Unit of the numbers, such as "%"; the ledger and the axes of figures
                show it.
            valid_range: Least and largest value that the quantity can have, such as
                (0, 100) for a share: intervals in the ledger end there.
            **axes: Names of the dimensions and their coordinates, in order.
        """
        coordinates = {name: list(values) for name, values in axes.items()}
        attributes: dict[str, Any] = {"units": unit} if unit else {}
        if len(valid_range):
            attributes["valid_range"] = list(valid_range)
        shape = [len(values) for values in coordinates.values()]
        return xr.DataArray(
            np.full(shape, np.nan), coordinates, list(coordinates), attrs=attributes
        )

    def cases(self, *axes: Iterable, what: str = "cases") -> Iterator[tuple]:
        """Every combination of the axes' values, the last axis fastest.

        Args:
            *axes: Values of each.
            what: What is counted while they are gone through.
        """
        combinations = list(itertools.product(*axes))
        yield from self.progress.track(combinations, what)

    def store(self, name: str) -> Path | None:
        """Folder for one sweep, or for the checkpoint of one training.

        None where nothing is kept.
        """
        return None if self.workspace is None else self.workspace / name

    def scratch(self) -> tempfile.TemporaryDirectory[str]:
        """A folder for large files, removed when the block ends."""
        return tempfile.TemporaryDirectory(prefix=".isinglass-", dir=self.workspace)

    def path(self, source: Input) -> Path | None:
        """File or folder that the user named for an input, or None."""
        return self.paths.get(source.name)

    def read(self, source: Input) -> Any:
        """An input as experiments get it: see its ``read``."""
        self.progress.step(f"reading {source.name}")
        content = source.read(self.path(source))
        self.progress.step("")
        return content

    def follow(self, what: str) -> Any:
        """A block with a function that takes how much is done, and of how much."""
        return self.progress.follow(what)
