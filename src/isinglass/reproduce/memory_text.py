"""What the experiments on a language model of a text share: the text, its parts, the training."""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from jaxtyping import Integer

from isinglass.reproduce.memory_paper import one_device

if TYPE_CHECKING:
    from isinglass.memory import Run, Transformer, TransformerConfig
    from isinglass.reproduce.registry import Context

STRETCHES, EVERY = 50, 10  # of 50 stretches, each tenth is held out
PIECE = 4096  # bytes at most, that go into a share or stay out of it together
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
            f"{self.layers} layers, {self.width} wide, with a context of {self.context} bytes; "
            f"{self.steps:,} steps of {self.batch} sequences"
        )


class Text(NamedTuple):
    """A text and its parts, as bytes.

    Attributes:
        whole: All of it.
        training: What is not held out, one after the other.
        held_out: A tenth, in whole stretches from all over the text.
        about: What it is.
    """

    whole: Integer[np.ndarray, " m"]
    training: Integer[np.ndarray, " a"]
    held_out: Integer[np.ndarray, " b"]
    about: str


def read(context: Context) -> Text:
    """The text that was given, or else the sources of Python's library.

    Raises:
        OSError: If it cannot be read.
    """
    from isinglass.data.python_text import digest, python_text

    if context.text is None:
        found, what = python_text(), f"the sources of Python {platform.python_version()}'s library"
    else:
        found, what = context.text.read_bytes(), context.text.name
    about = f"{what} ({len(found):,} bytes, SHA-256 {digest(found)}…)"
    whole = np.frombuffer(found, np.uint8)
    return Text(whole, *apart(whole), about)


def apart(
    whole: Integer[np.ndarray, " m"],
) -> tuple[Integer[np.ndarray, " a"], Integer[np.ndarray, " b"]]:
    """What to train on, and what is held out: whole stretches, so that no share holds any of it."""
    stretches = np.array_split(whole, STRETCHES)
    held = range(EVERY // 2, STRETCHES, EVERY)
    rest = [stretches[i] for i in range(STRETCHES) if i not in held]
    return np.concatenate(rest), np.concatenate([stretches[i] for i in held])


class Shares(NamedTuple):
    """Shares of a text for training, each a part of the next larger one.

    Attributes:
        texts: By share.
        piece: Bytes of a piece.
        smallest: Pieces of the smallest share, which are in all of them.
    """

    texts: dict[float, Integer[np.ndarray, " a"]]
    piece: int
    smallest: Integer[np.ndarray, "k piece"]


def shares(training: Integer[np.ndarray, " a"], wanted: tuple[float, ...], seed: int) -> Shares:
    """Pieces at random, as many as a share has.

    Args:
        training: The text.
        wanted: Shares in (0, 1]; the text as it is for 1.
        seed: Of the order in which pieces come in.
    """
    least = len(training) * min(wanted)
    in_least = max(1, -(-int(least) // PIECE))
    piece = max(1, int(least / in_least))
    pieces = training[: len(training) // piece * piece].reshape(-1, piece)
    order = np.random.default_rng(seed).permutation(len(pieces))

    def of(share: float) -> np.ndarray:
        return pieces[order[: max(1, round(share * len(pieces)))]]

    texts = {each: training if each == 1 else of(each).ravel() for each in wanted}
    return Shares(texts, piece, of(min(wanted)))


def config(size: Size) -> TransformerConfig:
    """GPT-2 of bytes."""
    from isinglass.memory import TransformerConfig

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

    from isinglass.memory import Transformer

    return jax.jit(Transformer, static_argnums=0)(config(size), key=jax.random.key(seed))


def trained(
    context: Context, name: str, seed: int, size: Size, text: np.ndarray, held: np.ndarray
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
    from isinglass.memory import Recipe, TextSource, train

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
