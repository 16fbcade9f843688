"""GPT-2 and its training step in PyTorch, as nanoGPT writes them.

PyTorch is no dependency of Isinglass: ``pip install torch==2.13.0`` in an environment
of its own.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from isinglass.systems.memory import Recipe, Transformer


class _Layer(nn.Module):
    def __init__(self, width: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.heads = heads
        self.before_attention, self.before_mlp = (
            nn.LayerNorm(width),
            nn.LayerNorm(width),
        )
        self.attention_in = nn.Linear(width, 3 * width)
        self.attention_out = nn.Linear(width, width)
        self.mlp_in, self.mlp_out = nn.Linear(width, hidden), nn.Linear(hidden, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch, length, width = x.shape
        query, key, value = (
            each.view(batch, length, self.heads, -1).transpose(1, 2)
            for each in self.attention_in(self.before_attention(x)).split(width, 2)
        )
        mixed = functional.scaled_dot_product_attention(
            query, key, value, is_causal=True
        )
        x = x + self.attention_out(mixed.transpose(1, 2).reshape(x.shape))
        inner = functional.gelu(self.mlp_in(self.before_mlp(x)), approximate="tanh")
        return x + self.mlp_out(inner)


class PyTorch(nn.Module):
    """Model and AdamW step, from the same weights as a `Transformer`."""

    def __init__(self, model: Transformer, recipe: Recipe, device: str = "cpu") -> None:
        super().__init__()
        config, self.device = model.config, device
        self.half = recipe.execution.dtype == "bfloat16"
        self.embedding = nn.Embedding(config.vocabulary, config.width)
        self.positions = nn.Embedding(config.context, config.width)
        self.blocks = nn.ModuleList(
            _Layer(config.width, config.heads, config.inner)
            for _ in range(config.layers)
        )
        self.after = nn.LayerNorm(config.width)
        self._take(model)
        self.to(device)
        matrices = [each for each in self.parameters() if each.ndim == 2]
        others = [each for each in self.parameters() if each.ndim != 2]
        groups = [
            {"params": matrices, "weight_decay": recipe.weight_decay},
            {"params": others, "weight_decay": 0.0},
        ]
        self.clip = recipe.clip
        self.optimiser = torch.optim.AdamW(
            groups,
            lr=recipe.learning_rate,
            betas=recipe.betas,
            fused=device == "cuda",
        )
        self.compiled = torch.compile(self.loss)

    def loss(self, tokens: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Mean cross-entropy."""
        with torch.autocast(self.device, torch.bfloat16, enabled=self.half):
            return self._loss(tokens, targets)

    def _loss(self, tokens: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        x = self.embedding(tokens) + self.positions.weight[: tokens.shape[1]]
        for block in self.blocks:
            x = block(x)
        logits = self.after(x) @ self.embedding.weight.T
        return functional.cross_entropy(logits.flatten(0, 1), targets.flatten())

    def step(self, tokens: np.ndarray, targets: np.ndarray, compiled: bool) -> Any:
        """Take one step; the loss before it, which a GPU may not have formed yet."""
        self.optimiser.zero_grad(set_to_none=True)
        batch = (
            torch.tensor(each, dtype=torch.long).to(self.device)
            for each in (tokens, targets)
        )
        loss = (self.compiled if compiled else self.loss)(*batch)
        loss.backward()
        nn.utils.clip_grad_norm_(self.parameters(), self.clip)
        self.optimiser.step()
        return loss.detach()

    @torch.no_grad()
    def _take(self, model: Transformer) -> None:
        def put(there: torch.Tensor, value: object) -> None:
            there.copy_(torch.tensor(np.asarray(value)))

        put(self.embedding.weight, model.embedding)
        put(self.positions.weight, model.positions)
        for index, block in enumerate(self.blocks):
            for name in ("attention_in", "attention_out", "mlp_in", "mlp_out"):
                put(getattr(block, name).weight, getattr(model.blocks, name)[index].T)
                put(
                    getattr(block, name).bias,
                    getattr(model.blocks, f"{name}_bias")[index],
                )
