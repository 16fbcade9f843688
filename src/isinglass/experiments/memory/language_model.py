"""What the experiments on a language model of a text share: the text, its parts, the training."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from isinglass.experiments.memory.setting import one_device

if TYPE_CHECKING:
    from isinglass.reproduce.experiment import Context
    from isinglass.systems.memory import Run, Transformer, TransformerConfig

RECORDS = 20


class Size(NamedTuple):
    """A model of bytes, and how long it trains.

    Attributes:
        layers: L.
        width: d; heads are 32 wide.
        context: n.
        batch: Sequences in a step.
        steps: How many.
        learning_rate: At its highest.
        validation: Sequences of which the loss is measured.
    """

    layers: int
    width: int
    context: int
    batch: int
    steps: int
    learning_rate: float
    validation: int

    @property
    def told(self) -> str:
        """The same in words."""
        return (
            f"{self.layers} layers, {self.width} wide, with a context of "
            f"{self.context} bytes; {self.steps:,} steps of {self.batch} sequences"
        )


def config(size: Size) -> TransformerConfig:
    """GPT-2 of bytes."""
    from isinglass.systems.memory import TransformerConfig

    return TransformerConfig(
        vocabulary=256,
        context=size.context,
        width=size.width,
        heads=max(1, size.width // 32),
        layers=size.layers,
    )


def untrained(size: Size, seed: int) -> Transformer:
    """The model from which `trained` starts."""
    import jax

    from isinglass.systems.memory import Transformer

    return jax.jit(Transformer, static_argnums=0)(
        config(size), key=jax.random.key(seed)
    )


def trained(
    context: Context,
    name: str,
    seed: int,
    size: Size,
    text: np.ndarray,
    held: np.ndarray,
) -> Run:
    """Train on a text, or go on with it, on one device, and tell how far it is.

    Args:
        context: Where to tell, and where checkpoints lie.
        name: What to call it: also the folder of its checkpoint.
        seed: Of parameters and order.
        size: Model and training.
        text: What to train on.
        held: Whose loss to measure meanwhile.
    """
    from isinglass.data.sources import TextSource
    from isinglass.systems.memory import Recipe, train

    sources = [TextSource(each, size.context, 256) for each in (text, held)]
    recipe = Recipe(
        steps=size.steps,
        batch=size.batch,
        learning_rate=size.learning_rate,
        warmup=max(1, size.steps // 20),
        every=max(1, size.steps // RECORDS),
        validation=size.validation,
        seed=seed,
    )
    with context.progress.follow(name) as tell:
        return train(
            config(size),
            sources[0],
            recipe,
            validation=sources[1],
            store=None if context.sweeps is None else context.sweeps / name,
            progress=lambda now: tell(now.step, now.steps),
            devices=one_device(),
        )


def seeds(context: Context) -> list[int]:
    """Seeds of models: the first ones are the same whatever the count."""
    first = int(np.random.default_rng(context.seed).integers(2**31))
    return [first + index for index in range(context.seeds)]
