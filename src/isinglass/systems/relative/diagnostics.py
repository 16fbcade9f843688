"""Can places be told apart? Spread and rank of outputs, and profiles of constants."""

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from isinglass._common.checks import (
    check_finite,
    check_in,
    check_kind,
    check_real,
    check_shapes,
)
from isinglass._common.precision import usual_promotion
from isinglass.attention.offsets import OffsetTables
from isinglass.attention.relative import relative_rows


@usual_promotion()
def position_spread(outputs: Float[Array, "*batch n d"]) -> Float[Array, "*batch"]:
    """Return how far a feature is from its mean over places, at most.

    0 where all places are alike: of a sequence of equal tokens it is so without c,
    whatever b is (Luo et al. 2022, Theorem 2).

    Args:
        outputs: Tokens of a layer, (…, n, d).

    Raises:
        TypeError: If it is no array.
        ValueError: If it is not real and finite.
    """
    return jnp.abs(_centred(outputs)).max((-2, -1))


@usual_promotion()
def position_rank(
    outputs: Float[Array, "*batch n d"], tolerance: float = 1e-6
) -> Int[Array, "*batch"]:
    """Return how many directions outputs take around their mean over places.

    Of one layer on equal tokens it is at most the number of heads: out_i = ρ_i^h v^h.

    Args:
        outputs: Tokens of a layer, (…, n, d).
        tolerance: Singular values count that are larger than this times the norm of the
            outputs.

    Raises:
        TypeError: If it is no array.
        ValueError: If it is not real and finite, or the tolerance not in (0, 1).
    """
    check_in("(0, 1)", tolerance=tolerance)
    centred = _centred(outputs)
    centred = centred.astype(jnp.promote_types(centred.dtype, jnp.float32))
    values = jnp.linalg.svd(centred, compute_uv=False)
    norm = jnp.linalg.norm(outputs, axis=(-2, -1)).astype(values.dtype)
    return (values > tolerance * norm[..., None]).sum(-1)


@usual_promotion()
def constant_profile(tables: OffsetTables, causal: bool = False) -> Float[Array, "h n"]:
    """Compute ρ_i^h = Σ_j softmax_j(b_{j−i}) c_{j−i}: sums of rows on equal tokens.

    There a layer gives ρ_i^h v^h. Without c it is 1 at every place; with c it is what
    boundaries make of it.

    Args:
        tables: b and c, (heads, 2n − 1); at least one of them.
        causal: Whether token i sees only tokens 0 … i.

    Raises:
        TypeError: If something is of another kind.
        ValueError: If there is no table or one does not fit.
    """
    check_kind(OffsetTables, tables=tables)
    table = next((x for x in tables if x is not None), None)
    if table is None:
        raise ValueError("tables must hold a bias or a coupling, got neither")
    check_real(tables=table)
    check_shapes(tables=(table, "heads offsets"))
    heads, offsets = table.shape
    nothing = jnp.zeros((heads, (offsets + 1) // 2, 1), jnp.result_type(table, float))
    return relative_rows(nothing, nothing, tables=tables, causal=causal).sum(-1)


def _centred(outputs: Array) -> Array:
    check_real(outputs=outputs)
    check_shapes(outputs=(outputs, "... n d"))
    check_finite(outputs=outputs)
    return outputs - outputs.mean(-2, keepdims=True)
