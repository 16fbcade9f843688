"""The layer of vHeat in PyTorch, as one would write it.

PyTorch is no dependency of Isinglass: ``pip install torch==2.13.0`` in an environment
of its own.
"""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import torch
from torch import nn
from torch.nn import functional


class Peer(nn.Module):
    """Fields (B, C, H, W), of the weights of a `HeatConduction` with k by mode."""

    def __init__(self, layer: Any, x: jax.Array) -> None:
        super().__init__()
        cells, width = layer.config.shape[0], layer.config.width
        self.convolution = nn.Conv2d(width, width, 3, padding=1, groups=width)
        self.linear = nn.Linear(width, 2 * width)
        self.norm = nn.LayerNorm(width)
        self.out = nn.Linear(width, width)
        self.to_conductivity = nn.Linear(width, width)
        self.embedding = nn.Parameter(_tensor(layer.embedding))
        kernel = np.asarray(layer.kernel).transpose(2, 0, 1)[:, None]
        with torch.no_grad():
            self.convolution.weight.copy_(_tensor(kernel))
            self.convolution.bias.copy_(_tensor(layer.kernel_bias))  # pyright: ignore
            for own, of in (
                (self.linear, layer.linear),
                (self.out, layer.out),
                (self.to_conductivity, layer.to_conductivity),
            ):
                own.weight.copy_(_tensor(np.asarray(of.weight).T))
                own.bias.copy_(_tensor(of.bias))
        modes, places = np.arange(cells)[:, None], np.arange(cells) + 0.5
        matrix = np.sqrt(2 / cells) * np.cos(np.pi * modes * places / cells)
        matrix[0] = np.sqrt(1 / cells)
        omega = np.pi * np.arange(cells) / cells
        self.matrix = _tensor(matrix.astype(np.float32))
        rates = omega[:, None] ** 2 + omega**2
        self.rates = _tensor(rates.astype(np.float32))[..., None]
        fields = np.asarray(x).transpose(0, 3, 1, 2)
        self.fields = nn.Parameter(_tensor(np.ascontiguousarray(fields)))

    def run_layer(self, x: torch.Tensor) -> torch.Tensor:
        """The layer, of fields (B, C, H, W)."""
        x = self.convolution(x).permute(0, 2, 3, 1)
        field, gate = self.linear(x).chunk(2, dim=-1)
        decay = torch.exp(
            -torch.relu(self.to_conductivity(self.embedding)) * self.rates
        )
        matrix = self.matrix
        modes = torch.einsum("bhwc,nh,mw->bnmc", field, matrix, matrix) * decay
        field = torch.einsum("bnmc,nh,mw->bhwc", modes, matrix, matrix)
        y = self.out(self.norm(field) * functional.silu(gate))
        return y.permute(0, 3, 1, 2)

    def forward(self) -> torch.Tensor:
        """The layer of its own fields, without gradient."""
        with torch.no_grad():
            return self.run_layer(self.fields)

    def gradient(self) -> tuple[torch.Tensor, ...]:
        """That of the sum of squares, by all parameters and the fields."""
        loss = (self.run_layer(self.fields) ** 2).sum()
        return torch.autograd.grad(loss, list(self.parameters()))


def _tensor(x: Any) -> torch.Tensor:
    return torch.tensor(np.array(x))
