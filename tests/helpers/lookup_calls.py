"""Calls of tables: valid ones, and those with what they cannot compute with."""

from typing import Any

import jax.numpy as jnp
import numpy as np

from helpers.bad_maps import call
from helpers.public_case import FOLDER, KEY, RNG, case, estimator
from isinglass.systems import lookup

BITS = jnp.asarray(RNG.random((3, 6)) < 0.5, jnp.float32)
TABLES = jnp.asarray(RNG.uniform(-1, 1, (4, 8)), jnp.float32)
WIRING = jnp.asarray(RNG.integers(0, 6, (4, 3)), jnp.int32)
WEIGHTS = jnp.asarray(RNG.random((6, 12)), jnp.float32)
ROWS = jnp.asarray(RNG.normal(size=(4, 2)), jnp.float32)
SAMPLES = RNG.normal(size=(9, 2))
NUMBERS = ("counts", "ties", "useful", "distinct")
GLASS = lookup.fit_thermometer(SAMPLES, 3)
SHAPE = lookup.LookupConfig(6, 4, 3)
LAYER = lookup.LookupLayer(SHAPE, key=KEY)
NETWORK = lookup.LookupNetwork(lookup.LookupNetworkConfig(6, 2, (5, 4), 2), key=KEY)
MIXING = lookup.LookupMixerConfig(4, 5, 2, 3)
MIXER = lookup.LookupMixer(MIXING, key=KEY)
MODEL_SHAPE = lookup.LookupTransformerConfig(3, 2, 3, 4, 2, 1, "lookup", 5, MIXING)
MODEL = lookup.LookupTransformer(MODEL_SHAPE, key=KEY)
PATCHES = jnp.asarray(RNG.normal(size=(2, 3, 2)), jnp.float32)
PLACES = np.array([0, 1, 0, 2, 1, 0])
X = jnp.asarray(RNG.normal(size=(3, 4)), jnp.float32)
PARTS = {
    "thermometer": GLASS,
    "columns": np.arange(6),
    "wiring": (np.asarray(WIRING),),
    "tables": (np.asarray(TABLES) > 0,),
    "labels": np.array([3, 5]),
}
EXPORTED = lookup.TableNetwork(**PARTS)
POINTS = lookup.FixedPoint(8, 16.0, True)
FILE = FOLDER / "tables.npz"
EXPORTED.save(FILE)
OPTIONS = {"tables": (4,), "arity": 2, "bits": 1, "epochs": 1, "random_state": 0}
LEARNED = lookup.LookupClassifier(**OPTIONS).fit(SAMPLES, np.arange(9) % 2)


def learn(X: Any, y: Any, **parameters: Any) -> Any:
    return lookup.LookupClassifier(**parameters).fit(X, y)


