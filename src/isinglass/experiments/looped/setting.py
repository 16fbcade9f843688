"""What the experiments on looped transformers share: the paper's setting and ours."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from isinglass.data.induction import Form, InductionTask
from isinglass.systems.looped import EnergyEntropyObjective, LoopedConfig, Recipe

# Names of what is trained in both ways.
OURS, PAPERS = "our recipe", "the paper's setting"
FORMS: tuple[Form, ...] = ("full-sequence", "last-token")
# The paper does not say how many. Its first accuracy at L = 1000, 33.5 %, is what a
# guess has with 4 symbols in the last-token form.
VOCABULARY = 4

# How many of the nearest distances have a bias of their own, in models without
# sinusoids.
NEAR = 16

# What the paper trains with, where `LoopedConfig` and `Recipe` do not have it as their
# default.
STEPS, SHORTEST, LONGEST = 20_000, 16, 64
LEARNING_RATE, WEIGHT_DECAY = 1e-3, 0.10
WEIGHTS = {"potential": 0.1, "kinetic": 0.001, "entropy": 0.02}
# What it reports, in percent; of one run. The kinetic term has no unit and no stated
# normalisation.
LAST_AT_100, LAST_AT_1000 = 96.7, 90.0
JUMP_STEP, JUMP_FROM, JUMP_TO = 500, 33.5, 79.2
KINETIC_FIRST, KINETIC_LAST = 93.7, 36.6
UNSTATED = "The paper states neither the form of the task nor its vocabulary"

PLAIN, ALL = "cross-entropy", "PKS"
# Penalties of each arm; P potential, K kinetic, S entropy.
ARMS = {
    PLAIN: (),
    "P": ("potential",),
    "K": ("kinetic",),
    "S": ("entropy",),
    "PK": ("potential", "kinetic"),
    "PS": ("potential", "entropy"),
    "KS": ("kinetic", "entropy"),
    ALL: ("potential", "kinetic", "entropy"),
}


def objective(arm: str = ALL) -> EnergyEntropyObjective:
    """The objective of an arm, each penalty with the paper's weight.

    Raises:
        ValueError: If there is no such arm.
    """
    if arm not in ARMS:
        raise ValueError(f"arm must be one of {', '.join(ARMS)}, got {arm!r}")
    weights = {name: WEIGHTS[name] if name in ARMS[arm] else 0.0 for name in WEIGHTS}
    return EnergyEntropyObjective(**weights)


def paper_config(vocabulary: int = VOCABULARY) -> LoopedConfig:
    """The paper's model: d = 8, one head, T = 25, positions scaled by 0.15."""
    return LoopedConfig(vocabulary=vocabulary)


def paper_recipe(arm: str = ALL, steps: int = STEPS, **changed: Any) -> Recipe:
    """The paper's training, or its first steps: the same however many there are.

    Args:
        arm: Penalties, as `objective` has them.
        steps: How many to take.
        **changed: Other fields of `Recipe`.
    """
    fields = {
        "steps": steps,
        "batch": 32,
        "shortest": SHORTEST,
        "longest": LONGEST,
        "learning_rate": LEARNING_RATE,
        "weight_decay": WEIGHT_DECAY,
        "objective": objective(arm),
    }
    return Recipe(**(fields | changed))


def our_config(vocabulary: int = VOCABULARY, iterations: int = 6) -> LoopedConfig:
    """A model of the paper's width that training finds its way with.

    Positions are as strong as symbols, F = LN(A + MLP(A)), and fewer iterations. With
    many symbols the perceptron is wider, and the slow sinusoids are slower.
    """
    many = vocabulary > VOCABULARY
    return LoopedConfig(
        vocabulary=vocabulary,
        hidden=32 if many else 16,
        iterations=iterations,
        positional_scale=2.0,
        positional_base=1e6 if many else 1e4,
        inner_residual=True,
    )


def our_recipe(
    arm: str = ALL, vocabulary: int = VOCABULARY, steps: int = 2000, **changed: Any
) -> Recipe:
    """A training that solves short sequences, of 6 to 16 symbols, in minutes.

    The learning rate rises to 0.01, then falls along a cosine. With many symbols it
    begins with 4 of them; the others come in between an eighth and a half of all steps.

    Args:
        arm: Penalties, as `objective` has them.
        vocabulary: V.
        steps: How many to take.
        **changed: Other fields of `Recipe`.
    """
    fields: dict[str, Any] = {
        "steps": steps,
        "shortest": 6,
        "longest": 16,
        "learning_rate": 0.01,
        "weight_decay": 0.01,
        "warmup": min(200, steps // 5),
        "decay": True,
        "objective": objective(arm),
    }
    if vocabulary > VOCABULARY:
        fields |= {
            "first_symbols": VOCABULARY,
            "vocabulary_curriculum": (steps // 8, steps // 2),
        }
    return Recipe(**(fields | changed))


def near_config(vocabulary: int) -> LoopedConfig:
    """A model of the paper's width and one head, with a bias by distance.

    It stands in place of sinusoids: a positional choice beyond the paper's, with which
    length does not matter in the end.
    """
    return LoopedConfig(
        vocabulary=vocabulary,
        hidden=32 if vocabulary > VOCABULARY else 16,
        iterations=6,
        positional_scale=0.0,
        near=NEAR,
        inner_residual=True,
    )


def near_recipe(
    form: Form,
    vocabulary: int,
    steps: tuple[int, int],
    objectives: tuple[str, str],
    longest: int = LONGEST,
    learning_rate: float = 0.01,
) -> tuple[Recipe, Recipe]:
    """Two stages: full sequences up to half the length, then the form itself up to it.

    In the first, lengths grow between two fifths and three fifths of its steps, and
    with many symbols it begins with 4 of them; the others come in between a tenth and
    two fifths. In the second, lengths grow over its first half.

    Args:
        form: Form of the task.
        vocabulary: V.
        steps: Of each stage.
        objectives: Arm of each stage, as `objective` has them.
        longest: Longest length of the second stage.
        learning_rate: Of both, at its highest.
    """
    first, second = steps
    curriculum: dict[str, Any] = {"length_curriculum": (2 * first // 5, 3 * first // 5)}
    if vocabulary > VOCABULARY:
        curriculum |= {
            "first_symbols": VOCABULARY,
            "vocabulary_curriculum": (first // 10, 2 * first // 5),
        }
    short, long = (
        Recipe(
            steps=count,
            shortest=6,
            learning_rate=learning_rate,
            weight_decay=0.01,
            warmup=min(200, count // 5),
            decay=True,
            objective=objective(arm),
        )
        for count, arm in zip(steps, objectives, strict=True)
    )
    return (
        replace(short, form="full-sequence", longest=longest // 2, **curriculum),
        replace(long, form=form, longest=longest, length_curriculum=(0, second // 2)),
    )


def chance(form: Form, vocabulary: int = VOCABULARY) -> float:
    """Accuracy of a guess that sees no context, in percent."""
    return 100 * InductionTask(form, vocabulary).chance
