"""The layer of vHeat: the authors' numbers and gradients, controls, and its start."""

from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from helpers.random_models import random_model
from isinglass.systems.heat import (
    BranchConfig,
    HeatBlock,
    HeatConduction,
    HeatConfig,
    conduct,
)

ORACLES = Path(__file__).parent / "oracles"
EXACT = 1e-10
SHAPE = 5, 7

pytestmark = pytest.mark.usefixtures("double_precision")


def turned(x):
    """Features last."""
    return np.moveaxis(x, 1, -1)


def values_of(x, prefix=""):
    """The program's weights, or their gradients, as ours are."""
    return {
        "kernel": np.moveaxis(x[f"{prefix}dwconv_weight"][:, 0], 0, -1),
        "kernel_bias": x[f"{prefix}dwconv_bias"],
        "linear.weight": x[f"{prefix}linear_weight"].T,
        "linear.bias": x[f"{prefix}linear_bias"],
        "norm.gain": x[f"{prefix}out_norm_weight"],
        "norm.bias": x[f"{prefix}out_norm_bias"],
        "out.weight": x[f"{prefix}out_linear_weight"].T,
        "out.bias": x[f"{prefix}out_linear_bias"],
        "to_conductivity.weight": x[f"{prefix}to_k_0_weight"].T,
        "to_conductivity.bias": x[f"{prefix}to_k_0_bias"],
        "embedding": x[f"{prefix}freq_embed"],
    }


def leaves(layer, names):
    """Parts of a layer by their names, such as "linear.bias"."""
    parts = []
    for name in names:
        part = layer
        for word in name.split("."):
            part = getattr(part, word)
        parts.append(part)
    return parts


@eqx.filter_jit
def answers(layer, x, slope):
    def loss(pair):
        return (pair[0](pair[1]) * slope).sum()

    return layer(x), layer.conductivities(), eqx.filter_grad(loss)((layer, x))


def test_the_layer_of_the_authors_gives_the_same():
    x = dict(np.load(ORACLES / "vheat_layer_s0.npz", allow_pickle=False))
    config = HeatConfig(x["freq_embed"].shape[-1], x["freq_embed"].shape[:2])
    weights = values_of(x)
    layer = eqx.tree_at(
        lambda m: leaves(m, weights),
        random_model(HeatConduction, config),
        [jnp.asarray(v, float) for v in weights.values()],
    )
    fields, slope = (jnp.asarray(turned(x[n]), float) for n in ("x", "cotangent"))
    y, k, (gradient, by_fields) = answers(layer, fields, slope)
    np.testing.assert_allclose(y, turned(x["y"]), atol=EXACT)
    np.testing.assert_allclose(k, x["k"], atol=EXACT)
    np.testing.assert_allclose(by_fields, turned(x["grad_x"]), atol=EXACT)
    for name, expected in values_of(x, "grad_").items():
        (ours,) = leaves(gradient, [name])
        np.testing.assert_allclose(ours, expected, atol=EXACT, err_msg=name)
    for method in ("matrix", "fft"):
        after = jax.jit(conduct, static_argnames="method")(
            x["u0"], x["k"], method=method
        )
        np.testing.assert_allclose(after, x["u_t"], atol=EXACT)


apply = eqx.filter_jit(lambda layer, *inputs: layer(*inputs))


def layer_of(kind, **options):
    return random_model(HeatConduction, HeatConfig(3, SHAPE, kind, **options))


def test_what_is_stored_for_inference_gives_the_same_numbers():
    x = np.random.default_rng(0).normal(size=(2, *SHAPE, 3))
    for kind in ("modes", "channels"):
        layer = layer_of(kind, convolution=False)
        stored = eqx.filter_jit(lambda m: m.for_inference())(layer)
        assert stored.config.kind == "filter"
        np.testing.assert_allclose(apply(stored, x), apply(layer, x), atol=1e-13)
        # At its own resolution every rule gives the layer itself.
        same = eqx.filter_jit(lambda m: m.resampled(SHAPE, "pad"))(layer)
        np.testing.assert_allclose(apply(same, x), apply(layer, x), atol=1e-13)


