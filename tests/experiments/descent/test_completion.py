"""Completion: its controls and peers by their definitions, and how it is told."""

from dataclasses import replace

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr

from helpers.experiments import measure, parts, rows_of, tell
from isinglass.experiments.descent import completion
from isinglass.experiments.descent.completion_models import (
    QueryOnly,
    nearest_pictures,
    retrieved,
)
from isinglass.experiments.descent.completion_setting import (
    DEEP,
    DEPTHS,
    ET,
    LOOPED,
    MEAN,
    NEAREST,
    PEERS,
    QUERY_ONLY,
    SETTINGS,
    STEPS,
    TRAINED,
    load,
)
from isinglass.experiments.descent.completion_training import Arm
from isinglass.experiments.descent.layers import numbers_of
from isinglass.reproduce import Context
from isinglass.systems.descent import EnergyTransformer, EnergyTransformerConfig

TOY = EnergyTransformerConfig(width=8, heads=2, head_width=4, memories=32)
KEY = jax.random.key(0)


def made_up(better: float) -> xr.Dataset:
    """A measurement in which the Energy Transformer is that much better."""
    rng, seeds = np.random.default_rng(0), [0, 1, 2]
    methods = [*TRAINED, *PEERS]
    error = xr.DataArray(
        rng.uniform(0.05, 0.051, (len(methods), 3)),
        {"model": methods, "seed": seeds},
        ("model", "seed"),
    )
    wobble = np.array([-1e-4, 0, 1e-4])
    error.loc[QUERY_ONLY], error.loc[ET] = 0.05, 0.05 + wobble - better
    error.loc[MEAN], error.loc[NEAREST] = 0.06, 0.04
    deep = xr.DataArray(
        rng.uniform(0.05, 0.051, (len(TRAINED), len(DEPTHS), 3)),
        {"arm": list(TRAINED), "depth": list(DEPTHS), "seed": seeds},
        ("arm", "depth", "seed"),
    )
    deep.loc[ET, 48] = deep.sel(arm=ET, depth=STEPS) + wobble + better
    picture = ("picture", "y", "x")
    shown = rng.random((2, 28, 28))
    shown[:, :4] = np.nan
    return xr.Dataset(
        {
            "error": error,
            "deep": deep,
            "completed": (("model", *picture), rng.random((len(methods), 2, 28, 28))),
            "search": (("arm", "learning_rate"), rng.random((len(TRAINED), 2))),
            "rate": ("arm", [0.01] * len(TRAINED)),
            "parameters": ("arm", [1000] * len(TRAINED)),
            "diverged": ("arm", [0] * len(TRAINED)),
            "tuned": ("choice", [3.0, 0.3, 10.0]),
            "original": (picture, rng.random((2, 28, 28))),
            "shown": (picture, shown),
        },
        {"learning_rate": [0.003, 0.01], "choice": ["k", "β", "updates"]},
        {"resolution": "quick", "seeds": 3, "seed": 0},
    )


@pytest.mark.parametrize(
    ("better", "words"),
    [
        (0.02, ["is worth 0.0", "makes the Energy Transformer's pictures worse"]),
        (0.0, ["nothing changes that we can tell", "by no more than we can tell"]),
        (-0.02, ["the same model does better", "pictures better"]),
    ],
)
def test_findings_say_what_was_measured(better, words):
    outcome = tell(completion, made_up(better))
    for text in (*words, "below it: ", "above it: "):
        assert text in outcome.findings
    rows = rows_of(outcome)
    assert len(rows) == 2 * len(TRAINED + PEERS) - 1 + len(DEEP) * len(DEPTHS)
    assert all(row.paper is None for row in rows.values())
    assert rows[f"{QUERY_ONLY} less {ET}"].ours == pytest.approx(better, abs=1e-3)


@pytest.mark.usefixtures("sketches")
def test_it_has_three_figures():
    assert parts(tell(completion, made_up(0.01))) == ["", "depth", "pictures"]


