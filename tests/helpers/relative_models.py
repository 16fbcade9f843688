"""Layers, positions and models with weights of the authors' program."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from helpers.random_models import random_model
from isinglass.attention import Normalisation, Positions
from isinglass.systems.relative import (
    RelativeAttention,
    RelativeConfig,
    RelativeTransformer,
)


def layer_of(weights, heads, of=lambda name, part: f"{name}_{part}"):
    """A layer with the weights of the authors' program."""

    def joined(part):
        names = (of(f"{name}_proj", part) for name in "qkv")
        return np.concatenate([np.float64(weights[name]).T for name in names], axis=-1)

    width = len(joined("weight"))
    layer = random_model(lambda d, key: RelativeAttention(d, heads, key=key), width)
    outward = (np.float64(weights[of("out_proj", x)]).T for x in ("weight", "bias"))
    return eqx.tree_at(
        lambda m: (m.inward, m.inward_bias, m.outward, m.outward_bias),
        layer,
        tuple(map(jnp.asarray, (joined("weight"), joined("bias"), *outward))),
    )


def positions_of(bias, coupling=None, width=8):
    heads, offsets = bias.shape
    own = Positions("rpe", width, heads, (offsets + 1) // 2, key=jax.random.key(0))
    return eqx.tree_at(
        lambda p: (p.bias, p.coupling),
        own,
        (bias, coupling),
        is_leaf=lambda x: x is None,
    )


def transformer_of(x):
    """An encoder with the weights of the authors' program, as oracles name them."""
    weights = {
        name[2:]: np.asarray(x[name], np.float64) for name in x if name.startswith("w.")
    }
    symbols, width = weights["embed_tokens.weight"].shape
    longest = (len(weights["rp_bias.weight"]) + 1) // 2
    hidden = len(weights["layers.0.fc1.bias"])
    sizes = (symbols, 1, width, int(x["heads"]), hidden, int(x["layers"]), longest)
    coupling = weights.get("ur_rp_bias.weight")
    config = RelativeConfig(*sizes, coupling=coupling is not None)
    model = random_model(RelativeTransformer, config)

    def norm(name):
        gain, bias = (jnp.asarray(weights[f"{name}.{x}"]) for x in ("weight", "bias"))
        return eqx.tree_at(
            lambda n: (n.gain, n.bias), Normalisation(width), (gain, bias)
        )

    layers = []
    for place, layer in enumerate(model.layers):
        own = f"layers.{place}."

        def of_attention(name, part, own=own):
            return f"{own}self_attn.{name}.{part}"

        attention = layer_of(weights, config.heads, of_attention)
        mlp = [
            jnp.asarray(weights[f"{own}{name}"].T)
            for name in ("fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias")
        ]
        norms = (norm(f"{own}{x}_layer_norm") for x in ("self_attn", "final"))
        layers.append(
            eqx.tree_at(
                lambda m: (
                    m.attention,
                    *(m.mlp_in, m.mlp_in_bias, m.mlp_out, m.mlp_out_bias),
                    *(m.after_attention, m.after_mlp),
                ),
                layer,
                (attention, *mlp, *norms),
            )
        )
    bias = jnp.asarray(weights["rp_bias.weight"].T)
    positions = positions_of(bias, None if coupling is None else coupling.T)
    embedding = jnp.asarray(weights["embed_tokens.weight"])
    return eqx.tree_at(
        lambda m: (m.embedding, m.before, m.layers, m.positions),
        model,
        (embedding, norm("emb_layer_norm"), tuple(layers), positions),
    )
