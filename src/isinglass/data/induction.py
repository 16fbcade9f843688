"""Induction: what followed this symbol the last time? Sequences drawn on the device.

Two forms of one task. *Full sequence*: symbols are uniform, and at every position whose
symbol occurred before, the target is the symbol that followed its most recent earlier
occurrence. *Last token*: a trigger symbol stands once inside and once at the end, and
the target, asked for at the last position only, is what followed it inside.

Everything is pure JAX and can go through `jax.jit` and `jax.vmap`. A sequence is a
function of the key, its place in the batch and the number of symbols: the size of the
batch, the length and the padding change nothing in the symbols that remain (of the
last-token form: for one length).
"""

from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, NamedTuple, get_args

import jax
import jax.numpy as jnp
from jax.core import Tracer
from jaxtyping import Array, Bool, Int

from isinglass._common.checks import (
    check_choice,
    check_in,
    check_key,
    check_whole,
    is_number,
)
from isinglass._common.precision import usual_promotion
from isinglass.data.tokens import check_tokens

Form = Literal["last-token", "full-sequence"]
FORMS: tuple[Form, ...] = get_args(Form)
_LONGEST = 1 << 31  # beyond which places are no int32
_SHORTEST = {"last-token": 3, "full-sequence": 2}


class InductionBatch(NamedTuple):
    """Sequences side by side, each padded on the right to the same width n.

    Attributes:
        tokens: Symbols 0 … V − 1, (B, n) int32; 0 in the padding.
        targets: What to predict at each position, (B, n) int32; 0 where `mask` is
            false.
        mask: Positions that count, (B, n).
        source: Position of the earlier occurrence whose successor is the target, (B, n)
            int32; −1 where `mask` is false.
    """

    tokens: Int[Array, "B n"]
    targets: Int[Array, "B n"]
    mask: Bool[Array, "B n"]
    source: Int[Array, "B n"]


@dataclass(frozen=True)
class InductionTask:
    """One form of the task with its number of symbols.

    Source: Lam 2026, which states neither the form nor the vocabulary.

    Attributes:
        form: "last-token" or "full-sequence".
        vocabulary: V, at least 2. With 2, the last-token form has only one possible
            answer.

    Raises:
        ValueError: If the form is unknown or the vocabulary has fewer than 2 symbols.
    """

    form: Form = "last-token"
    vocabulary: int = 4

    def __post_init__(self) -> None:
        check_choice(FORMS, form=self.form)
        _check_vocabulary(self.vocabulary)

    @property
    def shortest(self) -> int:
        """The shortest sequence that the form allows: 3 for the last token, else 2."""
        return _SHORTEST[self.form]

    @property
    def chance(self) -> float:
        """Share of right answers of a guess that sees no context: 1/(V−1) or 1/V.

        Early in a full sequence, to repeat the symbol is a better guess: at position i
        it is right with probability (1/V) / (1 − (1−1/V)^i).
        """
        return 1 / (
            self.vocabulary - 1 if self.form == "last-token" else self.vocabulary
        )

    def batch(
        self,
        key: Array,
        batch: int,
        length: Any,
        size: int | None = None,
        *,
        symbols: Any = None,
    ) -> InductionBatch:
        """Draw sequences, as `last_token` or `full_sequence` does."""
        draw = last_token if self.form == "last-token" else full_sequence
        return draw(key, batch, length, self.vocabulary, size=size, symbols=symbols)

    @usual_promotion()
    def questions(self, tokens: Int[Array, "n"]) -> Bool[Array, "n"]:
        """Say which positions of one sequence without padding count.

        That is the `InductionBatch.mask` of a sequence of which nothing else is known:
        the last position, or all whose symbol occurred before.
        """
        check_tokens("tokens", tokens, 1, self.vocabulary)
        if self.form == "last-token":
            return jnp.arange(len(tokens)) == len(tokens) - 1
        return _last_occurrence(tokens, self.vocabulary) >= 0


@usual_promotion()
def full_sequence(
    key: Array,
    batch: int,
    length: Any,
    vocabulary: int,
    *,
    size: int | None = None,
    symbols: Any = None,
) -> InductionBatch:
    """Uniform symbols; what followed each one's most recent earlier occurrence.

    Where that occurrence is the position just before, what followed it is the symbol
    itself.

    Args:
        key: Random key.
        batch: B, number of sequences, at least 1.
        length: Symbols in a sequence, at least 2; may be traced, and is then not
            checked.
        vocabulary: V, at least 2.
        size: n, width of the arrays; the length if None. Needed where the length is
            traced.
        symbols: How many of the vocabulary are in use, 2 … V; may be traced, and is
            then not checked. All if None.

    Raises:
        ValueError: If a number is out of range.
    """
    check_key(key=key)
    size = _checked_size("full-sequence", batch, length, vocabulary, size, symbols)
    return _full_sequence(
        _keys(key, int(batch)),
        length,
        vocabulary if symbols is None else symbols,
        size,
        int(vocabulary),
    )


