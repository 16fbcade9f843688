"""Arguments that no public function takes, by what is wrong with which of them."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from helpers.bad_maps import HENON, START, call, henon
from helpers.random_models import random_model
from isinglass import attention, data, dynamics, energy, training
from isinglass.dynamics import trajectory
from isinglass.systems import interference, looped, meanfield, memory

COUNTS = (-1, True, 1.5, "x", None)
KEY = jax.random.PRNGKey(0)
X = jnp.ones((2, 4))
FEATURES = meanfield.Features.shifted_cycle(3, 1)
FIELD = meanfield.MeanField(FEATURES)
PHYSICS = {"beta": 1.2, "gamma": 20.0, "epsilon": 0.02}
NETWORK = meanfield.SelfAttentionNetwork(np.ones((4, 2, 9)), 1)
LOOPED = random_model(looped.LoopedTransformer, looped.LoopedConfig(iterations=2))
TASK = data.InductionTask()
GPT = random_model(
    memory.Transformer,
    memory.TransformerConfig(vocabulary=5, context=8, width=4, heads=1, layers=1),
)


def squared(model: Any) -> Any:
    return (model**2).sum()


def fitted(**options: Any) -> Any:
    model = interference.InterferenceClassifier(**options)
    return model.fit(np.ones((4, 64)), [0, 1, 0, 1])


def coupled(**options: Any) -> Any:
    model = interference.CoupledClassifier(**options)
    return model.fit(np.ones((4, 64)), [0, 1, 0, 1])


def encoded(**options: Any) -> Any:
    return interference.DipoleEncoder(**options).transform(np.ones((4, 64)))


CALLS = {
    "coupling word": call(
        "coupling must hold real", interference.sweep_avalanches, [1, 2], "x"
    ),
    "branching ratio": call("branching_ratio must be", interference.borel, 1, None),
    "gain": call("gain must be finite", interference.regulated_avalanches, 1, None),
    "spins": call("n_spins must be", interference.GlauberTensor, 1.5, 1.0),
    "routes": call("routes must hold real", interference.RelayNetwork, "x"),
    "ragged delays": call(
        "delays must hold real",
        interference.RelayNetwork,
        np.eye(2)[::-1],
        delays=[[1.0, 2.0], [3.0]],
    ),
    "response": call("field must be", interference.mean_field_solutions, 1.5, None),
    "start_from_pattern": call(
        'must hold "gamma"', FIELD.start_from_pattern, {"beta": 1.0, "epsilon": 0.1}
    ),
    "MeanField": call(
        "must hold \"beta\"|['b']", FIELD, [jnp.ones(3)] * 2, {"b": 1.0}, 0
    ),
    "token": call('must hold "beta"', FIELD.token, jnp.ones(3), {}, 0),
    "overlaps": call('must hold "beta"', FIELD.overlaps, np.ones((2, 3)), {}, 0),
    "kind": call("kind must be one of", FIELD.prompt, PHYSICS, 0, "x"),
    "pattern": call("pattern", FIELD.prompt, PHYSICS, 7),
    "pattern float": call("pattern", FIELD.prompt, PHYSICS, 0.5),
    "context": call("context must be", meanfield.MeanField, FEATURES, 1.5),
    "context word": call("context must be", meanfield.MeanField, FEATURES, "x"),
    "context bool": call("context must be", meanfield.MeanField, FEATURES, True),
    "features": call("features must be", meanfield.MeanField, 3),
    "positions of a window": call(
        "position must be one whole number",
        FIELD.start_from_window,
        PHYSICS,
        np.ones((2, 3)),
        np.arange(2),
    ),
    "window": call("window must be", FIELD.start_from_window, PHYSICS, np.ones(3)),
    "mf params": call(
        "parameters must",
        trajectory,
        FIELD.map,
        FIELD.start_from_pattern(PHYSICS),
        {"beta": 1.0},
        3,
    ),
    "network context": call(
        "context must be", meanfield.SelfAttentionNetwork, np.ones((4, 2, 9)), 1, 1.5
    ),
    "network weights": call(
        "weights must", meanfield.SelfAttentionNetwork, np.ones((3, 2, 9)), 1
    ),
    "network bits": call(
        "positional_bits", meanfield.SelfAttentionNetwork, np.ones((4, 2, 9)), "x"
    ),
    "gamma_of": call("n_patterns", meanfield.gamma_of, 1.0, 1.0, True),
    "gamma_of nan": call("beta_att", meanfield.gamma_of, np.nan, 1.0, 2),
    "gamma_of word": call("beta_att", meanfield.gamma_of, "x", 1.0, 2),
    "correlated": call(
        "n_patterns must", meanfield.Features.shifted_cycle, 1.5, 1, 0.5
    ),
    **{f"Sampling {c!r}": call("stride", dynamics.Sampling, 3, 0, c) for c in COUNTS},
    **{f"Measure {c!r}": call("steps must", dynamics.Measure, steps=c) for c in COUNTS},
    **{
        f"Run lanes {c!r}": call("lanes must", dynamics.Run, lanes=c)
        for c in COUNTS
        if c is not None
    },
    **{
        f"DelayMap {c!r}": call("length must", dynamics.DelayMap, henon, c)
        for c in COUNTS
    },
    **{
        f"cycle {c!r}": call("period must", dynamics.cycle, henon, START, HENON, c)
        for c in COUNTS
    },
    "DelayMap head": call("head must", dynamics.DelayMap, 3, 2),
    "flow": call("method must", dynamics.flow, henon, 0.1, method="x"),
    "taper": call("window must", dynamics.power_spectrum, np.ones(8), window="x"),
    "taper None": call("window must", dynamics.power_spectrum, np.ones(8), window=None),
    "signal": call("x must", dynamics.power_spectrum, ["x", "y"]),
    "lags": call("lags must", dynamics.autocorrelation, np.ones(8), 1.5),
    "lags word": call("lags must", dynamics.autocorrelation, np.ones(8), "x"),
    "component": call("component must", dynamics.poincare, np.ones((8, 2)), 0.5),
    "component word": call("component must", dynamics.poincare, np.ones((8, 2)), "x"),
    "level": call("level must", dynamics.poincare, np.ones((8, 2)), 0, "x"),
    "tolerance": call(
        "tolerance must", dynamics.poincare, np.ones((8, 2)), 0, tolerance="x"
    ),
    "direction": call(
        "direction must", dynamics.poincare, np.ones((8, 2)), 0, direction="x"
    ),
    "angles": call("angles", dynamics.poincare, np.ones((8, 2)), 0, angles={0: "x"}),
    "angles 2": call("angles", dynamics.poincare, np.ones((8, 2)), 0, angles=3),
    "angles in an array": call(
        "angles must map",
        dynamics.cloud_distance,
        *[np.ones((8, 2))] * 2,
        angles=np.ones((2, 4)),
    ),
    "landscape": call("landscape must", energy.descend, X, X, "x"),
    "method": call("method must", energy.descend, X, X, energy.ModernHopfield(), "x"),
    "beta": call("inverse_temperature must", energy.ModernHopfield, "x"),
    "beta none": call(
        "inverse_temperature must", energy.modern_hopfield_energy, X, X, None
    ),
    "beta word": call(
        "inverse_temperature must", energy.modern_hopfield_energy, X, X, "x"
    ),
    "degree": call("degree must", energy.krotov_hopfield_energy, X, X, 1.5),
    "degree word": call("degree must", energy.KrotovHopfield, "x"),
    "block": call("block must", energy.demircigil_energy, X, X, block=1.5),
    "block word": call("block must", energy.modern_hopfield_energy, X, X, block="x"),
    **{f"split {c!r}": call("layers must", energy.split_layers, X, c) for c in COUNTS},
    **{
        f"desc {c!r}": call("steps must", energy.descend, X, X, steps=c) for c in COUNTS
    },
    **{
        f"probe {c!r}": call("samples must", energy.StorageProbe, samples=c)
        for c in COUNTS
    },
    **{
        f"trials {c!r}": call("trials must", energy.RetrievalTask, [2], trials=c)
        for c in COUNTS
    },
    "counts": call("counts must", energy.RetrievalTask, ["x"]),
    "bias": call("bias must", energy.hopfield_energy, X, X, jnp.ones(3)),
    "field": call("field must", energy.ising_energy, X, jnp.ones(3)),
    "layers": call("layers must", energy.global_energy, X, []),
    "radii": call("radii must", energy.descend_layers, X, [X, X], [1.0]),
    "temperature": call("temperature must", energy.attention_energy, X, X, 0.0),
    "temperature word": call("temperature must", energy.attention_energy, X, X, "x"),
    "scale word": call("scale must", energy.attention_energy, X, X, 1.0, "x"),
    "find_minima landscape": call(
        "landscape must", energy.find_minima, jnp.ones((2, 1)), "x"
    ),
    "combined": call("energies must", energy.combined_energy, "x"),
    "separation": call("dimension must", energy.separation_capacity, 1.0, 1.5),
    "separation word": call("separation must", energy.separation_capacity, "x", 4),
    "capacity": call("task must be", energy.capacity, [energy.Hopfield()], 3, key=KEY),
    "capacity of": call(
        "landscapes[0] must",
        energy.capacity,
        ["x"],
        energy.RetrievalTask([2]),
        key=KEY,
    ),
    "fixed cap": call("landscape must", energy.fixed_point_capacity, "x", 4),
    "fixed cap dim": call(
        "dimension must", energy.fixed_point_capacity, energy.Hopfield(), 1.5
    ),
    "storage": call("patterns must", energy.storage, "x", key=KEY),
    "storage radius": call("radius must", energy.storage, X, radius="x", key=KEY),
    "attend": call("value", attention.attend, X, X, jnp.ones((3, 4))),
    "attend width": call("key", attention.attend, X, jnp.ones((2, 3)), X),
    "attend flat": call("query", attention.attend, jnp.ones(3), X, X),
    "attend bias": call("bias", attention.attend, X, X, X, bias=jnp.ones(5)),
    "rows width": call("key", attention.attention_rows, X, jnp.ones((2, 3))),
    "causal": call(
        "implementation", attention.causal_attention, X[None], X[None], X[None], "x"
    ),
    "causal width": call(
        "key", attention.causal_attention, X[None], jnp.ones((1, 3, 4)), X[None]
    ),
    "lay_out": call("layout must", attention.lay_out, "x", KEY, 2, 3, 5),
    "lay_out batch": call("batch must", attention.lay_out, "offset", KEY, -1, 3, 5),
    "lay_out length": call("length must", attention.lay_out, "offset", KEY, 2, 1.5, 5),
    "normalisation": call("width must", attention.Normalisation, 1.5),
    "task": call("form must", data.InductionTask, "x"),
    **{
        f"vocab {c!r}": call("vocabulary must", data.InductionTask, "last-token", c)
        for c in COUNTS
    },
    "batch": call("batch must", TASK.batch, KEY, -1, 5),
    "batch length": call("length must", TASK.batch, KEY, 2, 1.5),
    "make_waves": call(
        "noise must", data.make_waves, 3, np.random.default_rng(0), noise="x"
    ),
    "TextSource": call("tokens must", data.TextSource, np.arange(20), 4, 3),
    "QuestionSource q": call("questions must", data.QuestionSource, 0.5, "x"),
    "surface": call("points must", training.loss_surface, squared, X, (X, X), 1.0, 1.5),
    "curvature": call(
        "probes must", training.curvature, squared, X, (X, X), probes=1.5, key=KEY
    ),
    "eigenvalues": call(
        "eigenvalues must",
        training.curvature,
        squared,
        X,
        (X, X),
        eigenvalues=1.5,
        key=KEY,
    ),
    "loss": call("loss must", training.loss_surface, 3, X, (X, X), 1.0, 3),
    "devices n": call("devices must", training.mesh_of, -1),
    **{
        f"{w} {c!r}": call(f"{w} must", looped.LoopedConfig, **{w: c})
        for c in COUNTS
        for w in ("vocabulary", "iterations", "near")
    },
    "Recipe layout": call("layout must", looped.Recipe, layout="x"),
    "Recipe form": call("form must", looped.Recipe, form="x"),
    "tokens float": call("tokens must", LOOPED, jnp.ones(3)),
    "tokens list": call("tokens must", LOOPED, [0, 1]),
    "no tokens": call("tokens must have", LOOPED.run, jnp.zeros(0, int)),
    "measure": call("tokens", looped.measure_contraction, LOOPED, jnp.array([0, 9])),
    "evaluation": call("every must", looped.Evaluation, every=1.5),
    "evaluation lengths": call("lengths must", looped.Evaluation, lengths=("x",)),
    "sample": call("sequences must", looped.Sample, [5], KEY, 1.5),
    "sample lengths": call("lengths must", looped.Sample, 5, KEY),
    "acc it": call(
        "iterations must",
        looped.accuracy_by_length,
        LOOPED,
        TASK,
        looped.Sample([5], KEY),
        iterations=1.5,
    ),
    "acc task": call(
        "task must", looped.accuracy_by_length, LOOPED, 3, looped.Sample([5], KEY)
    ),
    "objective": call("q must", looped.EnergyEntropyObjective, q="x"),
    "objective w": call("potential must", looped.EnergyEntropyObjective, potential="x"),
    "potential": call("rows must", looped.potential_energy, X),
    "tsallis": call("q must", looped.tsallis_entropy, X / 4, "x"),
    "train task": call("task must", looped.train, looped.LoopedConfig(), "x"),
    "train seeds": call(
        "seeds must",
        looped.train,
        looped.LoopedConfig(),
        TASK,
        looped.Recipe(steps=1),
        seeds=["x"],
    ),
    "train one seed": call(
        "seeds must be of Collection",
        looped.train,
        looped.LoopedConfig(),
        TASK,
        seeds=3,
    ),
    "train config": call(
        "config must be of LoopedConfig or BaselineConfig", looped.train, 3, TASK
    ),
    "train recipe": call(
        "recipe must be of Recipe", looped.train, looped.LoopedConfig(), TASK, 3
    ),
    "train recipes": call(
        "recipe[1] must",
        looped.train,
        looped.LoopedConfig(),
        TASK,
        [looped.Recipe(), 3],
    ),
    "contraction q": call("q must", looped.contraction_bound, (X, X, X), X, "x"),
    "rates": call("rates must", fitted, rates="x"),
    "rates 2": call("rates must", fitted, rates=(1.0,)),
    "patch": call("patch_size must", fitted, patch_size="x"),
    "patch f": call("patch_size must", fitted, patch_size=1.5),
    "geometry": call("geometry must", fitted, geometry="x"),
    "prior": call("route_prior must", fitted, route_prior="x"),
    "threshold": call("threshold must", fitted, threshold="x"),
    "signals": call("n_signals must", fitted, n_signals="x"),
    "coupled": call("strength must", coupled, strength="x"),
    "coupled encoder": call("encoder must", coupled, encoder="x"),
    "coupled prior": call("prior must", coupled, prior="x"),
    "coupled merge": call("can merge only", interference.CoupledClassifier().merge, 3),
    "hosts": call("hosts must", encoded, hosts=1.5),
    "host": call("n_components must", interference.uniform_host, 1.5),
    "encode f": call(
        "images must", interference.encode_images, jnp.ones((8, 8)), (2, 2)
    ),
    "ensemble": call("models must", interference.ensemble_energies, [], X),
    **{
        f"{w} {c!r} gpt": call(f"{w} must", memory.TransformerConfig, **{w: c})
        for c in COUNTS
        for w in ("vocabulary", "layers")
    },
    **{f"mRecipe {c!r}": call("steps must", memory.Recipe, steps=c) for c in COUNTS},
    "gpt tokens": call("tokens", GPT, jnp.array([0, 9])),
    "gpt float": call("tokens must", GPT, jnp.ones(3)),
    "gpt list": call("tokens must", GPT, [0, 1]),
    "activations": call("tokens", memory.activations, GPT, np.array([[0, 9]])),
    "continue": call("prompts", memory.continue_greedily, GPT, np.array([[0, 9]]), 2),
    **{
        f"continue {c!r}": call(
            "count", memory.continue_greedily, GPT, np.array([[0, 1]]), c
        )
        for c in COUNTS
    },
    "reading": call("positions must", memory.Reading, positions="x"),
    "reading b": call("batch must", memory.Reading, batch=1.5),
    "reading l": call(
        "layers must",
        memory.activations,
        GPT,
        np.array([[0, 1]]),
        memory.Reading(layers=["x"]),
    ),
    "exec": call("dtype must", memory.Execution, dtype="x"),
    "exec a": call("attention must", memory.Execution, attention="x"),
    "ball n": call("n must", memory.log_ball_partition, 1.0, 1.5),
    "neigh": call("vectors must", memory.nearest_neighbours, "x"),
    "neigh1": call("vectors must", memory.nearest_neighbours, np.ones(3)),
    "nnr": call("fractions must", memory.nearest_neighbour_radius, np.eye(9, 3), ["x"]),
    "nnr 3": call("fractions must", memory.nearest_neighbour_radius, np.eye(9, 3), 0.5),
    "nnr q": call(
        "quantiles must", memory.nearest_neighbour_radius, np.eye(9, 3), quantiles=["x"]
    ),
    "rescaled": call("factor must", memory.rescaled, GPT, "x"),
    "sequences": call("context must", memory.sequences_of, np.arange(9), 1.5),
    "evaluate": call("source must", memory.evaluate, GPT, "x"),
    "mtrain s": call("source must", memory.train, GPT, "x"),
}