def test_one_k_of_all_modes_stays_a_heat_equation_in_finer_cells():
    for kind in ("channels", "constant"):
        layer = layer_of(kind)
        k = np.asarray(layer.conductivities())
        for rule, ratio in (("finer", 4), ("edge", 4), ("wider", 1), ("pad", 1)):
            resampled = layer.resampled((10, 14), rule)
            assert resampled.config.kind == kind
            np.testing.assert_allclose(resampled.conductivities(), ratio * k)
        # Of sides that grow by different ratios, all modes, new ones too.
        down, across = np.arange(10)[:, None] / 5, np.arange(21)[None] / 7
        rates = (np.pi**2 * (down**2 + across**2))[..., None]
        gains = layer.resampled((10, 21), "finer").gains()
        np.testing.assert_allclose(
            gains, np.broadcast_to(np.exp(-k * rates), gains.shape), rtol=1e-6
        )
    assert not layer_of("none").resampled((10, 14)).conductivities().any()


def test_a_step_is_smoothed_in_finer_cells_as_in_coarse_ones():
    # A step has all modes, new ones too: its integral over a coarse cell agrees only
    # if the new modes decay as well.
    layer = layer_of("constant", constant=2.0)
    step = jnp.zeros((20, 28, 3)).at[:, :12].set(1)
    smooth = conduct(step, layer.resampled((20, 28)).conductivities())
    means = smooth.reshape(5, 4, 7, 4, 3).mean((1, 3))
    expected = conduct(step[::4, ::4], layer.conductivities())
    np.testing.assert_allclose(means, expected, atol=0.01)


def test_no_conduction_mixes_by_the_convolution_alone():
    x = np.random.default_rng(0).normal(size=(*SHAPE, 3))
    moved = x.copy()
    moved[2, 3] += 1
    reach = {}
    for kind, convolution in (("none", False), ("none", True), ("modes", False)):
        layer = layer_of(kind, convolution=convolution)
        reach[kind, convolution] = abs(apply(layer, moved) - apply(layer, x)).max(-1)
    counts = {case: int((change > 1e-12).sum()) for case, change in reach.items()}
    assert counts == {("none", False): 1, ("none", True): 9, ("modes", False): 35}


def test_the_published_start_is_hardly_any_conduction():
    @jax.jit
    def start(key):
        layer = HeatConduction(HeatConfig(96, (14, 14)), key=key)
        return layer.conductivities(), layer.gains(), layer.widths()

    k, gains, widths = start(jax.random.key(0))
    assert float((k == 0).mean()) == pytest.approx(0.5, abs=0.02)
    assert float(gains.mean()) == pytest.approx(0.991, abs=0.003)
    assert float(widths.max()) < 0.25


def test_a_block_is_two_branches_normed_before_or_after():
    x = np.random.default_rng(0).normal(size=(2, *SHAPE, 3))

    def norm(y):
        return (y - y.mean(-1, keepdims=True)) / np.sqrt(
            y.var(-1, keepdims=True) + 1e-5
        )

    for post_norm, scale in ((False, None), (True, 0.25)):
        block = random_model(
            lambda config, key, p=post_norm, s=scale: HeatBlock(
                config, BranchConfig(p, s), key=key
            ),
            HeatConfig(3, SHAPE),
        )
        flat = [jnp.ones(3), jnp.zeros(3)] * 2
        block = eqx.tree_at(
            lambda b: [y for n in b.norms for y in (n.gain, n.bias)], block, flat
        )
        scales = np.ones((2, 3)) if scale is None else np.asarray(block.scales)

        def perceptron(y, b=block):
            wide = jax.nn.gelu(y @ b.widen.weight + b.widen.bias, approximate=False)
            return wide @ b.narrow.weight + b.narrow.bias

        expected = x
        layer = block.conduction
        for place, branch in enumerate((lambda y, m=layer: apply(m, y), perceptron)):
            change = (
                norm(np.asarray(branch(expected)))
                if post_norm
                else branch(norm(expected))
            )
            expected = expected + scales[place] * np.asarray(change)
        np.testing.assert_allclose(apply(block, x), expected, atol=1e-12)


def test_branches_are_left_out_of_some_pictures():
    block = random_model(
        lambda config, key: HeatBlock(config, BranchConfig(drop=0.5), key=key),
        HeatConfig(3, SHAPE, "none"),
    )
    x = np.random.default_rng(0).normal(size=(40, *SHAPE, 3))
    drop = eqx.filter_jit(lambda b, x, key: b(x, key=key))
    same = (np.asarray(drop(block, x, jax.random.key(0))) == x).all((1, 2, 3))
    assert 0 < same.mean() < 0.6  # a quarter is left as it was
    assert not (np.asarray(apply(block, x)) == x).all((1, 2, 3)).any()
