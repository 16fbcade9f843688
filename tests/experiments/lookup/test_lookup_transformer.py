"""Tables in the place of perceptrons: told from numbers made up."""

from dataclasses import replace
from itertools import product
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr

from helpers.experiments import parts, rows_of, tell
from helpers.random_models import random_model
from isinglass.experiments.lookup import transformer
from isinglass.experiments.lookup.learning import Problem
from isinglass.experiments.lookup.transformer import FROZEN, MLP, NAMES, NONE, TABLES
from isinglass.experiments.lookup.transformer_tasks import (
    DIGITS,
    INVERTED,
    VOTES,
    Inverted,
    Task,
    majority,
    task_of,
)
from isinglass.reproduce import Context
from isinglass.reproduce.verdicts import Verdict
from isinglass.systems.lookup import LookupTransformer

ACROSS = (DIGITS, INVERTED)


@pytest.fixture
def measured() -> xr.Dataset:
    rng = np.random.default_rng(0)
    attrs = {"units": "%", "valid_range": [0, 100]}
    by_arm = {"task": list(ACROSS), "arm": list(NAMES)}
    sizes = len(ACROSS), len(NAMES)
    accuracy, fitted = (
        xr.DataArray(
            rng.uniform(90, 91, (*sizes, 6)), {**by_arm, "seed": range(6)}, attrs=attrs
        )
        for _ in range(2)
    )
    accuracy.loc[:, NONE] -= 5
    kinds = ["multiplications", "additions", "comparisons", "look_ups"]
    return xr.Dataset(
        {
            "accuracy": accuracy,
            "learned": fitted,
            "rate": xr.DataArray(np.full(sizes, 0.01), by_arm),
            "limits": xr.DataArray(
                np.tile([0.001, 0.03], (*sizes, 1)),
                {**by_arm, "bound": ["least", "largest"]},
            ),
            "lost": xr.DataArray(np.zeros(sizes), by_arm),
            "operations": xr.DataArray(
                rng.integers(1, 9, (*sizes, 4)).astype(float), {**by_arm, "kind": kinds}
            ),
            "share": 55.609899534427816,
            "tested": ("task", [1000, 1000]),
        },
        attrs={"resolution": "default", "seeds": 6, "seed": 0},
    )


def test_the_share_of_multiplications_is_reproduced(measured):
    row = rows_of(tell(transformer, measured))["Perceptrons' multiplications"]
    assert row.paper == 55
    assert row.verdict is Verdict.IN_INTERVAL


def test_whether_perceptrons_are_of_use_comes_first(measured):
    text = tell(transformer, measured).findings
    assert text.count("They are of use, so that one can ask") == 2
    assert "we cannot tell them from perceptrons" in text
    assert "we cannot tell trained tables from random ones" in text
    assert "The least or the largest rate" not in text
    measured.accuracy.loc[:, FROZEN] -= 5
    assert "of use to train them" in tell(transformer, measured).findings
    measured.accuracy.loc[DIGITS, MLP] = measured.accuracy.sel(
        task=DIGITS, arm=NONE
    ).values
    measured.accuracy.loc[:, TABLES] -= 9
    measured.rate.loc[INVERTED, TABLES] = 0.001
    digits, *_, inverted = tell(transformer, measured).findings.split("Inverted")
    assert "cannot be told to be of use here" in digits
    assert "they do harm" not in digits
    assert "they do not take their place here" in inverted
    assert "The least or the largest rate searched was chosen for tables:" in inverted


def test_accuracies_and_differences_are_drawn(measured, sketches):
    assert parts(tell(transformer, measured)) == [""]


