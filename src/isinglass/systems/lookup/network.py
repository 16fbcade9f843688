"""A network of tables: layers from bits to bits, whose last bits are added by class.

    bits → [tables → spins] × layers → sums of each class's spins over τ: logits

Only the first layer's wires can be learned, as in the program. Tables are cut to
[−1, 1] before every step of a training (`clipped`).

Source: Bacellar et al. 2024, arXiv 2410.11112, and its program.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray, Shaped

from isinglass._common.checks import (
    as_list,
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
from isinglass.systems.lookup.layer import WIRINGS, LookupConfig, LookupLayer
from isinglass.systems.lookup.sums import sums_by_class
from isinglass.systems.lookup.tables import as_floats, check_bits, step

HEAD_TEMPERATURE = 1 / 0.3  # of the program, for 100 spins a class


@dataclass(frozen=True)
class LookupNetworkConfig:
    """Shape of a `LookupNetwork`; the defaults are those of the program for MNIST.

    Attributes:
        inputs: Bits that come in.
        classes: Logits; they divide the number of the last layer's tables.
        tables: Of each layer.
        arity: n, bits that a table reads, from 1 to 12.
        wiring: Of the first layer, "random" or "learnable"; others have random wires.
        head_temperature: τ of the sums. It decides how sure the network can be.
        difference: How bits get a gradient.

    Raises:
        ValueError: If a value is out of range.
        TypeError: If something is of another kind.
    """

    inputs: int
    classes: int = 10
    tables: tuple[int, ...] = (2000, 1000)
    arity: int = 6
    wiring: str = "random"
    head_temperature: float = HEAD_TEMPERATURE
    difference: ExtendedDifference = PROGRAM

    def __post_init__(self) -> None:
        check_whole(inputs=self.inputs, classes=self.classes)
        tables = as_list("tables", self.tables)
        for count in tables:
            check_whole(tables=count)
        object.__setattr__(self, "tables", tuple(int(count) for count in tables))
        check_arity(arity=self.arity)
        check_choice(WIRINGS, wiring=self.wiring)
        check_positive(head_temperature=self.head_temperature)
        object.__setattr__(self, "head_temperature", float(self.head_temperature))
        check_kind(ExtendedDifference, difference=self.difference)
        if self.tables[-1] % self.classes:
            raise ValueError(
                f"classes must divide the {self.tables[-1]} tables of the last layer, "
                f"got {self.classes}"
            )

    def layer(self, place: int) -> LookupConfig:
        """Return the shape of a layer, counted from 0.

        Raises:
            ValueError: If there is no such layer.
        """
        check_whole(0, place=place)
        if place >= len(self.tables):
            raise ValueError(f"place must be below {len(self.tables)}, got {place}")
        return LookupConfig(
            self.tables[place - 1] if place else self.inputs,
            self.tables[place],
            self.arity,
            "random" if place else self.wiring,
            self.difference,
        )


class LookupNetwork(eqx.Module):
    """Logits of bits (…, F).

    Attributes:
        layers: Its `LookupLayer`s.
        config: Its `LookupNetworkConfig`.

    Args:
        config: The shape.
        key: Key of tables and wires.

    Raises:
        TypeError: If something is of another kind.
    """

    layers: tuple[LookupLayer, ...]
    config: LookupNetworkConfig = eqx.field(static=True)

    @single_precision()
    def __init__(self, config: LookupNetworkConfig, *, key: PRNGKeyArray) -> None:
        check_kind(LookupNetworkConfig, config=config)
        check_key(key=key)
        keys = jax.random.split(key, len(config.tables))
        self.layers = tuple(
            LookupLayer(config.layer(place), key=k) for place, k in enumerate(keys)
        )
        self.config = config

    @usual_promotion()
    def __call__(
        self, bits: Shaped[Array, "*batch f"]
    ) -> Float[Array, "*batch classes"]:
        """Return logits (…, classes) of bits (…, F): a bit is set where it is above 0.

        Raises:
            TypeError: If bits are no array.
            ValueError: If they are of another number, or not finite.
        """
        check_bits(bits)
        check_shapes(bits=(bits, f"... {self.config.inputs}"))
        return self.logits(as_floats(bits, self.layers[0].tables))

    def logits(self, bits: Array) -> Array:
        """The same without checks."""
        for layer in self.layers:
            bits = step(layer.outputs(bits))
        config = self.config
        return sums_by_class(bits, config.classes, config.head_temperature)

    def merged(self, places: Int[np.ndarray, "f"]) -> LookupNetwork:
        """Return the network that reads distinct bits alone.

        Where some of the F bits are equal for all samples, it gives the same for the
        distinct ones as this network for all, and it is trained alike: wires are told
        the same of equal bits, and of a wire's weights for them only the largest
        matters. Learned wires cost in proportion to the bits. Two things differ by
        rounding: of equal weights of *different* bits the first distinct one counts,
        and a product of other sizes may be summed in another order.

            distinct = thermometer.distinct(samples)
            small = network.merged(distinct.places)
            small(bits[:, distinct.columns])  # is network(bits)

        Args:
            places: Which distinct bit each bit equals, from 0: `Thermometer.distinct`.

        Raises:
            ValueError: If they are not one whole number for each bit, or leave one out.
        """
        first, *others = self.layers
        first = first.merged(places)
        config = replace(self.config, inputs=first.config.inputs)
        like = eqx.filter_eval_shape(LookupNetwork, config, key=jax.random.key(0))
        return eqx.tree_at(lambda network: network.layers, like, (first, *others))

    def clipped(self) -> LookupNetwork:
        """Return the network with all tables cut to [−1, 1], as before a step."""
        layers = tuple(layer.clipped() for layer in self.layers)
        return eqx.tree_at(lambda network: network.layers, self, layers)
