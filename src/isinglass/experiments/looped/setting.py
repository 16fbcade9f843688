"""What the experiments on looped transformers share: the paper's setting, ours, and the arms."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import xarray as xr

    from isinglass.reproduce.experiment import Context
    from isinglass.systems.looped import LoopedConfig
    from isinglass.systems.looped.evaluation import Evaluation
    from isinglass.systems.looped.penalties import EnergyEntropyObjective
    from isinglass.systems.looped.recipe import Recipe
    from isinglass.systems.looped.training import Run

PAPER = "Lam 2026"
FORMS = ("full-sequence", "last-token")
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

# Seeds that choose a learning rate, and those that are reported.
SEARCH, REPORT = 0, 1


def objective(arm: str = ALL) -> EnergyEntropyObjective:
    """The objective of an arm, each penalty with the paper's weight.

    Raises:
        ValueError: If there is no such arm.
    """
    from isinglass.systems.looped.penalties import EnergyEntropyObjective

    if arm not in ARMS:
        raise ValueError(f"arm must be one of {', '.join(ARMS)}, got {arm!r}")
    return EnergyEntropyObjective(
        **{
            name: weight if name in ARMS[arm] else 0.0
            for name, weight in WEIGHTS.items()
        }
    )


def paper_config(vocabulary: int = VOCABULARY) -> LoopedConfig:
    """The paper's model: d = 8, one head, T = 25, positions scaled by 0.15."""
    from isinglass.systems.looped import LoopedConfig

    return LoopedConfig(vocabulary=vocabulary)


def paper_recipe(arm: str = ALL, steps: int = STEPS, **changed: Any) -> Recipe:
    """The paper's training, or its first steps: nothing in it depends on how many there are.

    Args:
        arm: Penalties, as `objective` has them.
        steps: How many to take.
        **changed: Other fields of `Recipe`.
    """
    from isinglass.systems.looped.recipe import Recipe

    given = {
        "steps": steps,
        "batch": 32,
        "shortest": SHORTEST,
        "longest": LONGEST,
        "learning_rate": LEARNING_RATE,
        "weight_decay": WEIGHT_DECAY,
        "objective": objective(arm),
    }
    return Recipe(**(given | changed))


