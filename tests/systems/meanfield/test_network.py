import jax
import numpy as np
import pytest

from isinglass.dynamics import Sampling, trajectory
from isinglass.systems.meanfield import (
    Features,
    MeanField,
    Prompt,
    SelfAttentionNetwork,
    network,
)

PARAMETERS = {"beta": 1.4, "gamma": 30.0, "epsilon": 0.05}


@pytest.fixture(params=["spins", "columns"])
def sampler(request, monkeypatch):
    """Both ways to draw a token."""
    monkeypatch.setattr(
        network, "_SPINS_PER_BINOMIAL", {"spins": 10**9, "columns": 0}[request.param]
    )


def test_a_token_has_the_means_of_its_attention(sampler):
    """Mean and variance of every overlap of the first token, by theory."""
    features = Features.random_segments(3, 2, n_spins=90, segments=5, random_state=0)
    weights = features.draw_weights(90)
    sampled = SelfAttentionNetwork(weights, 2).sample(
        jax.random.key(0),
        PARAMETERS,
        1,
        replicas=4000,
        prompt=Prompt([[0.3, -0.4, 0.2]], position=2),
    )
    field = PARAMETERS["beta"] * weights[0, :, :90].T @ np.array([0.3, -0.4, 0.2])
    mean = MeanField(features).overlaps([[0.3, -0.4, 0.2]], PARAMETERS, 2)[0]
    first = sampled.overlaps[:, 0]
    sd = (1 - PARAMETERS["epsilon"]) * np.sqrt((1 - np.tanh(field) ** 2).sum()) / 90
    np.testing.assert_allclose(first.mean(axis=0), mean, atol=4 * sd / 4000**0.5)
    np.testing.assert_allclose(first.std(axis=0), sd, rtol=0.06)


def run(parameters=PARAMETERS, key=0, **prompt):
    """Twelve rows of two replicas, the same program for several tests."""
    net = SelfAttentionNetwork.from_features(Features.paper(), 99)
    return net.sample(
        jax.random.key(key), parameters, 12, replicas=2, prompt=Prompt(**prompt)
    )


def test_overlaps_are_sums_of_whole_spins(sampler):
    sums = run(PARAMETERS | {"epsilon": 0.0}).overlaps * 99
    np.testing.assert_allclose(sums, np.round(sums), atol=1e-10)
    assert (np.round(sums) % 2 == 1).all()
    assert np.abs(sums).max() <= 99


def test_attention_follows_from_the_overlaps(sampler):
    """The network's own rows, put through the softmax in NumPy, growing window too."""
    for attention, overlaps in zip(*run(), strict=True):
        for row in range(12):
            window = overlaps[max(0, row - 3) : row + 1]
            shares = np.exp(PARAMETERS["gamma"] * window[:, 3] @ overlaps[row, 2])
            expected = shares / shares.sum() @ window[:, 1]
            np.testing.assert_allclose(attention[row], expected, rtol=1e-12, atol=1e-15)


def test_every_token_is_drawn_at_its_position(sampler):
    parameters = PARAMETERS | {"epsilon": 1.0}
    sampled = run(parameters, window=np.zeros((2, 3)), position=7)
    expected = MeanField(Features.paper()).overlaps(np.zeros((12, 3)), parameters, 7)
    np.testing.assert_allclose(sampled.overlaps[0], expected, atol=1e-15)


@pytest.mark.parametrize("start", ["pattern", "window", "token"])
def test_a_cold_network_has_no_noise_and_is_its_mean_field(start, sampler):
    """At β → ∞ every spin is certain; the mean field is then exact at any N."""
    features = Features.paper()
    parameters = PARAMETERS | {"beta": 1e6}
    limit = MeanField(features)
    window = np.random.default_rng(0).uniform(-1, 1, size=(4, 3))
    token = features.overlaps_of_pattern(1, "v")
    if start == "pattern":
        state, first = limit.start_from_pattern(parameters), 3
        sampled = run(parameters)
    elif start == "token":
        state, first = limit.start_from_token(parameters, token), 4
        sampled = run(parameters, token=token)
    else:
        state, first = limit.start_from_window(parameters, window, 5), 0
        sampled = run(parameters, window=window, position=5)
    expected = trajectory(limit.map, state, parameters, 12 - first)
    np.testing.assert_allclose(sampled.attention[0, first:], expected, atol=1e-9)


