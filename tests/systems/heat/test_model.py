"""vHeat as a whole: the authors' logits and stages, and its sizes."""

from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from helpers.random_models import random_model
from isinglass.systems.heat import VHeat, VHeatConfig, conduct

ORACLES = Path(__file__).parent / "oracles"
pytestmark = pytest.mark.usefixtures("double_precision")


def parts_of(model):
    """Its arrays by the authors' names."""
    names = {}

    def name_both(name, part, kind=("weight", "bias")):
        first = part.weight if hasattr(part, "weight") else part.gain
        names.update({f"{name}.{kind[0]}": first, f"{name}.{kind[1]}": part.bias})

    for place, half in enumerate(model.stem, 1):
        names[f"patch_embed.conv{place}.weight"] = half.kernel
        names[f"patch_embed.conv{place}.bias"] = half.bias
        name_both(f"patch_embed.norm{place}.1", half.norm)
    for stage, blocks in enumerate(model.stages):
        names[f"freq_embed.{stage}"] = model.embeddings[stage]
        for place, block in enumerate(blocks):
            own, layer = f"layers.{stage}.{place}", block.conduction
            names[f"{own}.op.dwconv.weight"] = layer.kernel
            names[f"{own}.op.dwconv.bias"] = layer.kernel_bias
            for name, part in (
                ("op.linear", layer.linear),
                ("op.out_norm", layer.norm),
                ("op.out_linear", layer.out),
                ("op.to_k.0", layer.to_conductivity),
                ("norm1", block.norms[0]),
                ("norm2", block.norms[1]),
                ("mlp.fc1", block.widen),
                ("mlp.fc2", block.narrow),
            ):
                name_both(f"{own}.{name}", part)
        if stage < len(model.halvings):
            between = f"layers.{stage}.{len(blocks)}"
            names[f"{between}.0.weight"] = model.halvings[stage].kernel
            name_both(f"{between}.1", model.halvings[stage].norm)
    name_both("classifier.0", model.norm)
    name_both("classifier.3", model.head)
    return names


def turned(name, weight):
    """A weight of the program as ours are."""
    if "dwconv.weight" in name:
        return np.moveaxis(weight[:, 0], 0, -1)
    if weight.ndim == 4 and weight.shape[2:] == (3, 3):
        return weight.transpose(2, 3, 1, 0)
    is_linear = name.endswith("weight") and weight.ndim > 1
    return weight.reshape(weight.shape[:2]).T if is_linear else weight


@eqx.filter_jit
def answers(model, pictures):
    stages = model.features(pictures)
    behind = [half(x) for half, x in zip(model.halvings, stages, strict=False)]
    means = [x.mean((1, 2)) for x in [*behind, stages[-1]]]
    return stages, means, model(pictures), model.conductivities()


def test_the_whole_model_of_the_authors_gives_the_same():
    x = dict(np.load(ORACLES / "vheat_model_s2.npz", allow_pickle=False))
    config = VHeatConfig(5, (32, 32), 3, 4, (1, 1, 2, 1))
    random = random_model(VHeat, config)
    names = sorted(parts_of(random))
    assert names == sorted(name[2:] for name in x if name.startswith("w."))
    model = eqx.tree_at(
        lambda m: [parts_of(m)[name] for name in names],
        random,
        [jnp.asarray(turned(name, x[f"w.{name}"]), float) for name in names],
    )
    pictures = jnp.asarray(np.moveaxis(x["x"], 1, -1), float)
    stages, means, logits, k = answers(model, pictures)
    np.testing.assert_allclose(logits, x["logits"], atol=1e-10)
    for place, mean in enumerate(means):
        np.testing.assert_allclose(mean, x[f"stage{place}_mean"], atol=1e-10)
    sizes = [(8, 8, 4), (4, 4, 8), (2, 2, 16), (1, 1, 32)]
    assert [stage.shape[1:] for stage in stages] == sizes
    assert [part[0].shape for part in k] == sizes


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


run = jax.jit(conduct)


def small_model(kind, **options):
    config = VHeatConfig(3, (16, 24), 1, 4, (1, 1), kind=kind, **options)
    return random_model(VHeat, config)


@eqx.filter_jit
def logits_of(model, pictures):
    return model(pictures)


def waves_of(shape, modes):
    """Cosines of both sides, (modes, cells)."""
    places = [(np.arange(cells) + 0.5) / cells for cells in shape]
    return [
        np.cos(np.pi * np.arange(n)[:, None] * x)
        for n, x in zip(modes, places, strict=True)
    ]


@pytest.mark.parametrize("kind", ["modes", "channels"])
def test_smooth_fields_are_conducted_alike_by_a_model_of_another_size(kind):
    model, rng = small_model(kind), np.random.default_rng(0)
    finer = model.resampled((32, 48))
    assert finer.config.kind == ("table" if kind == "modes" else kind)
    rows = zip(model.conductivities(), finer.conductivities(), strict=True)
    for stage, ((before,), (after,)) in enumerate(rows):
        coarse, fine = (m.config.stage(stage) for m in (model, finer))
        assert fine.shape == (2 * coarse.shape[0], 2 * coarse.shape[1])
        amplitudes = rng.normal(size=(*coarse.shape, coarse.width))
        waves = waves_of(coarse.shape, coarse.shape)
        warm = run(np.einsum("nmc,nx,my->xyc", amplitudes, *waves), before)
        # Its cosines, read off the coarse plate, are those of the fine one.
        inverses = [np.linalg.inv(wave) for wave in waves]
        left = np.einsum("xyc,xn,ym->nmc", warm, *inverses)
        waves = waves_of(fine.shape, coarse.shape)
        answer = run(np.einsum("nmc,nx,my->xyc", amplitudes, *waves), after)
        expected = np.einsum("nmc,nx,my->xyc", left, *waves)
        np.testing.assert_allclose(answer, expected, atol=1e-11)
        assert abs(left - amplitudes).max() > 0.1


def test_a_model_taken_to_another_size_and_back_gives_its_own_logits():
    model = small_model("modes")
    pictures = np.random.default_rng(0).normal(size=(2, 16, 24, 1))
    back = model.resampled((32, 48)).resampled((16, 24))
    assert back.embeddings == (None, None)
    ours, again = logits_of(model, pictures), logits_of(back, pictures)
    np.testing.assert_allclose(again, ours, atol=1e-12)
    assert abs(ours[0] - ours[1]).max() > 1e-3


def test_one_k_is_stored_where_stages_grow_by_different_ratios():
    model = small_model("constant", constant=2.0)
    assert model.resampled((32, 48), "wider").config.constant == 2
    assert model.resampled((32, 48)).config.constant == 8
    uneven = model.resampled((20, 24))  # of 4 and 2 rows, to 5 and 3
    assert uneven.config.kind == "table"
    for stage, (blocks, rows) in enumerate(zip(uneven.stages, (5, 3), strict=True)):
        layer, (_, columns) = blocks[0].conduction, uneven.config.stage(stage).shape
        assert layer.config == uneven.config.stage(stage)
        before = model.config.stage(stage).shape
        down = np.pi * np.arange(rows)[:, None] / before[0]
        across = np.pi * np.arange(columns) / before[1]
        gains = np.exp(-2 * (down**2 + across**2))[..., None]
        expected = np.broadcast_to(gains, layer.gains().shape)
        np.testing.assert_allclose(layer.gains(), expected, rtol=1e-6)
