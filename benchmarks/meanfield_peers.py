"""The mean-field map written for what people would use instead.

Each class has `orbit(window, betas, blocks)` and `spectrum(window, beta, blocks)`: four
steps a block, after which the positional bits are where they began and the map is
autonomous, as peers want it. All start from the same window, newest value first.
"""

from __future__ import annotations

import autograd
import autograd.numpy as anp
import chaotax
import jax
import jax.numpy as jnp
import numba
import numpy as np
from pynamicalsys import DiscreteDynamicalSystem

from isinglass.dynamics import DelayState
from isinglass.systems.meanfield import MeanField

SPINS = 99  # of the paper's network


def position_overlaps(field: MeanField) -> np.ndarray:
    """(1/P) Σ_p W_{a,p} e_p of every position, (4, M, 2^P)."""
    bits = field.features.positional_bits
    digits = np.arange(2**bits)[:, None] >> np.arange(bits)[::-1] & 1
    return field.features.positional @ (2.0 * digits - 1).T / bits


class Transcription:
    """A NumPy transcription over all spins, Jacobians by autograd, a QR every step.

    So does the published program. This one was written from the equations.
    """

    name = "NumPy + autograd"

    def __init__(self, field: MeanField, gamma: float, epsilon: float) -> None:
        features = field.features
        rng = np.random.default_rng(0)
        # Any weights with these features: the map depends on nothing else.
        weights = np.asarray(features.draw_weights(SPINS, rng))
        self.out, *self.others = weights[:, :, :SPINS].astype(float)
        self.positional = position_overlaps(field)[1:]
        self.gamma, self.epsilon, self.length = gamma, epsilon, field.length

    def step(self, window, beta: float, phase: int):
        """The next window; all flat, newest value first."""
        window = anp.reshape(window, (self.length, -1))
        keys, values, query = [], [], None
        for age in range(self.length):
            means = anp.tanh(beta * anp.dot(window[age], self.out))
            position = (phase - age) % self.length
            value, ask, key = (
                (1 - self.epsilon) * anp.dot(weights, means) / SPINS
                + self.epsilon * positional[:, position]
                for weights, positional in zip(
                    self.others, self.positional, strict=True
                )
            )
            query = ask if age == 0 else query
            keys.append(key)
            values.append(value)
        scores = anp.array([self.gamma * anp.dot(query, key) for key in keys])
        weights = anp.exp(scores - anp.max(scores))
        mixed = anp.dot(weights / anp.sum(weights), anp.array(values))
        return anp.concatenate([mixed, anp.reshape(window[:-1], -1)])

    def orbit(self, window: np.ndarray, betas: np.ndarray, blocks: int) -> np.ndarray:
        last = []
        for beta in betas:
            x = np.ravel(window)
            for time in range(blocks * self.length):
                x = self.step(x, beta, time)
            last.append(x)
        return np.array(last)

    def spectrum(self, window: np.ndarray, beta: float, blocks: int) -> np.ndarray:
        jacobian = autograd.jacobian(self.step)
        x, q = np.ravel(window), np.eye(window.size)
        total = np.zeros(window.size)
        for time in range(blocks * self.length):
            q, r = np.linalg.qr(jacobian(x, beta, time) @ q)
            total += np.log(np.abs(np.diag(r)))
            x = self.step(x, beta, time)
        return np.sort(total / (blocks * self.length))[::-1]


class Numba:
    """pynamicalsys: mapping and analytic Jacobian in Numba, by groups like ours."""

    name = "pynamicalsys"

    def __init__(self, field: MeanField, gamma: float, epsilon: float) -> None:
        mapping, jacobian = _numba_block(field, gamma, epsilon)
        size = field.length * field.features.n_patterns
        self.system = DiscreteDynamicalSystem(
            mapping=mapping,
            jacobian=jacobian,
            system_dimension=size,
            number_of_parameters=1,
        )
        self.length = field.length

    def orbit(self, window: np.ndarray, betas: np.ndarray, blocks: int) -> np.ndarray:
        start = np.ravel(window)
        _, shown = self.system.bifurcation_diagram(
            start, 0, betas, blocks, transient_time=blocks - 1
        )
        return shown

    def spectrum(self, window: np.ndarray, beta: float, blocks: int) -> np.ndarray:
        exponents = self.system.lyapunov(
            np.ravel(window), blocks, parameters=np.array([beta])
        )
        return np.sort(exponents / self.length)[::-1]


