import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.flatten_util import ravel_pytree

from helpers.random_models import random_model
from isinglass.data.induction import InductionTask
from isinglass.systems.looped.model import LoopedConfig, LoopedTransformer
from isinglass.training.loss_landscape import (
    curvature,
    displaced,
    filter_normalised_directions,
    loss_surface,
)

KEY = jax.random.key(0)


@pytest.fixture
def double():
    with jax.enable_x64(True):
        yield


@functools.cache
def looped():
    config = LoopedConfig(vocabulary=3, width=4, hidden=2, iterations=2)
    return random_model(LoopedTransformer, config)


def loss_of_induction():
    task = InductionTask(vocabulary=3)
    batch = jax.jit(lambda key: task.batch(key, 1, 6))(jax.random.key(1))

    def loss(model):
        final, energies = model.energies(batch.tokens[0])
        logits, answers = model.decode(final), batch.targets[0]
        wrong = optax.softmax_cross_entropy_with_integer_labels(logits, answers)
        return wrong[-1] + energies.potential.mean() + energies.entropy.mean()

    return loss


class Bowl(eqx.Module):
    """A loss ½ wᵀHw of a matrix of weights w."""

    weights: jax.Array
    name: str = eqx.field(static=True, default="bowl")


def bowl(size=(6, 4), seed=0):
    rng, n = np.random.default_rng(seed), size[0] * size[1]
    hessian = rng.standard_normal((n, n))
    hessian = jnp.asarray(hessian + hessian.T)

    def loss(model):
        w = model.weights.ravel()
        return 0.5 * w @ hessian @ w

    return Bowl(jnp.asarray(rng.standard_normal(size))), loss, np.asarray(hessian)


def test_filters_of_a_direction_have_the_norms_of_the_model():
    model = looped()
    for direction in filter_normalised_directions(model, KEY):
        for name in ("embedding", "query", "mlp_in", "readout"):
            drawn, own = (np.asarray(getattr(x, name)) for x in (direction, model))
            sizes = np.linalg.norm(drawn, axis=0), np.linalg.norm(own, axis=0)
            np.testing.assert_allclose(*sizes, rtol=1e-5)
        for name in ("gain", "bias", "mlp_in_bias", "readout_bias"):
            assert not np.asarray(getattr(direction, name)).any()


def test_directions_differ_from_one_another_and_by_key_only():
    model = looped()
    (first, second), again, other = (
        filter_normalised_directions(model, jax.random.key(s)) for s in (0, 0, 1)
    )
    flat = [
        np.asarray(ravel_pytree(x)[0])
        for x in (first, second, again[0], again[1], other[0])
    ]
    assert (flat[0] == flat[2]).all()
    assert (flat[1] == flat[3]).all()
    assert abs(flat[0] @ flat[1]) < 0.3 * (flat[0] @ flat[0])
    assert (flat[0] != flat[4]).any()


def test_a_filter_of_zeros_stays_zero():
    direction, _ = filter_normalised_directions(Bowl(jnp.zeros((3, 2))), KEY)
    assert not np.asarray(direction.weights).any()


@pytest.mark.usefixtures("double")
def test_the_surface_is_the_loss_of_displaced_models():
    model, loss, _ = bowl()
    directions = filter_normalised_directions(model, KEY)
    surface = loss_surface(loss, model, directions, extent=0.5, points=5, at_once=3)
    assert surface.dims == ("a", "b")
    assert surface.a.values.tolist() == [-0.5, -0.25, 0.0, 0.25, 0.5]
    assert float(surface.sel(a=0, b=0)) == pytest.approx(float(loss(model)), rel=1e-14)
    moved = displaced(model, directions, 0.25, -0.5)
    assert moved.name == "bowl"
    assert float(surface.sel(a=0.25, b=-0.5)) == pytest.approx(
        float(loss(moved)), rel=1e-14
    )