def test_arms_differ_in_mixers_alone():
    options = transformer.SETTINGS["default"]
    task = task_of(VOTES, Context(seeds=[0]), options.training)
    configs = {name: options.config(name, task) for name in NAMES}
    arms: Any = {n: transformer.arm_of(n, VOTES, c) for n, c in configs.items()}
    assert arms[TABLES].frozen is None
    assert arms[FROZEN].frozen is not None
    net = eqx.filter_eval_shape(arms[FROZEN].new, jax.random.key(0))
    frozen = arms[FROZEN].frozen(net)  # as `LaneTask` takes it: arrays in one tuple
    assert [leaf.shape for leaf in frozen] == [(192, 64)]
    counts = [configs[name].operations() for name in (MLP, TABLES, NONE)]
    assert len({count.attention for count in counts}) == 1
    assert counts[1].mixer.multiplications == 0


def test_votes_are_what_most_of_the_tokens_say():
    task = task_of(VOTES, Context(seeds=[0]), transformer.SETTINGS["default"].training)
    bits = np.asarray(task.pictures.inputs) > 0
    numbers = (bits * (1 << np.arange(bits.shape[-1]))).sum(-1)
    yes = np.zeros(64)  # where all votes are alike no table says otherwise
    table = np.random.default_rng(3).permutation(np.arange(64) % 2)
    expected = [2 * table[row].sum() > len(row) for row in numbers[:50]]
    assert majority(bits[:50].astype(int), table).tolist() == expected
    assert not majority(bits[:50].astype(int), yes.astype(int)).any()
    labels = np.asarray(task.pictures.labels)
    assert 0.48 < labels.mean() < 0.52
    used = np.concatenate([task.problem.pool, task.problem.test])
    assert len(set(used.tolist())) == len(labels)


NUMBERS = np.arange(3)
PROBLEM = Problem(NUMBERS, NUMBERS, NUMBERS, NUMBERS)


def blind(name: str) -> tuple[LookupTransformer, Any]:
    """A model that looks at all tokens alike, without biases, and some patches."""
    options = replace(transformer.SETTINGS["quick"], blocks=2)
    patches = jnp.asarray(np.random.default_rng(0).normal(size=(3, 4, 9)), jnp.float32)
    data = Inverted(patches, jnp.zeros(3, jnp.int32))
    config = options.config(name, Task(problem=PROBLEM, pictures=data, classes=5))
    net = random_model(LookupTransformer, config, spread=0.5)
    width = config.width
    return eqx.tree_at(
        lambda net: [
            net.positions,
            *(leaf for a in net.attention for leaf in (a.parts.weight, a.out.bias)),
            *(a.parts.bias for a in net.attention),
            *(a.norm.bias for a in net.attention),
            net.embed.bias,
            net.norm.bias,
            net.head.bias,
        ],
        net,
        replace_fn=lambda leaf: (
            leaf.at[:, : 2 * width].set(0)
            if leaf.shape == (width, 3 * width)
            else jnp.zeros_like(leaf)
        ),
    ), data


def test_attention_that_looks_at_all_alike_makes_nothing_of_inverted_patches():
    """Logits of all signs cancel, exactly but for rounding; with perceptrons not."""
    signs = jnp.asarray(list(product([-1.0, 1.0], repeat=4)), jnp.float32)

    @eqx.filter_jit
    def mean(net: LookupTransformer, patches: Any) -> Any:
        logits = net.logits(signs[:, None, :, None] * patches)
        return jnp.abs(logits).max(), jnp.abs(logits.mean(0)).max()

    largest, left = mean(*with_patches(NONE))
    assert left < 1e-5 * largest
    largest, left = mean(*with_patches(MLP))
    assert left > 1e-2 * largest


def with_patches(name: str) -> tuple[LookupTransformer, Any]:
    net, data = blind(name)
    return net, data.inputs


def test_signs_of_inverted_patches_are_drawn_anew():
    data = blind(NONE)[1]
    places = jnp.array([2, 0])
    draws = [
        np.asarray(data.drawn(places, jax.random.key(k)) / data.inputs[places])
        for k in range(40)
    ]
    signs = np.stack(draws)
    np.testing.assert_allclose(np.abs(signs), 1, rtol=1e-6)
    assert (signs == signs[..., :1]).all()  # all pixels of a patch alike
    assert np.abs(signs.mean((0, -1))).max() < 0.6
