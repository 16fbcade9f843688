"""vHeat as a whole: the authors' first stage, its sizes, and its head."""

from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from helpers.random_models import random_model
from isinglass.systems.heat import VHeat, VHeatConfig

ORACLES = Path(__file__).parent / "oracles"
SMALL = VHeatConfig(5, (32, 32), 3, 4, (1, 1))

pytestmark = pytest.mark.usefixtures("double_precision")


def first_stage(model):
    """Its parts, in the order of `weights`."""
    block = model.stages[0][0]
    layer, halvings = block.conduction, [*model.stem, model.halvings[0]]
    linears = [layer.linear, layer.out, layer.to_conductivity, block.widen]
    linears.append(block.narrow)
    norms = [layer.norm, *block.norms, *(half.norm for half in halvings)]
    return [
        *(half.kernel for half in halvings),
        *(half.bias for half in halvings[:2]),
        *(x for part in linears for x in (part.weight, part.bias)),
        *(x for part in norms for x in (part.gain, part.bias)),
        *(layer.kernel, layer.kernel_bias, model.embeddings[0]),
    ]


def weights(x):
    stem, own = ["w.patch_embed.conv1", "w.patch_embed.conv2"], "w.layers.0.0."
    linears = [f"{own}op.{n}" for n in ("linear", "out_linear", "to_k.0")]
    linears += [f"{own}mlp.fc1", f"{own}mlp.fc2"]
    norms = [f"{own}{n}" for n in ("op.out_norm", "norm1", "norm2")]
    norms += [f"w.patch_embed.norm{n}.1" for n in (1, 2)] + ["w.layers.0.1.1"]
    kernels = [f"{name}.weight" for name in stem] + ["w.layers.0.1.0.weight"]
    return [
        *(x[name].transpose(2, 3, 1, 0) for name in kernels),
        *(x[f"{name}.bias"] for name in stem),
        *(
            y
            for name in linears
            for w in [x[f"{name}.weight"]]
            for y in (w.reshape(w.shape[:2]).T, x[f"{name}.bias"])
        ),
        *(x[f"{name}.{part}"] for name in norms for part in ("weight", "bias")),
        np.moveaxis(x[f"{own}op.dwconv.weight"][:, 0], 0, -1),
        x[f"{own}op.dwconv.bias"],
        x["w.freq_embed.0"],
    ]


@eqx.filter_jit
def answers(model, pictures):
    stages = model.features(pictures)
    behind = model.halvings[0](stages[0])
    return stages, behind.mean((1, 2)), model(pictures), model.conductivities()


def test_the_first_stage_of_the_authors_and_the_head():
    x = dict(np.load(ORACLES / "vheat_model_s2.npz", allow_pickle=False))
    values = [jnp.asarray(v, float) for v in weights(x)]
    model = eqx.tree_at(first_stage, random_model(VHeat, SMALL), values)
    pictures = jnp.asarray(np.moveaxis(x["x"], 1, -1), float)
    stages, behind, logits, k = answers(model, pictures)
    np.testing.assert_allclose(behind, x["stage0_mean"], atol=1e-10)
    assert [stage.shape for stage in stages] == [(1, 8, 8, 4), (1, 4, 4, 8)]
    last = np.asarray(stages[-1])
    last = last - last.mean(-1, keepdims=True)
    last = last / np.sqrt((last**2).mean(-1, keepdims=True) + 1e-5)
    last = (last * model.norm.gain + model.norm.bias).mean((1, 2))
    expected = last @ np.asarray(model.head.weight) + np.asarray(model.head.bias)
    np.testing.assert_allclose(logits, expected, atol=1e-10)
    assert [part[0].shape for part in k] == [(8, 8, 4), (4, 4, 8)]


@pytest.mark.parametrize(
    ("size", "width"), [("tiny", 96), ("small", 96), ("base", 128)]
)
def test_the_published_sizes(size, width):
    config = VHeatConfig.published(size)
    shapes = eqx.filter_eval_shape(VHeat, config, key=jax.random.key(0))
    widths, sides = width * 2 ** np.arange(4), 56 // 2 ** np.arange(4)
    # Of a block: 12 C² of linear maps, the convolution, biases, norms, layer scales.
    small = 10 + 15 + 2 * (size != "tiny")
    blocks = (np.array(config.depths) * (12 * widths**2 + small * widths)).sum()
    between = (9 * widths[1:] * widths[:-1] + 2 * widths[1:]).sum()
    stem = 9 * 3 * width // 2 + 9 * width**2 // 2 + 3 * (width + width // 2)
    head = 2 * widths[-1] + (widths[-1] + 1) * 1000
    count = sum(leaf.size for leaf in jax.tree.leaves(shapes))
    assert count == blocks + (sides**2 * widths).sum() + between + stem + head
    assert config.stage(3).shape == (7, 7)
    assert (shapes.stages[0][0].branches.drop, shapes.stages[3][-1].branches.drop) == (
        0,
        config.drop,
    )
