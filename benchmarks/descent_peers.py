"""Energy Transformer and Hyper-SET in PyTorch, as one would write them.

PyTorch is no dependency of Isinglass: ``pip install torch==2.13.0`` in an environment
of its own. The force of the Energy Transformer is written out, as ours is; gradients
by weights are PyTorch's own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import jax
import numpy as np
import torch
from torch.nn import functional

from isinglass.systems.descent import EnergyTransformer, HyperSET

Weights = Mapping[str, torch.nn.Parameter]


class Peer:
    """Some iterations of a layer from a fixed start, and their gradient.

    Args:
        weights: Of the layer.
        start: Tokens (n, d).
        run: Makes the last tokens of weights and the first.
    """

    def __init__(
        self,
        weights: Mapping[str, jax.Array],
        start: jax.Array,
        run: Callable[[Weights, torch.Tensor], torch.Tensor],
    ) -> None:
        self.weights = {
            name: torch.nn.Parameter(torch.tensor(np.asarray(value)))
            for name, value in weights.items()
        }
        self.start, self.run = torch.tensor(np.asarray(start)), run

    def forward(self) -> torch.Tensor:
        """The tokens after all iterations."""
        with torch.no_grad():
            return self.run(self.weights, self.start)

    def gradient(self) -> tuple[torch.Tensor, ...]:
        """That of the mean square of the last tokens by all weights."""
        loss = (self.run(self.weights, self.start) ** 2).mean()
        return torch.autograd.grad(loss, tuple(self.weights.values()))


def energy_transformer(block: EnergyTransformer, start: jax.Array, steps: int) -> Peer:
    """T steps of `block`."""
    width, epsilon = block.config.width, block.norm.epsilon
    beta, alpha = block.config.head_width**-0.5, float(block.step_size)

    def run(w: Weights, x: torch.Tensor) -> torch.Tensor:
        for _ in range(steps):
            g = functional.layer_norm(x, (width,), eps=epsilon)
            g = functional.softplus(w["gain"]) * g + w["shift"]
            q = torch.einsum("nd,hyd->hny", g, w["query"])
            k = torch.einsum("nd,hyd->hny", g, w["key"])
            rows = torch.softmax(beta * (q @ k.transpose(1, 2)), dim=-1)
            force = torch.einsum("hny,hyd->nd", rows @ k, w["query"])
            force = force + torch.einsum(
                "hny,hyd->nd", rows.transpose(1, 2) @ q, w["key"]
            )
            hidden = torch.relu(g @ w["memories"]) @ w["memories"].T
            x = x + alpha * (force + hidden)
        return x

    weights = {
        "gain": block.norm.raw_gain,
        "shift": block.norm.shift,
        "query": block.query,
        "key": block.key,
        "memories": block.memories,
    }
    return Peer(weights, start, run)


def hyper_set(layer: HyperSET, start: jax.Array, steps: int) -> Peer:
    """T published iterations of `layer`, with its network of step sizes."""
    heads, width = layer.config.heads, layer.config.width
    beta, network = (width // heads) ** -0.5, layer.steps
    assert network is not None
    pairs = network.wave_in.shape[0] // 2
    frequencies = 10_000.0 ** -(torch.arange(pairs) / max(pairs - 1, 1))

    def attention(w: Weights, x: torch.Tensor) -> torch.Tensor:
        z = (x @ w["subspaces"]).unflatten(-1, (heads, -1)).transpose(0, 1)
        z = _on_sphere(z) * w["norm_query"]
        rows = torch.softmax(beta * (z @ z.transpose(1, 2)), dim=-1)
        merged = ((rows + rows.transpose(1, 2)) @ z).transpose(0, 1).flatten(1)
        return merged @ w["subspaces"].T

    def run(w: Weights, x: torch.Tensor) -> torch.Tensor:
        origin = x
        for time in range(1, steps + 1):
            waves = torch.cat(
                [torch.sin(time * frequencies), torch.cos(time * frequencies)]
            )
            inner = functional.gelu(waves @ w["wave_in"] + w["wave_in_bias"])
            of_time = inner @ w["wave_out"] + w["wave_out_bias"]
            both = functional.gelu(of_time + origin) @ w["out"] + w["out_bias"]
            alpha, gamma = both.chunk(2, dim=-1)
            x = x - alpha * attention(w, x)
            u = _on_sphere(x @ w["directions"]) * w["norm_feedforward"]
            x = x + gamma * (torch.relu(u) @ w["directions"].T)
        return x

    of_layer = ("subspaces", "directions", "norm_query", "norm_feedforward")
    weights = {name: getattr(layer, name) for name in of_layer}
    of_network = ("wave_in", "wave_in_bias", "wave_out", "wave_out_bias")
    weights |= {
        name: getattr(network, name) for name in (*of_network, "out", "out_bias")
    }
    return Peer(weights, start, run)


def _on_sphere(x: torch.Tensor) -> torch.Tensor:
    return functional.rms_norm(x, x.shape[-1:])
