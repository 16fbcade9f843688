"""A valid, small call of what many tensors do, and of learners of pairs and texts."""

from typing import Any

import dask.array as da
import jax.numpy as jnp
import numpy as np

from helpers.public_case import FOLDER, LABELS, PICTURES, RNG, case, estimator
from isinglass import data
from isinglass.systems import interference

SIZES = [1, 1, 2, 1, 4, 3, 9, 1]
ROUTES = np.array([[0.0, 0.4, 0.0], [0.4, 0.0, 0.2], [0.0, 0.2, 0.0]])
RELAYS = interference.RelayNetwork(ROUTES, local_fields=[0.0, 0.3, -0.2])
GLAUBER = interference.GlauberTensor(4, 1.2)
PROTOCOL = interference.Protocol([-1.0, 0.0, 1.0], 2)
NETWORK = interference.MeanFieldNetwork(ROUTES, 0.1, 0.5)
AVALANCHES = [
    case(interference.borel, SIZES, 0.5),
    case(interference.borel_mixture, SIZES),
    case(interference.branching_ratio, SIZES),
    case(interference.duration_distribution, SIZES, 0.5),
    case(interference.fit_exponent, SIZES, 1, 9),
    case(interference.regulated_avalanches, 5, 0.1, target=5.0, cap=50),
    case(interference.reset_avalanches, 3, 0.5, 5, step=0.5, lanes=2),
    case(interference.reset_sizes, 4, 0.5),
    case(interference.size_density, SIZES, 2.0),
    case(interference.sweep_avalanches, [0.3, -0.2, 1.0], 0.5, durations=True),
    case(interference.RelayNetwork, ROUTES, 1.0, 0.0, 1.5),
    case(RELAYS.drive, [1.0, -1.0], most_switches=99),
    case(RELAYS.jump, 0.5),
]
RESPONSE = [
    case(interference.attended_neighbours, 0.5),
    case(interference.free_energy, 0.2, 1.2, 0.1),
    case(interference.hysteresis, 1.2, [0.0, 1.0, -1.0]),
    case(interference.loop_area, 1.5),
    case(interference.mean_field_solutions, 1.5, [0.0, 0.1]),
    case(interference.spinodal, 1.5),
    case(interference.switching, 1.5),
]
THERMODYNAMICS = [
    case(interference.GlauberTensor, 4, 1.2),
    case(interference.Protocol, [0.0, 1.0]),
    case(GLAUBER.equilibrium, 0.5),
    case(GLAUBER.free_energy, 0.5),
    case(GLAUBER.transition, 0.5),
    case(GLAUBER.work_distribution, PROTOCOL),
    case(GLAUBER.dissipation, PROTOCOL),
    case(interference.MeanFieldNetwork, ROUTES, 0.1, 0.5),
    case(NETWORK.drive, [-1.0, 1.0]),
]
HOST = interference.Host([0.0, 1.0, 1.0, 0.0], [0.5, 1.0, 2.0])
HOSTS = [
    case(interference.Host, np.ones((3, 2)), np.ones(3)),
    case(HOST.field, 4, 3),
    case(interference.superpose, [HOST, HOST], [0, 2]),
]


def climb(X: Any, levels: Any) -> Any:
    return interference.Tower(levels).fit(X).transform(X)


def learn_tower(X: Any, y: Any, sample_weight: Any = None, **parameters: Any) -> Any:
    model = interference.TowerClassifier(**parameters).fit(X, y, sample_weight)
    return model.predict(X)


LEVEL = interference.Level(window=3, stride=2)
MAPS = jnp.asarray(RNG.normal(size=(2, 4, 4, 2)), jnp.float32)
TOWER = interference.Tower([LEVEL]).fit(PICTURES)
TOWERS = [
    case(interference.Level),
    case(interference.aggregate, MAPS, 2, 1),
    case(interference.attend, MAPS, 0.7, 1),
    case(LEVEL.__call__, MAPS),
    case(LEVEL.grid, 8, 8),
    case(LEVEL.respond, jnp.ones(3), jnp.ones(3)),
    estimator(climb, interference.Tower, PICTURES, [LEVEL]),
    case(TOWER.maps, PICTURES),
    estimator(
        learn_tower, interference.TowerClassifier, PICTURES, LABELS, random_state=0
    ),
]
TEXTS = ["a red fox", "the blue sea", "red and red", "deep blue water"]
TOPICS = ["fox", "sea", "fox", "sea"]
READER = interference.TextInterference(64).fit(TEXTS, TOPICS)


def learn_texts(X: Any, y: Any, **parameters: Any) -> Any:
    return interference.TextInterference(**parameters).fit(X, y).predict(X)


