"""Full gradient descent of the squared loss, and the linear rate that the theorem has.

    ℓ = ½ Σ_n (f(X_n) − y_n)²,  θ ← θ − γ ∇ℓ,  ℓ_t ≤ (1 − γα²/2)^t ℓ_0

with α the smallest singular value of F = (a(X_1) … a(X_N)) at the start, if that is
large against ℓ_0. F Fᵀ is the read-out's part of the tangent kernel, so that λ_min(K) ≥
α². With fewer features than inputs α is 0, and the bound says nothing.

Source: Wu, Liu, Chrysos & Cevher 2023, arXiv 2311.01575.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from isinglass._common.checks import (
    as_real_array,
    check_choice,
    check_in,
    check_kind,
    check_positive,
    check_whole,
)
from isinglass._common.precision import double_precision, single_precision
from isinglass._common.types import ArrayLike
from isinglass.systems.convergence.encoder import ShallowEncoder
from isinglass.systems.convergence.kernel import with_floats
from isinglass.training.partition import trained_parts

PRECISIONS = {"double": double_precision, "single": single_precision}


@dataclass(frozen=True)
class DescentRecipe:
    """How gradient descent goes.

    Attributes:
        step_size: γ > 0. State it as γ λ_max(K): the same γ is small for narrow models
            and too large for wide ones, whose kernels are larger.
        steps: Steps, at least 1.
        until: Share of ℓ_0 at which it stops, in [0, 1).
        precision: "double" for float64, or "single" for float32.

    Raises:
        ValueError: If a value is out of range.
    """

    step_size: float
    steps: int = 400
    until: float = 0.0
    precision: str = "double"

    def __post_init__(self) -> None:
        check_positive(step_size=self.step_size)
        check_whole(steps=self.steps)
        check_in("[0, 1)", until=self.until)
        check_choice(tuple(PRECISIONS), precision=self.precision)


class Descent(NamedTuple):
    """A training by gradient descent.

    Attributes:
        model: As it was at the last loss.
        losses: ℓ_0, ℓ_1, …, (steps + 1,); fewer where it stopped before. The last is
            not finite where it diverged.
    """

    model: Any
    losses: Float[np.ndarray, "t"]

    @property
    def diverged(self) -> bool:
        """Whether a loss was not finite."""
        return not bool(np.isfinite(self.losses[-1]))

    def steps_to(self, share: float) -> int:
        """Return the first step at which ℓ_t ≤ share · ℓ_0; −1 if none is.

        Raises:
            ValueError: If the share is not in (0, 1].
        """
        check_in("(0, 1]", share=share)
        below = self.losses <= share * self.losses[0]
        return int(below.argmax()) if below.any() else -1


def gradient_descent(
    model: eqx.Module,
    inputs: ArrayLike,
    targets: ArrayLike,
    recipe: DescentRecipe,
    *,
    frozen: Callable[[Any], Any] | None = None,
) -> Descent:
    """Train a model by full gradient descent on ½ Σ (f(X_n) − y_n)².

    Args:
        model: An Equinox module that makes numbers (N,) of inputs (N, …), as a
            `ShallowEncoder`.
        inputs: (N, …).
        targets: y, (N,).
        recipe: Step and precision.
        frozen: ``frozen(model)`` gives those parts of a model that stay as they are, as
            `eqx.tree_at` takes them, such as ``lambda m: m.layer``; None for none.

    Raises:
        TypeError: If something is of another kind.
        ValueError: If shapes do not fit, nothing is trained, or numbers are not real
            and finite.
    """
    check_kind(eqx.Module, model=model)
    check_kind(DescentRecipe, recipe=recipe)
    points = as_real_array("inputs", inputs)
    values = as_real_array("targets", targets, (None,))
    if not values.size or points.shape[:1] != values.shape:
        raise ValueError(
            f"targets must be one number an input, got {values.shape} for inputs of "
            f"{points.shape}"
        )
    dtype = np.float64 if recipe.precision == "double" else np.float32
    with PRECISIONS[recipe.precision]():
        trained, rest = trained_parts(with_floats(model, dtype), frozen)
        data = jnp.asarray(points, dtype), jnp.asarray(values, dtype)
        limits = jnp.asarray([recipe.step_size, recipe.until], dtype)
        trained, losses, count = _descend(trained, rest, data, limits, recipe.steps)
        return Descent(eqx.combine(trained, rest), np.asarray(losses)[: int(count)])


@eqx.filter_jit
def _descend(
    trained: Any, rest: Any, data: tuple[Array, Array], limits: Array, steps: int
) -> tuple[Any, Array, Array]:
    """Parameters at the last loss, losses, and how many there are."""
    inputs, targets = data
    arrays, static = eqx.partition(rest, eqx.is_array)

    def loss(own: Any) -> Array:
        outputs = eqx.combine(own, arrays, static)(inputs)
        if outputs.shape != targets.shape:
            raise ValueError(
                f"model must give numbers {targets.shape}, got {outputs.shape}"
            )
        return ((outputs - targets) ** 2).sum() / 2

    def going(carry: Any) -> Array:
        return ~carry[3]

    def step(carry: Any) -> Any:
        own, losses, count, _ = carry
        value, gradient = jax.value_and_grad(loss)(own)
        losses = losses.at[count].set(value)
        ends = (count == steps) | (value <= limits[1] * losses[0])
        ends |= ~jnp.isfinite(value)
        moved = jax.tree.map(
            lambda x, slope: jnp.where(ends, x, x - limits[0] * slope), own, gradient
        )
        return moved, losses, count + 1, ends

    begun = trained, jnp.full(steps + 1, jnp.nan, limits.dtype), 0, False
    trained, losses, count, _ = jax.lax.while_loop(going, step, begun)
    return trained, losses, count


@double_precision()
def smallest_singular_value(model: ShallowEncoder, inputs: ArrayLike) -> float:
    """Compute α = σ_min(F), F = (a(X_1) … a(X_N)), in float64.

    0 where there are fewer features than inputs, d_m < N.

    Raises:
        TypeError: If something is of another kind.
        ValueError: If inputs are not real, finite and of d features.
    """
    check_kind(ShallowEncoder, model=model)
    points = as_real_array("inputs", inputs, (None, None, model.config.features))
    if not points.size:
        raise ValueError(f"inputs must hold a token, got shape {points.shape}")
    layer = with_floats(model.layer, np.float64)
    features = np.asarray(layer(jnp.asarray(points)))
    if features.shape[1] < len(features):
        return 0.0
    return float(np.linalg.svd(features, compute_uv=False)[-1])


def linear_bound(
    start_loss: float, alpha: float, step_size: float, steps: int
) -> Float[np.ndarray, "t"]:
    """Compute (1 − γα²/2)^t ℓ_0 for t = 0 … steps, (steps + 1,).

    The theorem is for α that is large against ℓ_0; a step of at most 1/λ_max(K) never
    makes the bracket negative, since α² ≤ λ_max.

    Args:
        start_loss: ℓ_0 ≥ 0.
        alpha: α ≥ 0, of `smallest_singular_value` at the start.
        step_size: γ > 0, at most 2/α².
        steps: At least 1.

    Raises:
        ValueError: If a number is out of range.
    """
    check_in("[0, inf)", start_loss=start_loss, alpha=alpha)
    check_positive(step_size=step_size)
    check_whole(steps=steps)
    rate = 1 - step_size * alpha**2 / 2
    if rate < 0:
        raise ValueError(
            f"step_size must be at most 2/α² = {2 / alpha**2:.3g}, got {step_size}"
        )
    return start_loss * rate ** np.arange(steps + 1)
