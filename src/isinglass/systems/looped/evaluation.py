"""How well a model does at each length, up to ones far beyond those it was trained on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, PRNGKeyArray

from isinglass._common.checks import check_whole
from isinglass.data.induction import InductionBatch, InductionTask

if TYPE_CHECKING:
    import xarray as xr

# Scores of attention, by iteration and head, that sequences evaluated side by side have
# in all.
SCORES_AT_ONCE = 1 << 19
ABOUT = {
    "loss": {"long_name": "objective", "units": "nat"},
    "cross_entropy": {"long_name": "cross-entropy", "units": "nat"},
    "all": {"long_name": "share of right answers", "units": "1"},
    "last": {"long_name": "share of right answers at the last position", "units": "1"},
    "kinetic": {"long_name": "kinetic energy ½|ΔZ|²", "units": "1"},
    "potential": {"long_name": "potential energy min(−log p)", "units": "nat"},
    "entropy": {"long_name": "Tsallis entropy of attention", "units": "1"},
}


Measure = Callable[
    [Any, InductionBatch], Array
]  # (model, one sequence) -> numbers to sum


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

    Raises:
        ValueError: If a number is less than 1, or a length is given twice.
    """

    lengths: tuple[int, ...] = (10, 64, 100, 200, 500, 1000)
    every: int = 500
    sequences: int = 64
    task: InductionTask | None = None

    def __post_init__(self) -> None:
        check_whole(every=self.every, sequences=self.sequences)
        check_lengths(self.lengths)


