"""What a transformer does for one picture, counted: where multiplications go.

Of N tokens of width D, H units of a perceptron, per block

    attention   4 N D² of the linear maps, 2 N² D of scores and values
    perceptron  2 N D H multiplications, and as many additions
    tables      N z D comparisons, N times the tables look-ups, and N D additions for
                every table whose spin is up (at most all): no multiplication

Norms, softmax and activations are left out, as are additions of biases. In I-ViT-T the
perceptrons have 55.6 % of all multiplications: the abstract's "approximately 55 %".

Source: Nag et al. 2024, arXiv 2411.01818.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from isinglass._common.checks import check_choice, check_kind, check_whole

MIXERS = ("mlp", "lookup", "none")


class Operations(NamedTuple):
    """Operations of a transformer for one picture, or of a part of it.

    Attributes:
        multiplications: Of numbers.
        additions: Of numbers, at most: of tables, if all spins are up.
        comparisons: With thresholds.
        look_ups: Of bits in tables.
    """

    multiplications: int = 0
    additions: int = 0
    comparisons: int = 0
    look_ups: int = 0

    def plus(self, other: Operations) -> Operations:
        """Return the sum."""
        return Operations(*(a + b for a, b in zip(self, other, strict=True)))

    def times(self, count: int) -> Operations:
        """Return so many times these."""
        return Operations(*(count * a for a in self))


@dataclass(frozen=True)
class TransformerSize:
    """Sizes of a transformer of pictures; the defaults are I-ViT-T's for 224² pixels.

    Attributes:
        tokens: N, with the one that is read out.
        width: D.
        blocks: How many.
        hidden: H, units of a perceptron.
        patches: Patches that are embedded.
        patch_values: Numbers of a patch.
        classes: Logits.
        tables: Of a block, in place of a perceptron.
        bits: z, thresholds of a feature before tables.

    Raises:
        ValueError: If one is no whole number of at least 1.
    """

    tokens: int = 197
    width: int = 192
    blocks: int = 12
    hidden: int = 768
    patches: int = 196
    patch_values: int = 768
    classes: int = 1000
    tables: int = 768
    bits: int = 4

    def __post_init__(self) -> None:
        check_whole(**{name: getattr(self, name) for name in self.__match_args__})


I_VIT_TINY = TransformerSize()


@dataclass(frozen=True)
class Count:
    """Operations of all parts of a transformer.

    Attributes:
        attention, mixer: Of all blocks.
        ends: Of the embedding of patches and of logits.
    """

    attention: Operations
    mixer: Operations
    ends: Operations
    total: Operations = field(init=False)

    def __post_init__(self) -> None:
        total = self.attention.plus(self.mixer).plus(self.ends)
        object.__setattr__(self, "total", total)

    @property
    def mixer_share(self) -> float:
        """The mixers' share of all multiplications."""
        return self.mixer.multiplications / self.total.multiplications


def count_operations(size: TransformerSize = I_VIT_TINY, mixer: str = "mlp") -> Count:
    """Count what a transformer does for one picture.

    Args:
        size: Its sizes.
        mixer: What follows attention in a block: "mlp", "lookup" or "none".

    Raises:
        TypeError: If the size is of another kind.
        ValueError: If the mixer has another name.
    """
    check_kind(TransformerSize, size=size)
    check_choice(MIXERS, mixer=mixer)
    n, d = size.tokens, size.width
    products = 4 * n * d**2 + 2 * n**2 * d
    attention = Operations(products, products)
    own = Operations()
    if mixer == "mlp":
        own = Operations(2 * n * d * size.hidden, 2 * n * d * size.hidden)
    if mixer == "lookup":
        looked_up = n * size.tables
        own = Operations(0, looked_up * d, n * d * size.bits, looked_up)
    ends = size.patches * size.patch_values * d + d * size.classes
    return Count(
        attention.times(size.blocks), own.times(size.blocks), Operations(ends, ends)
    )
