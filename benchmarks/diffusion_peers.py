"""The flow between all pairs of DIFFormer in PyTorch, as one would write it.

PyTorch is no dependency of Isinglass: ``pip install torch==2.13.0`` in an environment
of its own.
"""

from __future__ import annotations

import jax
import numpy as np
import torch


class Peer:
    """-s or -a of queries, keys and values (N, H, C), and the gradient by all three."""

    def __init__(self, kind: str, parts: list[jax.Array]) -> None:
        self.flow = simple if kind == "simple" else sigmoid
        self.parts = [torch.nn.Parameter(torch.tensor(np.asarray(x))) for x in parts]

    def forward(self) -> torch.Tensor:
        """What flows."""
        with torch.no_grad():
            return self.flow(*self.parts)

    def gradient(self) -> tuple[torch.Tensor, ...]:
        """That of the sum of its squares."""
        return torch.autograd.grad((self.flow(*self.parts) ** 2).sum(), self.parts)


def simple(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    """-s with the program's norm, in O(N)."""
    q, k = q / torch.linalg.norm(q), k / torch.linalg.norm(k)
    flow = v.sum(0) + torch.einsum(
        "nhc,hce->nhe", q, torch.einsum("lhc,lhe->hce", k, v)
    )
    total = len(k) + torch.einsum("nhc,hc->nh", q, k.sum(0))
    return flow / total[..., None]


def sigmoid(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    """-a, with all of S."""
    rows = torch.sigmoid(torch.einsum("nhc,lhc->hnl", q, k))
    rows = rows / rows.sum(-1, keepdim=True)
    return torch.einsum("hnl,lhe->nhe", rows, v)
