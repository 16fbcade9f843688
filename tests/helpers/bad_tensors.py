"""Calls of networks of tensors, of learners of pairs and texts: kinds and words."""

from dataclasses import replace
from typing import Any

import dask.array as da
import jax
import jax.numpy as jnp
import numpy as np

from helpers import looped_training
from helpers.bad_maps import call
from helpers.random_models import random_model
from isinglass import attention, data, dynamics, energy, training
from isinglass.dynamics import textbook
from isinglass.systems import interference, looped, meanfield

KEY, X = jax.random.PRNGKey(0), jnp.ones((2, 4))
MAPS = jnp.ones((1, 4, 4, 2))
PICTURES, LABELS = np.eye(4, 64), [0, 1, 0, 1]
GLAUBER = interference.GlauberTensor(3, 1.0)
NETWORK = interference.MeanFieldNetwork(np.zeros((3, 3)), 0.0, 0.5)
HOST = interference.Host([1.0, 0.0], [1.0, 2.0, 3.0])
LEVEL = interference.Level()
ENCODER = interference.DipoleEncoder(hosts=2, places=2)
HENON = (textbook.henon, np.zeros(2), {"a": 1.4, "b": 0.3})
TRIAL = (
    random_model(looped.LoopedTransformer, looped_training.CONFIG),
    data.InductionTask(),
    looped.Sample([5], KEY, 2),
)
BRIEF = interference.StrokePrior(n=2, copies=2)


def learned() -> Any:
    prior = interference.GaussianPrior(0.0, 1e6)
    model = interference.CoupledClassifier(encoder=ENCODER, prior=prior)
    return model.fit(PICTURES, LABELS)


def forget(y: Any, weight: Any = None) -> Any:
    return learned().forget(PICTURES[:1], y, weight)


def save(path: Any) -> None:
    learned().save(path)


def encode(**options: Any) -> Any:
    return interference.DipoleEncoder(**options).fit(PICTURES)


def whiten(**options: Any) -> Any:
    return interference.Whitening(**options).fit(PICTURES)


def read(documents: Any, **options: Any) -> Any:
    return interference.TextInterference(8, **options).fit(documents, ["a"])


def read_more(classes: Any) -> Any:
    return interference.TextInterference(8).partial_fit(["a"], ["a"], classes)


def newest(window: Any, parameters: Any, phase: Any) -> Any:
    return parameters["a"] * window[0]


def tower(**options: Any) -> Any:
    return interference.TowerClassifier(**options).fit(PICTURES, LABELS)


def wave(**options: Any) -> Any:
    stage = interference.Geometry([[-1.0], [1.0]], [[-2.0], [2.0]])
    model = interference.WaveClassifier(geometry=stage, **options)
    return model.fit(np.ones((2, 2, 8, 2)), [0, 1])


