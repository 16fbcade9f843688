"""The finite network: N spins per token, drawn at random."""

import copy
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray

from isinglass._common.checks import (
    as_parameter,
    as_real_array,
    check_key,
    check_kind,
    check_whole,
)
from isinglass._common.precision import double_precision
from isinglass._common.types import ArrayLike
from isinglass.dynamics.trajectories import Sampling
from isinglass.systems.meanfield.attention import attend, check_position
from isinglass.systems.meanfield.features import Features, RandomState, split_weights
from isinglass.systems.meanfield.mean_field import PARAMETERS, MeanField, Parameters

_MOST_SPINS = 2**24
"""Sums of more ±1 are not exact in float32."""

_SPINS_PER_BINOMIAL = 200
"""Drawing a binomial number takes as long as drawing this many spins, on a CPU."""

_MOST_BYTES = 256 * 2**20
"""Replicas are drawn in batches that keep the spins drawn at a time below this."""


class NetworkTrajectory(NamedTuple):
    """What a network did.

    Row r is position t = ``position`` + ``transient`` + r · ``stride``.

    Attributes:
        attention: A_t, (replicas, rows, M).
        overlaps: m^o, m^v, m^q, m^k of the token at t, (replicas, rows, 4, M).
    """

    attention: Float[np.ndarray, "R rows M"]
    overlaps: Float[np.ndarray, "R rows 4 M"]


@dataclass(frozen=True)
class Prompt:
    """The tokens that are there before attention generates any.

    Attributes:
        window: Attentions A_{t−1}, …, A_{t−n}, newest first, (n, M) with 1 ≤ n ≤ L,
            from each of which one of the first tokens is drawn. If None, the one of
            `MeanField.start_from_pattern`: the whole first output pattern's with
            itself.
        position: t, the position of the newest of these tokens and the first row.
        token: Semantic overlaps (4, M) of a single first token, which is not drawn;
            instead of ``window``.

    Raises:
        ValueError: If there are both ``window`` and ``token``.
    """

    window: ArrayLike | None = None
    position: int = 0
    token: ArrayLike | None = None

    def __post_init__(self) -> None:
        if self.window is not None and self.token is not None:
            raise ValueError("window and token must not both be given")
        check_position(self.position)


