"""x W + b of the last axis, in the form whose gradient is fast."""

from jaxtyping import Array, Float


def affine(
    x: Float[Array, "*batch i"], weight: Float[Array, "i o"], bias: Float[Array, "o"]
) -> Float[Array, "*batch o"]:
    """Return x W + b.

    All of it as rows of one matrix: XLA is slow at the gradient of W over several axes.
    """
    rows = x.reshape(-1, x.shape[-1]) @ weight + bias
    return rows.reshape(*x.shape[:-1], weight.shape[1])
