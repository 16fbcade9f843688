"""TODO: docstring."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from isinglass.systems.memory import Transformer


def rescaled(model: Transformer, factor: float) -> Transformer:
    """The same function with activations that are a factor as long, after every layer.

    What is added to the stream is multiplied. A layer normalisation does not see it, if
    its epsilon goes along; and the gain of the last one makes up for the embedding,
    which is the read-out too.
    """
    from dataclasses import replace

    import equinox as eqx
    import jax

    from isinglass.systems.memory import Transformer

    def added(model: Any) -> Any:
        blocks = model.blocks
        return (
            model.embedding,
            model.positions,
            blocks.attention_out,
            blocks.attention_out_bias,
            blocks.mlp_out,
            blocks.mlp_out_bias,
        )

    def read(model: Any) -> Any:
        return (model.after.gain, model.after.bias)

    scaled = eqx.tree_at(added, model, replace_fn=lambda leaf: leaf * factor)
    scaled = eqx.tree_at(read, scaled, replace_fn=lambda leaf: leaf / factor)
    config = replace(model.config, epsilon=model.config.epsilon * factor**2)
    like = eqx.filter_eval_shape(
        lambda key: Transformer(config, key=key), jax.random.key(0)
    )
    return jax.tree.unflatten(jax.tree.structure(like), jax.tree.leaves(scaled))
