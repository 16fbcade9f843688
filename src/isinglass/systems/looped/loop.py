"""What all loops share: states from 0 on, a linear read-out, a record of all of it.

A subclass of `Loop` says how tokens are embedded, how queries, keys and values are made
of a state, and what an iteration does with what attention gives. `Loop` then iterates
it: for logits alone, for training (`Loop.energies`, which keeps no row of attention),
or with every state and row (`Loop.run`). Inside, arrays have their features first
(`isinglass.attention.features_first`); what is passed in and out has them last.
"""

from abc import abstractmethod
from functools import partial
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Real

from isinglass._common.checks import (
    check_flag,
    check_in,
    check_real,
    check_shapes,
    check_whole,
)
from isinglass._common.precision import usual_promotion
from isinglass.attention.features_first import (
    features_first,
    features_last,
    joined,
)
from isinglass.attention.streamed import (
    SAVED,
    RowStatistics,
    attend_first,
    attention_rows,
)
from isinglass.data.tokens import check_tokens
from isinglass.systems.looped.penalties import check_streamed_index

# An iteration's state and what attention made of it are kept for the gradient; the rest
# is computed anew, which is faster than to write and read it.
checkpointed = partial(
    jax.checkpoint,
    prevent_cse=False,
    policy=jax.checkpoint_policies.save_only_these_names(*SAVED),
)


def check_shape(config: Any) -> None:
    """Refuse a configuration of a loop whose sizes or positions make no model.

    Raises:
        ValueError: If one is out of range.
    """
    check_whole(2, vocabulary=config.vocabulary, width=config.width)
    check_whole(heads=config.heads, iterations=config.iterations)
    if config.hidden is not None:
        check_whole(hidden=config.hidden)
    if config.width % 2 or config.width % config.heads:
        raise ValueError(
            f"width must be even and a multiple of heads, got width {config.width} and "
            f"{config.heads} heads"
        )
    check_in("[0, inf)", positional_scale=config.positional_scale)
    check_in("(1, inf)", positional_base=config.positional_base)
    check_flag(causal=config.causal)


def check_sequences(tokens: Any, positions: Any, vocabulary: int) -> None:
    """Refuse what are no sequences of tokens, or positions that are not theirs.

    Raises:
        TypeError: If they are no array.
        ValueError: If sequences are empty, tokens no whole numbers in [0, V), or
            positions no real numbers or others than the tokens'.
    """
    check_tokens("tokens", tokens, None, vocabulary)
    check_shapes(tokens=(tokens, "... n"))
    if positions is not None:
        check_real(positions=positions)
        if positions.shape[-1:] != tokens.shape[-1:]:
            raise ValueError(
                f"positions must be as many as tokens, {tokens.shape[-1]}, got shape "
                f"{positions.shape}"
            )


class LoopTrajectory(NamedTuple):
    """All states of a loop and what its attention did.

    Attributes:
        states: Z_0 … Z_T, (T + 1, …, n, d); Z_0 = 0.
        rows: Attention p of iterations 1 … T, (T, heads, …, n, n); 0 where it must not
            look.
    """

    states: Float[Array, "T1 *batch n d"]
    rows: Float[Array, "T h *batch n n"]


class LoopEnergies(NamedTuple):
    """Means over iterations and heads of what the penalties are made of, by position.

    Attributes:
        kinetic: ½|Z_t − Z_{t−1}|², (…, n) (Eq. 3).
        potential: min_j(−log p_tj), nats, (…, n) (Eq. 4).
        entropy: Tsallis entropy S_q(p_t), (…, n) (Eq. 5).
    """

    kinetic: Float[Array, "*batch n"]
    potential: Float[Array, "*batch n"]
    entropy: Float[Array, "*batch n"]


