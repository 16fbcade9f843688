"""A transformer that learns question formation: its beginning, and its training."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import Float

from isinglass.data.question import (
    COUNTED,
    TOKENS,
    TRAINING,
    grammar_losses,
    longest_example,
)
from isinglass.data.sources import NewExamples, question_source
from isinglass.experiments.memory.setting import one_device, wide_start
from isinglass.reproduce import Context, following
from isinglass.systems.memory import (
    Recipe,
    Transformer,
    TransformerConfig,
    evaluate,
    train,
)

ARMS = ("new", "repeated")
TRAINED = "words, tab and line end"  # what counts in training: all that a model reads
UNIT = {"units": "nats/token"}


@dataclass(frozen=True)
class Setting:
    """Models, and how long they are trained.

    Attributes:
        steps: By arm, of each depth; the deeper model learns later to copy.
        examples: Of the set that is shown again and again.
        validation: New examples on which the losses of a trained model are measured.
        records: How often the loss is noted; a killed run goes on from the last.
        depths: Numbers of layers.
        width: Of each layer.
        heads: Of each layer.
        batch: Examples in a step.
        learning_rate: Of AdamW, at its highest.
    """

    steps: Mapping[str, Sequence[int]]
    examples: int
    validation: int
    records: int
    depths: Sequence[int] = (6, 10)
    width: int = 64
    heads: int = 4
    batch: int = 16
    learning_rate: float = 2e-3

    def recipe(self, arm: str, depth: int, seed: int) -> Recipe:
        """How to train: for both arms and depths alike but for the number of steps."""
        steps = self.steps[arm][self.depths.index(depth)]
        return Recipe(
            steps=steps,
            batch=self.batch,
            learning_rate=self.learning_rate,
            lowest_rate=0.02,
            warmup=min(50, steps // 5),
            weight_decay=0.01,
            betas=(0.9, 0.98),
            every=max(1, steps // self.records),
            validation=128,
            seed=seed,
        )


def of_model(
    context: Context, job: tuple[int, str, int], *, setting: Setting
) -> xr.Dataset:
    """Train one model, and measure it on new examples."""
    depth, arm, number = job
    # Sets and parameters of a repetition are the same at both depths.
    seed = context.model_seed(number, below=1 << 40)
    questions = partial(question_source, context=longest_example())
    new = TRAINING.sample(setting.validation, seed + 1)
    source = NewExamples(longest_example(), TRAINED)
    if arm == "repeated":
        source = questions(TRAINING.sample(setting.examples, seed), TRAINED)
    name = f"{arm}-{depth}-{number}"
    with following(context, name, name.replace("-", " "), one_device()) as runtime:
        run = train(
            start(setting, depth, seed % 2**32),
            source,
            setting.recipe(arm, depth, seed % 2**32),
            validation=questions(new, TRAINED),
            runtime=runtime,
        )
    loss = partial(evaluate, run.model, batch=128, devices=one_device())
    training = run.metrics["loss"].values
    final = training[-1] if arm == "new" else loss(source)
    by_counting = np.array([loss(questions(new, counted)) for counted in COUNTED])
    return xr.Dataset(
        {
            "training": ("record", training, UNIT),
            "validation": ("record", run.metrics["validation"].values, UNIT),
            "step": ("record", run.metrics["step"].values),
            "final": ((), float(final), UNIT),
            "loss": ("counted", by_counting, UNIT),
            "least": ("counted", grammar_losses(new), UNIT),
            "parameters": ((), sum(x.size for x in jax.tree.leaves(run.model))),
        },
        {"counted": list(COUNTED)},
    )


def start(setting: Setting, depth: int, seed: int) -> Transformer:
    """A new model of GPT-2's form, set up so that it learns soon to copy.

    Positions begin as sinusoids, as of the first transformers, with which a place knows
    the place before it; they are trained on from there.
    """
    places, width = longest_example(), setting.width
    config = TransformerConfig(len(TOKENS), places, width, setting.heads, depth)
    model = wide_start(config, seed)
    spread = float(model.embedding.std())
    positions = jnp.asarray(spread * sinusoids(places, width), jnp.float32)
    return eqx.tree_at(lambda model: model.positions, model, positions)


def sinusoids(places: int, width: int) -> Float[np.ndarray, "places width"]:
    """Sines, then cosines, at width / 2 frequencies from 1 to about 1/100.

    The mean of their squares is 1. They are in double precision, and apart, so that
    models begin as those whose losses are published here.
    """
    frequencies = 100.0 ** -(np.arange(width // 2) / (width // 2))
    angles = np.arange(places)[:, None] * frequencies
    return math.sqrt(2) * np.concatenate([np.sin(angles), np.cos(angles)], axis=1)