def learn_more_texts(X: Any, y: Any, classes: Any = None) -> Any:
    model = interference.TextInterference(64).fit(TEXTS, TOPICS)
    return model.partial_fit(X, y, classes).predict(X)


def forget_texts(X: Any, y: Any) -> Any:
    return interference.TextInterference(64).fit(TEXTS, TOPICS).forget(X, y)


DOCUMENTS = [
    case(data.read_documents, FOLDER / "documents.csv"),
    estimator(learn_texts, interference.TextInterference, TEXTS, TOPICS, n_buckets=64),
    case(learn_more_texts, TEXTS, TOPICS, ["fox", "sky", "sea"]),
    case(forget_texts, TEXTS[:1], TOPICS[:1]),
    case(READER.predict, TEXTS),
]
ENCODER = interference.DipoleEncoder(hosts=2, places=2)
PRIOR = interference.GaussianPrior(0.0, 1e6)
PARAMETERS = {"encoder": ENCODER, "prior": PRIOR}
COUPLED = interference.CoupledClassifier(**PARAMETERS).fit(PICTURES, LABELS)


def encode(X: Any, **parameters: Any) -> Any:
    return interference.DipoleEncoder(**parameters).fit(X).transform(X)


def draw_moments(encoder: Any, input_shape: Any, **parameters: Any) -> Any:
    return interference.StrokePrior(**parameters).moments(encoder, input_shape)


def whiten(X: Any, **parameters: Any) -> Any:
    return interference.Whitening(**parameters).fit(X).transform(X)


def learn_pairs(X: Any, y: Any, sample_weight: Any = None, **parameters: Any) -> Any:
    model = interference.CoupledClassifier(**parameters)
    return model.fit(X, y, sample_weight).predict_proba(X)


def learn_more_pairs(X: Any, y: Any, classes: Any = None, sample_weight: Any = None):
    model = interference.CoupledClassifier(**PARAMETERS).fit(PICTURES, LABELS)
    return model.partial_fit(X, y, classes, sample_weight).predict(X)


def forget_pairs(X: Any, y: Any, sample_weight: Any = None) -> Any:
    model = interference.CoupledClassifier(**PARAMETERS).fit(PICTURES, LABELS)
    return model.forget(X, y, sample_weight)


def merge_pairs(other: Any) -> Any:
    model = interference.CoupledClassifier(**PARAMETERS).fit(PICTURES, LABELS)
    return model.merge(other)


def relay(X: Any, **parameters: Any) -> Any:
    return interference.RelayLayer(**parameters).fit().transform(X)


def meeting(signals: Any) -> Any:
    return interference.meeting(signals, signals)


PARTS = [(PICTURES[:3], LABELS[:3]), (PICTURES[3:], LABELS[3:])]
PAIRS = [
    estimator(encode, interference.DipoleEncoder, PICTURES, hosts=2, places=2),
    estimator(draw_moments, interference.StrokePrior, ENCODER, (8, 8), n=2, copies=2),
    estimator(whiten, interference.Whitening, PICTURES, **PARAMETERS),
    estimator(
        learn_pairs, interference.CoupledClassifier, PICTURES, LABELS, **PARAMETERS
    ),
    case(learn_more_pairs, PICTURES, LABELS, [0, 1, 2, 3]),
    case(forget_pairs, PICTURES[:1], LABELS[:1]),
    case(merge_pairs, COUPLED),
    estimator(relay, interference.RelayLayer, PICTURES, model=COUPLED),
    case(meeting, np.ones((2, 3, 1, 1))),
    case(COUPLED.predict, PICTURES),
    case(COUPLED.log_evidence, PICTURES),
    case(COUPLED.save, FOLDER / "coupled"),
    case(interference.CoupledClassifier.load, FOLDER / "coupled", **PARAMETERS),
    case(
        interference.StrokePrior.from_pictures,
        PICTURES,
        interference.StrokePrior(n=2, copies=2),
        encoder=ENCODER,
    ),
    case(interference.GaussianPrior(0.0, 1.0).moments, ENCODER, (8, 8)),
    case(interference.learn_in_parts, COUPLED, PARTS),
    case(interference.dask_parts, da.asarray(PICTURES), da.asarray(LABELS)),
    case(interference.paper_settings),
]
TENSORS = [
    *AVALANCHES,
    *RESPONSE,
    *THERMODYNAMICS,
    *HOSTS,
    *TOWERS,
    *DOCUMENTS,
    *PAIRS,
]


def write_tensor_inputs() -> None:
    COUPLED.save(FOLDER / "coupled")
    rows = (f"{text},{topic}" for text, topic in zip(TEXTS, TOPICS, strict=True))
    (FOLDER / "documents.csv").write_text("\n".join(["text,label", *rows]))