class Loop(eqx.Module):
    """A model that applies one block again and again, Z_0 = 0, Z_{t+1} from Z_t and X.

    Attributes:
        readout, readout_bias: (d, V) and (V,).
        config: Shape, with the number of `iterations`.
    """

    readout: eqx.AbstractVar[Array]
    readout_bias: eqx.AbstractVar[Array]
    config: eqx.AbstractVar[Any]

    @abstractmethod
    def embed(
        self,
        tokens: Int[Array, "*batch n"],
        positions: Real[Array, "*#batch n"] | None = None,
    ) -> Float[Array, "*batch n d"]:
        """Return X, which is added to the state in every iteration."""

    @abstractmethod
    def projections(self, hidden: Float[Array, "d *n"]) -> tuple[Array, Array, Array]:
        """Return queries (scaled), keys and values, (d / heads, heads, …, n)."""

    @abstractmethod
    def _block(
        self, hidden: Float[Array, "d *n"], q: float | None
    ) -> tuple[Float[Array, "d *n"], RowStatistics]:
        """`block` with features first, and means over heads of `RowStatistics`."""

    @abstractmethod
    def _iterate(
        self, state: Float[Array, "d *n"], inputs: Float[Array, "d *n"], q: float | None
    ) -> tuple[Float[Array, "d *n"], Float[Array, "d *n"], RowStatistics]:
        """`step` with features first, how far it goes, and means of `RowStatistics`."""

    def _check(self, **states: Any) -> None:
        check_real(**states)
        for name, state in states.items():
            check_shapes(**{name: (state, f"... n {self.readout.shape[0]}")})

    def _by_distance(self, n: int) -> Float[Array, "n"] | None:
        """Bias of attention by how far back a key lies; None without."""
        return None

    @usual_promotion()
    def attention(
        self, hidden: Float[Array, "*batch n d"]
    ) -> Float[Array, "h *batch n n"]:
        """Return rows of attention at a state with its inputs added, by head."""
        self._check(hidden=hidden)
        query, key, _ = map(features_last, self.projections(features_first(hidden)))
        bias = self._by_distance(hidden.shape[-2])
        return attention_rows(query, key, causal=self.config.causal, bias=bias)

    def _attend(
        self, hidden: Float[Array, "d *n"], q: float | None
    ) -> tuple[Float[Array, "d *n"], RowStatistics]:
        """What the heads make of a state, and statistics of rows, means over heads."""
        bias = self._by_distance(hidden.shape[-1])
        heads = self.projections(hidden)
        mixed, rows = attend_first(*heads, causal=self.config.causal, q=q, bias=bias)
        return joined(mixed), RowStatistics(*(x.mean(0) for x in rows))

    @usual_promotion()
    def step(
        self, state: Float[Array, "*batch n d"], inputs: Float[Array, "*batch n d"]
    ) -> Float[Array, "*batch n d"]:
        """Return the next state."""
        self._check(state=state, inputs=inputs)
        axes = zip(state.shape, inputs.shape, strict=False)
        if state.ndim != inputs.ndim or any(
            a != b and 1 not in (a, b) for a, b in axes
        ):
            raise ValueError(
                f"state and inputs must fit, got shapes {state.shape}, {inputs.shape}"
            )
        after, *_ = self._iterate(features_first(state), features_first(inputs), None)
        return features_last(after)

    @usual_promotion()
    def block(self, hidden: Float[Array, "*batch n d"]) -> Float[Array, "*batch n d"]:
        """Return what the block makes of a state with its inputs added."""
        self._check(hidden=hidden)
        return features_last(self._block(features_first(hidden), None)[0])

    @usual_promotion()
    def __call__(
        self,
        tokens: Int[Array, "*batch n"],
        positions: Real[Array, "*#batch n"] | None = None,
        iterations: int | None = None,
    ) -> Float[Array, "*batch n V"]:
        """Compute logits at every position.

        Args:
            tokens: Symbols, 0 to V − 1, of one sequence or of many.
            positions: Where each stands; None for 0, 1, 2, ….
            iterations: How often to apply the block; None for the configured T.

        Raises:
            ValueError: If `iterations` is less than 1.
        """
        inputs = features_first(self.embed(tokens, positions))

        @checkpointed
        def body(state: Array, _: None) -> tuple[Array, None]:
            return self._iterate(state, inputs, None)[0], None

        first, count = jnp.zeros_like(inputs), self._count(iterations)
        return self.decode(
            features_last(jax.lax.scan(body, first, None, length=count)[0])
        )

    @usual_promotion()
    def energies(
        self,
        tokens: Int[Array, "*batch n"],
        positions: Real[Array, "*#batch n"] | None = None,
        iterations: int | None = None,
        q: float | None = 1.5,
    ) -> tuple[Float[Array, "*batch n d"], LoopEnergies]:
        """Compute the last state and what the penalties need: the way to train.

        No row of attention is kept: memory for the gradient is O(n) an iteration. Many
        sequences are best passed at once, which on CPUs is faster than `jax.vmap`.

        Args:
            tokens: Symbols, 0 to V − 1, of one sequence or of many.
            positions: Where each stands; None for 0, 1, 2, ….
            iterations: How often to apply the block; None for the configured T.
            q: Tsallis index, positive and not within 0.001 of 1; None to leave the
                entropy out (it is 0 then).

        Raises:
            ValueError: If `iterations` is less than 1, or q is not positive or too near
                to 1.
        """
        if q is not None:
            check_streamed_index(q)
        inputs = features_first(self.embed(tokens, positions))

        @checkpointed
        def body(state: Array, _: None) -> tuple[Array, tuple[Array, Array, Array]]:
            after, change, rows = self._iterate(state, inputs, q)
            return after, (0.5 * (change**2).sum(0), rows.surprise, rows.power)

        first, count = jnp.zeros_like(inputs), self._count(iterations)
        final, by_iteration = jax.lax.scan(body, first, None, length=count)
        kinetic, surprise, power = (x.mean(0) for x in by_iteration)
        entropy = jnp.zeros_like(power) if q is None else (1 - power) / (q - 1)
        return features_last(final), LoopEnergies(kinetic, surprise, entropy)

    @usual_promotion()
    def decode(self, state: Float[Array, "*n d"]) -> Float[Array, "*n V"]:
        """Return the logits of a state."""
        check_real(state=state)
        check_shapes(state=(state, f"... {self.readout.shape[0]}"))
        return state @ self.readout + self.readout_bias

    @usual_promotion()
    def run(
        self,
        tokens: Int[Array, "*batch n"],
        positions: Real[Array, "*#batch n"] | None = None,
        iterations: int | None = None,
    ) -> LoopTrajectory:
        """Record every state and every row of attention: T · heads · n² numbers."""
        inputs = self.embed(tokens, positions)

        def iterate(state: Array, _: None) -> tuple[Array, tuple[Array, Array]]:
            after = self.step(state, inputs)
            return after, (after, self.attention(state + inputs))

        first = jnp.zeros_like(inputs)
        _, (states, rows) = jax.lax.scan(
            iterate, first, None, length=self._count(iterations)
        )
        return LoopTrajectory(jnp.concatenate([first[None], states]), rows)

    def _count(self, iterations: int | None) -> int:
        count = self.config.iterations if iterations is None else iterations
        check_whole(iterations=count)
        return count