class SelfAttentionNetwork:
    """Self-attention network of N spins per token, which generates tokens without end.

    Token t has spins s_i = ±1, independent with P(s_i = +1) = (1 + tanh(β Σ_b W^o_{b,i}
    A_b)) / 2, where A is the attention of the token before. `MeanField` is its limit N
    → ∞.

    Spins of equal columns over all four weights count alike in every overlap, so only
    their number that is up is drawn, by one binomial draw, where that is faster than
    drawing each: a network of segments costs the same at any N. Overlaps are sums of
    whole numbers, exact.

    Source: Poc-López & Aguilera 2024.

    Args:
        weights: W^o, W^v, W^q, W^k in ±1, (4, M, N + P), the positional bits last; see
            `Features.draw_weights`. The order of the spins does not matter and is not
            kept.
        positional_bits: P, at least 0.
        context: Length L of the window; 2^P if None.

    Raises:
        ValueError: If the weights are not ±1 or of another shape, N is more than 2^24,
            or ``context`` is less than 1.
    """

    def __init__(
        self, weights: ArrayLike, positional_bits: int, context: int | None = None
    ) -> None:
        semantic, positional = split_weights(weights, positional_bits)
        if semantic.shape[2] > _MOST_SPINS:
            raise ValueError(f"at most 2^24 spins are taken, got {semantic.shape[2]}")
        if context is not None:
            check_whole(context=context)
        self.columns: Int[np.ndarray, "T 4 M"]
        self.columns, self.counts = np.unique(
            semantic.transpose(2, 0, 1), axis=0, return_counts=True
        )
        self.positional = positional
        self.context = 2**positional_bits if context is None else context

    @classmethod
    def from_features(
        cls,
        features: Features,
        n_spins: int,
        context: int | None = None,
        random_state: RandomState = None,
    ) -> "SelfAttentionNetwork":
        """Network of N spins with given features, by `Features.draw_weights`.

        Args:
            features: The patterns.
            n_spins: N, 1 to 2^24.
            context: Length L of the window; 2^P if None.
            random_state: Seed or generator, used where only correlations are known.

        Raises:
            ValueError: If ``n_spins`` is out of range or no weights have these
                features.
        """
        check_kind(Features, features=features)
        weights = features.draw_weights(n_spins, random_state)
        return cls(weights, features.positional_bits, context)

    def repeated(self, times: int) -> "SelfAttentionNetwork":
        """The network with every spin so many times over, which has the same features.

        Columns and their numbers are all that is kept of the weights; laying out those
        of ten million spins, to have them counted again, would take a minute.

        Args:
            times: How many times, at least 1.

        Raises:
            ValueError: If ``times`` is less than 1.
        """
        check_whole(times=times)
        larger = copy.copy(self)
        larger.counts = self.counts * times
        return larger

    @property
    def n_spins(self) -> int:
        """N."""
        return int(self.counts.sum())

    @cached_property
    def features(self) -> Features:
        """Its own features: those of the weights that it has."""
        return Features.from_columns(self.columns, self.counts, self.positional)

    def sample(
        self,
        key: PRNGKeyArray,
        parameters: Parameters,
        steps: int | Sampling,
        *,
        replicas: int = 1,
        prompt: Prompt | None = None,
    ) -> NetworkTrajectory:
        """Generate tokens in independent replicas, in float64.

        Replica r draws the same numbers however many replicas there are. Memory is
        bounded by the result, 5 · M numbers for each replica and row, and 256 MiB or
        one replica.

        Args:
            key: Source of randomness, `jax.random.key`.
            parameters: Numbers "beta", "gamma" and "epsilon".
            steps: How many rows are kept, from the prompt's newest token on; or a
                `isinglass.dynamics.Sampling`, whose transient counts rows left out
                before the first, and whose stride every how many rows one is kept.
            replicas: At least 1.
            prompt: The first tokens; by default those of `Prompt()`.

        Raises:
            ValueError: If a number is out of range or not finite, or a shape is another
                one.
        """
        check_key(key=key)
        numbers = {name: as_parameter(name, parameters) for name in PARAMETERS}
        sampling = Sampling.of(steps)
        check_whole(replicas=replicas)
        replicas = int(replicas)
        prompt = Prompt() if prompt is None else prompt
        check_kind(Prompt, prompt=prompt)
        start = self._start(numbers, prompt)
        with double_precision():
            source = self._source()
            batch = max(1, min(replicas, _MOST_BYTES // source.bytes_per_replica))
            positional = jnp.asarray(self.features.positional_overlaps)
            rows = _sample(
                key,
                numbers,
                _Tokens(source, positional, start),
                (sampling.transient, sampling.stride),
                (sampling.steps, replicas, batch),
            )
            return NetworkTrajectory(*map(np.asarray, rows))

    def _start(self, parameters: Parameters, prompt: Prompt) -> "_Start":
        m, length = self.columns.shape[2], self.context
        attentions, first = np.zeros((length, m)), np.zeros((4, m))
        if prompt.token is not None:
            first = as_real_array("token", prompt.token, (4, m))
            return _Start(attentions, 1, first, False, prompt.position)
        window = prompt.window
        if window is None:
            window = np.asarray(MeanField(self.features).prompt(parameters))[None]
        rows = as_real_array("window", window, (None, m))
        if not 1 <= len(rows) <= length:
            raise ValueError(
                f"window must hold 1 to {length} attentions, got {len(rows)}"
            )
        attentions[: len(rows)] = rows[::-1]
        oldest = prompt.position - len(rows) + 1
        return _Start(attentions, len(rows), first, True, oldest)

    def _source(self) -> "_Types | _Spins":
        columns = self.columns.reshape(len(self.columns), -1).astype(float)
        m = self.columns.shape[2]
        if self.n_spins >= _SPINS_PER_BINOMIAL * len(columns):
            return _Types(jnp.asarray(columns), jnp.asarray(self.counts, float))
        spins = np.repeat(columns, self.counts, axis=0)
        groups, group = np.unique(spins[:, :m], axis=0, return_inverse=True)
        return _Spins(
            jnp.asarray(groups),
            jnp.asarray(group.ravel(), jnp.int32),
            jnp.asarray(spins, jnp.float32),
            jnp.asarray(spins.sum(axis=0)),
        )


class _Types(NamedTuple):
    """Draws how many spins of each column are up."""

    columns: Float[Array, "T 4*M"]
    counts: Float[Array, " T"]

    def draw(
        self, key: PRNGKeyArray, field: Float[Array, " M"]
    ) -> Float[Array, " 4*M"]:
        """Semantic overlaps of a token drawn at β A = `field`."""
        up = jax.random.binomial(
            key, self.counts, jax.nn.sigmoid(2 * self.columns[:, : len(field)] @ field)
        )
        return (2 * up - self.counts) @ self.columns / self.counts.sum()

    @property
    def bytes_per_replica(self) -> int:
        return 8 * 10 * len(self.counts)  # the sampler's intermediate results


class _Spins(NamedTuple):
    """Draws every spin."""

    groups: Float[Array, "G M"]  # the different columns of W^o
    group: Int[Array, " N"]  # which of them a spin has
    weights: Float[Array, "N 4*M"]
    totals: Float[Array, " 4*M"]  # of the weights over spins

    def draw(
        self, key: PRNGKeyArray, field: Float[Array, " M"]
    ) -> Float[Array, " 4*M"]:
        """Semantic overlaps of a token drawn at β A = `field`."""
        bits = jax.random.bits(key, self.group.shape, jnp.uint32)
        # Probabilities in steps of 2^(−32), whole numbers to compare random bits with.
        chance = jax.nn.sigmoid(2 * self.groups @ field) * 2.0**32
        threshold = jnp.minimum(chance, 2.0**32 - 1).astype(jnp.uint32)
        up = (bits < threshold[self.group]).astype(jnp.float32)
        ups = jnp.matmul(
            up, self.weights, precision="highest"
        )  # exact: whole numbers < 2^24
        return (2 * ups.astype(field.dtype) - self.totals) / len(self.group)

    @property
    def bytes_per_replica(self) -> int:
        return 12 * len(self.group)  # bits, thresholds and spins


class _Start(NamedTuple):
    """A prompt in arrays."""

    attentions: Float[np.ndarray, "L M"]  # oldest first, of which some are used
    tokens: int  # how many
    token: Float[np.ndarray, "4 M"]  # the first one's semantic overlaps
    is_drawn: bool  # whether the first one is drawn instead
    position: int  # of the first


class _Tokens(NamedTuple):
    """How tokens are drawn, and the first ones."""

    source: _Types | _Spins
    positional: Float[Array, "4 M period"]
    start: _Start


@partial(jax.jit, static_argnums=4)
def _sample(
    key: PRNGKeyArray,
    parameters: dict[str, Any],
    drawn: _Tokens,
    spacing: tuple[Any, Any],
    sizes: tuple[int, int, int],
) -> tuple[Float[Array, "R rows M"], Float[Array, "R rows 4 M"]]:
    """Attention and overlaps of the newest token at every row that is kept.

    `spacing` is transient and stride, `sizes` are those of rows, replicas and batches.
    """
    source, positional, start = drawn
    (transient, stride), (rows, replicas, batch) = spacing, sizes
    epsilon, length = parameters["epsilon"], len(start.attentions)

    def placed(semantic: Array, index: Any) -> Array:
        bits = positional[:, :, (start.position + index) % positional.shape[2]]
        return (1 - epsilon) * semantic + epsilon * bits

    def attention(index: Any, tokens: Array) -> Array:
        """Of the newest token, when there have been `index`."""
        counted = [age < index for age in range(length)]
        values, queries, keys = tokens[:, 1], tokens[:, 2], tokens[:, 3]
        return attend(
            queries[0], list(keys), list(values), parameters["gamma"], counted
        )

    def replica(key: PRNGKeyArray) -> tuple[Array, Array]:
        # Compiling a draw takes a second: everything goes through this single one.
        def advance(_: Any, carry: tuple[Array, Array]) -> tuple[Array, Array]:
            index, tokens = carry
            generated = attention(index, tokens)
            a = jnp.where(
                index < start.tokens, jnp.asarray(start.attentions)[index], generated
            )
            drawn = source.draw(jax.random.fold_in(key, index), parameters["beta"] * a)
            token = placed(drawn.reshape(4, -1), index)
            return index + 1, jnp.concatenate([token[None], tokens[:-1]])

        def row(carry: tuple[Array, Array], steps: Array) -> Any:
            index, tokens = jax.lax.fori_loop(0, steps, advance, carry)
            return (index, tokens), (attention(index, tokens), tokens[0])

        index = jnp.where(start.is_drawn, 0, 1).astype(jnp.int64)
        tokens = (
            jnp.zeros((length, *positional.shape[:2]))
            .at[0]
            .set(placed(jnp.asarray(start.token), 0))
        )
        steps = jnp.full(rows, stride).at[0].set(start.tokens - index + transient)
        return jax.lax.scan(row, (index, tokens), steps)[1]

    keys = jax.vmap(partial(jax.random.fold_in, key))(jnp.arange(replicas))
    return jax.lax.map(replica, keys, batch_size=batch)
