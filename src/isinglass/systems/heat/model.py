"""vHeat: pictures to logits, in four stages of blocks on ever coarser plates.

    stem     conv 3 × 3 / 2, LN, GELU, conv 3 × 3 / 2, LN      at H/4
    stage i  blocks of width 2^i w, which share E              at H/2^(i + 2)
    between  conv 3 × 3 / 2 without bias, LN
    head     LN, mean over the plate, linear

Published, of pictures of 224² and 1,000 classes: T has widths from 96, depths 2, 2, 6,
2, normed before; S 2, 2, 18, 2, normed after, layer scale 1e-5; B the same from 128.

Source: Wang et al. 2024, arXiv 2405.16555, and its program.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import equinox as eqx
import jax
from jaxtyping import Array, Float, PRNGKeyArray

from isinglass._common.affine import Linear
from isinglass._common.checks import (
    as_list,
    as_pair,
    check_choice,
    check_finite,
    check_flag,
    check_in,
    check_key,
    check_kind,
    check_positive,
    check_real,
    check_shapes,
    check_whole,
)
from isinglass._common.precision import in_floats, single_precision, usual_promotion
from isinglass.attention.normalisation import Normalisation
from isinglass.systems.heat.blocks import BranchConfig, HeatBlock
from isinglass.systems.heat.layer import (
    KINDS,
    HeatConduction,
    HeatConfig,
    frequency_embedding,
    linear,
)
from isinglass.systems.heat.resolution import RULES
from isinglass.systems.heat.spectrum import SPECTRA, check_method

STEM_EPSILON = 1e-6


@dataclass(frozen=True)
class VHeatConfig:
    """Shape of a `VHeat`; the defaults are vHeat-T.

    Attributes:
        classes: Logits.
        shape: H and W of the pictures.
        colours: Channels of the pictures.
        width: Of the first stage; it doubles from stage to stage.
        depths: Blocks of each stage.
        post_norm: Whether branches are normed after they were computed.
        layer_scale: γ of branches at the start; None for none.
        expansion: Of the perceptrons.
        drop: Share of branches left out of the last block while training; it grows from
            0 at the first.
        kind, constant, spectrum, convolution, method: As in `HeatConfig`.

    Raises:
        ValueError: If a value is out of range.
        TypeError: If something is of another kind.
    """

    classes: int = 1000
    shape: tuple[int, int] = (224, 224)
    colours: int = 3
    width: int = 96
    depths: tuple[int, ...] = (2, 2, 6, 2)
    post_norm: bool = False
    layer_scale: float | None = None
    expansion: int = 4
    drop: float = 0.1
    kind: str = "modes"
    constant: float = 5.0
    spectrum: str = "continuous"
    convolution: bool = True
    method: str = "auto"

    def __post_init__(self) -> None:
        check_whole(classes=self.classes, colours=self.colours, width=self.width)
        check_whole(expansion=self.expansion)
        check_whole(2, width=self.width)
        object.__setattr__(self, "shape", as_pair("shape", self.shape))
        depths = as_list("depths", self.depths)
        for depth in depths:
            check_whole(depths=depth)
        object.__setattr__(self, "depths", tuple(int(depth) for depth in depths))
        check_flag(post_norm=self.post_norm, convolution=self.convolution)
        check_in("[0, 1)", drop=self.drop)
        check_in("[0, inf)", constant=self.constant)
        check_choice(KINDS, kind=self.kind)
        check_choice(SPECTRA, spectrum=self.spectrum)
        check_method(self.method)
        if self.layer_scale is not None:
            check_positive(layer_scale=self.layer_scale)

    @classmethod
    def published(cls, size: str, **options: Any) -> VHeatConfig:
        """Return the shape of vHeat-T, S or B, with some of it changed.

        Args:
            size: "tiny", "small" or "base".
            **options: Other values of attributes, such as ``classes=10``.

        Raises:
            ValueError: If the size or an attribute has another name, or a value is out
                of range.
            TypeError: If something is of another kind.
        """
        check_choice(tuple(SIZES), size=size)
        names = {field.name for field in fields(cls)}
        for name in options:
            check_choice(sorted(names), options=name)
        return replace(SIZES[size], **options)

    def stage(self, number: int) -> HeatConfig:
        """Return the shape of the conductions of a stage, counted from 0.

        Raises:
            ValueError: If there is no such stage.
        """
        check_whole(0, number=number)
        check_in(f"[0, {len(self.depths) - 1}]", number=number)
        height, width = self.shape
        for _ in range(number + 2):
            height, width = (height + 1) // 2, (width + 1) // 2
        return HeatConfig(
            self.width * 2**number,
            (height, width),
            self.kind,
            self.constant,
            self.spectrum,
            self.convolution,
            self.method,
        )


_DEEP = {"depths": (2, 2, 18, 2), "post_norm": True, "layer_scale": 1e-5}
SIZES = {
    "tiny": VHeatConfig(),
    "small": VHeatConfig(**_DEEP, drop=0.3),
    "base": VHeatConfig(**_DEEP, width=128, drop=0.5),
}


class Halving(eqx.Module):
    """A 3 × 3 convolution of stride 2, zeros around, and a layer norm.

    Attributes:
        kernel: (3, 3, in, out).
        bias: (out,), or None.
        norm: Over the channels that come out.
    """

    kernel: Float[Array, "3 3 i o"]
    bias: Float[Array, "o"] | None
    norm: Normalisation

    def __init__(
        self,
        rows: int,
        columns: int,
        epsilon: float,
        has_bias: bool,
        *,
        key: PRNGKeyArray,
    ) -> None:
        most = (9 * rows) ** -0.5
        uniform = {"minval": -most, "maxval": most}
        weight, bias = jax.random.split(key)
        self.kernel = jax.random.uniform(weight, (3, 3, rows, columns), **uniform)
        self.bias = jax.random.uniform(bias, (columns,), **uniform)
        self.bias = self.bias if has_bias else None
        self.norm = Normalisation(columns, epsilon)

    def __call__(self, x: Float[Array, "b h w i"]) -> Float[Array, "b h2 w2 o"]:
        """Return fields on half as many cells along both sides."""
        names = ("NHWC", "HWIO", "NHWC")
        kernel, around = self.kernel.astype(x.dtype), [(1, 1), (1, 1)]
        y = jax.lax.conv_general_dilated(
            x, kernel, (2, 2), around, dimension_numbers=names
        )
        return self.norm(y if self.bias is None else y + self.bias)


class VHeat(eqx.Module):
    """Logits of pictures (…, H, W, colours).

    `resampled` takes it to pictures of another size.

    Attributes:
        stem: Two halvings.
        embeddings: E of each stage that has one, else None.
        stages: Blocks of each stage.
        halvings: Between stages.
        norm, head: Behind them.
        config: Its `VHeatConfig`.

    Args:
        config: The shape.
        key: Key of the weights.

    Raises:
        TypeError: If something is of another kind.
    """

    stem: tuple[Halving, Halving]
    embeddings: tuple[Float[Array, "h w c"] | None, ...]
    stages: tuple[tuple[HeatBlock, ...], ...]
    halvings: tuple[Halving, ...]
    norm: Normalisation
    head: Linear
    config: VHeatConfig = eqx.field(static=True)

    @single_precision()
    def __init__(self, config: VHeatConfig, *, key: PRNGKeyArray) -> None:
        check_kind(VHeatConfig, config=config)
        check_key(key=key)
        count = len(config.depths)
        keys = jax.random.split(key, 5)
        stages = [config.stage(place) for place in range(count)]
        half, first = config.width // 2, jax.random.split(keys[0])
        self.stem = (
            Halving(config.colours, half, STEM_EPSILON, True, key=first[0]),
            Halving(half, config.width, STEM_EPSILON, True, key=first[1]),
        )
        self.embeddings = tuple(
            frequency_embedding(stage.shape, stage.width, key=k)
            if config.kind == "modes"
            else None
            for stage, k in zip(stages, jax.random.split(keys[1], count), strict=True)
        )
        self.stages = _blocks(config, stages, keys[2])
        self.halvings = tuple(
            Halving(before.width, after.width, 1e-5, False, key=k)
            for before, after, k in zip(
                stages, stages[1:], jax.random.split(keys[3], count), strict=False
            )
        )
        self.norm = Normalisation(stages[-1].width)
        self.head = linear(stages[-1].width, config.classes, key=keys[4])
        self.config = config

    @usual_promotion()
    def features(
        self,
        pictures: Float[Array, "*b h w colours"],
        *,
        key: PRNGKeyArray | None = None,
    ) -> tuple[Float[Array, "..."], ...]:
        """Return the fields behind each stage, (…, H, W, C) of its own sizes.

        Raises:
            TypeError: If something is of another kind.
            ValueError: As for a call of the model.
        """
        fields = _checked(self.config, pictures, key)
        flat = fields.reshape(-1, *fields.shape[-3:])
        flat = self.stem[1](jax.nn.gelu(self.stem[0](flat), approximate=False))
        total = sum(self.config.depths)
        keys = iter([None] * total if key is None else jax.random.split(key, total))
        behind = []
        for place, blocks in enumerate(self.stages):
            for block in blocks:
                flat = block(flat, self.embeddings[place], key=next(keys))
            behind.append(flat.reshape(*pictures.shape[:-3], *flat.shape[1:]))
            if place < len(self.halvings):
                flat = self.halvings[place](flat)
        return tuple(behind)

    @usual_promotion()
    def __call__(
        self,
        pictures: Float[Array, "*b h w colours"],
        *,
        key: PRNGKeyArray | None = None,
    ) -> Float[Array, "*b classes"]:
        """Compute logits of pictures, (…, classes).

        Args:
            pictures: (…, H, W, colours), of the model's shape.
            key: Of the branches that are left out while training; None for all.

        Raises:
            TypeError: If the pictures are no array, or the key none.
            ValueError: If they are of another shape, not real or not finite.
        """
        last = self.features(pictures, key=key)[-1]
        return self.head(self.norm(last).mean((-3, -2)))

    @usual_promotion()
    def conductivities(self) -> tuple[tuple[Float[Array, "..."], ...], ...]:
        """Return k of each block of each stage, as its layer gives it.

        Raises:
            ValueError: If the kind is "filter", which has none.
        """
        return tuple(
            tuple(block.conduction.conductivities(embedding) for block in blocks)
            for blocks, embedding in zip(self.stages, self.embeddings, strict=True)
        )

    @usual_promotion()
    def resampled(self, shape: tuple[int, int], rule: str = "finer") -> VHeat:
        """Return the model for pictures of another size, all else as it is.

        Every layer is taken to the plate that its stage then has, by
        `HeatConduction.resampled`: a k of each mode becomes a stored one, which has no
        embedding. A k that all modes share stays one, as long as the plates of all
        stages grow by one ratio; else all layers store theirs.

        Args:
            shape: H and W of the pictures.
            rule: Of `resample_conductivity`: "finer" or "edge" for the same pictures in
                more pixels, the latter if they have detail that was not there before;
                "wider" for more of a picture.

        Raises:
            ValueError: If the kind is "filter", whose gains are no conduction, or a
                shape or rule is another.
            TypeError: If the shape is no pair.
        """
        check_choice(RULES, rule=rule)
        config = replace(self.config, shape=as_pair("shape", shape))
        layers = [
            [block.conduction.resampled(config.stage(n).shape, rule, e) for block in b]
            for n, (b, e) in enumerate(zip(self.stages, self.embeddings, strict=True))
        ]
        first = layers[0][0].config
        same = replace(config, kind=first.kind, constant=first.constant)
        if any(row[0].config != same.stage(n) for n, row in enumerate(layers)):
            layers = [[layer.with_table() for layer in row] for row in layers]
            same = replace(config, kind="table", constant=VHeatConfig.constant)
        return _with_layers(self, same, layers)


def _with_layers(
    model: VHeat, config: VHeatConfig, layers: list[list[HeatConduction]]
) -> VHeat:
    """The model with other conductions, and the shape that they have."""
    like = eqx.filter_eval_shape(VHeat, config, key=jax.random.key(0))
    stages = tuple(
        tuple(
            eqx.tree_at(lambda b: b.conduction, block, layer)
            for block, layer in zip(blocks, row, strict=True)
        )
        for blocks, row in zip(model.stages, layers, strict=True)
    )
    return eqx.tree_at(
        lambda m: (m.stem, m.stages, m.halvings, m.norm, m.head),
        like,
        (model.stem, stages, model.halvings, model.norm, model.head),
    )


def _blocks(
    config: VHeatConfig, stages: list[HeatConfig], key: PRNGKeyArray
) -> tuple[tuple[HeatBlock, ...], ...]:
    total = sum(config.depths)
    keys, place, all_blocks = jax.random.split(key, total), 0, []
    for stage, depth in zip(stages, config.depths, strict=True):
        blocks = []
        for _ in range(depth):
            blocks.append(
                HeatBlock(
                    stage,
                    BranchConfig(
                        config.post_norm,
                        config.layer_scale,
                        config.expansion,
                        config.drop * place / max(total - 1, 1),
                    ),
                    shares_embedding=config.kind == "modes",
                    key=keys[place],
                )
            )
            place += 1
        all_blocks.append(tuple(blocks))
    return tuple(all_blocks)


def _checked(config: VHeatConfig, pictures: Any, key: Any) -> Array:
    height, width = config.shape
    check_real(pictures=pictures)
    check_shapes(pictures=(pictures, f"... {height} {width} {config.colours}"))
    check_finite(pictures=pictures)
    if key is not None:
        check_key(key=key)
    return in_floats(pictures)
