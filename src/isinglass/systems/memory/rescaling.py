"""The same function with longer activations: why a radius has no absolute unit.

Distances between activations are compared with √(n/2πe) by the paper (Niu et al. 2024,
appendix F.1). But a transformer with layer normalisation has a scale that is free:
`rescaled` gives a model with the same logits whose activations, and radii, are a factor
as large.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import equinox as eqx
import jax

from isinglass._common.checks import check_in, check_kind
from isinglass.systems.memory.transformer import Transformer


def rescaled(model: Transformer, factor: float) -> Transformer:
    """Return the same function with activations a factor as long, after every layer.

    All that is added to the stream is multiplied: embedding, positions, and the outputs
    of attention and perceptron. A layer normalisation does not notice, if its ε is
    multiplied by the square of the factor. Gain and bias of the last one are divided by
    it, to make up for the embedding, which is the read-out too.

    Args:
        model: The model.
        factor: Positive.

    Returns:
        A model with the same logits, up to rounding.

    Raises:
        ValueError: If the factor is not from 1e-100 to 1e100.
    """
    check_kind(Transformer, model=model)
    check_in("[1e-100, 1e100]", factor=factor)
    scaled = eqx.tree_at(_added, model, replace_fn=lambda leaf: leaf * factor)
    scaled = eqx.tree_at(
        lambda model: (model.after.gain, model.after.bias),
        scaled,
        replace_fn=lambda leaf: leaf / factor,
    )
    # ε is a static part of the tree: the leaves go into a tree of the new shape.
    config = replace(model.config, epsilon=model.config.epsilon * factor**2)
    shape = eqx.filter_eval_shape(
        lambda key: Transformer(config, key=key), jax.random.key(0)
    )
    return jax.tree.unflatten(jax.tree.structure(shape), jax.tree.leaves(scaled))


def _added(model: Any) -> Any:
    """Weights of all that is added to the stream."""
    blocks = model.blocks
    return (
        model.embedding,
        model.positions,
        blocks.attention_out,
        blocks.attention_out_bias,
        blocks.mlp_out,
        blocks.mlp_out_bias,
    )
