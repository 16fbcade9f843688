"""Training GPT-2: tokens per second beside PyTorch, and the share of a GPU's peak."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import jax
import numpy as np

import harness
from harness import Program, Row, Work
from isinglass.data.sources import TextSource
from isinglass.systems.memory import (
    Execution,
    Recipe,
    Transformer,
    TransformerConfig,
    _steps,
)
from isinglass.training.devices import mesh_of, replicated, spread_batch

# Each with its sequences a step.
SHAPES = (
    (TransformerConfig(vocabulary=256, context=256, width=384, heads=6, layers=6), 8),
    (TransformerConfig(vocabulary=256, context=1_024, width=768, layers=6), 2),
)
STEPS = 3
# Dense products in bfloat16, FLOP/s, as NVIDIA states them.
PEAKS = {"H100": 989e12, "H200": 989e12, "A100": 312e12}
SMALL, SMALL_BATCH = TransformerConfig(), 32


class Ours:
    """The steps that `isinglass.systems.memory.train` takes, text included."""

    def __init__(self, config: TransformerConfig, recipe: Recipe) -> None:
        text = np.random.default_rng(0).integers(0, config.vocabulary, 1 << 20)
        self.source = TextSource(
            text.astype(np.uint16), config.context, config.vocabulary
        )
        self.recipe, self.mesh = recipe, mesh_of(1)
        self.model = Transformer(config, key=jax.random.key(0))
        state = _steps.first_state(self.model, recipe)
        self.state, self.step = replicated(state, self.mesh), 0

    def places(self) -> np.ndarray:
        """Where the next step reads."""
        return self.source.choose(np.random.default_rng(self.step), self.recipe.batch)

    def advance(self) -> jax.Array:
        """Take one step; the loss before it."""
        parts = self.recipe.accumulate
        batch = spread_batch(self.source, self.places(), self.mesh, parts)
        rate = np.float32(self.recipe.learning_rate)
        numbers = np.array([0, self.step], np.uint32)
        self.state, statistics = _steps.advance(
            self.state, batch, rate, numbers, recipe=self.recipe.rule(), mesh=self.mesh
        )
        self.step += 1
        return statistics.loss

    def __call__(self) -> None:
        """Take some steps."""
        jax.block_until_ready([self.advance() for _ in range(STEPS)][-1])


class Theirs:
    """The same steps in PyTorch, of the same text."""

    def __init__(self, ours: Ours, compiled: bool, device: str = "cpu") -> None:
        from memory_peers import PyTorch

        self.ours, self.compiled = ours, compiled
        self.model, self.step = PyTorch(ours.model, ours.recipe, device), 0

    def advance(self) -> Any:
        """Take one step; the loss before it."""
        places = self.ours.source.choose(
            np.random.default_rng(self.step), self.ours.recipe.batch
        )
        batch = self.ours.source.take(places)
        self.step += 1
        return self.model.step(batch.tokens, batch.targets, self.compiled)

    def __call__(self) -> None:
        """Take some steps."""
        [self.advance() for _ in range(STEPS)][-1].item()


def training(rounds: int) -> Iterator[Row]:
    """Steps beside PyTorch, of each of `SHAPES`."""
    for config, batch in SHAPES:
        ours = Ours(config, Recipe(batch=batch, learning_rate=6e-4))
        eager, compiled = Theirs(ours, compiled=False), Theirs(ours, compiled=True)
        _check_same_losses(ours, eager, compiled)
        programs = {"Isinglass": ours, "PyTorch": eager, "torch.compile": compiled}
        tokens = STEPS * batch * config.context
        work = Work(
            f"training: {config.layers} layers, {config.width} wide, {batch} × "
            f"{config.context} bytes a step, float32",
            {name: Program(run, tokens) for name, run in programs.items()},
            unit="ms a token",
            scale=1e3,
            ceiling=harness.product(),
            operations=flops_of_step(config, 1),
        )
        yield from harness.measure(work, rounds)


def _check_same_losses(ours: Ours, *others: Theirs, rtol: float = 1e-3) -> None:
    """Refuse to time programs that do not learn the same in their first three steps."""
    expected = [float(ours.advance()) for _ in range(3)]
    for other in others:
        losses = [float(other.advance()) for _ in range(3)]
        np.testing.assert_allclose(losses, expected, rtol=rtol)


def flops_of_step(config: TransformerConfig, tokens: int) -> float:
    """Products of a step, both ways: 6 for each weight, 12 L n d for attention's rows.

    The rows count in full, without the half that a causal mask saves, as is usual for
    utilisation.
    """
    weights = config.layers * (4 * config.width**2 + 2 * config.width * config.inner)
    weights += config.vocabulary * config.width
    return tokens * (
        6.0 * weights + 12.0 * config.layers * config.context * config.width
    )


def utilisation(rounds: int) -> Iterator[Row]:
    """GPT-2 small in bfloat16 beside PyTorch and the peak that NVIDIA states."""
    kind = jax.devices()[0].device_kind
    peak = next((value for name, value in PEAKS.items() if name in kind), None)
    if peak is None:
        return
    for batch in (8, SMALL_BATCH):
        ours = Ours(SMALL, Recipe(batch=batch, execution=Execution(dtype="bfloat16")))
        eager, compiled = (Theirs(ours, each, "cuda") for each in (False, True))
        _check_same_losses(ours, eager, compiled, rtol=1e-2)
        programs = {"Isinglass": ours, "PyTorch": eager, "torch.compile": compiled}
        tokens = STEPS * batch * SMALL.context
        work = Work(
            f"training GPT-2 small in bfloat16, {batch} × {SMALL.context} tokens",
            {name: Program(run, tokens) for name, run in programs.items()},
            unit="µs a token",
            scale=1e6,
        )
        flops = flops_of_step(SMALL, 1)
        for row in harness.measure(work, rounds):
            yield replace(row, share_of_limit=1e6 * flops / row.median / peak)
