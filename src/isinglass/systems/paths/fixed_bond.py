"""The chain of a bath at one bond, in JAX: derivatives, batches, compiled programs.

The chain is of the bath alone, as of `process_tensor`: H meets it only in the end, so
that derivatives by H are exact of the maps that the chain gives. Derivatives by the
bath's weights go through the cut of bonds (`isinglass.systems.paths.traced_chain`).
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

from isinglass._common.checks import check_kind, check_whole, shown
from isinglass._common.plain_checks import is_traced
from isinglass._common.precision import double_precision
from isinglass.systems.paths.chain import one_thread
from isinglass.systems.paths.coefficients import Coefficients, traced_coefficients
from isinglass.systems.paths.pairs import Pairs, pairs_of
from isinglass.systems.paths.system import (
    OpenSystem,
    TimeGrid,
    as_density_matrix,
    as_hamiltonian,
)
from isinglass.systems.paths.traced_chain import (
    Form,
    Moves,
    Weights,
    bath_chain,
    caps_of,
    chain_maps,
)

_MOST = 2**27  # numbers of a chain, 2 GiB


class FixedProcessTensor(eqx.Module):
    """The influence of a bath on N points of a path, all bonds of one size.

    A module of JAX: `jax.vmap` may make a batch of them, and `jax.jit` give one back.

    Attributes:
        sites: Complex (N, χ, d², χ), with zeros where a bond is smaller.
        caps: What closes the bond right of each point, (N, χ).
        dropped: The largest share of the squares of singular values that a bond lost;
            None of one that `ProcessTensor.padded` gives.
        grid: Its steps, of the splitting "tempo".
        positions: s of each level.
    """

    sites: Complex[Array, "n b p b"]
    caps: Complex[Array, "n b"]
    dropped: Float[Array, ""] | None
    grid: TimeGrid = eqx.field(static=True)
    positions: tuple[float, ...] = eqx.field(static=True)

    @property
    def bond(self) -> int:
        """χ."""
        return self.sites.shape[-1]

    def maps(self, hamiltonian: Any) -> Complex[Array, "n p p"]:
        """The maps ρ(0) ↦ ρ(t) of a system with this bath, which JAX may trace.

        Args:
            hamiltonian: As in `OpenSystem`: (d, d), or a function of time; it may
                depend on what JAX traces. Of a traced one the Hermitian part is taken.

        Returns:
            Complex (N + 1, d², d²), on the rows of ρ one after another, in double
            precision. Derivatives by H are exact, whatever the bond.

        Raises:
            ValueError: If H is no Hermitian matrix of finite numbers of this size, or
                is traced outside of double precision.
        """
        _check_precision(hamiltonian, self.sites)
        with double_precision():
            moves = _moves(hamiltonian, self.grid, len(self.positions))
            return chain_maps(self.sites, self.caps, moves)


class FixedPropagation(eqx.Module):
    """The maps ρ(0) ↦ ρ(t) of a chain of one bond.

    Attributes:
        maps: Complex (N + 1, d², d²), on the rows of ρ one after another.
        dropped: The largest share of the squares of singular values that a bond lost.
            It is no error of the maps; what a bond is worth, one twice as large says.
        grid: The steps.
    """

    maps: Complex[Array, "n p p"]
    dropped: Float[Array, ""] | None
    grid: TimeGrid = eqx.field(static=True)

    @property
    def times(self) -> Float[np.ndarray, " n"]:
        """0, δ, …, Nδ."""
        return self.grid.times

    def states(self, start: Any) -> Complex[Array, "n d d"]:
        """ρ(t) at all times of a ρ(0) that is not yet correlated with the bath.

        Args:
            start: ρ(0), (d, d), which JAX may trace.

        Raises:
            ValueError: If it is no such matrix of finite numbers.
        """
        size = round(self.maps.shape[-1] ** 0.5)
        _check_precision(start, self.maps)
        with double_precision():
            rho = as_traceable("start", start, size)
            return (self.maps @ rho.ravel()).reshape(-1, size, size)


def fixed_bond_propagate(
    system: OpenSystem,
    grid: TimeGrid,
    *,
    bond: int,
    weights: Coefficients | None = None,
) -> FixedPropagation:
    """The maps of an open system by a chain of one bond, for jit, vmap and grad.

    As `propagate`, but all shapes are fixed. JAX may trace the Hamiltonian, also that
    which a function of time gives, the strength of the bath (ξ, λ), of an `Ohmic` one
    its ω_c and β too, and the weights. Derivatives by H are exact of these maps; by the
    bath they tend to the right ones as the bond grows, with an error some ten to thirty
    times that of the maps.

    What JAX traces must be within ``jax.enable_x64(True)``. Called with values, BLAS
    has one thread meanwhile; in a program of the user's `threadpoolctl` limits it,
    without which bonds from 16 on take up to a hundred times as long.

    Args:
        system: What moves.
        grid: In which steps; the splitting must be "tempo".
        bond: χ, the same at all points. Time grows as N k χ³, k the memory.
        weights: In place of the bath's, such as its own times something; `inner` and
            `inner_self` count.

    Raises:
        TypeError: If an argument is of another class.
        ValueError: As `fixed_bond_process_tensor`.
    """
    process = fixed_bond_process_tensor(system, grid, bond=bond, weights=weights)
    return FixedPropagation(process.maps(system.hamiltonian), process.dropped, grid)


def fixed_bond_process_tensor(
    system: OpenSystem,
    grid: TimeGrid,
    *,
    bond: int,
    weights: Coefficients | None = None,
) -> FixedProcessTensor:
    """The influence of a system's bath on the points of a grid, at one bond.

    As `process_tensor`, in JAX. One serves any Hamiltonian.

    Args:
        system: Its bath, which may hold what JAX traces, and positions; the Hamiltonian
            does not count.
        grid: Steps, and memory, if any. The splitting must be "tempo".
        bond: χ.
        weights: In place of the bath's.

    Raises:
        TypeError: If an argument is of another class.
        ValueError: If the splitting is another, the bond is below the number of levels,
            N d² χ² is above 2²⁷, the weights are of fewer lags than the memory or not
            finite, something is traced outside of double precision, or the lineshape
            diverges.
    """
    check_kind(OpenSystem, system=system)
    check_kind(TimeGrid, grid=grid)
    _check_sizes(system, grid, bond)
    if weights is not None:
        check_kind(Coefficients, weights=weights)
    _check_precision(weights, tuple(getattr(system.bath, "__dict__", {}).values()))
    with double_precision():
        if weights is None:
            weights = traced_coefficients(system, grid)
        return bound_process(system, grid, bond, weights)


def bound_process(
    system: OpenSystem,
    grid: TimeGrid,
    bond: int,
    weights: Coefficients,
    moves: bool = True,
) -> FixedProcessTensor:
    """The chain of weights: for controls, with vectors that do not move.

    To be used in double precision.
    """
    form = Form(grid.steps, min(grid.reach, grid.steps - 1), int(bond), moves)
    pairs = pairs_of(system.positions)
    eta, own = _checked(weights, form.reach)
    with one_thread():
        chain = bath_chain(_of_pairs(pairs, eta, own), form)
        jax.block_until_ready(chain)
    sites = jnp.einsum("px,nlpr->nlxr", pairs.basis.conj(), chain.sites)
    positions = tuple(float(s) for s in system.positions)
    return FixedProcessTensor(sites, caps_of(sites), chain.dropped, grid, positions)


def _check_precision(*values: Any) -> None:
    """Refuse what is traced where JAX computes derivatives in single precision."""
    traced = any(is_traced(leaf) for leaf in jax.tree.leaves(values))
    if traced and not jax.config.jax_enable_x64:  # pyright: ignore
        raise ValueError(
            "what JAX traces must be in double precision: use it within "
            "jax.enable_x64(True)"
        )


def _check_sizes(system: OpenSystem, grid: TimeGrid, bond: Any) -> None:
    levels = len(system.positions)
    check_whole(bond=bond)
    if grid.splitting != "tempo":
        raise ValueError(
            'grid.splitting must be "tempo" for a chain of the bath alone, got '
            f"{grid.splitting!r}"
        )
    if bond < levels:
        raise ValueError(f"bond must be at least {levels}, one a level, got {bond}")
    numbers = grid.steps * levels**2 * bond**2
    if numbers > _MOST:
        raise ValueError(
            f"bond must leave at most 2^27 numbers of all tensors, got {bond} for "
            f"{grid.steps} steps of {levels} levels"
        )


def _checked(weights: Any, reach: int) -> tuple[Array, Array]:
    """Weights by lag, as many as count, and of a point on itself."""
    arrays = []
    for name, value, shape in (
        ("weights.inner", weights.inner, (None,)),
        ("weights.inner_self", weights.inner_self, ()),
    ):
        arrays.append(as_numbers(name, value))
        if arrays[-1].ndim != len(shape):
            raise ValueError(
                f"{name} must have {len(shape)} axes, got {arrays[-1].ndim}"
            )
    if len(arrays[0]) < reach:
        raise ValueError(
            f"weights.inner must be of {reach} lags at least, got {len(arrays[0])}"
        )
    return arrays[0][:reach], arrays[1]


def as_numbers(name: str, value: Any) -> Array:
    """A complex array of JAX, finite where it has values."""
    if not is_traced(value):
        array = np.asarray(value)
        if array.dtype.kind not in "iufc":
            raise ValueError(f"{name} must hold numbers, got {shown(value)}")
        if not np.isfinite(array).all():
            raise ValueError(f"{name} must be finite, got NaN or infinity")
    return jnp.asarray(value, complex)


@jax.jit
def _of_pairs(pairs: Pairs, eta: Array, own: Array) -> Weights:
    """The operators of weights, real, as `Terms` has them."""
    q, b = pairs.label_basis, pairs.basis
    rate = eta.real[:, None] * pairs.difference + 2j * eta.imag[:, None] * pairs.mean
    weight = jnp.exp(-pairs.label_difference[:, None] * rate[:, None])
    label = jnp.einsum("da,ea->ade", q, q.conj())
    pair = jnp.einsum("yx,px->xyp", b, b.conj())
    inner = jnp.einsum("ade,xyp,kax->kpdye", label, pair, weight).real
    start = jnp.sum(q, 1).real
    closed = (inner @ start)[..., None] * (jnp.arange(len(q)) == 0)
    rate = own.real * pairs.difference + 2j * own.imag * pairs.mean
    weight = jnp.exp(-pairs.difference * rate)
    newest = jnp.einsum("ex,yx,x->ey", q[:, pairs.label].conj(), b, weight).real
    return Weights(inner, closed, newest, jnp.real(b @ weight))


def _moves(hamiltonian: Any, grid: TimeGrid, size: int) -> Moves:
    """Half steps of the system before and after each point."""
    half = grid.step / 2
    if callable(hamiltonian):
        times = half * (np.arange(2 * grid.steps) + 0.5)
        matrices = [as_traceable_hamiltonian(hamiltonian(t), size) for t in times]
        maps = _half_steps(jnp.stack(matrices), half)
        return Moves(maps[::2], maps[1::2])
    matrix = as_traceable_hamiltonian(hamiltonian, size)
    maps = _half_steps(matrix[None], half)
    maps = jnp.broadcast_to(maps, (grid.steps, *maps.shape[1:]))
    return Moves(maps, maps)


@jax.jit
def _half_steps(matrices: Array, width: Any) -> Complex[Array, "n p p"]:
    """U ⊗ Ū. No eigenvectors: they have no derivative where energies meet."""
    matrices = (matrices + matrices.conj().mT) / 2
    unitary = jax.scipy.linalg.expm(-1j * width * matrices)
    product = jnp.einsum("nac,nbd->nabcd", unitary, unitary.conj())
    size = matrices.shape[-1] ** 2
    return product.reshape(-1, size, size)


def as_traceable_hamiltonian(value: Any, size: int) -> Complex[Array, "d d"]:
    """A Hamiltonian of a size, which is checked where it has values."""
    if not is_traced(value):
        return jnp.asarray(as_hamiltonian(value, size))
    return as_traceable("hamiltonian", value, size)


def as_traceable(name: str, value: Any, size: int) -> Complex[Array, "d d"]:
    """A matrix of a size, which is checked where it has values."""
    if not is_traced(value):
        return jnp.asarray(as_density_matrix(name, value, size))
    if value.shape != (size, size):
        raise ValueError(f"{name} must be of shape ({size}, {size}), got {value.shape}")
    return as_numbers(name, value)
