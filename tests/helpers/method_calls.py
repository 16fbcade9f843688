"""Valid, small calls of what public objects do; all calls that a fuzz sets out from."""

from typing import Any

import jax.numpy as jnp
import numpy as np

from helpers import public_calls as functions
from helpers.layer_calls import LAYERS, write_graphs
from helpers.public_case import FOLDER, LABELS, PICTURES, case, estimator
from helpers.tensor_calls import LEVEL, MAPS, READER, TEXTS, TOPICS, TOWER
from isinglass import data, energy, training
from isinglass.systems import interference, looped, memory

FEW, RNG = np.arange(2), np.random.default_rng(0)
SOURCES = (
    data.ExampleSource([([1, 2], [1.0, 1.0])] * 3, start=0, vocabulary=4),
    data.NewExamples(48, "words and tab"),
    functions.SOURCE,
)
DATA = [
    case(data.ByteTokens().encode, "ab"),
    case(data.ByteTokens().decode, [1, 2]),
    *(case(source.take, FEW) for source in SOURCES),
    *(case(source.choose, RNG, 2) for source in SOURCES),
    case(training.WarmupCosine(2, 4, 0.1).at, 0.1, 3),
    case(memory.Recipe().rate, 3),
]
LANDSCAPES = (
    energy.ModernHopfield(1.0),
    energy.NearestNeighbour(1.0),
    energy.KrotovHopfield(3),
    energy.Hopfield(),
    energy.Demircigil(),
)
SIGNS = np.sign(functions.PATTERNS)
ENERGY = [
    *(
        case(getattr(landscape, name), SIGNS[:2], SIGNS)
        for landscape in LANDSCAPES
        for name in ("energy", "force", "update")
    ),
    *(case(landscape.sweep, SIGNS[:2], SIGNS) for landscape in LANDSCAPES[2:]),
    *(
        case(method.step, functions.HOPFIELD, functions.X, functions.PATTERNS)
        for method in (energy.Update(), energy.Flow(0.1))
    ),
]


def trained(kind: Any, **parameters: Any) -> Any:
    return kind(**parameters).fit(PICTURES, LABELS)


def learn_more(X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Any:
    model = trained(interference.InterferenceClassifier, random_state=0)
    return model.partial_fit(X, y, classes, sample_weight).predict(X)


def forget(X: Any, y: Any, sample_weight: Any = None) -> Any:
    model = trained(interference.InterferenceClassifier, random_state=0)
    return model.forget(X, y, sample_weight)


def merge(other: Any) -> Any:
    return trained(interference.InterferenceClassifier, random_state=0).merge(other)


def merge_texts(other: Any) -> Any:
    return interference.TextInterference(64).fit(TEXTS, TOPICS).merge(other)


def climb_learned(X: Any, **parameters: Any) -> Any:
    return interference.RoutedTower(**parameters).fit(X).transform(X)


def learn_level(X: Any, level: Any) -> Any:
    return interference.RoutedTower([LEVEL]).fit(PICTURES).partial_fit(X, level=level)


def forget_of_level(X: Any, level: Any) -> Any:
    return interference.RoutedTower([LEVEL]).fit(PICTURES).forget(X, level=level)


def merge_towers(other: Any) -> Any:
    return interference.RoutedTower([LEVEL]).fit(PICTURES).merge(other)


WAVES = functions.WAVES
WAVE = interference.WaveClassifier(geometry=functions.STAGE, random_state=0).fit(*WAVES)
INTERFERENCE = [
    *(
        case(getattr(functions.LEARNED, name), PICTURES)
        for name in ("energies", "decision_function", "predict_without_host")
    ),
    case(functions.LEARNED.predict_proba, PICTURES),
    case(WAVE.energies, WAVES[0]),
    case(WAVE.predict_without_host, WAVES[0]),
    case(learn_more, PICTURES, LABELS, [0, 1, 2, 3], np.ones(6)),
    case(forget, PICTURES[:1], LABELS[:1]),
    case(merge, functions.LEARNED),
    case(merge_texts, READER),
    case(READER.scores, TEXTS),
    case(READER.save, FOLDER / "reader"),
    case(interference.TextInterference.load, FOLDER / "reader"),
    estimator(climb_learned, interference.RoutedTower, PICTURES, levels=[LEVEL]),
    case(learn_level, PICTURES, 0),
    case(forget_of_level, PICTURES[:1], 0),
    case(merge_towers, interference.RoutedTower([LEVEL]).fit(PICTURES)),
    case(TOWER.transform, PICTURES),
    case(interference.LearningRule().rate, np.array([0.5, -0.5])),
    case(LEVEL.respond, MAPS[0, 0, 0], MAPS[0, 0, 0] + 1),
]
INPUTS, TOKENS = functions.INPUTS, functions.TOKENS
REST = functions.HAMILTONIAN.at_rest(INPUTS)
LOOPS = [
    case(functions.LOOPED.embed, TOKENS),
    case(functions.LOOPED.energies, TOKENS, iterations=2),
    case(functions.LOOPED.decode, INPUTS),
    case(functions.LOOPED.step, INPUTS, INPUTS),
    case(functions.LOOPED.attention, INPUTS),
    case(functions.HAMILTONIAN.energy, REST),
    case(functions.HAMILTONIAN.step, REST),
    case(functions.HAMILTONIAN.potential, INPUTS),
    case(looped.LatentHamiltonian.from_model, functions.LOOPED, INPUTS),
    case(looped.EnergyEntropyObjective().weights, 3),
    case(functions.GPT.final, jnp.asarray(functions.TEXTS[0])),
    case(functions.GPT.decode, jnp.ones((2, 8))),
    case(functions.FEATURES.positional_overlaps_of_pattern, 0),
]
METHODS = [*DATA, *ENERGY, *INTERFERENCE, *LOOPS, *LAYERS]
CASES = [*functions.CASES, *METHODS]


def write_inputs() -> None:
    """The folders and files that cases read."""
    functions.write_inputs()
    write_graphs()
    READER.save(FOLDER / "reader")
