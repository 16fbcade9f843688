"""What an experiment is, and the list of all of them.

`experiments` imports the experiment modules when it is called. Each keeps heavy imports
(jax, scikit-learn, optax, matplotlib) inside its functions, so that ``isinglass list``
answers at once.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

from isinglass.reproduce.experiment import Experiment

if TYPE_CHECKING:
    pass


MODULES = (
    "interference.few_shot",
    "interference.forgetting",
    "interference.similarity",
    "interference.arrival",
    "interference.entropy",
    "interference.double_slit",
    "interference.worldlines",
    "meanfield.trajectories",
    "meanfield.bifurcation",
    "meanfield.continuation",
    "meanfield.phase",
    "meanfield.finite_size",
    "meanfield.many_patterns",
    "looped.induction",
    "looped.ablation",
    "looped.baseline",
    "looped.length",
    "looped.landscape",
    "looped.mechanism",
    "looped.contraction",
    "memory.landscapes",
    "memory.bounds",
    "memory.retrieval",
    "memory.layers",
    "memory.partition",
    "memory.question_formation",
    "memory.data_size",
    "memory.radius",
    "memory.width",
)


class UnknownExperimentError(ValueError):
    """No experiment has this name."""


def experiments() -> dict[str, Experiment]:
    """All experiments by name, in the order of the papers."""
    loaded: list[Any] = [
        import_module(f"isinglass.experiments.{name}") for name in MODULES
    ]
    return {module.EXPERIMENT.name: module.EXPERIMENT for module in loaded}


def select(names: Sequence[str]) -> list[Experiment]:
    """The experiments of these names, each once, in the order of `experiments`.

    Args:
        names: Names of experiments, of systems ("interference" stands for every
            experiment whose name starts with "interference-"), or "all".

    Raises:
        UnknownExperimentError: If a name stands for nothing; it suggests close ones.
    """
    known = experiments()
    chosen = {match for name in names for match in _matches(name, known)}
    return [experiment for name, experiment in known.items() if name in chosen]


def _matches(name: str, known: dict[str, Experiment]) -> list[str]:
    if name == "all":
        return list(known)
    if name in known:
        return [name]
    of_system = [candidate for candidate in known if candidate.startswith(f"{name}-")]
    if of_system:
        return of_system
    systems = {candidate.partition("-")[0] for candidate in known}
    close = difflib.get_close_matches(
        name, [*known, *sorted(systems), "all"], n=3, cutoff=0.5
    )
    hint = (
        f"did you mean {' or '.join(close)}?"
        if close
        else "`isinglass list` shows all."
    )
    raise UnknownExperimentError(f"no experiment is called {name!r}: {hint}")