def accuracy_by_length(
    model: Any,
    task: InductionTask,
    lengths: Sequence[int],
    *,
    key: PRNGKeyArray,
    sequences: int = 64,
    iterations: int | None = None,
    seeds: Sequence[int] | None = None,
) -> "xr.Dataset":
    """Share of right answers on sequences of each length.

    Memory is bounded at any length: sequences are taken some at a time, and models one
    by one.

    Args:
        model: A `LoopedTransformer`, or anything that makes logits (n, V) of tokens
            (n,).
        task: What to answer.
        lengths: Lengths n of the sequences, different ones.
        key: What the sequences are drawn from; every model gets the same ones. Those of
            a length do not depend on the other lengths.
        sequences: How many of each length.
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
    counts = _by_length(
        _Answers(iterations), model, task, lengths, key, sequences, seeds
    )
    right, asked, right_last, asked_last = np.moveaxis(counts, -1, 0)
    with np.errstate(invalid="ignore"):
        values = {"all": right / asked, "last": right_last / asked_last}
    return _dataset(values, lengths, seeds)


def terms_by_length(
    model: Any,
    task: InductionTask,
    lengths: Sequence[int],
    *,
    key: PRNGKeyArray,
    sequences: int = 64,
    iterations: int | None = None,
    q: float = 1.5,
    seeds: Sequence[int] | None = None,
) -> "xr.Dataset":
    """What an `EnergyEntropyObjective` is made of, by length.

    Arguments and errors are those of `accuracy_by_length`; the model is a
    `LoopedTransformer`, and q the Tsallis index of its objective.

    Returns:
        "cross_entropy", over positions that count (nats), and over all positions,
        iterations and heads "kinetic", "potential" (nats) and "entropy", the mean
        itself (Lam 2026, Eqs. 3 to 5); each of dimensions ([seed,] length).
    """
    sums = _by_length(
        _Terms(iterations, q), model, task, lengths, key, sequences, seeds
    )
    cross_entropy, asked, kinetic, potential, entropy = np.moveaxis(sums, -1, 0)
    with np.errstate(invalid="ignore"):
        values = {"cross_entropy": cross_entropy / asked}
    energies = {"kinetic": kinetic, "potential": potential, "entropy": entropy}
    values |= {name: total / sequences for name, total in energies.items()}
    return _dataset(values, lengths, seeds)


def check_lengths(lengths: Sequence[int], task: InductionTask | None = None) -> None:
    """Refuse lengths to evaluate at that are none, less than the task allows or given twice."""
    least = 1 if task is None else task.shortest
    if not lengths or len(set(lengths)) < len(lengths) or min(lengths) < least:
        form = "" if task is None else f" in the {task.form} form"
        raise ValueError(
            "lengths must be different ones, one at least and none below "
            f"{least}{form}, got {tuple(lengths)}"
        )
    for length in lengths:
        check_whole(least, lengths=length)


def check_vocabulary(config: Any, task: InductionTask) -> None:
    """Refuse a model that has not the symbols of the task."""
    if config is not None and config.vocabulary != task.vocabulary:
        raise ValueError(
            f"task must have the model's vocabulary, {config.vocabulary}, got "
            f"{task.vocabulary}"
        )


def _by_length(
    measure: Measure,
    model: Any,
    task: InductionTask,
    lengths: Sequence[int],
    key: PRNGKeyArray,
    sequences: int,
    seeds: Sequence[int] | None,
) -> np.ndarray:
    """What is measured, summed over sequences: ([seeds,] lengths, numbers)."""
    check_lengths(lengths, task)
    check_vocabulary(getattr(model, "config", None), task)
    check_whole(sequences=sequences)
    if seeds is not None:
        sizes = {
            jnp.shape(x)[:1] for x in jax.tree.leaves(eqx.filter(model, eqx.is_array))
        }
        if sizes != {(len(seeds),)}:
            raise ValueError(
                "seeds must name each of the models stacked in model: got "
                f"{len(seeds)} seeds, and parameters of leading sizes {sorted(sizes)}"
            )
    sums = [
        _sums(
            model,
            jax.random.fold_in(key, n),
            measure,
            task,
            int(n),
            sequences,
            seeds is not None,
        )
        for n in lengths
    ]
    return np.stack([np.asarray(each, float) for each in sums], axis=-2)


@dataclass(frozen=True)
class _Answers:
    """Right answers and questions, at all positions and at the last one."""

    iterations: int | None

    def __call__(self, model: Any, sequence: InductionBatch) -> Array:
        tokens, targets, mask, _ = sequence
        given = {} if self.iterations is None else {"iterations": self.iterations}
        right = (model(tokens, **given).argmax(-1) == targets) & mask
        return jnp.stack([right.sum(), mask.sum(), right[-1], mask[-1]])


@dataclass(frozen=True)
class _Terms:
    """Cross-entropy, summed, with its questions; energies and entropy, means over positions."""

    iterations: int | None
    q: float

    def __call__(self, model: Any, sequence: InductionBatch) -> Array:
        tokens, targets, mask, _ = sequence
        final, energies = model.energies(tokens, None, self.iterations, self.q)
        each = optax.softmax_cross_entropy_with_integer_labels(
            model.decode(final), targets
        )
        return jnp.stack(
            [(each * mask).sum(), mask.sum(), *(e.mean() for e in energies)]
        )


@eqx.filter_jit
def _sums(
    model: Any,
    key: PRNGKeyArray,
    measure: Measure,
    task: InductionTask,
    length: int,
    sequences: int,
    stacked: bool,
) -> Array:
    """A measure of one length, summed over sequences: ([models,] numbers)."""
    batch = task.batch(key, sequences, length)
    most = max(1, SCORES_AT_ONCE // length**2)
    together = max(n for n in range(1, most + 1) if sequences % n == 0)
    arrays, rest = eqx.partition(model, eqx.is_array)

    def of_model(arrays: Any) -> Array:
        one = eqx.combine(arrays, rest)
        each = jax.lax.map(
            lambda sequence: measure(one, sequence), batch, batch_size=together
        )
        return each.sum(0)

    return jax.lax.map(of_model, arrays) if stacked else of_model(arrays)


def _dataset(
    values: dict[str, np.ndarray],
    lengths: Sequence[int],
    seeds: Sequence[int] | None,
) -> "xr.Dataset":
    import xarray as xr

    dims = ["length"] if seeds is None else ["seed", "length"]
    coords: dict[str, Any] = {"length": ("length", list(lengths), {"units": "symbols"})}
    if seeds is not None:
        coords["seed"] = list(seeds)
    return xr.Dataset(
        {name: (dims, array, ABOUT[name]) for name, array in values.items()}, coords
    )