LOOKUP = [
    case(lookup.ExtendedDifference, "thermal", 0.3),
    case(lookup.ExtendedDifference().weights, 3),
    case(lookup.input_slopes, TABLES),
    case(lookup.walsh_modes, TABLES),
    case(lookup.look_up, BITS, TABLES, WIRING),
    case(lookup.addresses, BITS, WIRING),
    case(lookup.spins, ROWS),
    case(lookup.random_wiring, 6, 4, 3, key=KEY),
    case(lookup.choose, BITS, WEIGHTS, 0.1),
    case(lookup.group_sums, BITS, 3, 2.0),
    case(lookup.conditional_sum, BITS[:, :4], ROWS),
    case(lookup.fit_thermometer, SAMPLES, 3, "uniform"),
    case(lookup.Thermometer, GLASS.thresholds),
    *(case(getattr(GLASS, name), SAMPLES) for name in NUMBERS),
    case(GLASS.__call__, SAMPLES),
    case(lookup.thermometer_bits, X, jnp.array([-1.0, 1.0]), 0.5),
    case(lookup.LookupConfig, 6, 4, 3),
    case(lookup.LookupLayer, SHAPE, key=KEY),
    case(LAYER.__call__, BITS),
    case(LAYER.wires),
    case(LAYER.clipped),
    case(LAYER.merged, PLACES),
    case(lookup.LookupNetworkConfig, 6, 2, (5, 4), 2),
    case(NETWORK.config.layer, 1),
    case(lookup.LookupNetwork, NETWORK.config, key=KEY),
    case(NETWORK.__call__, BITS),
    case(NETWORK.clipped),
    case(NETWORK.merged, PLACES),
    case(lookup.LookupMixerConfig, 4),
    case(lookup.LookupMixer, MIXING, key=KEY),
    case(MIXER.__call__, X),
    case(MIXER.clipped),
    case(lookup.LookupTransformerConfig, 3, 2),
    case(lookup.LookupTransformer, MODEL_SHAPE, key=KEY),
    case(MODEL.__call__, PATCHES),
    case(MODEL.clipped),
    case(MODEL_SHAPE.operations),
    case(lookup.TransformerSize, 3, 4),
    case(lookup.count_operations, lookup.TransformerSize(3, 4), "lookup"),
    case(lookup.TableNetwork, **PARTS),
    *(case(getattr(EXPORTED, name), SAMPLES) for name in ("counts", "logits")),
    case(EXPORTED.predict, SAMPLES),
    case(EXPORTED.save, FOLDER / "again.npz"),
    case(lookup.FixedPoint, 8, 255.0),
    case(POINTS.integers, SAMPLES),
    case(POINTS.values, np.arange(3)),
    case(EXPORTED.verilog, "net", POINTS),
    case(EXPORTED.test_bench, SAMPLES, "net", POINTS),
    case(lookup.load_tables, FILE),
    estimator(learn, lookup.LookupClassifier, SAMPLES, np.arange(9) % 2, **OPTIONS),
    *(case(getattr(LEARNED, name), SAMPLES) for name in ("predict", "predict_proba")),
    case(LEARNED.logits, SAMPLES),
    case(LEARNED.export),
]


OF_WIDTH: dict[str, Any] = {"width": 4}


def mixer(**options: Any) -> Any:
    return lookup.LookupMixerConfig(**OF_WIDTH | options)


