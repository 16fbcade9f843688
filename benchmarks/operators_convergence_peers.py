"""The tangent kernel of a shallow encoder written plainly in PyTorch."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from isinglass.systems.convergence import ShallowEncoder


class Peer:
    """The encoder in float64, and its Jacobian row by row.

    Args:
        model: Whose weights it has, of the usual scale and LeCun's start.
        inputs: (N, d_s, d).
    """

    def __init__(self, model: ShallowEncoder, inputs: np.ndarray) -> None:
        layer = model.layer
        arrays: list[Any] = [layer.query, layer.key, layer.value, model.readout]
        self.weights = [
            torch.tensor(np.asarray(array, np.float64), requires_grad=True)
            for array in arrays
        ]
        self.inputs = torch.tensor(inputs)
        self.scale = model.config.score_scale

    def output(self, x: torch.Tensor) -> torch.Tensor:
        """One number of one input."""
        query, key, value, readout = self.weights
        scores = self.scale * (x @ query.T) @ (x @ key.T).T
        mixed = torch.softmax(scores, dim=-1) @ x @ value.T
        return torch.relu(mixed).mean(0) @ readout

    def kernel(self, count: int | None = None) -> np.ndarray:
        """J Jᵀ of the first inputs."""
        rows = []
        for x in self.inputs[:count]:
            gradients = torch.autograd.grad(self.output(x), self.weights)
            rows.append(torch.cat([gradient.ravel() for gradient in gradients]))
        jacobian = torch.stack(rows)
        return (jacobian @ jacobian.T).numpy()

    def extremes(self) -> tuple[float, float]:
        """λ_min and λ_max."""
        eigenvalues = np.linalg.eigvalsh(self.kernel())
        return float(eigenvalues[0]), float(eigenvalues[-1])