CALLS = {
    "equilibrium": call("field must hold real", GLAUBER.equilibrium, "x"),
    "transition": call("field must be of shape", GLAUBER.transition, []),
    "free energy": call("field must hold real", GLAUBER.free_energy, {}),
    "protocol": call("protocol must be of Protocol", GLAUBER.dissipation, 6),
    "start": call("start must be from -1 to 1", NETWORK.drive, [0, 1], [0.0, 0.0]),
    "regulated": call(
        "random_state must",
        interference.regulated_avalanches,
        2,
        0.1,
        random_state="x",
    ),
    "reset": call(
        "random_state must", interference.reset_avalanches, 2, 0.1, 1, random_state=[-2]
    ),
    "steps of a host": call("n_steps must be a whole", HOST.field, 2, [True]),
    "superposed": call("hosts must be a sequence", interference.superpose, -1),
    "delays": call("delays must be a sequence", interference.superpose, [HOST], 0),
    "grid of a level": call("rows must be a whole", LEVEL.grid, "x", 3),
    "map of a level": call("maps must be an array", LEVEL, 4),
    "window of a level": call(
        "window must be a whole number", interference.aggregate, MAPS, "x", 1
    ),
    "stride": call("stride must be at least 1", interference.aggregate, MAPS, 2, 0),
    "maps": call("maps must have the axes", interference.aggregate, MAPS[0], 2, 1),
    "threshold of a level": call(
        "threshold must be in", interference.attend, MAPS, [], 1
    ),
    "radius": call("radius must be at least 0", interference.attend, MAPS, 0.5, -1),
    "tensors": call("tensors must be an array", interference.attend, "x", 0.5, 1),
    "response of a level": call("host must be an array", LEVEL.respond, "x", X),
    "friends": call("friends must be a number from 0", LEVEL.respond, X, -X),
    "coupling of a level": call(
        "neighbour_coupling must be finite", interference.Level, neighbour_coupling=[]
    ),
    "blur": call("blur must be in [0, 7]", encode, blur=np.array([np.nan, 1.0])),
    "encoder": call(
        "encoder must have a method",
        interference.StrokePrior.from_pictures,
        PICTURES,
        BRIEF,
        encoder=interference.DipoleEncoder,
    ),
    "no encoder": call("encoder must have a method", BRIEF.moments, "x", (8, 8)),
    "input shape": call("input_shape must be", BRIEF.moments, ENCODER, (8, np.nan)),
    "pictures": call(
        "pictures must be (n, H, W)", interference.StrokePrior.from_pictures, 6
    ),
    "strokes": call(
        "prior must be of StrokePrior",
        interference.StrokePrior.from_pictures,
        PICTURES,
        0,
    ),
    "prior of whitening": call("prior must have a method", whiten, prior=6),
    "save pairs": call("path must be a path", save, 0),
    "load pairs": call("path must be", interference.CoupledClassifier.load, 1),
    "forget more": call("cannot forget more|in y", forget, [0], [3]),
    "forget others": call("cannot forget labels|in y", forget, [5]),
    "model": call("model must learn", interference.learn_in_parts, "x", []),
    "parts": call("parts must be", interference.learn_in_parts, learned(), 0),
    "part": call("parts must be (X, y)", interference.learn_in_parts, learned(), [3]),
    "client": call(
        "client must be",
        interference.learn_in_parts,
        learned(),
        [(PICTURES, LABELS)],
        client=4,
    ),
    "key for points": call(
        "first must hold numbers", dynamics.cloud_distance, jax.random.key(0), X
    ),
    "key for a state": call(
        "state must hold numbers",
        dynamics.bifurcation,
        textbook.henon,
        jax.random.key(0),
        {"b": 0.3},
        {"a": np.ones(1)},
    ),
    "key for a number": call(
        "dt must be positive", dynamics.flow, newest, jax.random.key(0)
    ),
    "key for a phase": call(
        "phase must be a whole",
        dynamics.DelayMap(newest, 3, 2).start,
        np.ones((3, 1)),
        jax.random.key(0),
    ),
    "class of a model": call(
        "model must be a function",
        looped.accuracy_by_length,
        looped.LoopedTransformer,
        *TRIAL[1:],
    ),
    "no logits": call(
        "model must make logits", looped.accuracy_by_length, len, *TRIAL[1:]
    ),
    "signs": call(
        "signs must be of ndarray", replace, meanfield.Features.paper(), signs=""
    ),
    "coupling to itself": call(
        "self_coupling must be", energy.hopfield_force, X, X, self_coupling=X
    ),
    "class for states": call(
        "states must hold numbers", dynamics.basins, textbook.henon, np.ndarray, {}
    ),
    "class for labels": call(
        "y must be an array of Dask", interference.dask_parts, da.ones(2), da.Array
    ),
    "readout": call("readout must be one of", wave, readout=np.array(["mean", "x"])),
    "rule of a tower": call("rule must be one of", tower, rule=np.array(["tally"])),
    "rule of texts": call("rule must be one of", read, ["a"], rule=np.array(["ratio"])),
    "no label": call("classes holds None", read_more, [None]),
    "labels of two kinds": call(
        "labels must be all text|in y or classes", read_more, np.array(["a", 1], object)
    ),
    "labels of many lengths": call("classes must hold", read_more, [["a"], []]),
    "label that is not declared": call("y holds|not in classes", read_more, ["b"]),
    "count of no axes": call("n_steps must be a whole", HOST.field, 2, np.array(3)),
    "dask": call("X must be an array of Dask", interference.dask_parts, X, 6),
    "models": call(
        "models must be a sequence", interference.ensemble_energies, 3.0, PICTURES
    ),
    "documents": call("X must be a sequence", read, np.array("x")),
    "table": call("path must be a path", data.read_documents, 1),
    "column": call("text must be of str", data.read_documents, ".", text=[True]),
    "trainer": call("trainer must be of Trainer", training.run_trainer, 1),
    "power": call("q must be finite", attention.attend, X, X, X, q=["x"]),
    "final": call(
        "final must be an array",
        training.weighted_cross_entropy,
        "x",
        X,
        X,
        X,
        "float32",
    ),
    "no fields": call("fields must have an axis", interference.hysteresis, 1.2, []),
    "long durations": call(
        "durations must be in", interference.duration_distribution, 1e300, 0.5
    ),
    "steps of a spectrum": call(
        "measure must be", dynamics.lyapunov_spectrum, *HENON, -3
    ),
    "iterations": call(
        "iterations must be a whole number",
        looped.accuracy_by_length,
        *TRIAL,
        iterations=np.zeros(0),
    ),
    "names of models": call(
        "seeds must be a sequence", looped.accuracy_by_length, *TRIAL, seeds=2.5
    ),
    "four names": call(
        "seeds must name each", looped.terms_by_length, *TRIAL, seeds=[0, 1, 2, 3]
    ),
}