@pytest.mark.usefixtures("double")
def test_the_curvature_of_a_bowl_is_its_hessian():
    model, loss, hessian = bowl()
    directions = filter_normalised_directions(model, KEY)
    curved = curvature(loss, model, directions, eigenvalues=3, probes=1000, key=KEY)
    exact = np.linalg.eigvalsh(hessian)
    np.testing.assert_allclose(curved.largest, exact[:-4:-1], rtol=1e-4)
    np.testing.assert_allclose(curved.smallest, exact[:3], rtol=1e-4)
    axes = np.stack([np.asarray(d.weights).ravel() for d in directions])
    np.testing.assert_allclose(curved.plane, axes @ hessian @ axes.T, rtol=1e-10)
    assert (
        curved.plane_eigenvalues.tolist()
        == np.linalg.eigvalsh(curved.plane)[::-1].tolist()
    )
    assert abs(curved.trace - np.trace(hessian)) < 4 * curved.trace_error
    off_diagonal = hessian - np.diag(np.diag(hessian))
    assert curved.trace_error == pytest.approx(
        (2 * (off_diagonal**2).sum() / 1000) ** 0.5, rel=0.1
    )


@pytest.mark.usefixtures("double")
def test_the_curvature_of_a_looped_transformer_is_its_dense_hessian():
    model, loss = looped(), loss_of_induction()
    model = jax.tree.map(lambda x: jnp.asarray(x, jnp.float64), model)
    weights, rest = eqx.partition(model, eqx.is_inexact_array)
    flat, restore = ravel_pytree(weights)
    gradient = jax.jit(
        jax.grad(lambda vector: loss(eqx.combine(restore(vector), rest)))
    )
    moves = 1e-5 * np.eye(flat.size)
    flat = np.asarray(flat)
    columns = np.asarray(
        [np.subtract(gradient(flat + m), gradient(flat - m)) / 2e-5 for m in moves]
    )
    exact = np.linalg.eigvalsh((columns + columns.T) / 2)
    directions = filter_normalised_directions(model, KEY)
    curved = curvature(loss, model, directions, eigenvalues=2, probes=8, key=KEY)
    np.testing.assert_allclose(curved.largest, exact[:-3:-1], rtol=1e-3)
    np.testing.assert_allclose(curved.smallest, exact[:2], rtol=1e-3)


def test_the_same_key_finds_the_same_in_single_precision():
    model, loss, hessian = bowl()
    directions = filter_normalised_directions(model, KEY)
    first, again = (
        curvature(loss, model, directions, probes=8, key=KEY) for _ in range(2)
    )
    assert all(np.array_equal(x, y) for x, y in zip(first, again, strict=True))
    np.testing.assert_allclose(
        first.largest, np.linalg.eigvalsh(hessian)[:-4:-1], rtol=1e-3
    )


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"extent": 0.0}, "extent must be positive and finite, got 0.0"),
        ({"extent": float("nan")}, "extent"),
        ({"points": 1}, "points must be at least 2, got 1"),
        ({"at_once": 0}, "at_once must be at least 1, got 0"),
        (
            {"loss": lambda model: jnp.nan},
            "loss must be a finite number at the model, got nan",
        ),
        ({"loss": lambda model: model.weights}, "loss must be a finite number"),
    ],
)
def test_planes_that_make_no_sense_are_refused(arguments, named):
    model, loss, _ = bowl()
    options = {"loss": loss, **arguments}
    with pytest.raises(ValueError, match=named):
        loss_surface(
            options.pop("loss"),
            model,
            filter_normalised_directions(model, KEY),
            **options,
        )


def test_curvature_refuses_what_it_cannot_find():
    model, loss, _ = bowl()
    directions = filter_normalised_directions(model, KEY)
    with pytest.raises(ValueError, match="probes must be at least 2, got 1"):
        curvature(loss, model, directions, probes=1, key=KEY)
    with pytest.raises(ValueError, match=r"eigenvalues must be in \[1, 23\], got 24"):
        curvature(loss, model, directions, eigenvalues=24, key=KEY)
    other = filter_normalised_directions(Bowl(jnp.ones((2, 2))), KEY)
    with pytest.raises(ValueError, match="directions must be two pytrees"):
        curvature(loss, model, other, key=KEY)
