"""What switching costs: work, heat and entropy of one tensor and of networks of them.

Tang 2020, §5.2, says that the energy dissipated in a cycle is proportional to the area
of the loop, that the network's entropy falls in an avalanche, and that the second law
holds. Here are the two settings in which that can be computed without sampling: a
tensor of N spins (`GlauberTensor`), where fluctuations count, and a network of mean
fields (`MeanFieldNetwork`), where they do not. All energies are in units of 1/β, all
entropies in nats.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int
from scipy.special import expit, gammaln, logsumexp, xlog1py

from isinglass._common.checks import as_real_array, check_kind, check_whole
from isinglass._common.types import ArrayLike

_TIGHT = 1e-12  # change of a mean field at which a network has come to rest
_MOST_STEPS = 200_000
_GRID = 1e-9  # by how much steps of a field may differ, relative, and count as equal


@dataclass(frozen=True)
class Protocol:
    """How the field is moved, in steps, with time to follow after each.

    Attributes:
        fields: h = βB, (T,), two or more. The tensor starts in equilibrium at the
            first.
        updates: Single-spin updates after each step; N of them are a sweep.
    """

    fields: Any
    updates: int = 1


class WorkDistribution(NamedTuple):
    """The exact distribution of the work of a protocol.

    Attributes:
        work: βW, ascending, all values that are possible.
        probability: Of each.
        free_energy_change: βΔF between equilibria at the last and the first field.
    """

    work: Float[np.ndarray, "w"]
    probability: Float[np.ndarray, "w"]
    free_energy_change: float


class Dissipation(NamedTuple):
    """What a protocol costs on average.

    Attributes:
        work: ⟨βW⟩.
        dissipated: ⟨βW⟩ − βΔF ≥ 0.
        entropy_production: Of each relaxation, (T − 1,), ≥ 0; together with
            ``still_to_come`` they sum to ``dissipated``.
        still_to_come: What would be produced if the tensor were left to equilibrate.
    """

    work: float
    dissipated: float
    entropy_production: Float[np.ndarray, "_"]
    still_to_come: float


class GlauberTensor:
    """A tensor of N spins ±1 that all act on each other, by its exact master equation.

    The energy with M = Σ s is βE = −x(M² − N)/2N − hM: each pair once, as Eq. 6 has it,
    so that N → ∞ is `response`. A spin drawn at random is set to ±1 with its
    equilibrium probabilities (heat bath). The N + 1 values of M are all there is to
    know, and nothing is sampled.

    Args:
        n_spins: N.
        coupling: x = βn̄ ≥ 0.

    Raises:
        ValueError: If an argument is out of range.

    Source: Tang 2020, §5.2; the equalities are those of Jarzynski 1997 and Crooks 1999.
    """

    def __init__(self, n_spins: int, coupling: float):
        check_whole(n_spins=n_spins)
        self.n_spins = n_spins
        self.coupling = as_real_array("coupling", coupling, ()).item()
        if self.coupling < 0:
            raise ValueError(f"coupling must not be negative, got {coupling}")
        self.magnetisation = 2.0 * np.arange(n_spins + 1) - n_spins

    def __repr__(self) -> str:
        """Its two numbers."""
        return f"GlauberTensor({self.n_spins}, {self.coupling:g})"

    def equilibrium(self, field: float) -> Float[np.ndarray, "levels"]:
        """Probability of each M in equilibrium.

        Args:
            field: h = βB.
        """
        weights = self._log_weights(field)
        return np.exp(weights - logsumexp(weights))

    def free_energy(self, field: float) -> float:
        """Compute βF = −log Σ e^{−βE}.

        Args:
            field: h = βB.
        """
        log_sum: Any = logsumexp(self._log_weights(field))
        return -float(log_sum)

    def transition(self, field: float) -> Float[np.ndarray, "levels levels"]:
        """Probabilities from each M (rows) to each (columns) in one update.

        Args:
            field: h = βB.
        """
        field = as_real_array("field", field, ()).item()
        n, m = self.n_spins, self.magnetisation
        # A spin feels all others; of those that point down the others sum to M + 1.
        pull = self.coupling / n
        up = (n - m) / (2 * n) * expit(2 * (pull * (m + 1) + field))
        down = (n + m) / (2 * n) * expit(-2 * (pull * (m - 1) + field))
        rates = np.diag(up[:-1], 1) + np.diag(down[1:], -1)
        return rates + np.diag(1 - rates.sum(axis=1))

    def work_distribution(self, protocol: Protocol) -> WorkDistribution:
        """Compute the distribution of βW = −Σ (h_{t+1} − h_t) M_t exactly.

        It satisfies ⟨e^{−βW}⟩ = e^{−βΔF} (Jarzynski), and for the protocol run
        backwards p(W)/p'(−W) = e^{β(W − ΔF)} (Crooks).

        Args:
            protocol: Its fields must move in steps of one size, up or down, so that the
                values of W are countable.

        Raises:
            ValueError: If they do not, or there are fewer than two.
        """
        fields, _ = self._checked(protocol)
        steps = np.diff(fields)
        size = np.abs(steps).max()
        if size == 0 or (np.abs(np.abs(steps) - size) > _GRID * size).any():
            raise ValueError(
                "protocol.fields must move in steps of one size, got steps from "
                f"{steps.min():g} to {steps.max():g}"
            )
        n, levels = self.n_spins, np.arange(self.n_spins + 1)
        # joint[k, w]: M = 2k − N and work so far = (w − N · steps done) · size.
        joint = self.equilibrium(fields[0])[:, None]
        for t, step in enumerate(steps):
            moved = np.zeros((n + 1, joint.shape[1] + 2 * n))
            sign = 1 if step > 0 else -1
            for k in levels:
                shift = n - sign * (2 * k - n)
                moved[k, shift : shift + joint.shape[1]] = joint[k]
            joint = self._relaxed(moved.T, fields[t + 1], protocol.updates).T
        probability = joint.sum(axis=0)
        reach = n * len(steps)
        work = size * np.arange(-reach, reach + 1)
        possible = probability > 0
        change = self.free_energy(fields[-1]) - self.free_energy(fields[0])
        return WorkDistribution(work[possible], probability[possible], change)

    def dissipation(self, protocol: Protocol) -> Dissipation:
        """Compute the mean work, and the entropy that each relaxation produces.

        Args:
            protocol: Fields in any steps.

        Raises:
            ValueError: If there are fewer than two fields, or they are not finite.
        """
        fields, updates = self._checked(protocol)
        p, work, produced = self.equilibrium(fields[0]), 0.0, []
        for before, field in pairwise(fields):
            work -= (field - before) * float(p @ self.magnetisation)
            distance = self._distance(p, field)
            p = self._relaxed(p, field, updates)
            produced.append(distance - self._distance(p, field))
        change = self.free_energy(fields[-1]) - self.free_energy(fields[0])
        rest = self._distance(p, fields[-1])
        return Dissipation(work, work - change, np.array(produced), rest)

    def _log_weights(self, field: float) -> np.ndarray:
        field = as_real_array("field", field, ()).item()
        n, m = self.n_spins, self.magnetisation
        ways = gammaln(n + 1) - gammaln((n + m) / 2 + 1) - gammaln((n - m) / 2 + 1)
        return ways + self.coupling * (m * m - n) / (2 * n) + field * m

    def _relaxed(self, p: np.ndarray, field: float, updates: int) -> np.ndarray:
        """Rows of probabilities after so many updates."""
        matrix = self.transition(field)
        if updates <= 16:
            for _ in range(updates):
                p = p @ matrix
            return p
        return p @ np.linalg.matrix_power(matrix, updates)

    def _distance(self, p: np.ndarray, field: float) -> float:
        """Σ p log(p/π), by how much entropy production is still possible."""
        log_pi = self._log_weights(field)
        log_pi = log_pi - logsumexp(log_pi)
        some = p > 0
        return float(p[some] @ (np.log(p[some]) - log_pi[some]))

    def _checked(self, protocol: Protocol) -> tuple[np.ndarray, int]:
        check_kind(Protocol, protocol=protocol)
        fields = as_real_array("protocol.fields", protocol.fields, (None,))
        if len(fields) < 2:
            raise ValueError(f"protocol.fields must be two or more, got {len(fields)}")
        check_whole(0, **{"protocol.updates": protocol.updates})
        return fields, protocol.updates


@dataclass(frozen=True, repr=False)
class Account:
    """What each step of a drive of a network cost, in nats; (T − 1,) each.

    Attributes:
        field: h after the step.
        work: −M Δh, done while the mean fields stand still.
        dissipated: βD = −ΔG ≥ 0 while they follow; NaN in a directed network, which has
            no energy.
        heat: βQ, given to the surroundings while they follow; NaN likewise.
        entropy_change: ΔS of the network; ΔS + βQ = βD.
        switched: How many tensors changed sign.
        mean_fields: μ of all tensors after the last step, (N,).
    """

    field: Float[np.ndarray, "step"]
    work: Float[np.ndarray, "step"]
    dissipated: Float[np.ndarray, "step"]
    heat: Float[np.ndarray, "step"]
    entropy_change: Float[np.ndarray, "step"]
    switched: Int[np.ndarray, "step"]
    mean_fields: Float[np.ndarray, "n"]

    def __repr__(self) -> str:
        """What it sums to."""
        total = f"dissipated {self.dissipated.sum():.6g}"
        if np.isnan(self.dissipated).any():
            total = f"area {self.work.sum():.6g}"
        return f"Account({len(self.field):,} steps, {total})"


class MeanFieldNetwork:
    """Mean-field tensors μ_i = tanh(xμ_i + Σ_j W_ij μ_j + h + θ_i) that follow a field.

    Their free energy is G = Σ_i [Φ(μ_i) − (h + θ_i) μ_i] − ½ Σ W_ij μ_i μ_j. A step of
    the field does the work −M Δh; then the mean fields go downhill to the nearest rest,
    and what G loses is dissipated. Over a closed loop that brings the network back,
    Σ D = −Σ M Δh, whatever the steps.

    **Directed networks**, where some W_ij ≠ W_ji, have no energy. They come to rest all
    the same, and what is left to them is the area of the loop, Σ work = −Σ M Δh; what
    they dissipate and give off as heat is NaN.

    Args:
        routes: βW, (N, N), not negative (so that the way down is unique).
        local_fields: βθ, one for all or (N,).
        coupling: x = βn̄ ≥ 0.

    Attributes:
        has_energy: Whether routes are symmetric.

    Raises:
        ValueError: If an argument is out of range or does not fit.

    Source: Tang 2020, §5.2.
    """

    def __init__(self, routes: ArrayLike, local_fields: ArrayLike, coupling: float):
        self.routes = as_real_array("routes", routes, (None, None))
        n = len(self.routes)
        if self.routes.shape != (n, n) or n == 0:
            raise ValueError(f"routes must be of shape (N, N), got {self.routes.shape}")
        if (self.routes < 0).any():
            raise ValueError(
                "routes must not be negative (rest would not be unique), got "
                f"{self.routes.min():g}"
            )
        self.has_energy = np.array_equal(self.routes, self.routes.T)
        fields = as_real_array("local_fields", local_fields)
        if fields.shape not in ((), (n,)):
            raise ValueError(
                f"local_fields must be one number or of shape ({n},), got "
                f"{fields.shape}"
            )
        self.local_fields = np.broadcast_to(fields, (n,))
        self.coupling = as_real_array("coupling", coupling, ()).item()
        if self.coupling < 0:
            raise ValueError(f"coupling must not be negative, got {coupling}")

    def drive(self, fields: ArrayLike, start: ArrayLike = -1.0) -> Account:
        """Move the field step by step, and keep account.

        Args:
            fields: h, (T,), two or more.
            start: Mean fields from which the network first comes to rest at the first
                field, one number or (N,).

        Raises:
            ValueError: If there are fewer than two fields, or a start is outside of −1
                to 1.
            RuntimeError: If the network does not come to rest.
        """
        h = as_real_array("fields", fields, (None,))
        if len(h) < 2:
            raise ValueError(f"fields must be two or more, got {len(h)}")
        n, first = len(self.local_fields), as_real_array("start", start)
        if first.shape not in ((), (n,)) or (np.abs(first) > 1).any():
            raise ValueError(f"start must be from -1 to 1, one number or {n}")
        first = np.broadcast_to(first, (n,))
        m = self._rest(first, h[0])
        rows = []
        for before, field in pairwise(h):
            after = self._rest(m, field)
            entropy = float(_entropy(after).sum() - _entropy(m).sum())
            heat = self._energy(m, field) - self._energy(after, field)
            switched = int(((m < 0) != (after < 0)).sum())
            work = -float(m.sum()) * (field - before)
            rows.append((field, work, heat + entropy, heat, entropy, switched))
            m = after
        at, work, dissipated, heat, entropy, switched = (
            np.array(column) for column in zip(*rows, strict=True)
        )
        return Account(at, work, dissipated, heat, entropy, switched, m)

    def _rest(self, m: np.ndarray, field: float) -> np.ndarray:
        """Where the mean fields come to rest: all go the same way, and never back."""
        outside = field + self.local_fields
        for _ in range(_MOST_STEPS):
            new = np.tanh(self.coupling * m + self.routes @ m + outside)
            change = np.abs(new - m).max()
            m = new
            if change < _TIGHT:
                return m
        raise RuntimeError(
            f"the network has not come to rest at the field {field:g} after "
            f"{_MOST_STEPS} steps: it is at a spinodal"
        )

    def _energy(self, m: np.ndarray, field: float) -> float:
        if not self.has_energy:
            return float("nan")
        pairs = 0.5 * (self.coupling * (m @ m) + m @ (self.routes @ m))
        return -float(pairs + (field + self.local_fields) @ m)


def _entropy(m: np.ndarray) -> np.ndarray:
    """Mixing entropy per element, less log 2."""
    return -0.5 * (xlog1py(1 + m, m) + xlog1py(1 - m, -m))
