"""The looped transformer and its training step in PyTorch, as one would write them.

PyTorch is no dependency of Isinglass: ``pip install torch==2.13.0`` in an environment
of its own.
"""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional

from isinglass.attention import sinusoids
from isinglass.systems.looped import LoopedTransformer

WEIGHTS = (
    *(
        "embedding",
        "query",
        "key",
        "value",
        "mlp_in",
        "mlp_in_bias",
        "mlp_out",
        "mlp_out_bias",
    ),
    *("gain", "bias", "readout", "readout_bias"),
)


class PyTorch:
    """Model, objective and AdamW step, from the weights of a `LoopedTransformer`."""

    def __init__(
        self, model: LoopedTransformer, penalties: tuple[float, float, float]
    ) -> None:
        self.config, self.penalties = model.config, penalties
        self.w = {
            name: torch.nn.Parameter(torch.tensor(np.asarray(getattr(model, name))))
            for name in WEIGHTS
        }
        self.optimiser = torch.optim.AdamW(self.w.values(), lr=1e-3, weight_decay=0.1)
        self.compiled = torch.compile(self.loss)

    def loss(self, tokens, targets, waves, unseen):
        """Cross-entropy at the last symbol, and the three penalties."""
        w, config = self.w, self.config
        inputs = w["embedding"][tokens] + waves
        state = torch.zeros_like(inputs)
        kinetic = potential = entropy = 0.0
        for _ in range(config.iterations):
            hidden = state + inputs
            scores = (hidden @ w["query"]) @ (hidden @ w["key"]).transpose(1, 2)
            scores = (scores / config.width**0.5).masked_fill(unseen, -torch.inf)
            rows = torch.softmax(scores, dim=-1)
            inner = rows @ (hidden @ w["value"]) @ w["mlp_in"] + w["mlp_in_bias"]
            out = (
                functional.gelu(inner, approximate="tanh") @ w["mlp_out"]
                + w["mlp_out_bias"]
            )
            change = functional.layer_norm(out, (config.width,), w["gain"], w["bias"])
            state = state + change
            kinetic = kinetic + 0.5 * change.square().sum(-1).mean()
            potential = potential - rows.amax(-1).log().mean()
            entropy = entropy + (1 - rows.pow(1.5).sum(-1)).mean() / 0.5
        logits = state[:, -1] @ w["readout"] + w["readout_bias"]
        terms = zip(self.penalties, (potential, kinetic, entropy), strict=True)
        penalty = sum(weight * term for weight, term in terms) / config.iterations
        return functional.cross_entropy(logits, targets) + penalty

    def batch(
        self, tokens: np.ndarray, targets: np.ndarray
    ) -> tuple[torch.Tensor, ...]:
        """What `loss` takes."""
        config, length = self.config, tokens.shape[1]
        waves = sinusoids(np.arange(length), config.width, config.positional_base)
        return (
            torch.tensor(tokens, dtype=torch.long),
            torch.tensor(targets, dtype=torch.long),
            config.positional_scale * torch.tensor(np.asarray(waves)),
            torch.ones(length, length, dtype=torch.bool).triu(1),
        )

    def gradient(
        self, batch: tuple[torch.Tensor, ...]
    ) -> tuple[float, dict[str, np.ndarray]]:
        """The loss, and its gradient by the name of each weight."""
        self.optimiser.zero_grad()
        loss = self.loss(*batch)
        loss.backward()
        return loss.item(), {
            name: weight.grad.numpy() for name, weight in self.w.items()
        }

    def step(self, batch: tuple[torch.Tensor, ...], compiled: bool) -> None:
        """One step of training."""
        self.optimiser.zero_grad()
        (self.compiled if compiled else self.loss)(*batch).backward()
        torch.nn.utils.clip_grad_norm_(self.w.values(), 1.0)
        self.optimiser.step()