BAD_LOOKUP = {
    "a table of 2^13": call(
        "tables must be of shape", lookup.input_slopes, jnp.zeros((1, 2**13))
    ),
    "a table of 6 entries": call(
        "tables must be of shape", lookup.walsh_modes, jnp.zeros((2, 6))
    ),
    "a table of NaN": call(
        "tables must be finite", lookup.look_up, BITS, TABLES * jnp.nan, WIRING
    ),
    "wires that are more than bits": call(
        "wiring must have", lookup.look_up, BITS, TABLES, WIRING[:, :2]
    ),
    "a wire from no bit": call(
        "wiring must be from 0 to 5", lookup.look_up, BITS, TABLES, WIRING + 5
    ),
    "a wire from below": call(
        "wiring must be from 0 to 5", lookup.addresses, BITS, WIRING - 6
    ),
    "wires of fractions": call(
        "wiring must be whole", lookup.addresses, BITS, WIRING + 0.5
    ),
    "13 wires": call(
        "wires must be in", lookup.addresses, BITS, jnp.zeros((1, 13), jnp.int32)
    ),
    "bits of NaN": call(
        "bits must be finite", lookup.look_up, BITS * jnp.nan, TABLES, WIRING
    ),
    "bits of words": call("bits must be real", LAYER, np.array([["x"] * 6])),
    "bits of another number": call("bits must have", LAYER, BITS[:, :4]),
    "bits in a list": call("bits must be an array", NETWORK, [0.0, 1.0]),
    "a temperature above 1": call("rho must be in", lookup.ExtendedDifference, rho=1.5),
    "a temperature of NaN": call(
        "rho must be in", lookup.ExtendedDifference, rho=float("nan")
    ),
    "a difference of no name": call(
        "kind must be", lookup.ExtendedDifference, "central"
    ),
    "a difference of 0": call(
        "scale must be positive", lookup.ExtendedDifference, scale=0.0
    ),
    "a difference, a number": call(
        "difference must be", lookup.input_slopes, TABLES, 0.5
    ),
    "weights of wires, of others": call(
        "weights must have", lookup.choose, BITS, WEIGHTS[0]
    ),
    "wires at temperature 0": call(
        "temperature must be", lookup.choose, BITS, WEIGHTS, 0.0
    ),
    "groups that are unequal": call("classes must divide", lookup.group_sums, BITS, 4),
    "rows of another number": call(
        "weights must have", lookup.conditional_sum, BITS, ROWS
    ),
    "no bits, of a thermometer": call(
        "bits must be at least 1", lookup.fit_thermometer, SAMPLES, 0
    ),
    "a thermometer of no name": call(
        "kind must be", lookup.fit_thermometer, SAMPLES, 2, "mercury"
    ),
    "a thermometer of one sample": call(
        "samples must be two", lookup.fit_thermometer, SAMPLES[:1], 2
    ),
    "a thermometer of NaN": call(
        "samples must be finite", lookup.fit_thermometer, SAMPLES * np.nan, 2
    ),
    "a thermometer of complex numbers": call(
        "samples must be real", lookup.fit_thermometer, SAMPLES * 1j, 2
    ),
    "thresholds that fall": call(
        "thresholds must rise", lookup.Thermometer, np.array([[1.0, 0.0]])
    ),
    "samples of other features": call("samples must have", GLASS, SAMPLES[:, :1]),
    "a window of 0": call(
        "window must be", lookup.thermometer_bits, X, jnp.zeros(2), 0.0
    ),
    "thresholds of others": call(
        "thresholds must have", lookup.thermometer_bits, X, jnp.zeros((3, 2))
    ),
    "wiring of no name": call(
        "wiring must be one of", lookup.LookupConfig, 6, 4, wiring="tangled"
    ),
    "tables that classes do not divide": call(
        "classes must divide", lookup.LookupNetworkConfig, 6, 3, (5, 4)
    ),
    "a network of no layers": call(
        "tables must hold", lookup.LookupNetworkConfig, 6, 2, ()
    ),
    "no such layer": call("place must be below 2", NETWORK.config.layer, 2),
    "a mixer of width 1": call("width must be at least 2", mixer, width=1),
    "a mixer of 0 bits": call("bits must be at least 1", mixer, bits=0),
    "a window, a word": call("windowed must be True", mixer, windowed="yes"),
    "tokens of another width": call("x must have", MIXER, X[:, :3]),
    "tokens of infinity": call("x must be finite", MIXER, X / 0),
    "heads that do not divide a width": call(
        "width must be a multiple", lookup.LookupTransformerConfig, 3, 2, heads=5
    ),
    "a mixer of another width": call(
        "tables must be of the width",
        lookup.LookupTransformerConfig,
        3,
        2,
        tables=MIXING,
    ),
    "a mixer of no name": call(
        "mixer must be one of", lookup.LookupTransformerConfig, 3, 2, mixer="cake"
    ),
    "patches of another size": call("patches must have", MODEL, PATCHES[:, :2]),
    "a size of no tokens": call(
        "tokens must be at least 1", lookup.TransformerSize, tokens=0
    ),
    "operations of no name": call(
        "mixer must be one of", lookup.count_operations, mixer="cake"
    ),
    "a module of no name": call("module must be a name", EXPORTED.verilog, "3d"),
    "a module, a number": call("module must be of str", EXPORTED.verilog, 3),
    "a bench of a keyword": call("module must be", EXPORTED.test_bench, SAMPLES, "end"),
    "features in a number": call(
        "features must be of FixedPoint", EXPORTED.verilog, "net", 8
    ),
    "integers of 33 bits": call("bits must be in", lookup.FixedPoint, 33),
    "a unit of 0": call("unit must be", lookup.FixedPoint, unit=0.0),
    "a unit that overflows": call("unit must be", lookup.FixedPoint, unit=1e-300),
    "a sign, a word": call("signed must be True", lookup.FixedPoint, signed="no"),
    "integers of fractions": call("integers must be whole", POINTS.values, SAMPLES),
    "samples beyond integers": call(
        "samples must be from", POINTS.integers, np.array([1e9])
    ),
    "a path that is none": call("path must be", EXPORTED.save, 3),
    "gradients of wires of NaN": call(
        "weights must be finite",
        lookup.choose,
        BITS,
        WEIGHTS * jnp.nan,
    ),
}
