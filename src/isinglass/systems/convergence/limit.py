"""The tangent kernel of infinite width, where τ₀ = 1/d_m makes attention uniform.

Then each token sees the mean token x̄ = X̄, a is one relu layer on it, and with
E relu(w·x) relu(w·z) over Gaussian w in closed form (φ the angle of x̄ and z̄)

    read-out   d_m τ₁² η_V |x̄||z̄| (sin φ + (π − φ) cos φ)/2π
    values     d_m τ₁² η_O ⟨x̄, z̄⟩ (π − φ)/2π
    W_Q, W_K   0

With LeCun's or He's start the read-out's part grows as d_m and the values' does not, so
that in the limit training is that of w_O on random features of the mean token. Where
d_m is a few times N it is not: soft modes are those of W_V, and w_O alone is far slower
(docs/convergence.md, section 4).

Source: Cho & Saul 2009, "Kernel methods for deep learning", Eq. 3 and 6; Wu et al.
2023, arXiv 2311.01575.
"""

import numpy as np
from jaxtyping import Float

from isinglass._common.checks import (
    as_real_array,
    check_choice,
    check_kind,
    check_shapes,
)
from isinglass._common.types import ArrayLike
from isinglass.systems.convergence.encoder import ShallowConfig
from isinglass.systems.convergence.kernel import TangentKernel


def arc_cosine_kernel(
    points: ArrayLike, others: ArrayLike, *, order: int = 1
) -> Float[np.ndarray, "n k"]:
    """Compute 2 E[Θ(w·x)Θ(w·z)(w·x)ᵖ(w·z)ᵖ] over w ~ N(0, 1), in float64.

    (π − φ)/π of order 0, |x||z| (sin φ + (π − φ) cos φ)/π of order 1.

    Args:
        points: x, (n, d).
        others: z, (k, d).
        order: p, 0 (steps) or 1 (relu).

    Raises:
        ValueError: If shapes do not fit, numbers are not real and finite, or the order
            is another.

    Source: Cho & Saul 2009, Eq. 3 and 6.
    """
    check_choice((0, 1), order=order)
    x = as_real_array("points", points, (None, None))
    z = as_real_array("others", others, (None, x.shape[1]))
    lengths = np.linalg.norm(x, axis=-1)[:, None] * np.linalg.norm(z, axis=-1)
    cosine = np.clip(x @ z.T / np.where(lengths > 0, lengths, 1), -1, 1)
    angle = np.arccos(cosine)
    if order == 0:
        return (np.pi - angle) / np.pi
    return lengths * (np.sin(angle) + (np.pi - angle) * cosine) / np.pi


def limit_kernel(inputs: ArrayLike, config: ShallowConfig) -> TangentKernel:
    """Compute the tangent kernel of uniform attention for large d_m, in closed form.

    With τ₀ = 1/d_m the kernel of a `ShallowEncoder` tends to it as d_m^(−1/2), and W_Q
    and W_K have no part in it. With τ₀ = d_m^(−1/2) it does not: attention stays a
    softmax of random scores.

    Args:
        inputs: X, (N, d_s, d).
        config: Start and width; the read-out's part grows with d_m under "lecun" and
            "he".

    Returns:
        Parts "layer.value" and "readout".

    Raises:
        TypeError: If the config is of another kind.
        ValueError: If inputs are not real, finite and of d features.
    """
    check_kind(ShallowConfig, config=config)
    points = as_real_array("inputs", inputs, (None, None, config.features))
    check_shapes(inputs=(points, "n s d"))
    means = points.mean(-2)
    scale = config.width * config.output_scale**2 / 2
    values = arc_cosine_kernel(means, means, order=0) * (means @ means.T)
    readout = arc_cosine_kernel(means, means)
    return TangentKernel(
        {
            "layer.value": scale * config.readout_variance * values,
            "readout": scale * config.weight_variance * readout,
        }
    )
