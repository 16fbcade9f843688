"""DIFFormer: instances exchange heat over all pairs, and along a graph (Wu 2023).

    z⁰ = relu(LN(x W_in)),      z ← LN(α · mean_h(S v + Ã v) + (1 − α) z),      z W_out

with S made of q = z W_Q and k = z W_K in each layer (`all_pairs`), and v = z, or z W_V
if `value_weights`.

**Program and paper differ.** S and Ã are added, so that constants are not kept (the
layer norm hides it): ``graph_weight=None``. With a graph weight w they are averaged, (1
− w) S + w Ã. The program's "bn" is a layer norm; its activation acts at the input only.

Source: Wu et al. 2023, arXiv 2301.09474, and its program.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from isinglass._common.checks import (
    check_batch_axes,
    check_choice,
    check_finite,
    check_flag,
    check_in,
    check_instances,
    check_key,
    check_kind,
    check_real,
    check_shapes,
    check_whole,
)
from isinglass._common.precision import single_precision, usual_promotion
from isinglass.attention.normalisation import normalise
from isinglass.systems.diffusion.all_pairs import (
    sigmoid_diffusion,
    simple_diffusion,
)
from isinglass.systems.diffusion.graph import Graph

KINDS = ("simple", "sigmoid", "mean", "none")


@dataclass(frozen=True)
class DIFFormerConfig:
    """Shape of a `DIFFormer`; the defaults are those published for Cora.

    Attributes:
        inputs: Features of an instance.
        classes: Logits of an instance.
        width: d of the hidden state.
        heads: H, averaged over.
        layers: Number of layers.
        kind: "simple" (-s), "sigmoid" (-a), or a control: "mean" (S = 1/N exactly) or
            "none" (S = I: each instance by itself).
        norm: Of "simple": "global" as in the program, or "rows" as in the paper.
        alpha: α = τ in (0, 1].
        graph_weight: w in [0, 1], where a graph is averaged with S; None to add it.
        value_weights: Whether v = z W_V.
        dropout: Share of features that are dropped after each layer while training.
        block: Queries at a time, of "sigmoid".

    Raises:
        ValueError: If a value is out of range.
        TypeError: If a choice is neither True nor False.
    """

    inputs: int
    classes: int
    width: int = 64
    heads: int = 1
    layers: int = 8
    kind: str = "simple"
    norm: str = "global"
    alpha: float = 0.5
    graph_weight: float | None = None
    value_weights: bool = False
    dropout: float = 0.2
    block: int = 256

    def __post_init__(self) -> None:
        check_whole(inputs=self.inputs, classes=self.classes, width=self.width)
        check_whole(heads=self.heads, layers=self.layers, block=self.block)
        check_choice(KINDS, kind=self.kind)
        check_choice(("global", "rows"), norm=self.norm)
        check_in("(0, 1]", alpha=self.alpha)
        check_in("[0, 1)", dropout=self.dropout)
        check_flag(value_weights=self.value_weights)
        if self.graph_weight is not None:
            check_in("[0, 1]", graph_weight=self.graph_weight)


class Affine(NamedTuple):
    """x W + b.

    Attributes:
        weight: W, (in, out).
        bias: b, (out,).
    """

    weight: Float[Array, "i o"]
    bias: Float[Array, "o"]


class DiffusionLayer(eqx.Module):
    """One layer: S v and Ã v, averaged over heads, then the mean with z, normed.

    Attributes:
        query, key: Of z, (d, H d).
        value: Alike, or None for v = z.
        gain, bias: Of the layer norm, (d,).
        config: Its `DIFFormerConfig`.
    """

    query: Affine
    key: Affine
    value: Affine | None
    gain: Float[Array, "d"]
    bias: Float[Array, "d"]
    config: DIFFormerConfig = eqx.field(static=True)

    @single_precision()
    def __init__(self, config: DIFFormerConfig, *, key: PRNGKeyArray) -> None:
        check_kind(DIFFormerConfig, config=config)
        check_key(key=key)
        keys, width = jax.random.split(key, 3), config.width
        columns = config.heads * width
        self.query, self.key = (_affine(k, width, columns) for k in keys[:2])
        weights = config.value_weights
        self.value = _affine(keys[2], width, columns) if weights else None
        self.gain, self.bias = jnp.ones(width), jnp.zeros(width)
        self.config = config

    @usual_promotion()
    def flow(
        self,
        state: Float[Array, "*batch n d"],
        graph: Graph | None = None,
        mask: Bool[Array, "*batch n"] | None = None,
    ) -> Float[Array, "*batch n d"]:
        """Return what comes to each instance from all others and along the graph.

        Raises:
            TypeError: If something is of another kind.
            ValueError: If shapes do not fit, or a graph comes with a batch.
        """
        config = self.config
        _check_inputs("state", state, config.width, graph, mask)

        def heads(part: Affine) -> Array:
            out = state @ part.weight + part.bias
            return out.reshape(*out.shape[:-1], config.heads, config.width)

        values = state[..., None, :] if self.value is None else heads(self.value)
        values = jnp.broadcast_to(
            values, (*state.shape[:-1], config.heads, config.width)
        )
        flow = self._of_all(heads, values, mask)
        if graph is None:
            return flow.mean(-2)
        along = graph.convolve(values)
        share = config.graph_weight
        total = flow + along if share is None else (1 - share) * flow + share * along
        return total.mean(-2)

    def _of_all(self, heads: Any, values: Array, mask: Any) -> Array:
        """S v, (…, N, H, d)."""
        kind, block = self.config.kind, self.config.block
        if kind == "none":
            return values
        if kind == "mean":
            there = None if mask is None else mask[..., None, None]
            mean = values.mean(-3, keepdims=True, where=there)
            return jnp.broadcast_to(mean, values.shape)
        queries, keys = heads(self.query), heads(self.key)
        if kind == "simple":
            return simple_diffusion(queries, keys, values, mask, self.config.norm)
        return sigmoid_diffusion(queries, keys, values, mask, block)

    @usual_promotion()
    def __call__(
        self,
        state: Float[Array, "*batch n d"],
        graph: Graph | None = None,
        mask: Bool[Array, "*batch n"] | None = None,
    ) -> Float[Array, "*batch n d"]:
        """Return LN(α flow + (1 − α) z).

        Raises:
            TypeError: If something is of another kind.
            ValueError: If shapes do not fit, or a graph comes with a batch.
        """
        alpha = self.config.alpha
        mixed = alpha * self.flow(state, graph, mask) + (1 - alpha) * state
        return normalise(mixed, self.gain, self.bias, axis=-1)


class DIFFormer(eqx.Module):
    """Logits of instances (…, N, inputs), such as nodes, pictures or texts.

    Instances of one member of a batch exchange heat, those of others do not: nodes of a
    graph are one member without batch axes, samples of a table likewise.

    Attributes:
        encode: Of inputs, (inputs, d).
        gain, bias: Of the layer norm behind it, (d,).
        layers: Each a `DiffusionLayer`.
        decode: To logits, (d, classes).
        config: Its `DIFFormerConfig`.

    Args:
        config: The shape.
        key: Key of the weights, uniform within 1/√(number of inputs) as in the program.
    """

    encode: Affine
    gain: Float[Array, "d"]
    bias: Float[Array, "d"]
    layers: tuple[DiffusionLayer, ...]
    decode: Affine
    config: DIFFormerConfig = eqx.field(static=True)

    @single_precision()
    def __init__(self, config: DIFFormerConfig, *, key: PRNGKeyArray) -> None:
        check_kind(DIFFormerConfig, config=config)
        check_key(key=key)
        keys = jax.random.split(key, config.layers + 2)
        self.encode = _affine(keys[0], config.inputs, config.width)
        self.decode = _affine(keys[1], config.width, config.classes)
        self.layers = tuple(DiffusionLayer(config, key=k) for k in keys[2:])
        self.gain, self.bias = jnp.ones(config.width), jnp.zeros(config.width)
        self.config = config

    @usual_promotion()
    def states(
        self,
        inputs: Float[Array, "*batch n f"],
        graph: Graph | None = None,
        mask: Bool[Array, "*batch n"] | None = None,
        *,
        key: PRNGKeyArray | None = None,
    ) -> Float[Array, "layers *batch n d"]:
        """Return z⁰ and what each layer makes of it, (layers + 1, …, N, d).

        `layer_energies` of these shows whether the trained layers descend.

        Raises:
            TypeError: If something is of another kind.
            ValueError: As for a call of the model.
        """
        config = self.config
        _check_inputs("inputs", inputs, config.inputs, graph, mask)
        if key is not None:
            check_key(key=key)
        count = len(self.layers) + 1
        keys = [None] * count if key is None else list(jax.random.split(key, count))
        hidden = inputs @ self.encode.weight + self.encode.bias
        hidden = jax.nn.relu(normalise(hidden, self.gain, self.bias, axis=-1))
        states = [_dropped(hidden, config.dropout, keys[0])]
        for layer, noise in zip(self.layers, keys[1:], strict=True):
            after = layer(states[-1], graph, mask)
            states.append(_dropped(after, config.dropout, noise))
        return jnp.stack(states)

    @usual_promotion()
    def __call__(
        self,
        inputs: Float[Array, "*batch n f"],
        graph: Graph | None = None,
        mask: Bool[Array, "*batch n"] | None = None,
        *,
        key: PRNGKeyArray | None = None,
    ) -> Float[Array, "*batch n c"]:
        """Compute logits of every instance, (…, N, classes).

        Args:
            inputs: Features, (…, N, inputs).
            graph: A `Graph` of the N instances, without batch axes; None for none.
            mask: Which instances are there, (…, N); all if None. Logits of others say
                nothing.
            key: Of dropout, in training; None to drop nothing.

        Raises:
            TypeError: If something is of another kind.
            ValueError: If shapes do not fit, a number is not finite, a mask leaves no
                instance, or a graph comes with a batch.
        """
        last = self.states(inputs, graph, mask, key=key)[-1]
        return last @ self.decode.weight + self.decode.bias


def _check_inputs(name: str, value: Any, width: int, graph: Any, mask: Any) -> None:
    check_real(**{name: value})
    check_shapes(**{name: (value, f"... n {width}")})
    check_finite(**{name: value})
    if mask is not None:
        check_shapes(mask=(mask, f"... {value.shape[-2]}"))
        check_batch_axes(value.shape[:-1], mask=mask)
        check_instances(mask=mask)
    if graph is None:
        return
    check_kind(Graph, graph=graph)
    if value.ndim != 2:
        raise ValueError(
            f"graph must be None for a batch, or the {name} without batch axes; got "
            f"shape {value.shape}"
        )
    if len(value) != graph.nodes:
        raise ValueError(
            f"{name} must have a row for each of the {graph.nodes} nodes of the graph, "
            f"got {len(value)}"
        )


def _affine(key: PRNGKeyArray, rows: int, columns: int) -> Affine:
    weight, bias = jax.random.split(key)
    most = rows**-0.5
    uniform = {"minval": -most, "maxval": most}
    return Affine(
        jax.random.uniform(weight, (rows, columns), **uniform),
        jax.random.uniform(bias, (columns,), **uniform),
    )


def _dropped(state: Array, share: float, key: Any) -> Array:
    if key is None or not share:
        return state
    stays = jax.random.bernoulli(key, 1 - share, state.shape)
    return jnp.where(stays, state / (1 - share), 0)
