"""The list of all experiments, found by their place.

Every folder of `isinglass.experiments` is a group: its ``__init__`` holds a `PAPER` and
its `EXPERIMENTS`, of which any may name another paper. Another package adds a group of
its own by an entry point in ``isinglass.experiments`` that names a module with the same
two. Declarations alone are imported here; the modules that measure are imported when
they are run.
"""

from __future__ import annotations

import difflib
import pkgutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module, metadata
from types import ModuleType

from isinglass.reproduce.experiment import Experiment, Paper

# The name of our own package and of the entry points of others. Experiments import what
# stands in this folder, so that they are imported by name here, when they are listed.
EXPERIMENTS = "isinglass.experiments"


@dataclass(frozen=True)
class Entry:
    """An experiment with its place in the catalogue.

    Attributes:
        system: Name of its group, such as "interference".
        paper: The paper of the experiment, which is its group's unless it says another.
        package: Module that declares it.
        experiment: The declaration.
    """

    system: str
    paper: Paper
    package: str
    experiment: Experiment

    @property
    def name(self) -> str:
        """Name for the command line, such as "interference-double-slit"."""
        return f"{self.system}-{self.experiment.name}"

    @property
    def module(self) -> str:
        """Name of the module that measures it."""
        return f"{self.package}.{self.experiment.name.replace('-', '_')}"


class UnknownExperimentError(ValueError):
    """No experiment has this name."""


def entries() -> dict[str, Entry]:
    """All experiments by name: our groups by alphabet, then those of other packages."""
    return {
        entry.name: entry
        for system, module in _groups()
        for entry in _entries_of(system, module)
    }


def _groups() -> Iterator[tuple[str, ModuleType]]:
    for folder in pkgutil.iter_modules(import_module(EXPERIMENTS).__path__):
        yield folder.name, import_module(f"{EXPERIMENTS}.{folder.name}")
    for point in metadata.entry_points(group=EXPERIMENTS):
        yield point.name, point.load()


def _entries_of(system: str, module: ModuleType) -> Iterator[Entry]:
    for experiment in module.EXPERIMENTS:
        paper = experiment.paper or module.PAPER
        yield Entry(system, paper, module.__name__, experiment)


def select(names: Sequence[str]) -> list[Entry]:
    """The experiments of these names, without repetition, in the order of `entries`.

    Args:
        names: Names of experiments, of systems ("interference" stands for every
            experiment whose name starts with "interference-"), or "all".

    Raises:
        UnknownExperimentError: If a name stands for nothing; it suggests close ones.
    """
    catalogue = entries()
    chosen = {match for name in names for match in _matches(name, catalogue)}
    return [entry for name, entry in catalogue.items() if name in chosen]


def _matches(name: str, catalogue: Mapping[str, Entry]) -> list[str]:
    if name == "all":
        return list(catalogue)
    if name in catalogue:
        return [name]
    of_system = [other for other in catalogue if other.startswith(f"{name}-")]
    if of_system:
        return of_system
    systems = sorted({entry.system for entry in catalogue.values()})
    close = difflib.get_close_matches(
        name, [*catalogue, *systems, "all"], n=3, cutoff=0.5
    )
    hint = (
        f"did you mean {' or '.join(close)}?"
        if close
        else "`isinglass list` shows all."
    )
    raise UnknownExperimentError(f"no experiment is called {name!r}: {hint}")
