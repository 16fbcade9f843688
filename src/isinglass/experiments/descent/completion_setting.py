"""Data and sizes of `descent-completion`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from isinglass.data.patches import from_patches, hide_patches, to_patches
from isinglass.reproduce import Context, inputs
from isinglass.systems.descent import EnergyTransformerConfig
from isinglass.training import LaneRecipe

SIDE, STEPS = 28, 12  # of a picture; T of the published model
MASKS = 4096
DEPTHS = (1, 4, 12, 48, 200)
ET, QUERY_ONLY, LEAK, HYPERSET, LOOPED, ENCODER = TRAINED = (
    "Energy Transformer",
    "without the Aᵀ term",
    "with a leak",
    "Hyper-SET",
    "looped transformer",
    "encoder alone",
)
NEAREST, HOPFIELD, MEAN = PEERS = (
    "nearest pictures",
    "Hopfield retrieval",
    "mean picture",
)
DEEP = (ET, QUERY_ONLY, LEAK, HYPERSET, LOOPED)
COUNTS = (1, 3, 5, 10, 20, 40)  # k of the nearest pictures
INVERSE_TEMPERATURES, UPDATES = (0.1, 0.3, 1.0, 3.0), (1, 3, 10)


@dataclass(frozen=True)
class Setting:
    """How large models are, how long they are trained, on how many pictures.

    Attributes:
        config: Of the blocks.
        steps: Gradient steps.
        search_steps: Of the trainings that a rate is chosen by.
        batch: Pictures in a step.
        patch: Side of a patch, in pixels.
        rates: Learning rates that are searched.
        searches: Seeds, others than those reported, that a rate is chosen with.
        train, validation, test: Pictures.
        deep: Of the test pictures, those on which other depths are measured.
    """

    config: EnergyTransformerConfig
    steps: int
    search_steps: int
    batch: int = 8
    patch: int = 7
    rates: tuple[float, ...] = (1e-3, 3e-3, 1e-2, 3e-2, 1e-1)
    searches: int = 2
    train: int = 3200
    validation: int = 800
    test: int = 1000
    deep: int = 200

    @property
    def patches(self) -> int:
        """Of a picture."""
        return (SIDE // self.patch) ** 2

    @property
    def hidden(self) -> int:
        """Of the patches, half or one more."""
        return _half(self.patches)

    def recipe(self, steps: int) -> LaneRecipe:
        """AdamW as published, cut back at norm 1."""
        return LaneRecipe(
            steps, weight_decay=0.05, warmup=steps // 20, every=-(-steps // 4)
        )


WIDE = EnergyTransformerConfig(width=64, heads=4, head_width=16, memories=256)
SMALL = EnergyTransformerConfig(width=32, heads=2, head_width=16, memories=128)
TINY = EnergyTransformerConfig(width=16, heads=2, head_width=8, memories=64)
SETTINGS = {
    # As many steps and lanes in the search: one program does for both.
    "quick": Setting(
        TINY,
        steps=40,
        search_steps=40,
        rates=(3e-3, 1e-2),
        searches=1,
        train=800,
        validation=100,
        test=100,
        deep=16,
    ),
    "default": Setting(SMALL, steps=4500, search_steps=900),
    "full": Setting(WIDE, steps=12_000, search_steps=2400, patch=4),
}


class Pictures(NamedTuple):
    """Pictures in patches, with which of them are hidden.

    Attributes:
        patches: (n, m, p), grey values from 0 to 1.
        hidden: (n, m).
    """

    patches: Float[np.ndarray, "n m p"]
    hidden: Bool[np.ndarray, "n m"]

    @property
    def pixels(self) -> Float[np.ndarray, "n 784"]:
        """Patch after patch."""
        return self.patches.reshape(len(self.patches), -1)

    @property
    def hidden_pixels(self) -> Bool[np.ndarray, "n 784"]:
        """Which pixels are in hidden patches."""
        return np.repeat(self.hidden, self.patches.shape[-1], axis=1)

    def error(self, completed: Any) -> float:
        """Mean square of what differs in hidden patches."""
        wrong = (np.asarray(completed) - self.pixels)[self.hidden_pixels]
        return float((wrong**2).mean())


class Data(NamedTuple):
    """Pictures to learn from, to choose on, and to test on, all apart.

    Attributes:
        train: (n, m, p).
        masks: Which patches a training picture may have hidden, a draw a row.
        validation: With what is hidden.
        test: (n, m, p); each repetition hides others.
    """

    train: Float[np.ndarray, "n m p"]
    masks: Bool[np.ndarray, "k m"]
    validation: Pictures
    test: Float[np.ndarray, "n m p"]

    def tested(self, context: Context, seed: int) -> Pictures:
        """The test pictures with what a repetition hides of them."""
        return hide(self.test, context.rng("hidden in tests", seed))

    def arrays(self) -> dict[str, np.ndarray]:
        """What lanes share."""
        patches, hidden = self.validation
        return {
            "train": self.train,
            "masks": self.masks,
            "validation": patches,
            "hidden": hidden,
        }


def hide(patches: Float[np.ndarray, "n m p"], rng: np.random.Generator) -> Pictures:
    """Pictures of which half of the patches are hidden."""
    return Pictures(patches, _hidden(len(patches), patches.shape[1], rng))


def _hidden(count: int, patches: int, rng: np.random.Generator) -> np.ndarray:
    return hide_patches(count, patches, _half(patches), rng=rng).hidden


def _half(patches: int) -> int:
    """Half of them, or one more."""
    return (patches + 1) // 2


def load(context: Context, options: Setting) -> Data:
    """MNIST in an order of the base seed's; the official test set if there is one."""
    digits, side = context.read(inputs.digits), options.patch
    own = _patches(digits.train.images, side, context.rng("order of pictures"))
    ends = np.cumsum([options.train, options.validation, options.test])
    train, validation, test = np.split(own[: ends[-1]], ends[:-1])
    if digits.test is not None:
        rng = context.rng("order of test pictures")
        test = _patches(digits.test.images, side, rng)[: options.test]
    hidden = hide(validation, context.rng("hidden in validation"))
    masks = _hidden(MASKS, options.patches, context.rng("hidden in training"))
    return Data(train, masks, hidden, test)


def _patches(images: np.ndarray, side: int, rng: np.random.Generator) -> np.ndarray:
    shuffled = rng.permutation(images).astype(np.float32) / 255
    return to_patches(shuffled, (side, side))


def whole(patches: Any) -> Float[np.ndarray, "n 28 28"]:
    """Pictures of patches (n, m, p)."""
    array = np.asarray(patches)
    side = round(array.shape[-1] ** 0.5)
    return from_patches(array, (SIDE, SIDE), (side, side))
