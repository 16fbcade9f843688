"""The published network of tables in PyTorch, with its kernel compiled for a CPU.

PyTorch is no dependency of Isinglass: ``pip install torch==2.13.0`` in an environment
of its own. The kernel, `lookup_kernel.c`, is written anew from the equations and is
compiled by ``cc -O3``; the program's own runs on CUDA alone.
"""

from __future__ import annotations

import ctypes
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional

SOURCE = Path(__file__).with_name("lookup_kernel.c")


def compiled(*options: str) -> ctypes.CDLL:
    """The kernel as a library, by the options of a compiler."""
    target = Path(tempfile.mkdtemp()) / "kernel.so"
    command = ["cc", *options, "-shared", "-fPIC", str(SOURCE), "-o", str(target)]
    subprocess.run([*command, "-lm"], check=True)
    return ctypes.CDLL(str(target))


PLAIN = compiled("-O3")
NATIVE = compiled("-O3", "-march=native", "-ffast-math")
KERNEL = [PLAIN]  # which one runs, in place


def pointer(x: torch.Tensor) -> ctypes.c_void_p:
    """Where the numbers of a contiguous tensor lie."""
    return ctypes.c_void_p(x.data_ptr())


class Reading(torch.autograd.Function):
    """Outputs of tables, with the extended finite difference as gradient."""

    @staticmethod
    def forward(ctx: Any, *parts: torch.Tensor) -> torch.Tensor:
        """Of bits (B, F), wires (N, n) and tables (N, 2ⁿ)."""
        bits, wires, tables = (part.contiguous() for part in parts)
        outputs = torch.empty(len(bits), len(tables))
        sizes = (len(bits), bits.shape[1], len(tables), wires.shape[1])
        arrays = (bits, wires, tables, outputs)
        KERNEL[0].look_up(*map(pointer, arrays), *sizes)
        ctx.save_for_backward(bits, wires, tables)
        return outputs

    @staticmethod
    def backward(ctx: Any, *cotangents: torch.Tensor) -> Any:
        """Of bits and tables."""
        bits, wires, tables = ctx.saved_tensors
        by_bits, by_tables = torch.zeros_like(bits), torch.zeros_like(tables)
        sizes = (len(bits), bits.shape[1], len(tables), wires.shape[1])
        sizes = torch.tensor(sizes, dtype=torch.int32)
        arrays = (bits, wires, tables, cotangents[0].contiguous())
        KERNEL[0].pull_back(*map(pointer, (*arrays, by_bits, by_tables, sizes)))
        return by_bits, None, by_tables


class Choice(torch.autograd.Function):
    """The bits of the largest weights."""

    @staticmethod
    def forward(ctx: Any, *parts: torch.Tensor) -> torch.Tensor:
        """Of bits (B, F) and weights (F, wires)."""
        bits, weights = parts
        ctx.save_for_backward(bits, weights)
        return bits[:, weights.argmax(0)]

    @staticmethod
    def backward(ctx: Any, *cotangents: torch.Tensor) -> Any:
        """Of bits, if they want one, and weights."""
        bits, weights = ctx.saved_tensors
        (g,) = cotangents
        by_bits = None
        if ctx.needs_input_grad[0]:
            by_bits = g @ functional.softmax(weights / 1e-3, 0).T
        return by_bits, (2 * bits - 1).T @ g


class Step(torch.autograd.Function):
    """Bits of outputs; the gradient passes."""

    @staticmethod
    def forward(ctx: Any, *parts: torch.Tensor) -> torch.Tensor:
        """1 where above 0."""
        return (parts[0] > 0).float()

    @staticmethod
    def backward(ctx: Any, *cotangents: torch.Tensor) -> Any:
        """As it came."""
        return cotangents[0]


class Peer:
    """The network of ours, trained by torch's Adam."""

    def __init__(self, network: Any, rate: float, kernel: Any = PLAIN) -> None:
        self.kernel = kernel
        self.layers = network.layers
        self.config = network.config
        self.tables = [_parameter(layer.tables) for layer in network.layers]
        self.weights = None
        if network.layers[0].weights is not None:
            self.weights = _parameter(network.layers[0].weights)
        self.wires = [_wires(layer) for layer in network.layers]
        trained = [*self.tables, *([self.weights] if self.weights is not None else [])]
        self.rule = torch.optim.Adam(trained, rate)

    def step(self, bits: torch.Tensor, labels: torch.Tensor) -> float:
        """One step of Adam; the loss before it."""
        KERNEL[0] = self.kernel
        with torch.no_grad():
            for tables in self.tables:
                tables.clamp_(-1, 1)
        self.rule.zero_grad()
        loss = functional.cross_entropy(self.logits(bits), labels)
        loss.backward()
        self.rule.step()
        return float(loss.detach())

    def logits(self, bits: torch.Tensor) -> torch.Tensor:
        """Sums of spins by class."""
        KERNEL[0] = self.kernel
        for place, tables in enumerate(self.tables):
            if not place and self.weights is not None:
                bits = Choice.apply(bits, self.weights)
            bits = Step.apply(Reading.apply(bits, self.wires[place], tables))
        groups = bits.reshape(len(bits), self.config.classes, -1)
        return groups.sum(-1) / self.config.head_temperature


def _parameter(array: Any) -> torch.Tensor:
    return torch.nn.Parameter(torch.tensor(np.array(array)))


def _wires(layer: Any) -> torch.Tensor:
    """Wires; of learned ones, places among what was chosen."""
    if layer.wiring is not None:
        return torch.tensor(np.array(layer.wiring, np.int32))
    shape = layer.config.tables, layer.config.arity
    return torch.arange(shape[0] * shape[1], dtype=torch.int32).reshape(shape)