@usual_promotion()
def last_token(
    key: Array,
    batch: int,
    length: Any,
    vocabulary: int,
    *,
    size: int | None = None,
    symbols: Any = None,
) -> InductionBatch:
    """What followed the trigger, which stands once inside and once at the end.

    The trigger is drawn for each sequence; so is its place, uniform over 0 … length −
    3. The other symbols are uniform over those that are not the trigger. Arguments and
    errors are those of `full_sequence`, but that a length is at least 3.
    """
    check_key(key=key)
    size = _checked_size("last-token", batch, length, vocabulary, size, symbols)
    return _last_token(
        _keys(key, int(batch)), length, vocabulary if symbols is None else symbols, size
    )


@partial(jax.jit, static_argnums=(3, 4))
@partial(jax.vmap, in_axes=(0, None, None, None, None))
def _full_sequence(
    key: Array, length: Any, symbols: Any, size: int, vocabulary: int
) -> Any:
    tokens = jax.random.randint(key, (size,), 0, symbols, jnp.int32)
    source = _last_occurrence(tokens, vocabulary)
    return _batch(tokens, source, source >= 0, length)


@partial(jax.jit, static_argnums=3)
@partial(jax.vmap, in_axes=(0, None, None, None))
def _last_token(key: Array, length: Any, symbols: Any, size: int) -> Any:
    for_trigger, for_place, for_others = jax.random.split(key, 3)
    trigger = jax.random.randint(for_trigger, (), 0, symbols, jnp.int32)
    place = jax.random.randint(for_place, (), 0, length - 2, jnp.int32)
    others = jax.random.randint(for_others, (size,), 0, symbols - 1, jnp.int32)
    at = jnp.arange(size, dtype=jnp.int32)
    is_last = at == length - 1
    others = others + (others >= trigger)
    tokens = jnp.where((at == place) | is_last, trigger, others)
    return _batch(tokens, jnp.broadcast_to(place, (size,)), is_last, length)


@partial(jax.jit, static_argnums=1)
def _keys(key: Array, batch: int) -> Array:
    """One key for each sequence, which does not depend on how many there are."""
    return jax.vmap(partial(jax.random.fold_in, key))(
        jnp.arange(batch, dtype=jnp.int32)
    )


def _last_occurrence(tokens: Int[Array, "n"], vocabulary: int) -> Int[Array, "n"]:
    """Position of each symbol's most recent earlier occurrence, −1 where there is none.

    A table of where each symbol was last seen goes along the sequence: O(n + V) memory,
    and on two cores 3 to 30 times as fast as a running maximum for each symbol, or a
    sort.
    """

    def read_and_note(last: Array, here: tuple[Array, Array]) -> tuple[Array, Array]:
        at, symbol = here
        return last.at[symbol].set(at), last[symbol]

    nowhere = jnp.full(vocabulary, -1, jnp.int32)
    where = jnp.arange(len(tokens), dtype=jnp.int32)
    return jax.lax.scan(read_and_note, nowhere, (where, tokens))[1]


def _batch(
    tokens: Int[Array, "n"],
    source: Int[Array, "n"],
    counts: Bool[Array, "n"],
    length: Any,
) -> Any:
    """One sequence with its targets; what is beyond its length is padding."""
    inside = jnp.arange(len(tokens)) < length
    mask = counts & inside
    targets = tokens[jnp.where(mask, source + 1, 0)]
    return InductionBatch(
        tokens=jnp.where(inside, tokens, 0),
        targets=jnp.where(mask, targets, 0),
        mask=mask,
        source=jnp.where(mask, source, -1),
    )


def _checked_size(
    form: Form, batch: int, length: Any, vocabulary: int, size: int | None, symbols: Any
) -> int:
    """Width of the arrays, once all that is no traced number has been checked."""
    _check_vocabulary(vocabulary)
    check_whole(batch=batch)
    if symbols is not None:
        check_in(f"[2, {vocabulary}]", symbols=symbols)
    if size is not None:
        check_whole(size=size)
    if isinstance(length, Tracer):
        if size is None:
            raise ValueError(
                "size must be given where length is traced: arrays have a fixed width"
            )
        return int(size)
    if not is_number(length) or length % 1 or not _SHORTEST[form] <= length < _LONGEST:
        raise ValueError(
            f"length must be a whole number, at least {_SHORTEST[form]} in the {form} "
            f"form, got {length}"
        )
    if size is not None and size < length:
        raise ValueError(f"size must be at least the length, {length}, got {size}")
    return int(length if size is None else size)


def _check_vocabulary(vocabulary: int) -> None:
    check_whole(vocabulary=vocabulary)
    if vocabulary == 1:
        raise ValueError(
            "vocabulary must be at least 2, got 1: with one symbol there is nothing to "
            "predict, and none beside the trigger"
        )
    check_whole(2, vocabulary=vocabulary)
