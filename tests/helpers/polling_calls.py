"""Calls of poll and pool: valid ones, and those with what it cannot compute with."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from helpers.bad_maps import call
from helpers.public_case import KEY, RNG, case
from helpers.random_models import random_model
from isinglass.systems import polling

PLACES = jnp.asarray(RNG.normal(size=(6, 4)), jnp.float32)
SCORES = jnp.asarray(RNG.random(6), jnp.float32)
MASK = jnp.array([True, True, False, True, True, True])
SHAPE = polling.PollAndPoolConfig(4, 2, key_layers=2, key_positions=True)
SAMPLER = random_model(polling.PollAndPool, SHAPE)
RANDOM = random_model(polling.PollAndPool, polling.PollAndPoolConfig(4, 2, "random"))
TOKENS = SAMPLER(PLACES, PLACES, 0.5, MASK)
SMALL = polling.PollingDetectorConfig(
    8, 8, 3, polling.PollAndPoolConfig(4, 1), width=4, heads=2, hidden=3, layers=1
)
DETECTOR = random_model(polling.PollingDetector, SMALL)
PICTURE = jnp.asarray(RNG.random((8, 8)), jnp.float32)

POLLING = [
    case(polling.poll, SCORES, 0.5, MASK, jnp.array(1)),
    case(polling.pooling_weights, PLACES, MASK),
    case(polling.PollAndPoolConfig, 4, 2),
    case(polling.PollAndPool, SHAPE, key=KEY),
    case(SAMPLER.__call__, PLACES, PLACES, 0.5, MASK, counts=jnp.array(1)),
    case(RANDOM.__call__, PLACES, PLACES, 0.5, key=KEY),
    case(RANDOM.score, PLACES, key=KEY),
    case(polling.mean_score, TOKENS),
    case(polling.reverse_projection, TOKENS.features, TOKENS),
    case(polling.Affine, jnp.ones((6, 4)), jnp.ones(4)),
    case(polling.PollingDetectorConfig, 8, 8, 3),
    case(polling.PollingDetector, SMALL, key=KEY),
    case(DETECTOR.__call__, PICTURE, 0.5),
    case(DETECTOR.features, PICTURE),
]


def detector(**options: Any) -> Any:
    return polling.PollingDetectorConfig(**options)


BAD_POLLING = {
    "a traced alpha": call(
        "ratio must be a plain number",
        jax.jit(lambda ratio: polling.poll(SCORES, ratio)),
        0.5,
    ),
    "alpha of 2": call("ratio must be in", polling.poll, SCORES, 2.0),
    "alpha of NaN": call("ratio must be in", polling.poll, SCORES, float("nan")),
    "scores of NaN": call("scores must be finite", polling.poll, SCORES * jnp.nan, 0.5),
    "a picture of padding": call(
        "mask must leave", polling.poll, SCORES, 0.5, jnp.zeros(6, bool)
    ),
    "more than alpha polls": call(
        "counts must be from 0 to 3", polling.poll, SCORES, 0.5, None, jnp.array(4)
    ),
    "counts of fractions": call(
        "counts must be whole", polling.poll, SCORES, 0.5, None, jnp.array(1.5)
    ),
    "counts of others": call(
        "counts must be of shape", polling.poll, SCORES, 0.5, None, jnp.array([1])
    ),
    "a rest of numbers": call(
        "rest must be True or False", polling.pooling_weights, PLACES, jnp.ones(6)
    ),
    "a rest of a batch": call(
        "rest must be of shape", polling.pooling_weights, PLACES, MASK[None]
    ),
    "logits of infinity": call(
        "logits must be finite", polling.pooling_weights, PLACES * jnp.inf, MASK
    ),
    "features of another width": call(
        "features must have", SAMPLER, PLACES[:, :3], PLACES, 0.5
    ),
    "positions of other places": call(
        "positions must have", SAMPLER, PLACES, PLACES[:4], 0.5
    ),
    "positions that keys cannot add": call(
        "positions must have", SAMPLER, PLACES, PLACES[:, :3], 0.5
    ),
    "positions of more pictures": call(
        "positions must be of shape", SAMPLER, PLACES, PLACES[None], 0.5
    ),
    "random places without a key": call("key must be", RANDOM, PLACES, PLACES, 0.5),
    "no token at all": call(
        "ratio must poll a place",
        random_model(polling.PollAndPool, polling.PollAndPoolConfig(4, 0)),
        PLACES,
        PLACES,
        0.1,
    ),
    "three layers of keys": call(
        "key_layers must be one of", polling.PollAndPoolConfig, key_layers=3
    ),
    "a poll of no name": call("kind must be", polling.PollAndPoolConfig, kind="max"),
    "coarse tokens below 0": call(
        "coarse must be at least 0", polling.PollAndPoolConfig, coarse=-1
    ),
    "states of other tokens": call(
        "states must have", polling.reverse_projection, PLACES[:3], TOKENS
    ),
    "a score of no tokens": call("tokens must be of", polling.mean_score, PLACES),
    "polled places of others": call(
        "tokens.scores must be of shape",
        polling.mean_score,
        TOKENS._replace(polled=MASK[:5]),
    ),
    "a place that is none": call(
        "tokens.places must be from 0 to 5",
        polling.reverse_projection,
        TOKENS.features,
        TOKENS._replace(places=TOKENS.places + 3),
    ),
    "places of fractions": call(
        "tokens.places must be whole numbers",
        polling.reverse_projection,
        TOKENS.features,
        TOKENS._replace(places=TOKENS.places + 0.5),
    ),
    "more tokens than places and sums": call(
        "tokens.mask must be of shape",
        polling.reverse_projection,
        TOKENS.features,
        TOKENS._replace(places=TOKENS.places[:2]),
    ),
    "features of words": call(
        "tokens.features must be real",
        polling.reverse_projection,
        TOKENS.features,
        TOKENS._replace(features=np.array(["x"])),
    ),
    "weights in a list": call(
        "tokens.weights must be an array",
        polling.reverse_projection,
        TOKENS.features,
        TOKENS._replace(weights=[0.5]),
    ),
    "height of 30": call("height must be a multiple of 4", detector, height=30),
    "heads that do not divide": call("width must be a multiple", detector, heads=5),
    "a sampler of another width": call("sampler must be of", detector, width=16),
    "pictures of another size": call("pictures must have", DETECTOR, PICTURE[:4]),
}
