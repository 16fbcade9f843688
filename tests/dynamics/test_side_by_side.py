"""Functions of many lanes at once are those of each lane by itself."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from isinglass.dynamics._side_by_side import side_by_side, with_lanes

LANES = 5
MATRIX = np.arange(12.0).reshape(3, 4) / 7 - 0.5
LARGE = np.linspace(-1, 1, 60).reshape(20, 3)


def _looped(x, a):
    def body(carry, row):
        carry = jnp.tanh(a * carry + row)
        return carry, carry.sum()

    return jax.lax.scan(body, x, MATRIX[:, :3])


FUNCTIONS = {
    "sums": lambda x, a: (x.sum(), jnp.mean(x * a), jnp.prod(x)),
    "reductions": lambda x, a: (x.max(), jnp.argmin(x), jnp.cumsum(a * x), x[::-1]),
    "matrix": lambda x, a: MATRIX.T @ (a * x),
    "matrix, from the right": lambda x, a: a * x @ MATRIX,
    "large matrix": lambda x, a: (LARGE @ x, jnp.outer(x, x) @ LARGE.T),
    "own matrix": lambda x, a: jnp.outer(x, x + a) @ x,
    "two matrices": lambda x, a: jnp.outer(x, x) @ jnp.outer(a * x, jnp.ones(2)),
    "shapes": lambda x, a: jnp.concatenate(
        [jnp.stack([x, x * a]).T.reshape(-1)[1:4], jnp.pad(x, (1, 0)), jnp.ones(2)]
    ),
    "choices": lambda x, a: jnp.where(x > a, jnp.clip(x, 0, a), jax.nn.relu(-x)),
    "no lane at all": lambda x, a: jnp.ones(3) * 2,
    "loop": _looped,
    "condition": lambda x, a: jax.lax.cond(a > 0, jnp.sin, jnp.cos, x),
    "while": lambda x, a: jax.lax.while_loop(
        lambda y: y.sum() < 3, lambda y: y + jnp.abs(a) + 0.1, x
    ),
    "own place": lambda x, a: x[jnp.int32(a > 0)] + jnp.roll(x, 1),
    "sorted, solved": lambda x, a: (
        jnp.sort(x * a),
        jnp.linalg.solve(jnp.eye(3) + 0.1 * jnp.outer(x, x), x),
    ),
    "tree": lambda x, a: {"a": (a, 1.0), "x": jax.nn.softmax(x), "n": jnp.int32(a)},
    "derivative": lambda x, a: jax.jacfwd(lambda y: jnp.sin(a * y) * y.sum())(x),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_lanes_at_the_end_give_what_lanes_in_front_do(name):
    function = FUNCTIONS[name]
    random = np.random.default_rng(1)
    x, a = random.normal(size=(3, LANES)), random.normal(size=LANES)
    with jax.enable_x64(True):
        many = jax.jit(
            lambda x, a: with_lanes(
                *side_by_side(function, (True, True), LANES)(x, a), LANES
            )
        )
        vmapped = jax.jit(jax.vmap(function, in_axes=-1, out_axes=-1))(x, a)
        result = many(x, a)
    jax.tree.map(
        lambda ours, vmaps: np.testing.assert_allclose(ours, vmaps, 1e-12, 1e-14),
        result,
        vmapped,
    )
    shapes = [jax.tree.map(np.shape, tree) for tree in (result, vmapped)]
    assert shapes[0] == shapes[1]


def test_what_depends_on_no_lane_has_no_axis_of_them():
    with jax.enable_x64(True):
        _, is_batched = side_by_side(
            lambda x, y: (jnp.sin(x), x * y, y), (False, True), LANES
        )(np.ones(3), np.ones((3, LANES)))
    assert is_batched == (False, True, True)