def our_config(vocabulary: int = VOCABULARY, iterations: int = 6) -> LoopedConfig:
    """A model of the paper's width that training finds its way with.

    Positions are as strong as symbols, F = LN(A + MLP(A)), and fewer iterations. With
    many symbols the perceptron is wider, and the slow sinusoids are slower.
    """
    from isinglass.systems.looped import LoopedConfig

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
    from isinglass.systems.looped.recipe import Recipe

    given: dict[str, Any] = {
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
        given |= {
            "first_symbols": VOCABULARY,
            "vocabulary_curriculum": (steps // 8, steps // 2),
        }
    return Recipe(**(given | changed))


def near_config(vocabulary: int) -> LoopedConfig:
    """A model of the paper's width and one head, with a bias by distance instead of sinusoids.

    A positional choice beyond the paper's, with which length does not matter in the
    end.
    """
    from isinglass.systems.looped import LoopedConfig

    return LoopedConfig(
        vocabulary=vocabulary,
        hidden=32 if vocabulary > VOCABULARY else 16,
        iterations=6,
        positional_scale=0.0,
        near=NEAR,
        inner_residual=True,
    )


def near_recipe(
    form: str,
    vocabulary: int,
    steps: tuple[int, int],
    objectives: tuple[str, str],
    longest: int = LONGEST,
    learning_rate: float = 0.01,
) -> tuple[Recipe, Recipe]:
    """Two stages: full sequences up to half the length, then the form itself up to all of it.

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
    from isinglass.systems.looped.recipe import Recipe

    first, second = steps
    curriculum: dict[str, Any] = {"length_curriculum": (2 * first // 5, 3 * first // 5)}
    if vocabulary > VOCABULARY:
        curriculum |= {
            "first_symbols": VOCABULARY,
            "vocabulary_curriculum": (first // 10, 2 * first // 5),
        }

    def stage(count: int, arm: str, **given: Any) -> Recipe:
        return Recipe(
            steps=count,
            learning_rate=learning_rate,
            weight_decay=0.01,
            warmup=min(200, count // 5),
            decay=True,
            objective=objective(arm),
            **given,
        )

    shortest = 6
    return (
        stage(
            first,
            objectives[0],
            form="full-sequence",
            shortest=shortest,
            longest=longest // 2,
            **curriculum,
        ),
        stage(
            second,
            objectives[1],
            form=form,
            shortest=shortest,
            longest=longest,
            length_curriculum=(0, second // 2),
        ),
    )


def seeds(context: Context, count: int, purpose: int = REPORT) -> tuple[int, ...]:
    """Seeds of models: the first ones are the same whatever the count.

    Args:
        context: Gives the base seed.
        count: How many.
        purpose: `SEARCH` or `REPORT`; the two have different ones.
    """
    # Those of one purpose have the same parity, so that none is in both.
    first = int(np.random.default_rng(context.seed).integers(2**31))
    return tuple(2 * ((first + index) % 2**31) + purpose for index in range(count))


def trained(
    context: Context,
    name: str,
    config: Any,
    form: str,
    recipe: Recipe | Sequence[Recipe],
    names: Sequence[int],
    evaluate: Evaluation,
) -> Run:
    """Train, or go on with it, and tell how far it is; a training that diverged counts as it is.

    Args:
        context: Where to tell, and where checkpoints lie.
        name: What to call it: also the folder of its checkpoint.
        config: A `LoopedConfig` or a `BaselineConfig`.
        form: Form of the task.
        recipe: How to train.
        names: Seeds.
        evaluate: What to measure meanwhile.
    """
    from isinglass.data.induction import InductionTask
    from isinglass.systems.looped.training import train
    from isinglass.training.run import Runtime, TrainingDivergedError

    task = InductionTask(form, config.vocabulary)
    with context.progress.follow(name) as tell:
        try:
            return train(
                config,
                task,
                recipe,
                seeds=names,
                evaluate=evaluate,
                runtime=Runtime(
                    context.store(name), lambda now: tell(now.step, now.steps)
                ),
            )
        except TrainingDivergedError as error:
            return error.run


def parameters(run: Run) -> int:
    """How many numbers each model of a run has trained."""
    import jax

    return sum(leaf.size for leaf in jax.tree.leaves(run.model)) // len(run.seeds)


def diverged(run: Run) -> int:
    """How many seeds of a training diverged."""
    return sum(why.startswith("diverged") for why in run.stopped.values())


def chance(form: str, vocabulary: int = VOCABULARY) -> float:
    """Accuracy of a guess that sees no context, in percent."""
    from isinglass.data.induction import InductionTask

    return 100 * InductionTask(form, vocabulary).chance


def fresh_accuracy(
    run: Run,
    lengths: Sequence[int],
    sequences: int,
    purpose: int,
    answers: Callable[[Any], Any] = lambda model: model,
) -> xr.Dataset:
    """Accuracy of every model of a run on sequences of its own.

    Models that were measured on the same sequences would not be independent samples:
    the answer to be guessed is then more often right, or less often, for all of them.

    Args:
        run: Trained models.
        lengths: Lengths of the sequences.
        sequences: How many of each.
        purpose: What it is for: the sequences of a seed are the same in every run, and
            others for another purpose.
        answers: Makes of a model what is to be measured.

    Returns:
        "all" and "last" of `accuracy_by_length`, dimensions (seed, length).
    """
    from isinglass.systems.looped.evaluation import Sample, accuracy_by_length

    return _of_each(
        run,
        purpose,
        lambda model, key: accuracy_by_length(
            answers(model), run.task, Sample(lengths, key, sequences)
        ),
    )


def fresh_terms(run: Run, length: int, sequences: int, purpose: int) -> xr.Dataset:
    """Cross-entropy and penalties of every model of a run, arguments as of `fresh_accuracy`.

    Returns:
        What `terms_by_length` does at one length, dimension (seed,).
    """
    from isinglass.systems.looped.evaluation import Sample, terms_by_length

    return _of_each(
        run,
        purpose,
        lambda model, key: terms_by_length(
            model, run.task, Sample([length], key, sequences)
        ).isel(length=0),
    )


def _of_each(
    run: Run, purpose: int, measure: Callable[[Any, Any], xr.Dataset]
) -> xr.Dataset:
    import jax
    import xarray as xr

    key = jax.random.key(purpose)
    each = [measure(run.of(seed), jax.random.fold_in(key, seed)) for seed in run.seeds]
    return xr.concat(each, dim=xr.IndexVariable("seed", list(run.seeds)))