def test_the_error_of_overlaps_falls_as_the_root_of_the_size(monkeypatch):
    monkeypatch.setattr(network, "_SPINS_PER_BINOMIAL", 0)
    features, sizes = Features.paper(), np.array([99, 396, 1584, 6336, 25344])
    limit = MeanField(features)
    window = np.random.default_rng(0).uniform(-0.3, 0.3, size=(4, 3))
    state = limit.start_from_window(PARAMETERS, window)
    attention = trajectory(limit.map, state, PARAMETERS, 6)
    overlaps = limit.overlaps(attention, PARAMETERS, 1)
    errors = []
    for n in sizes:
        net = SelfAttentionNetwork.from_features(features, int(n))
        sampled = net.sample(
            jax.random.key(n), PARAMETERS, 7, replicas=200, prompt=Prompt(window)
        )
        errors.append(np.sqrt(np.mean((sampled.overlaps[:, 1:] - overlaps) ** 2)))
    slope = np.polyfit(np.log(sizes), np.log(errors), 1)[0]
    assert slope == pytest.approx(-0.5, abs=0.05)


def test_drawn_correlations_approach_their_mean_field():
    features = Features.shifted_cycle(3, 2, strength=0.5, random_state=0)
    limit = MeanField(features)
    window = np.random.default_rng(0).uniform(-0.5, 0.5, size=(4, 3))
    start = limit.start_from_window(PARAMETERS, window)
    expected = trajectory(limit.map, start, PARAMETERS, 3)
    net = SelfAttentionNetwork.from_features(features, 20_000, random_state=0)
    sampled = net.sample(
        jax.random.key(0), PARAMETERS, 3, replicas=4, prompt=Prompt(window)
    )
    np.testing.assert_allclose(sampled.attention.mean(axis=0), expected, atol=0.05)


def test_the_same_key_gives_the_same_tokens():
    first, again, other = run(key=3), run(key=3), run(key=4)
    np.testing.assert_array_equal(first.attention, again.attention)
    assert (first.attention != other.attention).any()
    assert (first.attention[0] != first.attention[1]).any()


def test_a_replica_does_not_know_of_the_others(sampler, monkeypatch):
    net, two = SelfAttentionNetwork.from_features(Features.paper(), 99), run(key=3)
    monkeypatch.setattr(network, "_MOST_BYTES", 1)  # one at a time
    three = net.sample(jax.random.key(3), PARAMETERS, 12, replicas=3).overlaps
    np.testing.assert_allclose(two.overlaps, three[:2], rtol=1e-12, atol=1e-14)
    assert (three[1] != three[2]).any()


def test_rows_can_be_left_out():
    every = run(key=3)
    net = SelfAttentionNetwork.from_features(Features.paper(), 99)
    spacing = Sampling(4, transient=2, stride=3)
    some = net.sample(jax.random.key(3), PARAMETERS, spacing, replicas=2)
    np.testing.assert_allclose(some.attention, every.attention[:, 2::3], rtol=1e-12)
    np.testing.assert_allclose(some.overlaps, every.overlaps[:, 2::3], rtol=1e-12)


@pytest.mark.parametrize("context", [1, 3, 6])
def test_any_context_length(context):
    features = Features.paper()
    net = SelfAttentionNetwork.from_features(features, 99, context)
    parameters = PARAMETERS | {"beta": 1e6}
    limit = MeanField(features, context)
    expected = trajectory(
        limit.map, limit.start_from_pattern(parameters), parameters, 6
    )
    sampled = net.sample(jax.random.key(0), parameters, 6 + context - 1)
    np.testing.assert_allclose(sampled.attention[0, context - 1 :], expected, atol=1e-9)


def test_the_order_of_the_spins_is_not_kept_but_their_number_is():
    weights = np.random.default_rng(0).choice([-1, 1], size=(4, 2, 61))
    net = SelfAttentionNetwork(weights, 1)
    assert net.n_spins == 60
    assert net.features == Features.from_weights(weights, 1)


def sample(**changed):
    net = SelfAttentionNetwork.from_features(Features.paper(), 99)
    arguments = {
        "key": jax.random.key(0),
        "parameters": PARAMETERS,
        "steps": 1,
    } | changed
    return net.sample(**arguments)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: sample(steps=0), "steps must be at least 1"),
        (lambda: sample(replicas=0), "replicas"),
        (lambda: sample(parameters={"beta": 1.0, "gamma": 1.0}), '"epsilon"'),
        (
            lambda: sample(parameters=PARAMETERS | {"gamma": np.inf}),
            "gamma must be a finite",
        ),
        (lambda: sample(prompt=Prompt(np.ones((5, 3)))), "1 to 4 attentions, got 5"),
        (lambda: sample(prompt=Prompt(np.ones((1, 2)))), "window must be of shape"),
        (lambda: sample(prompt=Prompt(np.full((1, 3), np.nan))), "finite"),
        (
            lambda: sample(prompt=Prompt(token=np.ones((3, 3)))),
            "token must be of shape",
        ),
        (lambda: Prompt(np.ones((1, 3)), token=np.ones((4, 3))), "not both"),
        (lambda: SelfAttentionNetwork(np.ones((4, 2, 9)), 2, 0), "context"),
        (lambda: SelfAttentionNetwork(np.ones((4, 2, 2)), 2), "one spin"),
        (lambda: SelfAttentionNetwork.from_features(Features.paper(), 0), "n_spins"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
