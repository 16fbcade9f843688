"""What the experiments on a language model of a text share: the model, its training."""

from dataclasses import dataclass

import jax
import numpy as np

from isinglass.data import TextSource
from isinglass.experiments.memory.setting import one_device
from isinglass.reproduce import Context, following
from isinglass.systems.memory import (
    Recipe,
    Run,
    Transformer,
    TransformerConfig,
    train,
)

RECORDS = 20
BYTES = 256  # the vocabulary


@dataclass(frozen=True)
class Size:
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

    def __str__(self) -> str:
        """The same in words."""
        return (
            f"{self.layers} layers, {self.width} wide, with a context of "
            f"{self.context} bytes; {self.steps:,} steps of {self.batch} sequences"
        )

    @property
    def config(self) -> TransformerConfig:
        """GPT-2 of bytes."""
        return TransformerConfig(
            vocabulary=BYTES,
            context=self.context,
            width=self.width,
            heads=max(1, self.width // 32),
            layers=self.layers,
        )

    @property
    def bytes_in_training(self) -> int:
        """Bytes that training reads, counted as often as they are read."""
        return self.steps * self.batch * self.context

    def recipe(self, seed: int) -> Recipe:
        """How it is trained."""
        return Recipe(
            steps=self.steps,
            batch=self.batch,
            learning_rate=self.learning_rate,
            warmup=max(1, self.steps // 20),
            every=max(1, self.steps // RECORDS),
            validation=self.validation,
            seed=seed,
        )


def untrained(size: Size, seed: int) -> Transformer:
    """The model from which `trained` starts."""
    new = jax.jit(Transformer, static_argnums=0)
    return new(size.config, key=jax.random.key(seed))


def trained(
    context: Context,
    name: str,
    seed: int,
    size: Size,
    training: np.ndarray,
    held_out: np.ndarray,
) -> Run:
    """Train on a text, or go on with it, on one device.

    Args:
        context: Where to say how far it is, and where checkpoints lie.
        name: What to call it: also the folder of its checkpoint.
        seed: Of parameters and order.
        size: Model and training.
        training: The text.
        held_out: What to measure the loss of meanwhile.
    """
    source, validation = (
        TextSource(text, size.context, BYTES) for text in (training, held_out)
    )
    with following(context, name, f"training {name}", one_device()) as runtime:
        return train(
            size.config,
            source,
            size.recipe(seed),
            validation=validation,
            runtime=runtime,
        )


def model_seeds(context: Context) -> list[int]:
    """Seeds of models: the first ones are the same whatever the count."""
    first = context.model_seed()
    return [first + index for index in context.seeds]
