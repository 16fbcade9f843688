"""A layer of tables: bits to outputs, with wires drawn once or learned.

Source: Bacellar et al. 2024, arXiv 2410.11112, and its program.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray, Shaped

from isinglass._common.checks import (
    as_array,
    check_choice,
    check_key,
    check_kind,
    check_positive,
    check_shapes,
    check_whole,
)
from isinglass._common.precision import single_precision, usual_promotion
from isinglass.systems.lookup.difference import (
    PROGRAM,
    ExtendedDifference,
    check_arity,
)
from isinglass.systems.lookup.tables import along_wires, as_floats, check_bits, read
from isinglass.systems.lookup.wiring import (
    TEMPERATURE,
    chosen,
    merge,
    random_wiring,
    wires_of,
)

WIRINGS = ("random", "learnable")


@dataclass(frozen=True)
class LookupConfig:
    """Shape of a `LookupLayer`.

    Attributes:
        inputs: F, bits that come in.
        tables: N, outputs.
        arity: n, bits that a table reads, from 1 to 12; a table has 2ⁿ entries.
        wiring: "random", or "learnable", whose weights are F N n numbers: the program
            has it in the first layer alone.
        difference: How bits get a gradient.
        wiring_temperature: τ of "learnable".

    Raises:
        ValueError: If a value is out of range.
        TypeError: If the difference is of another kind.
    """

    inputs: int
    tables: int
    arity: int = 6
    wiring: str = "random"
    difference: ExtendedDifference = PROGRAM
    wiring_temperature: float = TEMPERATURE

    def __post_init__(self) -> None:
        check_whole(inputs=self.inputs, tables=self.tables)
        check_arity(arity=self.arity)
        check_choice(WIRINGS, wiring=self.wiring)
        check_kind(ExtendedDifference, difference=self.difference)
        check_positive(wiring_temperature=self.wiring_temperature)
        object.__setattr__(self, "wiring_temperature", float(self.wiring_temperature))


class LookupLayer(eqx.Module):
    """Outputs of N tables for bits (…, F), which all but the last axis are a batch of.

    Attributes:
        tables: T, (N, 2ⁿ), uniform in [−1, 1] at the start. Training keeps them there:
            call `clipped` before each step.
        wiring: m, (N, n) if wires are random, else None.
        weights: W, (F, N n) if they are learned, uniform in [0, 1] at the start.
        config: Its `LookupConfig`.

    Args:
        config: The shape.
        key: Key of tables and wires.

    Raises:
        TypeError: If something is of another kind.
    """

    tables: Float[Array, "N k"]
    wiring: Int[Array, "N n"] | None
    weights: Float[Array, "f wires"] | None
    config: LookupConfig = eqx.field(static=True)

    @single_precision()
    def __init__(self, config: LookupConfig, *, key: PRNGKeyArray) -> None:
        check_kind(LookupConfig, config=config)
        check_key(key=key)
        first, second = jax.random.split(key)
        shape = config.tables, 1 << config.arity
        self.tables = jax.random.uniform(first, shape, minval=-1, maxval=1)
        self.wiring = self.weights = None
        if config.wiring == "random":
            sizes = config.inputs, config.tables, config.arity
            self.wiring = random_wiring(*sizes, key=second)
        else:
            wires = config.inputs, config.tables * config.arity
            self.weights = jax.random.uniform(second, wires)
        self.config = config

    @usual_promotion()
    def __call__(self, bits: Shaped[Array, "*batch f"]) -> Float[Array, "*batch N"]:
        """Return outputs (…, N) of bits (…, F): a bit is set where it is above 0.

        Raises:
            TypeError: If bits are no array.
            ValueError: If they are of another number, or not finite.
        """
        check_bits(bits)
        check_shapes(bits=(bits, f"... {self.config.inputs}"))
        return self.outputs(as_floats(bits, self.tables))

    def outputs(self, bits: Array) -> Array:
        """The same without checks."""
        config = self.config
        if self.weights is None:
            inputs = along_wires(bits, jnp.asarray(self.wiring))
        else:
            wires = chosen(bits, self.weights, config.wiring_temperature)
            inputs = wires.reshape(*bits.shape[:-1], config.tables, config.arity)
        return read(inputs, self.tables, config.difference)

    def wires(self) -> Int[np.ndarray, "N n"]:
        """Return which bit each wire comes from, (N, n), as it is now."""
        if self.weights is None:
            return np.asarray(self.wiring)
        return wires_of(self.weights).reshape(self.config.tables, self.config.arity)

    def merged(self, places: Int[np.ndarray, "f"]) -> LookupLayer:
        """Return the layer for distinct bits alone, as `LookupNetwork.merged` does.

        Args:
            places: Which distinct bit each of the F bits equals, from 0.

        Raises:
            ValueError: If they are not one whole number for each bit, or leave one out.
        """
        places = _checked_places(places, self.config.inputs)
        config = replace(self.config, inputs=int(places.max()) + 1)
        like = eqx.filter_eval_shape(LookupLayer, config, key=jax.random.key(0))
        if self.weights is None:
            name, wires = "wiring", jnp.asarray(places, jnp.int32)[self.wiring]
        else:
            name, wires = "weights", merge(self.weights, places)
        return eqx.tree_at(
            lambda layer: (layer.tables, getattr(layer, name)),
            like,
            (self.tables, wires),
        )

    def clipped(self) -> LookupLayer:
        """Return the layer with its tables cut to [−1, 1], as before a step."""
        inside = jnp.clip(self.tables, -1, 1)
        return eqx.tree_at(lambda layer: layer.tables, self, inside)


def _checked_places(places: Any, inputs: int) -> np.ndarray:
    """Numbers of distinct bits, all of them from 0."""
    array = np.asarray(as_array("places", places))
    check_shapes(places=(array, f"{inputs}"))
    if array.dtype.kind not in "iu":
        raise ValueError(f"places must be whole numbers, got {array.dtype}")
    kinds = np.unique(array)
    if kinds[0] != 0 or kinds[-1] != len(kinds) - 1:
        raise ValueError(
            f"places must be all numbers from 0 up, got {len(kinds)} of them from "
            f"{kinds[0]} to {kinds[-1]}"
        )
    return array
