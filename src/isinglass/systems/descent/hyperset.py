"""Hyper-SET: tokens on spheres, that repel each other and align with directions.

With W = (W_1 … W_H), p = d/H, the projections z_i^h = RMS(W_hᵀ x_i) lie on spheres of
radius √p, u_i = RMS(Dᵀ x_i) on one of radius √M, and

    E_att = β⁻¹ Σ_h Σ_i log Σ_j exp(β ⟨z_i^h, z_j^h⟩),     E_ff = −½ Σ_i |relu(u_i)|²,

β = 1/√p: repulsion in subspaces (against collapse), attraction to directions. A layer
steps down either in turn, always with the same weights,

    x ← x − α_t ⊙ Σ_h W_h (A + Aᵀ) z^h,           x ← x + γ_t ⊙ D relu(u).

**The published step is no gradient**: it leaves out the norm's derivative, (I − zzᵀ/p)
/ |W_hᵀx|·√p. With orthogonal W each half-step goes down its own energy all the same,
with others it need not; ``step="exact"`` puts it back.

Source: Hu, Zou & Xu 2025, arXiv 2502.11646, and its programs.
"""

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from isinglass._common.checks import (
    check_choice,
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
from isinglass.energy.block import EnergyBlock, check_state_of_block
from isinglass.systems.descent.hyperset_energies import (
    ATTENTION,
    FEEDFORWARD,
    softmax_rows,
)

_TIMES = "[0, 2147483648)"  # that an int32 holds


@dataclass(frozen=True)
class HyperSETConfig:
    """Shape of a `HyperSET`; the defaults are those published for Sudoku.

    Attributes:
        width: d, a multiple of `heads`.
        heads: H subspaces, of p = d/H ≥ 2.
        directions: M ≥ 2.
        step: "published", or "exact": down the gradient.
        attention: Energy of projections, see `hyperset_energies`: "softmax", "sigmoid"
            or "linear".
        feedforward: Energy of directions: "relu", "gelu" (the program for pictures),
            "softmax" or "gated".
        separate_norms: Whether the norms of queries, keys and values have weights of
            their own, as in the program for pictures. Only if those of values are those
            of queries times those of keys is there an energy of the published step.
        step_features: Even number of sinusoids of t from which a `StepNetwork` makes
            the steps; 0 for the fixed `step_size`.
        step_size: α = γ, positive, without a network.
        rank: Of a change of W and D by depth, W + B_t A_t (LoRA); 0 for none.
        depth: Number of iterations that have such a change; later ones have the last.

    Raises:
        ValueError: If a value is out of range.
        TypeError: If a choice is neither True nor False.
    """

    width: int = 768
    heads: int = 12
    directions: int = 3072
    step: str = "published"
    attention: str = "softmax"
    feedforward: str = "relu"
    separate_norms: bool = False
    step_features: int = 512
    step_size: float = 0.5
    rank: int = 0
    depth: int = 24

    def __post_init__(self) -> None:
        check_whole(heads=self.heads, depth=self.depth)
        check_whole(2, width=self.width, directions=self.directions)
        check_whole(0, step_features=self.step_features, rank=self.rank)
        check_positive(step_size=self.step_size)
        check_choice(("published", "exact"), step=self.step)
        check_choice(tuple(ATTENTION), attention=self.attention)
        check_choice(tuple(FEEDFORWARD), feedforward=self.feedforward)
        check_flag(separate_norms=self.separate_norms)
        if self.width % self.heads or self.width == self.heads:
            raise ValueError(
                f"width must be a multiple of heads, of 2 at least, got width "
                f"{self.width} and {self.heads} heads"
            )
        if self.step_features % 2:
            raise ValueError(f"step_features must be even, got {self.step_features}")
        if self.separate_norms and self.attention != "softmax":
            raise ValueError(
                f"separate_norms is for attention softmax, got {self.attention}"
            )


class StepNetwork(eqx.Module):
    """Steps α_t and γ_t of each token and channel, of any sign.

    (α, γ) = W₃ gelu(c_t + x(0)) + b₃,    c_t = W₂ gelu(W₁ sincos(t) + b₁) + b₂.

    sincos(t) is sin(t ω_k) and then cos(t ω_k), with F/2 frequencies from 1 to 10⁻⁴ in
    a geometric row. At the start all weights are 0: the steps are, too, and the layer
    is the identity.

    Attributes:
        wave_in, wave_in_bias: W₁ᵀ, (F, d), and b₁.
        wave_out, wave_out_bias: W₂ᵀ, (d, d), and b₂.
        out, out_bias: W₃ᵀ, (d, 2d), and b₃.
    """

    wave_in: Float[Array, "f d"]
    wave_in_bias: Float[Array, "d"]
    wave_out: Float[Array, "d d"]
    wave_out_bias: Float[Array, "d"]
    out: Float[Array, "d two_d"]
    out_bias: Float[Array, "two_d"]

    @single_precision()
    def __init__(self, width: int, features: int) -> None:
        check_whole(width=width)
        check_whole(2, features=features)
        if features % 2:
            raise ValueError(f"features must be even, got {features}")
        self.wave_in, self.wave_in_bias = jnp.zeros((features, width)), jnp.zeros(width)
        self.wave_out, self.wave_out_bias = jnp.zeros((width, width)), jnp.zeros(width)
        self.out, self.out_bias = jnp.zeros((width, 2 * width)), jnp.zeros(2 * width)

    @usual_promotion()
    def __call__(
        self, origin: Float[Array, "*n d"], time: Any
    ) -> tuple[Float[Array, "*n d"], Float[Array, "*n d"]]:
        """Return α_t and γ_t for t = `time` + 1, of tokens that began at `origin`."""
        check_real(origin=origin)
        check_shapes(origin=(origin, f"... {self.out.shape[0]}"))
        check_in(_TIMES, time=time)
        pairs = self.wave_in.shape[0] // 2
        # As the program has it: the slowest wave is 10⁴ times slower than the fastest.
        exponents = jnp.arange(pairs) / max(pairs - 1, 1)
        phases = (time + 1) * 10_000.0**-exponents
        waves = jnp.concatenate([jnp.sin(phases), jnp.cos(phases)])
        inner = _gelu(waves @ self.wave_in + self.wave_in_bias)
        of_time = inner @ self.wave_out + self.wave_out_bias
        both = _gelu(of_time + origin) @ self.out + self.out_bias
        alpha, gamma = jnp.split(both, 2, axis=-1)
        return alpha, gamma


class HyperSET(EnergyBlock):
    """The layer of Hyper-SET on tokens (…, n, d), iterated with `iterate`.

    Attributes:
        subspaces: W, (d, d), of which head h has the columns h p … (h + 1) p − 1.
        directions: D, (d, M).
        norm_query, norm_key, norm_value: Weights of the norms of projections, (p,); the
            latter two are None where the first stands for all.
        norm_feedforward: Of the norm of directions, (M,).
        steps: The `StepNetwork`, or None.
        step_size: α = γ without it, ().
        subspace_change, direction_change: B and A of each depth, (depth, d, r) and
            (depth, r, d or M); None without.
        origin: x(0), which the steps depend on; `iterate` and `follow` set it. None:
            the current state, as in the program for pictures.
        config: Its `HyperSETConfig`.

    Args:
        config: The shape; the published one if None.
        key: Key of the weights, N(0, 0.02²) as published.
    """

    subspaces: Float[Array, "d d"]
    directions: Float[Array, "d m"]
    norm_query: Float[Array, "p"]
    norm_key: Float[Array, "p"] | None
    norm_value: Float[Array, "p"] | None
    norm_feedforward: Float[Array, "m"]
    steps: StepNetwork | None
    step_size: Float[Array, ""]
    subspace_change: tuple[Array, Array] | None
    direction_change: tuple[Array, Array] | None
    origin: Float[Array, "*batch n d"] | None
    config: HyperSETConfig = eqx.field(static=True)
    positive: ClassVar[tuple[str, ...]] = ("step_size",)

    @single_precision()
    def __init__(
        self, config: HyperSETConfig | None = None, *, key: PRNGKeyArray
    ) -> None:
        shape = HyperSETConfig() if config is None else config
        check_kind(HyperSETConfig, config=shape)
        check_key(key=key)
        keys = jax.random.split(key, 4)
        d, m, p = shape.width, shape.directions, shape.width // shape.heads
        self.subspaces = 0.02 * jax.random.normal(keys[0], (d, d))
        self.directions = 0.02 * jax.random.normal(keys[1], (d, m))
        separate = jnp.ones(p) if shape.separate_norms else None
        self.norm_query, self.norm_key, self.norm_value = (
            jnp.ones(p),
            separate,
            separate,
        )
        self.norm_feedforward = jnp.ones(m)
        features = shape.step_features
        self.steps = StepNetwork(d, features) if features else None
        self.step_size = jnp.asarray(shape.step_size)

        def change(key: Array, columns: int) -> tuple[Array, Array] | None:
            if not shape.rank:
                return None
            inner = 0.02 * jax.random.normal(key, (shape.depth, shape.rank, columns))
            return jnp.zeros((shape.depth, d, shape.rank)), inner

        self.subspace_change, self.direction_change = (
            change(keys[2], d),
            change(keys[3], m),
        )
        self.origin = None
        self.config = shape

    def started(self, state: Float[Array, "*batch n d"]) -> "HyperSET":
        """Return the layer with x(0) = state, on which its steps depend."""
        if self.steps is None or self.origin is not None:
            return self
        is_none = {"is_leaf": lambda leaf: leaf is None}
        return eqx.tree_at(lambda b: b.origin, self, state, **is_none)

    @usual_promotion()
    def energy(
        self, state: Float[Array, "*batch n d"], time: Any = 0
    ) -> Float[Array, "*batch"]:
        """Return E_att + E_ff, norm weights and all, (…)."""
        attention, feedforward = self.energies(state, time)
        return attention + feedforward

    @usual_promotion()
    def energies(
        self, state: Float[Array, "*batch n d"], time: Any = 0
    ) -> tuple[Float[Array, "*batch"], Float[Array, "*batch"]]:
        """Return E_att and E_ff.

        With the weights of the norms, which the programs leave out of what they report:
        so a published energy is that of a layer whose norms have weights of 1.
        """
        self._check(state, time)
        z, _ = self._projections(state, time)
        queries, keys = z * self.norm_query, z * self._key_weights
        by_head = ATTENTION[self.config.attention].energy(queries, keys, self._beta)
        u, _ = self._directions(state, time)
        feedforward = FEEDFORWARD[self.config.feedforward].energy(
            u * self.norm_feedforward
        )
        return by_head.sum(-1), feedforward

    @usual_promotion()
    def force(
        self, state: Float[Array, "*batch n d"], time: Any = 0
    ) -> Float[Array, "*batch n d"]:
        """Return −∇(E_att + E_ff), in closed form, whichever step the layer takes."""
        self._check(state, time)
        attention = self._attention(state, time, exact=True)
        return self._feedforward(state, time, exact=True) - attention

    @usual_promotion()
    def attention(
        self, state: Float[Array, "*batch n d"], time: Any = 0
    ) -> Float[Array, "*batch n d"]:
        """Return Σ_h W_h (A + Aᵀ) z^h, or ∇E_att: what the first half-step goes down.

        As the layer's `step` says; the published form leaves out the derivative of the
        norm, with its weights.
        """
        self._check(state, time)
        return self._attention(state, time, self.config.step == "exact")

    @usual_promotion()
    def feedforward(
        self, state: Float[Array, "*batch n d"], time: Any = 0
    ) -> Float[Array, "*batch n d"]:
        """Return D relu(u), or −∇E_ff: what the second half-step goes along."""
        self._check(state, time)
        return self._feedforward(state, time, self.config.step == "exact")

    @usual_promotion()
    def step(
        self, state: Float[Array, "*batch n d"], time: Any = 0
    ) -> Float[Array, "*batch n d"]:
        """Return the state after both half-steps of iteration t = `time` + 1.

        They alternate, and one may raise the other's energy: the sum need not fall.
        """
        self._check(state, time)
        alpha, gamma = self.step_sizes(state, time)
        state = state - alpha * self.attention(state, time)
        return state + gamma * self.feedforward(state, time)

    def step_sizes(
        self, state: Float[Array, "*batch n d"], time: Any = 0
    ) -> tuple[Array, Array]:
        """Return α_t and γ_t, (…, n, d), or one number each without a network."""
        self._check(state, time)
        if self.steps is None:
            return self.step_size, self.step_size
        return self.steps(state if self.origin is None else self.origin, time)

    @usual_promotion()
    def projections(
        self, state: Float[Array, "*batch n d"]
    ) -> Float[Array, "*batch h n p"]:
        """Return z^h, each of squared length p; 0 where the projection is 0."""
        check_state_of_block(state, self.config.width)
        return self._projections(state, 0)[0]

    def _check(self, state: Any, time: Any) -> None:
        check_state_of_block(state, self.config.width)
        check_in(_TIMES, time=time)

    @property
    def _beta(self) -> float:
        return (self.config.width // self.config.heads) ** -0.5

    @property
    def _key_weights(self) -> Array:
        return self.norm_query if self.norm_key is None else self.norm_key

    def _attention(self, state: Array, time: Any, exact: bool) -> Array:
        z, radius = self._projections(state, time)
        queries, keys = z * self.norm_query, z * self._key_weights
        slopes = ATTENTION[self.config.attention].slopes
        if exact:
            by_query, by_key = slopes(queries, keys, self._beta)
            slope = by_query * self.norm_query + by_key * self._key_weights
            slope = _through_norm(slope, z, radius)
        else:
            slope = self._published_slope(z, queries, keys)
        merged = jnp.swapaxes(slope, -2, -3)
        merged = merged.reshape(*merged.shape[:-2], self.config.width)
        return merged @ self._weights(self.subspaces, self.subspace_change, time).T

    def _published_slope(self, z: Array, queries: Array, keys: Array) -> Array:
        """(A + Aᵀ) v: the slope as if the norm did nothing, its weights but v's 1."""
        if self.norm_value is None:
            by_query, by_key = ATTENTION[self.config.attention].slopes(
                queries, keys, self._beta
            )
            return by_query + by_key
        rows = softmax_rows(queries, keys, self._beta)
        return (rows + jnp.swapaxes(rows, -1, -2)) @ (z * self.norm_value)

    def _feedforward(self, state: Array, time: Any, exact: bool) -> Array:
        u, radius = self._directions(state, time)
        force = FEEDFORWARD[self.config.feedforward].force(u * self.norm_feedforward)
        if exact:
            force = _through_norm(force * self.norm_feedforward, u, radius)
        return force @ self._weights(self.directions, self.direction_change, time).T

    def _projections(self, state: Array, time: Any) -> tuple[Array, Array]:
        """Return z and |W_hᵀx|/√p."""
        heads, width = self.config.heads, self.config.width
        inner = state @ self._weights(self.subspaces, self.subspace_change, time)
        inner = inner.reshape(*state.shape[:-1], heads, width // heads)
        return on_sphere(jnp.swapaxes(inner, -2, -3))

    def _directions(self, state: Array, time: Any) -> tuple[Array, Array]:
        weights = self._weights(self.directions, self.direction_change, time)
        return on_sphere(state @ weights)

    def _weights(self, weights: Array, change: Any, time: Any) -> Array:
        """The weights at a depth."""
        if change is None:
            return weights
        depth = jnp.clip(jnp.asarray(time, int), 0, self.config.depth - 1)
        outer, inner = change
        return weights + outer[depth] @ inner[depth]


def _gelu(x: Any) -> Any:
    return jax.nn.gelu(x, approximate=False)


def on_sphere(x: Any) -> tuple[Any, Any]:
    """RMS(x) and by what it divides; with the least ε that keeps 0 from dividing 0."""
    x = in_floats(x)
    epsilon = jnp.finfo(x.dtype).eps
    radius = jnp.sqrt((x**2).mean(-1, keepdims=True) + epsilon)
    return x / radius, radius


def projection_bounds(tokens: int, head_width: int) -> tuple[float, float]:
    """Compute what E_att of a head lies between, for the energy "softmax".

    N√p log(e^√p + (N − 1) e^(−√p/(N − 1))) ≤ E ≤ N (p + √p log N), for norms of weight
    1. The lower is that of a simplex, which there is for N ≤ p + 1; of each token's
    part p is the score of itself.

    Args:
        tokens: N, at least 2.
        head_width: p, at least 2.

    Raises:
        ValueError: If a number is less.
    """
    check_whole(2, tokens=tokens, head_width=head_width)
    root, others = math.sqrt(head_width), tokens - 1
    # log(e^a + n e^b) from its larger term, which no exponential overflows.
    least = root + math.log1p(others * math.exp(-root - root / others))
    return tokens * root * least, tokens * (head_width + root * math.log(tokens))


def _through_norm(slope: Any, on_sphere: Any, radius: Any) -> Any:
    """(I − zzᵀ/p) slope / r: a slope by z as one by what z is normed from."""
    along = (slope * on_sphere).mean(-1, keepdims=True)
    return (slope - along * on_sphere) / radius