def _numba_block(field: MeanField, gamma: float, epsilon: float):
    signs = np.ascontiguousarray(field.features.signs)
    mixing = np.ascontiguousarray(
        (1 - epsilon) * field.features.semantic[1:]
    )  # v, q, k
    positional = np.ascontiguousarray(epsilon * position_overlaps(field)[1:])
    groups, size = signs.shape
    length = field.length

    @numba.njit
    def token(x, beta, position, m, slope):
        """Overlaps v, q, k of one token, and their derivatives by its attention."""
        for g in range(groups):
            drive = 0.0
            for b in range(size):
                drive += signs[g, b] * x[b]
            slope[g] = np.tanh(beta * drive)
        for kind in range(3):
            for a in range(size):
                total = positional[kind, a, position]
                for g in range(groups):
                    total += mixing[kind, a, g] * slope[g]
                m[kind, a] = total
        for g in range(groups):
            slope[g] = beta * (1.0 - slope[g] ** 2)

    @numba.njit
    def head(u, beta, phase, results):
        """The next value; leaves overlaps, slopes and softmax weights behind."""
        m, slopes, p, attention = results
        highest = -np.inf
        for age in range(length):
            x = u[age * size : (age + 1) * size]
            token(x, beta, (phase - age) % length, m[age], slopes[age])
            p[age] = 0.0
            for a in range(size):
                p[age] += gamma * m[0, 1, a] * m[age, 2, a]
            highest = max(highest, p[age])
        norm = 0.0
        for age in range(length):
            p[age] = np.exp(p[age] - highest)
            norm += p[age]
        attention[:] = 0.0
        for age in range(length):
            p[age] /= norm
            for a in range(size):
                attention[a] += p[age] * m[age, 0, a]

    @numba.njit
    def shifted(u, newest):
        after = np.empty_like(u)
        after[:size] = newest
        after[size:] = u[:-size]
        return after

    @numba.njit
    def mapping(u, parameters):
        m = np.empty((length, 3, size))
        slopes, p, newest = np.empty((length, groups)), np.empty(length), np.empty(size)
        for phase in range(length):
            head(u, parameters[0], phase, (m, slopes, p, newest))
            u = shifted(u, newest)
        return u

    @numba.njit
    def jacobian(u, parameters, *_):  # pynamicalsys hands it the mapping too
        m = np.empty((length, 3, size))
        slopes, p, newest = np.empty((length, groups)), np.empty(length), np.empty(size)
        total = np.eye(length * size)
        for phase in range(length):
            head(u, parameters[0], phase, (m, slopes, p, newest))
            rows = np.zeros((size, length * size))
            for age in range(length):
                for b in range(size):
                    column = age * size + b
                    by_key = 0.0
                    for a in range(size):
                        dk, dq = 0.0, 0.0
                        for g in range(groups):
                            dk += mixing[2, a, g] * slopes[age, g] * signs[g, b]
                            dq += mixing[1, a, g] * slopes[0, g] * signs[g, b]
                        by_key += gamma * m[0, 1, a] * dk
                        if age == 0:
                            for other in range(length):
                                share = gamma * p[other] * m[other, 2, a] * dq
                                for c in range(size):
                                    rows[c, column] += share * (
                                        m[other, 0, c] - newest[c]
                                    )
                    for a in range(size):
                        dv = 0.0
                        for g in range(groups):
                            dv += mixing[0, a, g] * slopes[age, g] * signs[g, b]
                        rows[a, column] += p[age] * (
                            dv + (m[age, 0, a] - newest[a]) * by_key
                        )
            after = np.empty_like(total)
            after[:size] = rows @ total
            after[size:] = total[:-size]
            total = after
            u = shifted(u, newest)
        return total

    return mapping, jacobian


class Chaotax:
    """chaotax over β: the same head, tangents by jax.linearize, LAPACK's QR."""

    name = "chaotax"

    def __init__(self, field: MeanField, gamma: float, epsilon: float) -> None:
        self.map, self.gamma, self.epsilon = field.map, gamma, epsilon
        self.length, self.size = field.length, field.features.n_patterns
        # chaotax 0.0.1 cannot be jitted here: it takes the size of the state for a
        # traced number.
        self._spectra = jax.vmap(self._spectrum, in_axes=(None, 0, None))
        self._orbits = jax.jit(
            jax.vmap(self._orbit, in_axes=(None, 0, None)), static_argnums=2
        )

    def _block(self, beta):
        parameters = {"beta": beta, "gamma": self.gamma, "epsilon": self.epsilon}

        def block(u):
            state = DelayState(u.reshape(self.length, self.size), jnp.int32(0))
            for _ in range(self.length):
                state = self.map(state, parameters)
            return state.window.reshape(-1)

        return block

    def _orbit(self, start, beta, blocks):
        return chaotax.repeat(self._block(beta), blocks)(start)

    def _spectrum(self, start, beta, blocks):
        estimate = chaotax.lyapunov_spectrum(
            self._block(beta), rollout_steps=blocks, warmup_steps=0, discard_steps=0
        )
        return estimate(start, jnp.eye(start.size)) / self.length

    def orbit(self, window: np.ndarray, betas: np.ndarray, blocks: int) -> np.ndarray:
        with jax.enable_x64(True):
            return np.asarray(
                self._orbits(jnp.ravel(window), jnp.asarray(betas), blocks)
            )

    def spectrum(self, window: np.ndarray, beta: float, blocks: int) -> np.ndarray:
        return self.spectra(window, np.array([beta]), blocks)[0]

    def spectra(self, window: np.ndarray, betas: np.ndarray, blocks: int) -> np.ndarray:
        with jax.enable_x64(True):
            return np.asarray(
                self._spectra(jnp.ravel(window), jnp.asarray(betas), blocks)
            )
