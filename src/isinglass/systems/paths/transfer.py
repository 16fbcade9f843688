"""Transfer tensors: what a memory of r steps says of any later time (Cerrillo & Cao).

A map is a sum over earlier ones, U_n = Σ_{m ≤ r} T_m U_{n−m}: attention over r lags
with matrices for weights, the same at all times.
"""

from typing import Any

import numpy as np
from jaxtyping import Complex

from isinglass._common.checks import check_whole
from isinglass.systems.paths.system import as_complex, as_map

_STILL = 1e-3  # how far the leading eigenvalue may lie from 1, as maps are cut
_APART = 10.0  # how much farther the next one must lie


def transfer_tensors(maps: Any) -> Complex[np.ndarray, "r p p"]:
    """T_n = U_n − Σ_{m<n} T_m U_{n−m} of maps at equal steps.

    Args:
        maps: U₀ = 1, U₁, …, U_r, complex (r + 1, d², d²), as of `propagate` with a
            Hamiltonian that does not depend on time.

    Returns:
        T₁, …, T_r. Cut off at an r where the bath still remembers, they leave an error
        that `propagate` can tell: compare at later times.

    Raises:
        ValueError: If the maps are of other shapes, fewer than two, not finite, or the
            first is not 1.
    """
    steps = _as_maps("maps", maps)
    if len(steps) < 2:
        raise ValueError(f"maps must be two at least, got {len(steps)}")
    if abs(steps[0] - np.eye(len(steps[0]))).max() > 1e-8:
        raise ValueError("maps must begin with that of no time, the identity")
    tensors: list[np.ndarray] = []
    for n in range(1, len(steps)):
        before = sum(t @ steps[n - m] for m, t in enumerate(tensors, start=1))
        tensors.append(steps[n] - before)
    return np.stack(tensors)


def transferred_maps(tensors: Any, steps: int) -> Complex[np.ndarray, "n p p"]:
    """U₀, …, U_N by U_n = Σ_{m ≤ r} T_m U_{n−m}.

    Args:
        tensors: T₁, …, T_r of `transfer_tensors`, complex (r, d², d²).
        steps: N, as many as one likes.

    Raises:
        ValueError: If the tensors are of other shapes or not finite, or N is below 1.
    """
    kernel = _as_maps("tensors", tensors)
    check_whole(steps=steps)
    maps = np.zeros((steps + 1, *kernel.shape[1:]), complex)
    maps[0] = np.eye(kernel.shape[1])
    for n in range(1, steps + 1):
        lags = min(n, len(kernel))
        maps[n] = np.einsum("mab,mbc->ac", kernel[:lags], maps[n - lags : n][::-1])
    return maps


def stationary_state(tensors: Any) -> Complex[np.ndarray, "d d"]:
    """The density matrix that Σ_m T_m leaves as it is.

    Args:
        tensors: T₁, …, T_r of `transfer_tensors`, complex (r, d², d²).

    Raises:
        ValueError: If the tensors are of other shapes or not finite, or if they leave
            nothing as it is: no eigenvalue of their sum is 1 to 1e-3, or two are about
            as close.
    """
    kernel = _as_maps("tensors", tensors)
    values, vectors = np.linalg.eig(kernel.sum(0))
    order = np.argsort(abs(values - 1))
    off = abs(values[order] - 1)
    if off[0] > _STILL or off[1] < max(_APART * off[0], 1e-9):
        raise ValueError(
            "tensors must have one stationary state: eigenvalues of their sum are off "
            f"1 by {off[0]:.2g} and {off[1]:.2g}"
        )
    size = round(len(values) ** 0.5)
    state = vectors[:, order[0]].reshape(size, size)
    state = state / np.trace(state)
    return (state + state.conj().T) / 2


def _as_maps(name: str, value: Any) -> Complex[np.ndarray, "n p p"]:
    array = as_complex(name, value)
    if array.ndim != 3 or not len(array):
        raise ValueError(f"{name} must be of shape (n, d², d²), got {array.shape}")
    as_map(name, array[0])
    return array
