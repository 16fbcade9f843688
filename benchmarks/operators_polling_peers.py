"""The sampler of PnP in PyTorch, as one would write it from its equations.

PyTorch is no dependency of Isinglass: ``pip install torch==2.13.0`` in an environment
of its own.
"""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import torch
from torch.nn import functional


class Peer:
    """The weights of a sampler, a feature map (B, C, H, W), positions (L, B, C)."""

    def __init__(
        self,
        sampler: Any,
        features: jax.Array,
        positions: jax.Array,
        shape: tuple[int, int],
        ratio: float,
    ) -> None:
        layers = sampler.score_in, sampler.score_out, sampler.keys[0], sampler.value
        self.parts = [
            torch.nn.Parameter(torch.tensor(np.asarray(array)))
            for layer in layers
            for array in (layer.weight.T, layer.bias)
        ]
        source = np.moveaxis(np.asarray(features), -1, 1)
        source = source.reshape(*source.shape[:2], *shape)
        self.source = torch.nn.Parameter(torch.tensor(np.ascontiguousarray(source)))
        self.positions = torch.tensor(np.moveaxis(np.asarray(positions), 1, 0).copy())
        self.ratio = ratio

    def forward(self) -> tuple[Any, ...]:
        """Tokens and their positions, (N + M, B, C) each."""
        with torch.no_grad():
            return self._run()

    def gradient(self) -> tuple[torch.Tensor, ...]:
        """That of the sum of squares of both, by the weights and the features."""
        loss = sum((x**2).sum() for x in self._run())
        return torch.autograd.grad(loss, [*self.parts, self.source])

    def _run(self) -> tuple[torch.Tensor, torch.Tensor]:
        w1, b1, w2, b2, wa, ba, wv, bv = self.parts
        width = self.source.shape[1]
        hidden = torch.relu(functional.conv2d(self.source, w1[..., None, None], b1))
        scores = functional.conv2d(hidden, w2[..., None, None], b2).sigmoid()
        scores = scores.flatten(1)
        tokens = self.source.flatten(2).permute(2, 0, 1)
        tokens = functional.layer_norm(tokens, (width,))
        count = int(self.ratio * len(tokens))
        order = scores.sort(descending=True, dim=1)[1].T[..., None]
        places = order.expand(-1, -1, width)
        top, rest = places[:count], places[count:]
        by_score = scores.T[..., None].gather(0, order[:count])
        fine = tokens.gather(0, top) * by_score
        left = tokens.gather(0, rest)
        weights = functional.linear(left, wa, ba).permute(1, 2, 0).softmax(-1)
        values = functional.linear(left, wv, bv).permute(1, 0, 2)
        coarse = (weights @ values).permute(1, 0, 2)
        left_positions = self.positions.gather(0, rest).permute(1, 0, 2)
        coarse_positions = (weights @ left_positions).permute(1, 0, 2)
        fine_positions = self.positions.gather(0, top)
        return (
            torch.cat([fine, coarse]),
            torch.cat([fine_positions, coarse_positions]),
        )
