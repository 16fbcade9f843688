"""Calls of quantum attention: valid ones, and those that it cannot compute with."""

from typing import Any

import jax.numpy as jnp
import numpy as np

from helpers.bad_maps import call
from helpers.public_case import KEY, LABELS, PICTURES, RNG, case, estimator
from helpers.random_models import random_model
from isinglass.systems import quantum

CONFIG = quantum.SASQuaTChConfig((2, 1), 2)
MODEL = random_model(quantum.SASQuaTCh, CONFIG)
FIELDS = jnp.asarray(RNG.normal(size=(2, 8)), jnp.float32)
TOKENS = jnp.asarray(RNG.normal(size=(2, 3, 2)), jnp.float32)
FEW: dict[str, Any] = {"layers": 1, "steps": 2, "batch_size": 4, "random_state": 0}
LEARNED = quantum.SASQuaTChClassifier(**FEW).fit(PICTURES, LABELS)


def learn(X, y, **parameters):
    return quantum.SASQuaTChClassifier(**parameters).fit(X, y).predict(X)


QUANTUM = [
    case(quantum.SASQuaTChConfig, (2, 1), 2, "circuit", "haar", 1),
    case(quantum.SASQuaTCh, CONFIG, key=KEY),
    case(MODEL.__call__, FIELDS),
    case(MODEL.evolve, FIELDS),
    case(MODEL.measure, FIELDS, 10, key=KEY),
    case(quantum.parameter_shift, MODEL, FIELDS, shots=10, key=KEY),
    case(quantum.circuit_unitary, MODEL),
    case(quantum.quadratic_form, MODEL),
    case(quantum.translation_commutator, MODEL),
    case(quantum.readout_values, MODEL.readout),
    case(quantum.transform_registers, FIELDS, (2, 1), "haar", inverse=True, seed=1),
    case(quantum.translate, FIELDS, (2, 1), (1, -1)),
    case(quantum.translation_phases, (2, 1), (1, -1)),
    case(quantum.haar_unitary, 4, 1),
    case(quantum.amplitudes, FIELDS),
    case(quantum.product_state, TOKENS),
    case(quantum.area_averages, np.ones((2, 7, 5)), (4, 4)),
    estimator(learn, quantum.SASQuaTChClassifier, PICTURES, LABELS, **FEW),
    case(LEARNED.predict, PICTURES),
    case(LEARNED.decision_function, PICTURES),
]

BAD_QUANTUM = {
    "no register": call("registers must hold one", quantum.SASQuaTChConfig, ()),
    "registers of a number": call(
        "registers must be a sequence", quantum.SASQuaTChConfig, 4
    ),
    "a register of no qubit": call(
        "registers must be at least 1", quantum.SASQuaTChConfig, (4, 0)
    ),
    "more qubits than a computer has": call(
        "registers must hold at most 12 qubits", quantum.SASQuaTChConfig, (8, 8)
    ),
    "a Haar draw of 2048": call(
        "registers must hold at most 10 qubits each",
        quantum.SASQuaTChConfig,
        (11,),
        basis="haar",
    ),
    "no layer": call("layers must be at least 1", quantum.SASQuaTChConfig, layers=0),
    "a kernel of no name": call(
        "kernel must be one of", quantum.SASQuaTChConfig, kernel="gaussian"
    ),
    "a transform of no name": call(
        "basis must be one of", quantum.SASQuaTChConfig, basis="cosine"
    ),
    "a seed below 0": call("seed must be at least 0", quantum.SASQuaTChConfig, seed=-1),
    "a circuit of no config": call(
        "config must be of SASQuaTChConfig", quantum.SASQuaTCh, (4, 4), key=KEY
    ),
    "a field of black": call(
        "fields must not be 0 everywhere", MODEL, FIELDS.at[1].set(0)
    ),
    "amplitudes of black": call(
        "fields must not be 0 everywhere", quantum.amplitudes, jnp.zeros(8)
    ),
    "a token of black": call(
        "tokens must not be 0 everywhere", quantum.product_state, TOKENS.at[0, 1].set(0)
    ),
    "fields of other registers": call(
        "fields must have the axes", MODEL.evolve, FIELDS[:, :4]
    ),
    "fields of NaN": call("fields must be finite", MODEL, FIELDS * jnp.nan),
    "fields that are complex": call("fields must be real", MODEL, FIELDS + 0j),
    "fields of truth": call("fields must be real", MODEL, FIELDS > 0),
    "fields in a list": call("fields must be an array", MODEL, [1.0] * 8),
    "no shot": call("shots must be at least 1", MODEL.measure, FIELDS, 0, key=KEY),
    "more shots than are counted": call(
        "shots must be in", MODEL.measure, FIELDS, 10**9, key=KEY
    ),
    "shots without a key": call(
        "key must be one key", quantum.parameter_shift, MODEL, FIELDS, shots=5
    ),
    "shifts of no circuit": call(
        "model must be of SASQuaTCh", quantum.parameter_shift, CONFIG, FIELDS
    ),
    "a form of no circuit": call(
        "model must be of SASQuaTCh", quantum.quadratic_form, CONFIG
    ),
    "a commutator of no circuit": call(
        "model must be of SASQuaTCh", quantum.translation_commutator, None
    ),
    "readout angles of three": call(
        "angles must have the axes", quantum.readout_values, jnp.ones((3, 3))
    ),
    "readout angles of infinity": call(
        "angles must be finite", quantum.readout_values, jnp.ones((3, 2)) / 0
    ),
    "readout of many qubits": call(
        "angles must be of at most 12", quantum.readout_values, jnp.ones((20, 2))
    ),
    "states of whole numbers": call(
        "states must be real or complex",
        quantum.transform_registers,
        np.arange(8),
        (3,),
    ),
    "states of other registers": call(
        "states must have the axes", quantum.transform_registers, FIELDS, (2, 2)
    ),
    "an inverse of 1": call(
        "inverse must be True or False",
        quantum.transform_registers,
        FIELDS,
        (3,),
        inverse=1,
    ),
    "a shift of other registers": call(
        "shifts must be one of each register", quantum.translate, FIELDS, (2, 1), (1,)
    ),
    "a shift of half a place": call(
        "shifts must be a whole number", quantum.translation_phases, (3,), (0.5,)
    ),
    "a Haar draw of nothing": call("size must be at least 1", quantum.haar_unitary, 0),
    "a Haar draw of a list": call(
        "size must be a whole number", quantum.haar_unitary, [4]
    ),
    "a Haar draw of seeds": call(
        "seed must be a whole number", quantum.haar_unitary, 4, np.array(1)
    ),
    "a Haar draw that takes hours": call("size must be in", quantum.haar_unitary, 4096),
    "tokens of three features": call(
        "tokens must have a power of two",
        quantum.product_state,
        jnp.ones((2, 3)),
    ),
    "tokens of too many qubits": call(
        "tokens must take at most 12 qubits", quantum.product_state, jnp.ones((7, 4))
    ),
    "pictures of no cells": call(
        "shape must be", quantum.area_averages, np.ones((4, 4)), (0, 4)
    ),
    "pictures of one axis": call(
        "images must have the axes", quantum.area_averages, np.ones(4)
    ),
}
