"""How well a model does at each length, also far beyond those it was trained on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import xarray as xr
from jaxtyping import Array, PRNGKeyArray

from isinglass._common.checks import (
    as_list,
    check_function,
    check_in,
    check_key,
    check_kind,
    check_positive,
    check_whole,
    is_array,
    shown,
)
from isinglass._common.precision import single_precision
from isinglass.data.induction import InductionBatch, InductionTask
from isinglass.systems.looped.loop import Loop

# Scores of attention, by iteration and head, that sequences evaluated side by side have
# in all.
SCORES_AT_ONCE = 1 << 19
ATTRIBUTES = {
    "loss": {"long_name": "objective", "units": "nat"},
    "cross_entropy": {"long_name": "cross-entropy", "units": "nat"},
    "all": {"long_name": "share of right answers", "units": "1"},
    "last": {"long_name": "share of right answers at the last position", "units": "1"},
    "kinetic": {"long_name": "kinetic energy ½|ΔZ|²", "units": "1"},
    "potential": {"long_name": "potential energy min(−log p)", "units": "nat"},
    "entropy": {"long_name": "Tsallis entropy of attention", "units": "1"},
}

# (model, one sequence) -> numbers to sum
Measure = Callable[[Any, InductionBatch], Array]


@dataclass(frozen=True)
class Evaluation:
    """When training is interrupted to measure accuracy, and how.

    Attributes:
        lengths: Lengths of sequence; the defaults are those of Lam 2026, Table 1.
        every: Steps between measurements; there is one more at the end of each recipe.
            It is also how often a checkpoint is written.
        sequences: Sequences of each length. They are other ones each time, the same for
            all seeds.
        task: What to measure; None for the task that is learned.
        stop_at: Accuracy, 0 to 1: training ends early, in the last recipe, when in two
            evaluations one after the other no seed that has not diverged had less at
            its longest length. None to take all steps.

    Raises:
        ValueError: If a number is out of range, or a length is repeated.
    """

    lengths: tuple[int, ...] = (10, 64, 100, 200, 500, 1000)
    every: int = 500
    sequences: int = 64
    task: InductionTask | None = None
    stop_at: float | None = None

    def __post_init__(self) -> None:
        check_whole(every=self.every, sequences=self.sequences)
        check_lengths(self.lengths)
        if self.task is not None:
            check_kind(InductionTask, task=self.task)
        if self.stop_at is not None:
            check_in("(0, 1]", stop_at=self.stop_at)


@dataclass(frozen=True, eq=False)
class Sample:
    """Random sequences of several lengths, on which models are measured.

    Attributes:
        lengths: Lengths n, different ones.
        key: What the sequences are drawn from; every model gets the same ones. Those of
            a length do not depend on the other lengths.
        sequences: How many of each length.

    Raises:
        ValueError: If a number is less than 1, or a length is repeated.
    """

    lengths: Sequence[int]
    key: PRNGKeyArray
    sequences: int = 64

    def __post_init__(self) -> None:
        check_lengths(self.lengths)
        check_whole(sequences=self.sequences)
        check_key(key=self.key)


@single_precision()
def accuracy_by_length(
    model: Any,
    task: InductionTask,
    sample: Sample,
    *,
    iterations: int | None = None,
    seeds: Sequence[int] | None = None,
) -> xr.Dataset:
    """Measure the share of right answers on sequences of each length.

    Memory is bounded at any length: sequences are taken some at a time, and models one
    by one.

    Args:
        model: A `LoopedTransformer`, or anything that makes logits (n, V) of tokens
            (n,).
        task: What to answer.
        sample: On which sequences.
        iterations: How often to apply the block; None for the configured T.
        seeds: Names of the models, where `model` is several stacked along the leading
            axis of their parameters, as in `Run.model`.

    Returns:
        "all", over every position that counts, and "last", over last positions that
        count (NaN if none does), each of dimensions ([seed,] length).

    Raises:
        ValueError: If a number is less than 1, a length less than the task allows, or
            model, task and seeds do not fit together.
    """
    check_function(model=model)
    iterations = _as_iterations(iterations)
    counts = _by_length(_Answers(iterations), model, task, sample, seeds)
    right, questions, right_last, questions_last = np.moveaxis(counts, -1, 0)
    with np.errstate(invalid="ignore"):
        values = {"all": right / questions, "last": right_last / questions_last}
    return _dataset(values, sample.lengths, seeds)


@single_precision()
def terms_by_length(
    model: Any,
    task: InductionTask,
    sample: Sample,
    *,
    iterations: int | None = None,
    q: float = 1.5,
    seeds: Sequence[int] | None = None,
) -> xr.Dataset:
    """Measure what an `EnergyEntropyObjective` is made of, by length.

    Arguments and errors are those of `accuracy_by_length`; the model is a
    `LoopedTransformer`, and q the Tsallis index of its objective.

    Returns:
        "cross_entropy", over positions that count (nats), and over all positions,
        iterations and heads "kinetic", "potential" (nats) and "entropy", the mean
        itself (Lam 2026, Eqs. 3 to 5); each of dimensions ([seed,] length).
    """
    check_kind(Loop, model=model)
    check_positive(q=q)
    iterations = _as_iterations(iterations)
    sums = _by_length(_Terms(iterations, float(q)), model, task, sample, seeds)
    cross_entropy, questions, kinetic, potential, entropy = np.moveaxis(sums, -1, 0)
    with np.errstate(invalid="ignore"):
        values = {"cross_entropy": cross_entropy / questions}
    energies = {"kinetic": kinetic, "potential": potential, "entropy": entropy}
    values |= {name: total / sample.sequences for name, total in energies.items()}
    return _dataset(values, sample.lengths, seeds)


def check_lengths(lengths: Sequence[int], task: InductionTask | None = None) -> None:
    """Refuse lengths that are none, less than the task allows or repeated."""
    if task is not None:
        check_kind(InductionTask, task=task)
    least = 1 if task is None else task.shortest
    check_kind(Sequence, lengths=lengths)
    for length in as_list("lengths", lengths):
        check_whole(lengths=length)
    if len(set(lengths)) < len(lengths) or min(lengths) < least:
        form = "" if task is None else f" in the {task.form} form"
        raise ValueError(
            "lengths must be different ones, none below "
            f"{least}{form}, got {tuple(lengths)}"
        )


def check_vocabulary(config: Any, task: InductionTask) -> None:
    """Refuse a model that has not the symbols of the task."""
    check_kind(InductionTask, task=task)
    if config is not None and config.vocabulary != task.vocabulary:
        raise ValueError(
            f"task must have the model's vocabulary, {config.vocabulary}, got "
            f"{task.vocabulary}"
        )


def _as_iterations(iterations: Any) -> int | None:
    if iterations is None:
        return None
    check_whole(iterations=iterations)
    return int(iterations)


def _by_length(
    measure: Measure,
    model: Any,
    task: InductionTask,
    sample: Sample,
    seeds: Sequence[int] | None,
) -> np.ndarray:
    """What is measured, summed over sequences: ([seeds,] lengths, numbers)."""
    check_kind(Sample, sample=sample)
    check_lengths(sample.lengths, task)
    check_vocabulary(getattr(model, "config", None), task)
    if seeds is not None:
        seeds = as_list("seeds", seeds)
        arrays = jax.tree.leaves(eqx.filter(model, eqx.is_array))
        sizes = {jnp.shape(x)[:1] for x in arrays}
        embedding = getattr(model, "embedding", None)
        is_one = getattr(embedding, "ndim", 3) < 3  # whose sizes may be equal, too
        if is_one or sizes != {(len(seeds),)}:
            raise ValueError(
                "seeds must name each of the models stacked in model: got "
                f"{len(seeds)} seeds, and parameters of leading sizes {sorted(sizes)}"
            )
    stacked = seeds is not None
    sums = []
    for length in map(int, sample.lengths):
        key = jax.random.fold_in(sample.key, length)
        draw = _Draw(task, length, sample.sequences)
        sums.append(np.asarray(_sums(model, key, measure, draw, stacked), float))
    return np.stack(sums, axis=-2)


@dataclass(frozen=True)
class _Draw:
    """Sequences of one length, as a program that is compiled depends on them."""

    task: InductionTask
    length: int
    sequences: int


@dataclass(frozen=True)
class _Answers:
    """Right answers and questions, at all positions and at the last one."""

    iterations: int | None

    def __call__(self, model: Any, sequence: InductionBatch) -> Array:
        tokens, targets, mask, _ = sequence
        options = {} if self.iterations is None else {"iterations": self.iterations}
        logits = model(tokens, **options)
        if not is_array(logits) or jnp.ndim(logits) != 2 or len(logits) != len(tokens):
            raise ValueError(
                "model must make logits (n, V) of tokens (n,); it made "
                f"{shown(logits)} of {len(tokens)}"
            )
        right = (logits.argmax(-1) == targets) & mask
        return jnp.stack([right.sum(), mask.sum(), right[-1], mask[-1]])


@dataclass(frozen=True)
class _Terms:
    """Cross-entropy and questions, sums; energies and entropy, means over positions."""

    iterations: int | None
    q: float

    def __call__(self, model: Any, sequence: InductionBatch) -> Array:
        tokens, targets, mask, _ = sequence
        final, energies = model.energies(tokens, None, self.iterations, self.q)
        surprise = optax.softmax_cross_entropy_with_integer_labels(
            model.decode(final), targets
        )
        means = [energy.mean() for energy in energies]
        return jnp.stack([(surprise * mask).sum(), mask.sum(), *means])


@eqx.filter_jit
def _sums(
    model: Any, key: PRNGKeyArray, measure: Measure, draw: _Draw, stacked: bool
) -> Array:
    """A measure of one length, summed over sequences: ([models,] numbers)."""
    batch = draw.task.batch(key, draw.sequences, draw.length)
    most = max(1, SCORES_AT_ONCE // draw.length**2)
    together = max(n for n in range(1, most + 1) if draw.sequences % n == 0)
    arrays, rest = eqx.partition(model, eqx.is_array)

    def of_model(arrays: Any) -> Array:
        model = eqx.combine(arrays, rest)
        numbers = jax.lax.map(
            lambda sequence: measure(model, sequence), batch, batch_size=together
        )
        return numbers.sum(0)

    return jax.lax.map(of_model, arrays) if stacked else of_model(arrays)


def _dataset(
    values: dict[str, np.ndarray],
    lengths: Sequence[int],
    seeds: Sequence[int] | None,
) -> xr.Dataset:
    dims = ["length"] if seeds is None else ["seed", "length"]
    coords: dict[str, Any] = {"length": ("length", list(lengths), {"units": "symbols"})}
    if seeds is not None:
        coords["seed"] = list(seeds)
    variables = {
        name: (dims, array, ATTRIBUTES[name]) for name, array in values.items()
    }
    return xr.Dataset(variables, coords)
