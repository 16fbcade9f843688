"""The sampler of PnP: N fine tokens of the best places, M coarse tokens of the rest.

    s_l = σ(w₂ · relu(f_l W₁ + b₁) + b₂)         the score, of raw features
    g_l = LN(f_l)                                without gain and bias
    fine     g_l s_l at p_l, for the N places of the highest score
    coarse   Σ_r a_rm (g_r W_v + b_v) at Σ_r a_rm p_r, over the rest r,
             a_rm = softmax_r((g_r W_a + b_a)_m)

It is a coarse-graining: what matters stays as it is, what is left becomes M block
variables, and attention acts on N + M tokens instead of L. Scores learn only through
the factor s_l, since the choice has no gradient: a place that is not polled has none.
A fine token has mean 0 and the length s_l √C: its length is its score. b_a is void
where keys have one layer, as a softmax does not change when all its logits do.

As weights sum to 1, W_v acts on the M sums instead of on all places.

Source: Wang et al. 2021, arXiv 2109.07036, and its program.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from isinglass._common.checks import (
    check_batch_axes,
    check_choice,
    check_finite,
    check_flag,
    check_key,
    check_kind,
    check_mask,
    check_real,
    check_shapes,
    check_whole,
    is_index,
)
from isinglass._common.precision import in_floats, single_precision, usual_promotion
from isinglass.attention.normalisation import EPSILON
from isinglass.systems.polling.affine import Affine, drawn_affine
from isinglass.systems.polling.choice import (
    check_places,
    check_ratio,
    poll,
    polled_of,
    pooling_weights,
)

KINDS = ("learned", "random", "norm")


@dataclass(frozen=True)
class PollAndPoolConfig:
    """Shape of a `PollAndPool`; the defaults are those published for COCO.

    Attributes:
        width: C, features of a place.
        coarse: M, coarse tokens; 0 to drop what is not polled.
        kind: What is polled: the "learned" score, or a control: "random" places, or
            those of the largest "norm" of raw features. Controls do not scale tokens.
        key_layers: Layers that make the M logits of a place, 1 or 2.
        key_positions: Whether logits are of g + p instead of g.

    Raises:
        ValueError: If a value is out of range.
        TypeError: If a choice is neither True nor False.
    """

    width: int = 256
    coarse: int = 30
    kind: str = "learned"
    key_layers: int = 1
    key_positions: bool = False

    def __post_init__(self) -> None:
        check_whole(width=self.width)
        check_whole(0, coarse=self.coarse)
        check_choice(KINDS, kind=self.kind)
        check_choice((1, 2), key_layers=self.key_layers)
        check_flag(key_positions=self.key_positions)


class Tokens(NamedTuple):
    """What a `PollAndPool` makes of L places: N fine tokens, then M coarse ones.

    Attributes:
        features: (…, N + M, C); 0 where there is none.
        positions: (…, N + M, P); 0 where there is none.
        mask: Which are there, (…, N + M): pictures with padding have fewer fine ones.
        places: Of the N fine tokens by descending score, (…, N).
        polled: Which places are fine tokens, (…, L).
        scores: Of all places, (…, L).
        weights: a, (…, L, M): 0 at polled and absent places.
    """

    features: Float[Array, "*batch t c"]
    positions: Float[Array, "*batch t p"]
    mask: Bool[Array, "*batch t"]
    places: Int[Array, "*batch n"]
    polled: Bool[Array, "*batch l"]
    scores: Float[Array, "*batch l"]
    weights: Float[Array, "*batch l m"]


class PollAndPool(eqx.Module):
    """Make N + M tokens of L places.

    Attributes:
        score_in: First layer of the score, (C, C); then relu.
        score_out: Second layer of it, (C, 1); then a sigmoid.
        keys: The layers that make logits, relu between them; the last is (C, M).
        value: W_v and b_v, (C, C).
        config: Its `PollAndPoolConfig`.

    Args:
        config: The shape.
        key: Key of the weights, uniform within 1/√(number of inputs) as in the program.

    Raises:
        TypeError: If something is of another kind.
    """

    score_in: Affine
    score_out: Affine
    keys: tuple[Affine, ...]
    value: Affine
    config: PollAndPoolConfig = eqx.field(static=True)

    @single_precision()
    def __init__(self, config: PollAndPoolConfig, *, key: PRNGKeyArray) -> None:
        check_kind(PollAndPoolConfig, config=config)
        check_key(key=key)
        width, parts = config.width, jax.random.split(key, 5)
        self.score_in = drawn_affine(parts[0], width, width)
        self.score_out = drawn_affine(parts[1], width, 1)
        first = (drawn_affine(parts[2], width, width),)
        last = drawn_affine(parts[3], width, config.coarse)
        self.keys = (*first[: config.key_layers - 1], last)
        self.value = drawn_affine(parts[4], width, width)
        self.config = config

    @usual_promotion()
    def score(
        self, features: Float[Array, "*batch l c"], *, key: PRNGKeyArray | None = None
    ) -> Float[Array, "*batch l"]:
        """Return what places are polled by, (…, L).

        Args:
            features: f, (…, L, C).
            key: Of random scores; not used by others.

        Raises:
            TypeError: If something is of another kind, or random scores have no key.
            ValueError: If shapes do not fit or features are not finite.
        """
        self._check(features)
        features = in_floats(features)
        if self.config.kind == "random":
            check_key(key=key)
            own: Any = key
            return jax.random.uniform(own, features.shape[:-1], features.dtype)
        if self.config.kind == "norm":
            return jnp.linalg.norm(features, axis=-1)
        logits = self.score_out(jax.nn.relu(self.score_in(features)))
        return jax.nn.sigmoid(logits[..., 0])

    @usual_promotion()
    def __call__(
        self,
        features: Float[Array, "*batch l c"],
        positions: Float[Array, "*places l p"],
        ratio: float,
        mask: Bool[Array, "*masks l"] | None = None,
        *,
        counts: Int[Array, "*counts"] | None = None,
        key: PRNGKeyArray | None = None,
    ) -> Tokens:
        """Poll ⌊α L⌋ places and pool the rest.

        With α = 1 all are polled: there is no rest, and M is 0, whatever the padding.
        With α = 0 all are pooled.

        Args:
            features: f, (…, L, C).
            positions: p, (L, P) or (…, L, P); C wide if logits are of them.
            ratio: α, a plain number of [0, 1]: see `poll`.
            mask: Which places are there, (…, L); all if None.
            counts: How many to poll of each picture, (…): see `poll`.
            key: Of random scores; not used by others.

        Raises:
            TypeError: If something is of another kind, α is traced, or random scores
                have no key.
            ValueError: If shapes do not fit, a number is not finite or out of range, a
                mask leaves no place, or there would be no token at all.
        """
        positions = self._checked_positions(features, positions)
        check_ratio(ratio)
        length, coarse = features.shape[-2], self.config.coarse
        if float(ratio) == 1:
            coarse = 0
        if polled_of(ratio, length) + coarse == 0:
            raise ValueError(
                f"ratio must poll a place where coarse is 0, got {ratio} of {length}"
            )
        valid = check_places(mask, features.shape[:-1])
        scores = self.score(features, key=key)
        choice = poll(scores, ratio, mask, counts)
        normed = standardised(in_floats(features))
        fine = _at(normed, choice.places)
        if self.config.kind == "learned":
            fine = fine * _at(scores[..., None], choice.places)
        rest = ~choice.polled if valid is None else valid & ~choice.polled
        weights = self._weights(normed, positions, rest, coarse)
        summed = jnp.swapaxes(weights, -1, -2)
        pooled = jnp.broadcast_to(
            rest.any(-1, keepdims=True), (*rest.shape[:-1], coarse)
        )
        there = jnp.concatenate([choice.there, pooled], axis=-1)

        def joined(first: Array, last: Array) -> Array:
            both = jnp.concatenate([first, last], axis=-2)
            return jnp.where(there[..., None], both, 0)

        return Tokens(
            joined(fine, self.value(summed @ normed)),
            joined(_at(positions, choice.places), summed @ positions),
            there,
            choice.places,
            choice.polled,
            scores,
            weights,
        )

    def _weights(
        self, normed: Array, positions: Array, rest: Array, coarse: int
    ) -> Array:
        """a, (…, L, M)."""
        if not coarse:
            return jnp.zeros((*rest.shape, 0), normed.dtype)
        hidden = normed + positions if self.config.key_positions else normed
        for layer in self.keys[:-1]:
            hidden = jax.nn.relu(layer(hidden))
        return pooling_weights(self.keys[-1](hidden), rest)

    def _check(self, features: Any) -> None:
        check_real(features=features)
        check_shapes(features=(features, f"... l {self.config.width}"))
        check_finite(features=features)

    def _checked_positions(self, features: Any, positions: Any) -> Array:
        """Positions of all pictures, (…, L, P)."""
        self._check(features)
        check_real(positions=positions)
        length = features.shape[-2]
        width = self.config.width if self.config.key_positions else "p"
        check_shapes(positions=(positions, f"... {length} {width}"))
        check_finite(positions=positions)
        check_batch_axes(features.shape[:-1], positions=positions[..., 0])
        shape = (*features.shape[:-1], positions.shape[-1])
        return jnp.broadcast_to(in_floats(jnp.asarray(positions)), shape)


@usual_promotion()
def mean_score(tokens: Tokens) -> Float[Array, ""]:
    """Compute the mean score of polled places, which training adds λ times to its loss.

    It is averaged over each picture's own polled places, and then over pictures; one
    that polls none counts 0. The program averages over N places of every picture, so
    that with padding it pushes down places that the order of equal scores chose.

    Raises:
        TypeError: If they are no `Tokens`, or hold something that is no array.
        ValueError: If their arrays do not go together.
    """
    check_tokens(tokens)
    scores = jnp.where(jnp.asarray(tokens.polled), tokens.scores, 0).sum(-1)
    return (scores / jnp.maximum(tokens.polled.sum(-1), 1)).mean()


def check_tokens(tokens: Any) -> None:
    """Refuse what is no `Tokens`, or whose arrays do not go together.

    Raises:
        TypeError: If it is none, or holds something that is no array.
        ValueError: If a shape, a kind of number or a place does not fit.
    """
    check_kind(Tokens, tokens=tokens)
    parts = {f"tokens.{name}": value for name, value in tokens._asdict().items()}
    mask, places, polled, scores, weights = list(parts)[2:]
    for name in parts.keys() - {mask, polled}:
        check_real(**{name: parts[name]})
    check_finite(**{name: parts[name] for name in (scores, weights)})
    for name in (mask, polled):
        check_shapes(**{name: (parts[name], "... l")})
        check_mask(**{name: parts[name]})
    *batch, length = tokens.polled.shape
    ends = {name: parts[name].shape[-1:] for name in (places, weights)}
    expected = {
        scores: (*batch, length),
        places: (*batch, *ends[places]),
        weights: (*batch, length, *ends[weights]),
        mask: (*batch, sum((*ends[places], *ends[weights]))),
    }
    for name, shape in expected.items():
        if parts[name].shape != shape:
            raise ValueError(
                f"{name} must be of shape {shape}, got {parts[name].shape}"
            )
    _check_numbers(tokens.places, length)


def _check_numbers(places: Any, length: int) -> None:
    """Refuse what are no numbers of places."""
    if not is_index(places):
        raise ValueError(f"tokens.places must be whole numbers, got {places.dtype}")
    if isinstance(places, Tracer) or not np.size(places):
        return
    low, high = int(np.asarray(places).min()), int(np.asarray(places).max())
    if low < 0 or high >= length:
        raise ValueError(
            f"tokens.places must be from 0 to {length - 1}, got {low} to {high}"
        )


def standardised(features: Float[Array, "*batch c"]) -> Float[Array, "*batch c"]:
    """Features at mean 0 and variance 1, but for ε: a layer norm without weights."""
    centred = features - features.mean(-1, keepdims=True)
    return centred * jax.lax.rsqrt((centred**2).mean(-1, keepdims=True) + EPSILON)


def _at(values: Array, places: Array) -> Array:
    """Those of some places, (…, N, C) of (…, L, C)."""
    return jnp.take_along_axis(values, places[..., None], axis=-2)
