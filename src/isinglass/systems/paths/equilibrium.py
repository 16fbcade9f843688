"""The state of a system in equilibrium with its bath, by paths in imaginary time."""

import numpy as np
from jaxtyping import Complex

from isinglass._common.checks import check_whole
from isinglass.systems.paths.quadrature import euclidean_integral
from isinglass.systems.paths.system import OpenSystem, evolution, fixed_hamiltonian

_MOST = 2**22


def mean_force_state(
    system: OpenSystem, slices: int = 12
) -> Complex[np.ndarray, "d d"]:
    """The mean-force state tr_bath exp(−βH_total)/Z, which is not exp(−βH)/Z.

    All paths through slices of imaginary time are summed: the independent answer to
    where a chain must end. With g(−iτ) in place of g(t) and one position in place of a
    pair it is the same integral. Two numbers of slices are extrapolated, as the error
    falls with their square.

    Args:
        system: With a Hamiltonian that does not depend on time.
        slices: An even number, of which half are used, too; d^slices paths.

    Returns:
        Complex (d, d), of trace 1.

    Raises:
        TypeError: If it is no system.
        ValueError: If H depends on time, the slices are odd or more than allow 2²²
            paths, or the lineshape diverges.
    """
    hamiltonian = fixed_hamiltonian(system)
    check_whole(2, slices=slices)
    size = len(system.positions)
    if slices % 2 or size**slices > _MOST:
        raise ValueError(
            f"slices must be even and leave at most 2^22 paths, got {slices} of {size} "
            "levels"
        )
    rough, fine = (
        _state_of_slices(system, hamiltonian, count) for count in (slices // 2, slices)
    )
    return (4 * fine - rough) / 3


def _state_of_slices(
    system: OpenSystem, hamiltonian: np.ndarray, slices: int
) -> Complex[np.ndarray, "d d"]:
    """Slices of the bath between half steps of the system."""
    s, bath = system.positions, system.bath
    width = bath.beta / slices
    shape = euclidean_integral(
        bath.spectral_density, bath.beta, width * np.arange(slices + 1)
    )
    own = shape[1]
    if not system.counterterm:
        own = own - bath.reorganization * width
    lagged = np.diff(shape, 2)
    half, move = (evolution(hamiltonian, -1j * w) for w in (width / 2, width))
    amplitude = half * np.exp(-own * s**2)  # (end, point)
    size = len(s)
    for m in range(1, slices):
        row = np.exp(-own * s**2).reshape((1,) * m + (size,))
        for lag in range(1, m + 1):
            shape_of = [1] * (m + 1)
            shape_of[m - lag] = shape_of[m] = size
            row = row * np.exp(-lagged[lag - 1] * np.outer(s, s)).reshape(shape_of)
        amplitude = amplitude.reshape(size, -1, size)[..., None] * move
        amplitude = amplitude.reshape(size, -1) * row.ravel()
    rho = amplitude.reshape(size, -1, size).sum(1) @ half
    return rho / np.trace(rho)
