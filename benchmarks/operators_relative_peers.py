"""Attention with tables by offset in PyTorch, as one would write it.

PyTorch is no dependency of Isinglass: ``pip install torch==2.13.0`` in an environment
of its own.
"""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import torch


class Peer:
    """A layer, its tables (heads, 2n − 1) and tokens (B, n, d)."""

    def __init__(self, layer: Any, positions: Any, x: jax.Array) -> None:
        arrays = [layer.inward, layer.inward_bias, layer.outward, layer.outward_bias, x]
        self.parts = [torch.nn.Parameter(torch.tensor(np.asarray(a))) for a in arrays]
        self.tables = [
            None if t is None else torch.nn.Parameter(torch.tensor(np.asarray(t)))
            for t in (positions.bias, positions.coupling)
        ]
        self.heads = layer.heads

    def forward(self) -> torch.Tensor:
        """The layer's output."""
        with torch.no_grad():
            return self._run()

    def gradient(self) -> tuple[torch.Tensor, ...]:
        """That of the sum of its squares, by all parameters and the input."""
        tables = [table for table in self.tables if table is not None]
        return torch.autograd.grad((self._run() ** 2).sum(), [*self.parts, *tables])

    def _run(self) -> torch.Tensor:
        inward, inward_bias, outward, outward_bias, x = self.parts
        bias, coupling = self.tables
        batch, n, width = x.shape
        mixed = (x @ inward + inward_bias).view(batch, n, 3, self.heads, -1)
        q, k, v = mixed.permute(2, 0, 3, 1, 4)
        scores = q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5
        places = torch.arange(n)
        offsets = places[None] - places[:, None] + n - 1
        if bias is not None:
            scores = scores + bias[:, offsets]
        rows = torch.softmax(scores, -1)
        if coupling is not None:
            rows = rows * coupling[:, offsets]
        joined = (rows @ v).transpose(1, 2).reshape(batch, n, width)
        return joined @ outward + outward_bias
