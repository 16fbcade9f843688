"""How a transformer is trained: steps, batches, the optimiser and its schedule."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import jax
import optax

from isinglass._common.checks import check_in, check_kind, check_seed, check_whole
from isinglass.systems.memory.transformer import Execution, Transformer
from isinglass.training.optimiser import WarmupCosine, adamw, as_betas, check_recipe


@dataclass(frozen=True)
class Recipe:
    """How to train; the defaults are near those of GPT-2 small elsewhere.

    Attributes:
        steps: Number of steps, at least 1.
        batch: Sequences in a step, over all devices; a multiple of devices ×
            `accumulate`.
        accumulate: In how many parts each device takes its sequences, one after the
            other: memory falls, and the gradient is the same to rounding.
        learning_rate: Of AdamW, at its highest.
        lowest_rate: To what share of that it falls along a cosine, in [0, 1].
        warmup: Steps over which it grows linearly from 0.
        weight_decay: Of AdamW, on matrices only: embeddings and weights, no bias and no
            gain.
        betas: Of AdamW.
        clip: Norm that gradients are cut back to; None for no limit.
        every: Steps between two records, at which validation is measured and a
            checkpoint written.
        validation: Most places of the validation source that are measured, evenly
            spaced; None for all.
        seed: Of parameters, order of the data and dropout, 0 to 2³² − 1.
        execution: How the model is computed.

    Raises:
        ValueError: If a value is out of range.
    """

    steps: int = 10_000
    batch: int = 32
    accumulate: int = 1
    learning_rate: float = 6e-4
    lowest_rate: float = 0.1
    warmup: int = 100
    weight_decay: float = 0.1
    betas: tuple[float, float] = (0.9, 0.95)
    clip: float | None = 1.0
    every: int = 250
    validation: int | None = 512
    seed: int = 0
    execution: Execution = field(default_factory=Execution)

    def __post_init__(self) -> None:
        check_recipe(self)
        check_whole(accumulate=self.accumulate, every=self.every)
        if self.validation is not None:
            check_whole(validation=self.validation)
        check_in("[0, 1]", lowest_rate=self.lowest_rate)
        object.__setattr__(self, "betas", as_betas(self.betas))  # a list has no hash
        check_kind(Execution, execution=self.execution)
        if self.batch % self.accumulate:
            raise ValueError(
                f"batch must be a multiple of accumulate = {self.accumulate}, got "
                f"{self.batch}"
            )
        check_seed(seed=self.seed)
        if self.seed >= 2**32:
            raise ValueError(f"seed must be in [0, 4294967296), got {self.seed}")

    def rate(self, step: int) -> float:
        """The learning rate of a step: of the first not 0, of the last the lowest."""
        falling = max(self.steps - self.warmup - 1, 1)
        rate = WarmupCosine(self.warmup, falling, self.lowest_rate)
        return rate.at(self.learning_rate, step)

    def optimiser(self, rate: Any) -> optax.GradientTransformation:
        """AdamW, with the gradient cut back before.

        Args:
            rate: The learning rate of the step, which may be traced.
        """
        return adamw(
            rate,
            weight_decay=self.weight_decay,
            clip=self.clip,
            betas=self.betas,
            mask=matrices,
        )

    def rule(self) -> Recipe:
        """A recipe with what the compiled step depends on, and nothing else.

        Rates and seeds are given to it as numbers, so that no other needs compiling.
        """
        return Recipe(
            weight_decay=self.weight_decay,
            betas=self.betas,
            clip=self.clip,
            execution=self.execution,
        )


def matrices(model: Transformer) -> Any:
    """Which parameters are matrices, of a layer if they are stacked."""

    def is_matrix(path: Any, leaf: Any) -> bool:
        return leaf.ndim == (
            3 if jax.tree_util.keystr(path).startswith(".blocks") else 2
        )

    return jax.tree_util.tree_map_with_path(is_matrix, model)