def test_query_only_is_the_block_less_its_second_term():
    whole, part = (kind(TOY, key=KEY) for kind in (EnergyTransformer, QueryOnly))
    whole, part = (
        b.replaced(query=300 * b.query, key=300 * b.key) for b in (whole, part)
    )
    g = whole.norm(jax.random.normal(KEY, (5, 8)))
    queries, keys = (jnp.einsum("nd,hyd->hny", g, w) for w in (whole.query, whole.key))
    rows = jax.nn.softmax(0.5 * jnp.einsum("hiy,hjy->hij", queries, keys))
    second = jnp.einsum("hij,hiy,hyd->jd", rows, queries, whole.key)

    assert float(jnp.abs(second).max()) > 0.1
    np.testing.assert_allclose(
        part.attention_force(g), whole.attention_force(g) - second, atol=1e-4
    )


def test_the_looped_transformer_has_as_many_numbers():
    setting = SETTINGS["default"]
    looped, descent = (
        numbers_of(eqx.filter_jit(Arm(name, setting).block)(KEY))
        for name in (LOOPED, ET)
    )
    assert abs(looped - descent) <= setting.config.width + 1


def test_batches_hide_as_many_patches_of_every_picture():
    options = replace(SETTINGS["quick"], train=40, validation=10, test=10)
    context = Context(seeds=range(2))
    data = load(context, options)
    for hidden in (data.masks, *(data.tested(context, s).hidden for s in (0, 1))):
        assert (hidden.sum(1) == options.hidden).all()
    assert (data.tested(context, 0).hidden != data.tested(context, 1).hidden).any()


def test_peers_give_back_a_stored_picture():
    rng = np.random.default_rng(0)
    stored = rng.random((9, 40)).astype(np.float32)
    hidden = rng.random((3, 40)) < 0.5
    pictures = np.where(hidden, 0.5, stored[:3])

    nearest, pair = nearest_pictures(stored, pictures, hidden, (1, 2))
    np.testing.assert_array_equal(nearest, stored[:3])
    assert not np.allclose(pair, stored[:3])
    cold = retrieved(stored, pictures, hidden, 200.0, 3)
    np.testing.assert_allclose(cold, stored[:3], atol=1e-3)
    hot = retrieved(stored, pictures, hidden, 1e-6, 3)
    np.testing.assert_allclose(hot[~hidden], pictures[~hidden], atol=1e-6)
    np.testing.assert_allclose(
        hot[hidden], np.broadcast_to(stored.mean(0), hidden.shape)[hidden], atol=1e-3
    )


def test_arms_begin_with_the_same_encoder():
    setting = replace(SETTINGS["quick"], config=TOY)
    models = eqx.filter_jit(
        lambda: [Arm(name, setting).model(KEY) for name in (ET, LOOPED)]
    )()
    first, second = (eqx.tree_at(lambda m: m.block, m, None) for m in models)
    assert eqx.tree_equal(first, second)


def test_a_tiny_run(monkeypatch):
    toy = replace(SETTINGS["quick"], config=TOY, steps=2, search_steps=2)
    toy = replace(toy, rates=(1e-2,), train=40)
    toy = replace(toy, validation=10, test=10, deep=10)
    monkeypatch.setitem(SETTINGS, "quick", toy)
    monkeypatch.setattr(completion, "TRAINED", (ET,))

    measured = measure(completion)

    assert measured.error.sel(model=[ET, *PEERS]).notnull().all()
    np.testing.assert_allclose(
        measured.deep.sel(arm=ET, depth=12), measured.error.sel(model=ET), rtol=1e-5
    )
    assert int(np.isnan(measured.shown[0]).sum()) == 49 * toy.hidden
    assert np.isfinite(measured.search).all()
    assert (measured.completed.sel(model=ET) != measured.original).any()


@pytest.mark.slow
def test_a_quick_run_is_told():
    outcome = tell(completion, measure(completion, seeds=2))
    assert all(np.isfinite(row.ours) for row in outcome.rows)
    assert outcome.findings
