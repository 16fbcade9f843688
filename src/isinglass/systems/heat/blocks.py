"""A block of vHeat: conduction and a perceptron, normed before or after.

    pre-norm (T)      x ← x + op(LN(x)),        x ← x + MLP(LN(x))
    post-norm (S, B)  x ← x + γ₁ LN(op(x)),     x ← x + γ₂ LN(MLP(x)),     γ = 1e-5

MLP is C → 4C → C with GELU. A branch is left out at random while training (stochastic
depth, Huang et al. 2016), for all of a picture.

Source: Wang et al. 2024, arXiv 2405.16555, and its program.
"""

from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from isinglass._common.affine import Linear
from isinglass._common.checks import (
    check_flag,
    check_in,
    check_key,
    check_kind,
    check_positive,
    check_real,
    check_shapes,
    check_whole,
    or_default,
)
from isinglass._common.precision import in_floats, single_precision, usual_promotion
from isinglass.attention.normalisation import Normalisation
from isinglass.systems.heat.layer import HeatConduction, HeatConfig, linear


@dataclass(frozen=True)
class BranchConfig:
    """How a `HeatBlock` adds its branches; the defaults are those of vHeat-T.

    Attributes:
        post_norm: Whether branches are normed after they were computed, as in S and B.
        layer_scale: γ at the start, such as 1e-5 of S and B; None for none.
        expansion: Of the perceptron, at least 1.
        drop: Share of pictures whose branches are left out while training, in [0, 1);
            those of the others are divided by 1 − drop.

    Raises:
        ValueError: If a number is out of range.
        TypeError: If `post_norm` is neither True nor False.
    """

    post_norm: bool = False
    layer_scale: float | None = None
    expansion: int = 4
    drop: float = 0.0

    def __post_init__(self) -> None:
        check_flag(post_norm=self.post_norm)
        check_whole(expansion=self.expansion)
        check_in("[0, 1)", drop=self.drop)
        if self.layer_scale is not None:
            check_positive(layer_scale=self.layer_scale)


class HeatBlock(eqx.Module):
    """Conduction and a perceptron, from fields (…, H, W, C) to fields (…, H, W, C).

    Attributes:
        conduction: The `HeatConduction`.
        norms: Two, of the branches, ε = 1e-5.
        widen, narrow: Of the perceptron.
        scales: γ₁ and γ₂, (2, C); None for 1.
        branches: Its `BranchConfig`.

    Args:
        config: Of the conduction.
        branches: How branches are added; as in vHeat-T if None.
        shares_embedding: Whether E is handed over in each call.
        key: Key of the weights.

    Raises:
        TypeError: If something is of another kind.
    """

    conduction: HeatConduction
    norms: tuple[Normalisation, Normalisation]
    widen: Linear
    narrow: Linear
    scales: Float[Array, "2 c"] | None
    branches: BranchConfig = eqx.field(static=True)

    @single_precision()
    def __init__(
        self,
        config: HeatConfig,
        branches: BranchConfig | None = None,
        *,
        shares_embedding: bool = False,
        key: PRNGKeyArray,
    ) -> None:
        check_kind(HeatConfig, config=config)
        how = or_default(BranchConfig, branches=branches)
        check_key(key=key)
        keys, c = jax.random.split(key, 3), config.width
        self.conduction = HeatConduction(
            config, shares_embedding=shares_embedding, key=keys[0]
        )
        self.norms = Normalisation(c), Normalisation(c)
        self.widen = linear(c, how.expansion * c, key=keys[1])
        self.narrow = linear(how.expansion * c, c, key=keys[2])
        scale = how.layer_scale
        self.scales = None if scale is None else jnp.full((2, c), float(scale))
        self.branches = how

    @usual_promotion()
    def __call__(
        self,
        x: Float[Array, "*b h w c"],
        embedding: Float[Array, "h w c"] | None = None,
        *,
        key: PRNGKeyArray | None = None,
    ) -> Float[Array, "*b h w c"]:
        """Return the fields after both branches.

        Args:
            x: The fields, of the layer's shape and width.
            embedding: E, if it is handed over.
            key: Of the branches that are left out while training; None for all.

        Raises:
            TypeError: If something is of another kind.
            ValueError: As `HeatConduction` does.
        """
        config = self.conduction.config
        check_real(x=x)
        check_shapes(x=(x, f"... {config.shape[0]} {config.shape[1]} {config.width}"))
        if key is not None:
            check_key(key=key)
        branches = (lambda y: self.conduction(y, embedding)), self._perceptron
        keys = (None, None) if key is None else tuple(jax.random.split(key))
        x = in_floats(x)
        for place, (branch, noise) in enumerate(zip(branches, keys, strict=True)):
            norm = self.norms[place]
            change = norm(branch(x)) if self.branches.post_norm else branch(norm(x))
            if self.scales is not None:
                change = self.scales[place] * change
            x = x + _dropped(change, self.branches.drop, noise).astype(x.dtype)
        return x

    def _perceptron(self, x: Array) -> Any:
        return self.narrow(jax.nn.gelu(self.widen(x), approximate=False))


def _dropped(branch: Array, share: float, key: Any) -> Array:
    """The branch, or 0 for some pictures, if there is a key."""
    if key is None or not share:
        return branch
    stays = jax.random.bernoulli(key, 1 - share, (*branch.shape[:-3], 1, 1, 1))
    return jnp.where(stays, branch / (1 - share), 0)
