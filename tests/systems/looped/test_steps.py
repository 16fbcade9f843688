from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from scipy.special import log_softmax

from helpers.looped_training import CONFIG, RECIPE, SEEDS, TASK
from helpers.random_models import random_model
from isinglass.data.induction import InductionTask
from isinglass.systems.looped import LoopedTransformer, _steps
from isinglass.systems.looped._steps import Span
from isinglass.systems.looped.recipe import Stage

STAGE = Stage(TASK, RECIPE)
draw = jax.jit(_steps.draw, static_argnums=3)
draw_length = jax.jit(_steps.draw_length, static_argnums=(2, 3))
loss_gradient = jax.jit(jax.grad(_steps.loss, has_aux=True), static_argnums=4)


def keys_of(*seeds):
    """Keys of the models, and keys of their data."""
    keys = jax.vmap(jax.random.key)(np.array(seeds, np.uint32))
    return split(keys)


@jax.jit
def split(keys):
    return tuple(jax.vmap(jax.random.split, out_axes=1)(keys))


def test_the_first_step_is_adamw_of_the_clipped_gradient():
    of_model, of_data = keys_of(*SEEDS)
    state = _steps.first_state(CONFIG, RECIPE, of_model)
    before = jax.tree.map(lambda x: np.array(x[1]), state.model)
    length, _ = draw_length(0, 0, RECIPE, True)
    batch = draw(jax.random.fold_in(of_data[1], 0), length, 0, STAGE)
    gradient, _ = loss_gradient(before, batch, length, 0, STAGE)
    scale = 0.1 / float(optax.tree.norm(gradient))
    assert scale < 1

    def stepped(p, g):
        g = np.asarray(g) * scale
        return p - 3e-2 * (g / (np.abs(g) + 1e-8) + 0.1 * p)

    state, sums = _steps.advance(state, of_data, Span(0, 0, 1), STAGE)
    expected = jax.tree.leaves(jax.tree.map(stepped, before, gradient))
    for mine, leaf in zip(jax.tree.leaves(state.model), expected, strict=True):
        np.testing.assert_allclose(mine[1], leaf, atol=1e-4)
    assert sums.steps.tolist() == [1, 1]


@pytest.mark.parametrize(("form", "length"), [("last-token", 4), ("full-sequence", 7)])
def test_the_loss_is_that_of_trajectories_without_padding(form, length):
    stage = Stage(InductionTask(form, 4), RECIPE)
    model = random_model(LoopedTransformer, CONFIG)
    length = np.int32(length)  # as that of a training, which compiles the same
    batch = draw(jax.random.key(2), length, 0, stage)
    _, (loss, terms, accuracy) = loss_gradient(model, batch, length, 0, stage)

    tokens, targets, mask = (np.asarray(array)[:, :length] for array in batch[:3])
    states, rows = map(np.asarray, jax.jit(jax.vmap(model.run))(jnp.asarray(tokens)))
    logits = states[:, -1] @ np.asarray(model.readout) + np.asarray(model.readout_bias)
    logs = np.take_along_axis(log_softmax(logits, axis=-1), targets[..., None], -1)
    states, rows = (jnp.asarray(np.swapaxes(x, 0, 1)) for x in (states, rows))
    expected, expected_terms = jax.jit(RECIPE.objective.from_trajectory)(
        -logs[mask].mean(), states, rows
    )
    np.testing.assert_allclose(loss, expected, rtol=1e-4)
    for name, value in expected_terms.items():
        np.testing.assert_allclose(terms[name], value, rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(
        accuracy, (logits.argmax(-1) == targets)[mask].mean(), rtol=1e-6
    )


def test_steps_taken_at_once_or_in_parts_are_the_same():
    def taken(*until):
        of_model, of_data = keys_of(*SEEDS)
        state = _steps.first_state(CONFIG, RECIPE, of_model)
        for first, last in zip((0, *until), until, strict=False):
            state, _ = _steps.advance(state, of_data, Span(0, first, last), STAGE)
        return jax.tree.leaves(state)

    assert all(
        np.array_equal(a, b) for a, b in zip(taken(10), taken(3, 4, 10), strict=True)
    )


def test_a_width_gives_the_same_gradient_as_the_whole_one():
    recipe = replace(RECIPE, longest=24)
    stage = Stage(TASK, recipe)
    assert recipe.widths == (16, 24)
    model = random_model(LoopedTransformer, CONFIG)
    keys = jax.random.split(jax.random.key(3), 1)
    gradients = jax.jit(_steps.gradients, static_argnums=4)
    steps = range(100)
    lengths = {int(draw_length(s, s, recipe, True)[0]): s for s in steps}
    for length in (5, 16, 17):
        step = lengths[length]
        models = jax.tree.map(lambda x: np.asarray(x)[None], model)
        cut, _ = gradients(models, keys, step, 0, stage)
        batch = draw(jax.random.fold_in(keys[0], step), length, step, stage)
        whole, _ = loss_gradient(model, batch, length, step, stage)
        for a, b in zip(jax.tree.leaves(cut), jax.tree.leaves(whole), strict=True):
            np.testing.assert_allclose(a[0], b, atol=1e-5, rtol=1e-3)


def test_a_model_that_looks_ahead_sees_no_padding():
    recipe = replace(RECIPE, shortest=3, longest=40)
    for step in range(20):
        length, which = draw_length(step, step, recipe, False)
        assert length == recipe.widths[which]


def test_what_lies_across_a_gap_is_not_asked_for():
    recipe = replace(RECIPE, layout="skips", farthest=100, batch=64)
    stage = Stage(TASK, recipe)
    batch = draw(jax.random.key(0), 8, 0, stage)
    of_symbols = jax.random.split(jax.random.key(0))[0]
    drawn = jax.jit(lambda key: TASK.batch(key, 64, 8))(of_symbols)
    source, positions = np.asarray(drawn.source[:, -1]), np.asarray(batch.positions)
    rows = np.arange(64)
    broken = positions[rows, source + 1] - positions[rows, source] != 1
    assert 0 < broken.sum() < 64
    np.testing.assert_array_equal(batch.mask[:, -1], ~broken)
    assert positions.max() < 100
    model = random_model(LoopedTransformer, CONFIG)
    gradient, _ = loss_gradient(model, batch, 8, 0, stage)
    unbroken = batch._replace(positions=jnp.broadcast_to(jnp.arange(8), (64, 8)))
    other, _ = loss_gradient(model, unbroken, 8, 0, stage)
    assert np.isfinite(optax.tree.norm(gradient))
    assert not np.allclose(gradient.embedding, other.embedding)
