"""The paper's baseline: softmax self-attention and a linear layer, by backpropagation.

Self-attention over the patches of a picture, without projections, is fixed: it has no
weights. What is trained is the linear layer behind it, 4 × 729, from N(0, 1)/9, by
cross-entropy and Adam at 1e-3, one picture a step (Tang 2020, §4.1; the initialisation
is the published program's).
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array
from jaxtyping import Float, Int

from isinglass.systems.interference.encoding import encode_images

LEARNING_RATE = 1e-3


def features(
    images: np.ndarray, patch_size: int = 3, batch: int = 1024
) -> Float[np.ndarray, "n F"]:
    """Softmax self-attention of pictures over their unit patches, flat, (n, S · D)."""
    parts = [images[start : start + batch] for start in range(0, len(images), batch)]
    return np.concatenate([np.asarray(_attend(part, patch_size)) for part in parts])


@partial(jax.jit, static_argnums=1)
def _attend(images: Array, patch_size: int) -> Float[Array, "n F"]:
    x = encode_images(images, (patch_size, patch_size))[..., 1:]
    attention = jax.nn.softmax(jnp.einsum("nsd,ntd->nst", x, x), axis=-1)
    return jnp.einsum("nst,ntd->nsd", attention, x).reshape(len(x), -1)


@partial(jax.jit, static_argnames=("n_classes", "stops"))
def train_many(
    keys: Array,
    inputs: Float[Array, "seeds steps F"],
    labels: Int[Array, "seeds steps"],
    *,
    n_classes: int,
    stops: tuple[int, ...],
) -> Float[Array, "stops seeds C F"]:
    """Train one linear layer per seed, one picture a step; weights after `stops` steps.

    Args:
        keys: One random key per seed.
        inputs: Features in the order in which they are shown.
        labels: Index of the class of each, 0 … C−1.
        n_classes: C.
        stops: Numbers of steps, ascending, after which the weights are kept.
    """
    optimizer = optax.adam(LEARNING_RATE)

    def loss(weights: Array, x: Array, label: Array) -> Array:
        return optax.softmax_cross_entropy_with_integer_labels(weights @ x, label)

    def step(state: tuple[Array, Any], sample: tuple[Array, Array]) -> tuple[Any, None]:
        weights, memory = state
        updates, memory = optimizer.update(jax.grad(loss)(weights, *sample), memory)
        return (optax.apply_updates(weights, updates), memory), None

    def train(key: Array, x: Array, y: Array) -> Array:
        weights = jax.random.normal(key, (n_classes, x.shape[-1])) / 9
        state = (weights, optimizer.init(weights))
        layers = []
        for start, stop in zip((0, *stops), stops, strict=False):
            state = jax.lax.scan(step, state, (x[start:stop], y[start:stop]))[0]
            layers.append(state[0])
        return jnp.stack(layers)

    return jnp.moveaxis(jax.vmap(train)(keys, inputs, labels), 1, 0)
