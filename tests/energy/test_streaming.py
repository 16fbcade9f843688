import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import isinglass
from isinglass.energy import (
    demircigil_energy,
    descend,
    hopfield_energy,
    krotov_hopfield_force,
    modern_hopfield_energy,
    nearest_neighbour_energy,
    nearest_neighbour_force,
    nearest_neighbour_update,
    nearest_pattern,
    shard_patterns,
)

CALLS = [
    nearest_neighbour_energy,
    nearest_neighbour_force,
    modern_hopfield_energy,
    demircigil_energy,
    hopfield_energy,
    krotov_hopfield_force,
]


@pytest.mark.usefixtures("double")
def test_signs_need_one_byte_each():
    signs = np.random.default_rng(0).choice([-1, 1], (30, 8)).astype(np.int8)
    state = jnp.asarray(np.random.default_rng(1).normal(size=(3, 8)))
    for kind in (np.asarray, jnp.asarray):
        result = nearest_neighbour_energy(state, kind(signs), block=7)
        expected = nearest_neighbour_energy(state, jnp.asarray(signs, float))
        np.testing.assert_allclose(result, expected, rtol=1e-13)
    assert hopfield_energy(signs[:2], signs).shape == (2,)


def test_descent_reads_patterns_from_disk(tmp_path):
    patterns = np.memmap(tmp_path / "p", np.float32, "w+", shape=(1_000, 16))
    patterns[:] = 3 * np.random.default_rng(0).normal(size=patterns.shape)
    start = jnp.asarray(patterns[[3, 500]]) + 0.1
    result = descend(start, patterns)
    assert result.nearest.tolist() == [3, 500]
    assert result.converged.all()


def test_patterns_are_spread_over_the_devices_of_this_host(monkeypatch):
    monkeypatch.setattr(
        jax, "devices", lambda: [None]
    )  # of another host, which holds no data
    assert shard_patterns(jnp.eye(2)).sharding.device_set == set(jax.local_devices())


def test_files_are_not_read_from_within_compiled_code(tmp_path):
    patterns = np.memmap(tmp_path / "p", np.float32, "w+", shape=(3, 2))
    with pytest.raises(
        ValueError, match="patterns on disk are read outside of compiled code"
    ):
        jax.jit(lambda x: nearest_neighbour_energy(x, patterns))(jnp.ones(2))


def test_numpy_patterns_may_be_differentiated_through():
    gradient = jax.grad(
        lambda x: nearest_neighbour_energy(x, np.eye(2, dtype=np.float32))
    )
    force = nearest_neighbour_force(jnp.asarray([0.3, 0.1]), jnp.eye(2))
    np.testing.assert_allclose(-gradient(jnp.asarray([0.3, 0.1])), force, rtol=1e-6)


def test_of_equal_patterns_the_first_is_nearest():
    patterns = jnp.ones((10, 2))
    for block in (None, 3):
        assert int(nearest_pattern(jnp.zeros(2), patterns, block=block).pattern) == 0


STATES, PATTERNS, WIDTH = 512, 8192, 16


@pytest.mark.parametrize(
    ("what", "copies"),
    [
        (lambda x, p: nearest_neighbour_energy(x, p, block=256), 0),
        (lambda x, p: nearest_neighbour_force(x, p, block=256), 0),
        (jax.grad(lambda x, p: nearest_neighbour_energy(x, p, block=256).sum()), 0),
        (jax.grad(lambda x, p: nearest_neighbour_energy(x, p, block=256).sum(), 1), 4),
        (
            jax.grad(
                lambda x, p: (nearest_neighbour_update(x, p, block=256) ** 2).sum(),
                (0, 1),
            ),
            4,
        ),
        (jax.grad(lambda x, p: hopfield_energy(x, p, block=256).sum(), (0, 1)), 4),
    ],
    ids=[
        "energy",
        "force",
        "by state",
        "by patterns",
        "update by both",
        "Hopfield by both",
    ],
)
def test_no_pass_keeps_all_products_nor_copies_of_the_patterns(what, copies):
    shapes = [jax.ShapeDtypeStruct((n, WIDTH), jnp.float32) for n in (STATES, PATTERNS)]
    compiled: Any = jax.jit(what).lower(*shapes).compile()
    used = compiled.memory_analysis().temp_size_in_bytes
    blocks = 4 * 4 * (STATES * 256 + 256 * WIDTH + 2 * STATES * WIDTH)
    assert used < blocks + copies * 4 * PATTERNS * WIDTH
    assert used < 4 * STATES * PATTERNS / 2


def test_the_gradient_by_state_costs_two_products():
    shapes = [jax.ShapeDtypeStruct((n, 64), jnp.float32) for n in (256, 256)]

    def gradient(x, p):
        return jax.grad(lambda x: nearest_neighbour_energy(x, p, block=256).sum())(x)

    compiled: Any = jax.jit(gradient).lower(*shapes).compile()
    flops = compiled.cost_analysis()["flops"]
    assert flops < 1.2 * 4 * 256 * 256 * 64


SHARDED = """
import jax, jax.numpy as jnp, numpy as np
jax.config.update("jax_enable_x64", True)
from isinglass import energy as e
assert jax.device_count() == 2
rng = np.random.default_rng(0)
x, p = jnp.asarray(rng.normal(size=(3, 4))), jnp.asarray(rng.normal(size=(10, 4)))
q = e.shard_patterns(p)
assert len(q.sharding.device_set) == 2
same = lambda a, b: jax.tree.map(
    lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12), a, b)
squared = lambda x, p: ((x[:, None] - p) ** 2).sum(-1)
nearest = lambda x, p: -jax.nn.logsumexp(-squared(x, p), -1)
hopfield = lambda x, p: -((x @ p.T) ** 2).sum(-1) / 8 + (x**2 @ (p**2).T).sum(-1) / 8
# Ours with patterns on two devices, two at a time, against plain formulas on one.
pairs = ((e.nearest_neighbour_energy, nearest), (e.hopfield_energy, hopfield))
for ours, plain in pairs:
    one = lambda call, p, **more: lambda x: call(x, p, **more).sum()
    both = lambda f: jax.jit(lambda x: (jax.value_and_grad(f)(x), jax.hessian(f)(x)))
    same(both(one(ours, q, block=2))(x), both(one(plain, p))(x))
    same(jax.grad(lambda q: ours(x, q, block=2).sum())(q),
         jax.grad(lambda p: plain(x, p).sum())(p))
assert (e.nearest_pattern(x, q).pattern == squared(x, p).argmin(-1)).all()
same(e.retrieve(x, q, steps=3).state, e.retrieve(x, p, steps=3).state)
lengths = (p**2).sum(-1)
same(e.modern_hopfield_slack(x, q).below + e.modern_hopfield_slack(x, q).above,
     jnp.full(3, 2 * (lengths.max() - lengths.min())))
try:
    e.shard_patterns(p[:9])
except ValueError as error:
    assert "multiple of the 2 devices" in str(error), error
else:
    raise AssertionError
print("done")
"""


def test_patterns_on_two_devices_give_the_same():
    flags = (
        f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count=2"
    )
    where = {"XLA_FLAGS": flags, "PYTHONPATH": str(Path(isinglass.__file__).parents[1])}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", SHARDED],
        env={**os.environ, **where},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "done"
