"""A bath by itself, as a chain: what it does to any system and any pulses."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Complex, Float

from isinglass._common.checks import (
    check_in,
    check_kind,
    is_whole,
    shown,
)
from isinglass._common.precision import double_precision
from isinglass.systems.paths.absorb import Cut, absorb
from isinglass.systems.paths.chain import Site, one_thread, terms_of
from isinglass.systems.paths.coefficients import influence_coefficients
from isinglass.systems.paths.fixed_bond import FixedProcessTensor
from isinglass.systems.paths.pairs import pairs_of
from isinglass.systems.paths.system import (
    OpenSystem,
    TimeGrid,
    as_hamiltonian,
    as_map,
    check_system,
    evolution,
    hamiltonian_at,
    superoperator,
)


@dataclass(frozen=True, eq=False)
class ProcessTensor:
    """The influence of a bath on N points of a path: a chain that any system may use.

    Attributes:
        grid: Its steps, of the splitting "tempo": the points are at their middles.
        positions: s of each level, (d,).
        sites: Complex tensors (left bond, pair, right bond), N of them.
        caps: What closes the bond right of each, as if nothing were done later.
    """

    grid: TimeGrid
    positions: Float[np.ndarray, " d"] = field(repr=False)
    sites: tuple[Complex[np.ndarray, "_ _ _"], ...] = field(repr=False)
    caps: tuple[Complex[np.ndarray, " _"], ...] = field(repr=False)

    @property
    def bond(self) -> int:
        """The largest bond."""
        return max(site.shape[2] for site in self.sites)

    def padded(self) -> FixedProcessTensor:
        """The same with zeros up to its largest bond, in JAX.

        Its maps may be traced: derivatives by H, which are exact, and batches of H.
        """
        bond = self.bond
        sites = np.zeros((len(self.sites), bond, self.sites[0].shape[1], bond), complex)
        caps = np.zeros((len(sites), bond), complex)
        for place, (site, cap) in enumerate(zip(self.sites, self.caps, strict=True)):
            sites[place, : len(site), :, : len(cap)] = site
            caps[place, : len(cap)] = cap
        positions = tuple(float(s) for s in self.positions)
        with double_precision():
            arrays = jnp.asarray(sites), jnp.asarray(caps)
        return FixedProcessTensor(*arrays, None, self.grid, positions)

    def maps(
        self, hamiltonian: Any, pulses: Mapping[int, Any] | None = None
    ) -> Complex[np.ndarray, "n p p"]:
        """The maps ρ(0) ↦ ρ(t) of a system with this bath, and pulses.

        Args:
            hamiltonian: As in `OpenSystem`: (d, d), or a function of time.
            pulses: Maps (d², d²), such as `superoperator` of a unitary or of what a
                measurement leaves, by the step after which they act, 0 to N: the map
                at that time is the one just before.

        Returns:
            Complex (N + 1, d², d²), on the rows of ρ one after another.

        Raises:
            TypeError: If the pulses are no mapping.
            ValueError: If H is no Hermitian matrix of this size, or a pulse no map of
                it, or at no step.
        """
        size = len(self.positions)
        if not callable(hamiltonian):
            hamiltonian = as_hamiltonian(hamiltonian, size)
        acts = self._read_pulses(pulses)
        half = self.grid.step / 2
        rest = None
        if not callable(hamiltonian):
            rest = superoperator(evolution(hamiltonian, half))

        def move(time: float) -> np.ndarray:
            if rest is not None:
                return rest
            matrix = hamiltonian_at(hamiltonian, time + half / 2, size)
            return superoperator(evolution(matrix, half))

        state = np.eye(size**2, dtype=complex)[:, None, :]  # pair, bond, open pair
        maps = [np.eye(size**2, dtype=complex)]
        with one_thread():
            for m, (site, cap) in enumerate(zip(self.sites, self.caps, strict=True)):
                entry = move(m * self.grid.step)
                if m in acts:
                    entry = entry @ acts[m]
                state = np.tensordot(entry, state, 1)
                state = site.transpose(1, 2, 0) @ state
                leave = move(m * self.grid.step + half)
                state = np.tensordot(leave, state, 1)
                maps.append(cap @ state)
        return np.stack(maps)

    def _read_pulses(self, pulses: Any) -> dict[int, np.ndarray]:
        if pulses is None:
            return {}
        check_kind(Mapping, pulses=pulses)
        for step in pulses:
            if not is_whole(step) or not 0 <= step <= self.grid.steps:
                raise ValueError(
                    f"pulses must be at whole steps from 0 to {self.grid.steps}, got "
                    f"{shown(step)}"
                )
        size = len(self.positions)
        return {
            int(step): as_map(f"pulses[{step}]", pulse, size)
            for step, pulse in pulses.items()
        }


def process_tensor(
    system: OpenSystem, grid: TimeGrid, *, cutoff: float = 1e-10
) -> ProcessTensor:
    """The influence of a system's bath on the points of a grid, as a chain of tensors.

    What a Hamiltonian and pulses do is left open, so that one chain serves many, and
    pulses may act at every step. Each use takes N d⁴ χ² or so. Without a cut its maps
    are those of `propagate` with the splitting "tempo".

    Args:
        system: Its bath and positions; the Hamiltonian does not count.
        grid: Steps, and memory, if any. The splitting must be "tempo".
        cutoff: As in `propagate`.

    Raises:
        TypeError: If an argument is of another class.
        ValueError: If the splitting or cutoff is another, or the lineshape diverges.
    """
    check_system(system)
    check_kind(TimeGrid, grid=grid)
    check_in("[0, 1)", cutoff=cutoff)
    if grid.splitting != "tempo":
        raise ValueError(
            f'grid.splitting must be "tempo" for pulses between points, got '
            f"{grid.splitting!r}"
        )
    pairs = pairs_of(system.positions)
    terms = terms_of(pairs)
    weights = influence_coefficients(system, grid)
    inner = [terms.lag_operator(eta) for eta in weights.inner]
    # Nothing moves a pair from point to point: bonds carry labels alone.
    newest = np.einsum("rlp,r->lp", terms.newest(weights.inner_self), terms.ones)[None]
    sites: list[Site] = [terms.first_weight(weights.inner_self).reshape(1, -1, 1)]
    sizes = [1.0]
    with one_thread():
        for m in range(1, grid.steps):
            reach = min(m, grid.reach)
            before, window = sites[: m - reach], sites[m - reach :]
            absorbed = absorb(window, inner[:reach], newest, terms, Cut(cutoff))
            sites = [*before, *absorbed.sites]
            # The norm of all paths, up to 2^N, would overflow in the last tensor.
            sizes.append(float(np.linalg.norm(sites[-1])))
            sites[-1] = sites[-1] / sizes[-1]
    sites = [size * site for size, site in zip(sizes, sites, strict=True)]
    basis = pairs.basis.conj().T
    complexes = [np.einsum("xp,lpr->lxr", basis, site) for site in sites]
    caps = [np.ones(1, complex)]
    for site in reversed(complexes[1:]):
        # A pair of equal positions weighs nothing before it: the first is one.
        caps.append(site[:, 0] @ caps[-1])
    return ProcessTensor(grid, system.positions, tuple(complexes), tuple(caps[::-1]))
