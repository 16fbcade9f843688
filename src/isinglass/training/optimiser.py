"""AdamW as every recipe has it: gradients cut back, the rate warmed up and let fall.

A recipe says how the rate runs by a `WarmupCosine`, and makes its optimiser by `adamw`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import optax

from isinglass._common.checks import as_list, check_in, check_positive, check_whole


def adamw(
    rate: optax.ScalarOrSchedule,
    *,
    weight_decay: float,
    clip: float | None,
    betas: tuple[float, float] = (0.9, 0.999),
    mask: Callable[[Any], Any] | None = None,
) -> optax.GradientTransformation:
    """AdamW of a gradient whose norm is cut back first.

    Args:
        rate: The learning rate, which may be traced, or a schedule of it.
        weight_decay: Of the parameters that `mask` picks.
        clip: Norm of the whole gradient beyond which it is scaled down; None for no
            limit.
        betas: How fast the means of the gradient and of its square forget.
        mask: Makes of parameters the tree that says which decay; all, if None.

    Raises:
        ValueError: If a number is out of range.

    Source: Loshchilov & Hutter 2019, "Decoupled Weight Decay Regularization".
    """
    check_in("[0, inf)", weight_decay=weight_decay)
    if clip is not None:
        check_positive(clip=clip)
    if not callable(rate):
        check_in("(-inf, inf)", rate=rate)
    first, second = as_betas(betas)
    decayed = optax.adamw(rate, first, second, weight_decay=weight_decay, mask=mask)
    if clip is None:
        return decayed
    return optax.chain(optax.clip_by_global_norm(clip), decayed)


def heavy_ball(
    rate: optax.ScalarOrSchedule,
    momentum: float,
    *,
    weight_decay: float,
    clip: float | None,
) -> optax.GradientTransformation:
    """Gradient descent with momentum, of a gradient whose norm is cut back first.

    Args:
        rate: The learning rate, which may be traced, or a schedule of it.
        momentum: Share of the last step that is added to the next.
        weight_decay: Of all parameters, added to the gradient (an L2 penalty).
        clip: As of `adamw`.
    """
    parts = [] if clip is None else [optax.clip_by_global_norm(clip)]
    if weight_decay:
        parts.append(optax.add_decayed_weights(weight_decay))
    return optax.chain(*parts, optax.sgd(rate, momentum))


def as_betas(betas: Any) -> tuple[float, float]:
    """The two of AdamW, each in [0, 1).

    Raises:
        ValueError: If they are others.
    """
    pair = tuple(as_list("betas", betas))
    if len(pair) != 2:
        raise ValueError(f"betas must be two numbers in [0, 1), got {betas}")
    for beta in pair:
        check_in("[0, 1)", betas=beta)
    first, second = map(float, pair)
    return first, second


@dataclass(frozen=True)
class WarmupCosine:
    """A learning rate that grows linearly and then falls along half a cosine.

    In step s < warmup it is (s + 1) / warmup of the highest, so that the first step
    moves something; after that it falls, over `falling` steps, to `lowest` of it.

    It is evaluated in one of two ways. `schedule` is for steps that are taken many at a
    time in one compiled loop: the rate is computed on the device, in float32. `at` is
    for steps that the host starts one by one: it computes in float64 and hands in the
    number, so that another schedule needs no compiling. The two differ by rounding,
    which a training repeated bit for bit must not mix.

    Attributes:
        warmup: Steps over which it grows; 0 for none.
        falling: Steps over which it falls, at least 1. Counted up to the last step
            itself, that step has the lowest rate; up to the end of training, it has one
            just above.
        lowest: The rate after that, as a share of the highest; None for no fall at all.
    """

    warmup: int
    falling: int
    lowest: float | None

    def schedule(self, highest: Any) -> optax.Schedule:
        """The rate by step as Optax has it; both may be traced."""
        if self.lowest is None:
            after: optax.Schedule = lambda _: highest  # noqa: E731
        else:
            after = optax.cosine_decay_schedule(highest, self.falling, self.lowest)
        if not self.warmup:
            return after
        rising = optax.linear_schedule(
            highest / self.warmup, highest, max(self.warmup - 1, 1)
        )
        return optax.join_schedules([rising, after], [self.warmup])

    def at(self, highest: float, step: int) -> float:
        """The rate of one step, as a number."""
        check_whole(0, step=step)
        check_in("(-inf, inf)", highest=highest)
        if step < self.warmup:
            return highest * (step + 1) / self.warmup
        if self.lowest is None:
            return highest
        share = min((step - self.warmup) / self.falling, 1.0)
        cosine = (1 + math.cos(math.pi * share)) / 2
        return highest * (self.lowest + (1 - self.lowest) * cosine)


def check_recipe(recipe: Any) -> None:
    """Refuse a recipe whose steps, batch or optimiser are out of range.

    Args:
        recipe: Has `steps`, `batch`, `warmup`, `learning_rate`, `weight_decay` and
            `clip`.

    Raises:
        ValueError: It names the first field that is wrong.
    """
    check_whole(steps=recipe.steps, batch=recipe.batch)
    check_whole(0, warmup=recipe.warmup)
    for name in ("learning_rate", "weight_decay"):
        check_in("[0, inf)", **{name: getattr(recipe, name)})
    if recipe.clip is not None:
        check_positive(clip=recipe.clip)
