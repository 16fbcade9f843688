"""Networks of relays: exact laws, their negative control, and a plain event queue."""

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from isinglass import dynamics
from isinglass.systems.interference import RelayNetwork, spinodal, sweep_avalanches

law = settings(max_examples=25, deadline=None)
few = settings(max_examples=8, deadline=None)


def network(seed, *, n=60, width=0.6, negative=0.0, delays="unit", coupling=1.5):
    """Random routes, of which the same seed gives the same with any travel times."""
    rng = np.random.default_rng(seed)
    weights = 0.2 * rng.random((n, n)) * (rng.random((n, n)) < 0.1)
    np.fill_diagonal(weights, 0)
    weights[rng.random((n, n)) < negative] *= -1
    times = {
        "unit": np.ones((n, n)),
        "whole": rng.integers(1, 20, (n, n)).astype(float),
        "any": rng.exponential(1, (n, n)) + 0.01,
    }[delays]
    return RelayNetwork(weights, times, rng.normal(0, width, n), coupling)


def by_events(relays):
    """The same network, driven event by event."""
    relays.has_exact_laws = False
    return relays


@given(st.integers(0, 10_000), st.sampled_from(["unit", "whole", "any"]))
@law
def test_many_avalanches_at_a_time_are_those_of_an_event_queue(seed, delays):
    path = [2.0, -0.1, 0.1, -2.0]
    ours = network(seed, delays=delays)
    plain = by_events(network(seed, delays=delays))
    a, b = ours.drive(path), plain.drive(path)

    assert a.size.tolist() == b.size.tolist()
    np.testing.assert_allclose(a.field, b.field, atol=1e-9)
    np.testing.assert_allclose(a.duration, b.duration, atol=1e-9)
    np.testing.assert_array_equal(ours.branches, plain.branches)
    for mine, other in zip(a.switches[:2], b.switches[:2], strict=True):
        in_order = [
            np.lexsort((s.tensor, s.avalanche)) for s in (a.switches, b.switches)
        ]
        np.testing.assert_array_equal(mine[in_order[0]], other[in_order[1]])


@given(st.integers(0, 10_000))
@law
def test_sizes_do_not_depend_on_travel_times(seed):
    drives = [
        network(seed, delays=delays).drive(3.0) for delays in ("unit", "whole", "any")
    ]
    for other in drives[1:]:
        np.testing.assert_array_equal(other.size, drives[0].size)
        np.testing.assert_array_equal(other.field, drives[0].field)


@given(
    st.integers(0, 10_000), st.floats(-0.5, 0.5), st.floats(0.01, 1), st.floats(0, 1)
)
@law
def test_a_network_returns_to_where_it_turned(seed, high, depth, share):
    relays = network(seed)
    relays.drive(high)
    turned = relays.branches.copy()
    low = high - depth
    relays.drive(low)
    at_low = relays.branches.copy()
    relays.drive([low + share * depth, low])  # a smaller excursion within
    np.testing.assert_array_equal(relays.branches, at_low)
    relays.drive(high)
    np.testing.assert_array_equal(relays.branches, turned)


# -- a field that moves on -------------------------------------------------------------


@given(st.integers(0, 10_000), st.sampled_from(["unit", "whole", "any"]))
@example(86, "whole")
@few
def test_slow_enough_a_rate_is_quasi_static(seed, delays):
    path = [2.0, -2.0]
    slow = by_events(network(seed, delays=delays)).drive(path)
    gap = np.diff(slow.field[slow.field.argsort()]).min()
    lifetime = slow.duration.max() + 20
    # In half a gap a tensor that signals have brought near its threshold may switch.
    rated = network(seed, delays=delays).drive(path, rate=1e-6 * gap / lifetime)

    assert slow.rate == 0 < rated.rate
    for name in ("field", "size", "duration"):
        np.testing.assert_array_equal(getattr(rated, name), getattr(slow, name))
    for mine, other in zip(rated.switches, slow.switches, strict=True):
        np.testing.assert_array_equal(mine, other)


def fields_of_switches(avalanches, stop, n):
    """The field at which each tensor switched, infinite of others."""
    tensor, number, time = avalanches.switches
    fields = np.full(n, np.inf)
    moved = avalanches.field[number] + avalanches.rate * time
    fields[tensor] = np.minimum(moved, stop)
    return fields


@given(st.integers(0, 10_000), st.floats(1e-4, 10), st.sampled_from(["unit", "any"]))
@few
def test_a_faster_drive_switches_later_and_rests_in_the_same_state(seed, rate, delays):
    drives = {r: network(seed, delays=delays) for r in (0.0, rate, 3 * rate)}
    before = np.full(60, -np.inf)
    for speed, relays in drives.items():
        fields = fields_of_switches(relays.drive(0.5, rate=speed), 0.5, 60)
        assert (fields >= before - 1e-9).all()
        before = fields
    for stop in (-0.3, 0.1, -2.0):
        for speed, relays in drives.items():
            relays.drive(stop, rate=speed)
            np.testing.assert_array_equal(relays.branches, drives[0.0].branches)


@pytest.mark.parametrize(
    ("rate", "stop", "size", "time"),
    [
        (0.0, 9.0, [2], [0, 2]),  # the news brings the second to its threshold, 0.8
        (0.1, 9.0, [2], [0, 2]),
        (0.5, 9.0, [2], [0, 1.6]),  # the field is at 1.8 before the news arrives
        (0.5, 1.5, [2], [0, 2]),  # it stops at 1.5, and the news arrives
    ],
)
def test_a_tensor_switches_by_news_or_by_the_field(rate, stop, size, time):
    relays = RelayNetwork([[0, 0], [0.5, 0]], 2.0, [-1.0, -1.3])
    avalanches = relays.drive(stop, rate=rate)

    assert avalanches.size.tolist() == size
    np.testing.assert_allclose(avalanches.switches.time, time)
    assert avalanches.rate == rate


def busy(n, delays, rate):
    """Tensors that do not move each other, but whose signals travel, at even fields."""
    around = (np.arange(1, n + 1) % n, np.arange(n))
    weights = sp.csr_array((np.full(n, 1e-12), around))
    times = sp.csr_array((delays, around))
    thresholds = np.random.default_rng(0).uniform(0, 1, n)
    return RelayNetwork(weights, times, -thresholds).drive(2.0, rate=rate)


@pytest.mark.parametrize("load", [0.3, 1.2])
def test_avalanches_run_into_each_other_as_customers_of_a_queue_do(load):
    # Thresholds are passed at random; a rest begins when nothing is passed for as long
    # as a signal travels (M/D/∞): sizes are geometric, and of random travel times (M/G/
    # ∞) their mean is e^load still.
    n, ratio = 4_000, 1 - np.exp(-load)
    sizes = busy(n, np.full(n, 5.0), load / (5.0 * n)).size
    last = 8
    counts = np.bincount(np.minimum(sizes, last), minlength=last + 1)[1:]
    expected = ratio ** np.arange(last) * np.append(np.full(last - 1, 1 - ratio), 1)
    p_values = [
        chisquare(counts, law / law.sum() * len(sizes)).pvalue
        for law in (expected, expected * 1.3 ** np.arange(last))
    ]
    assert p_values[0] > 1e-3 > p_values[1]

    times = np.random.default_rng(1).exponential(5.0, n) + 1e-9
    count = len(busy(n, times, load / (times.mean() * n)))
    assert abs(count - n * np.exp(-load)) < 4 * np.sqrt(n * np.exp(-load))


# -- what fails, and what is refused ---------------------------------------------------


def test_with_negative_routes_neither_law_holds():
    differ = forgets = 0
    for seed in range(12):
        ways = [
            network(seed, negative=0.3, delays=delays, width=0.3)
            for delays in ("unit", "any")
        ]
        assert not ways[0].has_exact_laws
        sizes = [relays.drive(0.3, most_switches=5000).size.tolist() for relays in ways]
        differ += sizes[0] != sizes[1]
        turned = ways[0].branches.copy()
        ways[0].drive([-0.1, 0.3], most_switches=5000)
        forgets += not np.array_equal(ways[0].branches, turned)
    assert differ > 0
    assert forgets > 0


@pytest.mark.parametrize("unit", [1e-9, 1e9])
def test_the_unit_of_fields_does_not_matter(unit):
    def relays(unit):
        rng = np.random.default_rng(4)
        weights = 0.3 * unit * rng.random((40, 40)) * (rng.random((40, 40)) < 0.15)
        np.fill_diagonal(weights, 0)
        return RelayNetwork(weights, 1.0, unit * rng.normal(0, 0.7, 40))

    usual, other = (relays(u).drive(5.0 * u) for u in (1.0, unit))
    assert usual.size.max() > 3
    np.testing.assert_array_equal(other.size, usual.size)
    np.testing.assert_array_equal(other.duration, usual.duration)


def test_routes_to_all_are_the_sweep_of_sorted_thresholds():
    n, rng = 50, np.random.default_rng(3)
    x = rng.normal(0, 0.9, n)
    everyone = np.full((n, n), 1 / n)
    np.fill_diagonal(everyone, 0)
    relays = RelayNetwork(everyone, local_fields=-x)
    drive, sweep = relays.drive(5.0), sweep_avalanches(x, 1.0, durations=True)

    # A sweep counts a tensor's own vote, too, which the routes do not.
    np.testing.assert_array_equal(drive.size, sweep.size)
    np.testing.assert_array_equal(drive.duration, sweep.duration)
    np.testing.assert_allclose(drive.field, sweep.field - 1 / n, atol=1e-12)


def test_a_lone_relay_is_the_loop_of_its_tensor():
    field = float(spinodal(1.5).field)
    relays = RelayNetwork(np.zeros((1, 1)), coupling=1.5)
    path = relays.drive([1.0, -1.0, 1.0])

    np.testing.assert_allclose(path.field, [field, -field, field])
    assert path.size.tolist() == [1, 1, 1]
    assert relays.drive(0.5).size.size == 0
    assert relays.branches.tolist() == [1]


@pytest.mark.parametrize("seed", range(3))
def test_a_jump_ends_where_a_slow_drive_does(seed):
    slow, quick = (network(seed, delays="whole") for _ in range(2))
    slow.drive(0.2)
    jump = quick.jump(0.2)
    np.testing.assert_array_equal(slow.branches, quick.branches)
    assert jump.size.tolist() == [(quick.branches == 1).sum()]
    slow.drive(-0.4)
    quick.jump(-0.4)
    np.testing.assert_array_equal(slow.branches, quick.branches)
    assert len(quick.jump(-0.4)) == 0


def test_a_chain_passes_a_switch_on_after_its_travel_times():
    weights = sp.csr_array(np.diag([0.5, 0.5, 0.5], -1))
    times = sp.csr_array(np.diag([2.0, 3.0, 1.5], -1))
    relays = RelayNetwork(weights, times, [0.2, 0.0, 0.0, 0.0])
    avalanches = relays.drive(1.0)

    assert avalanches.size.tolist() == [4]
    np.testing.assert_allclose(avalanches.switches.time, [0, 2, 5, 6.5])
    assert avalanches.switches.tensor.tolist() == [0, 1, 2, 3]
    assert avalanches.duration.tolist() == [6.5]


def test_as_a_map_it_rests_where_a_drive_does():
    relays, fields = network(3, delays="any"), np.linspace(-1.5, 1.5, 9)
    measure = dynamics.Measure(transient=60, steps=10, extensions=0, exponents=0)
    start, sweep = relays.branches.astype(float), {"field": fields}
    both = dynamics.continuation(relays.map, start, {}, sweep, measure)
    rest = {"up": [], "down": []}
    relays.drive(-3.0)
    for direction, path in (("up", fields), ("down", fields[::-1])):
        for field in path:
            relays.drive(field)
            rest[direction].append(relays.branches.copy())
    rest["down"].reverse()

    for direction, branches in rest.items():
        points = both.points.sel(direction=direction).isel(point=0)
        np.testing.assert_array_equal(points.transpose("field", ...), branches)
    (interval,) = dynamics.hysteresis(both)
    apart = fields[np.not_equal(rest["up"], rest["down"]).any(axis=1)]
    assert (interval.low, interval.high) == pytest.approx((apart[0], apart[-1]))


def test_as_a_map_negative_routes_go_round():
    ring = RelayNetwork([[0, -1.0], [1.0, 0]])
    result = dynamics.attractor(ring.map, np.ones(2), {"field": 0.0})
    assert (result.kind, result.period) == (dynamics.Kind.PERIODIC, 4)
    assert ring.map is ring.map  # one program for all calls


def test_an_avalanche_that_does_not_end_is_stopped_and_undone():
    # Each follows the other's opposite: a ring of one negative and one positive route.
    relays = RelayNetwork([[0, -1.0], [1.0, 0]])
    with pytest.raises(RuntimeError, match="had not ended after 100 switches"):
        relays.drive([0.5, 0.2], most_switches=100)
    assert relays.branches.tolist() == [-1, -1]
    assert relays.field == -np.inf


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([[0, 1]],), "routes must be of shape"),
        (([[1.0]],), "routes must have nothing on the diagonal"),
        (([[0, np.nan], [0, 0]],), "routes must be finite"),
        (([[0, 1], [0, 0]], 0), "delays must be positive"),
        (([[0, 1], [0, 0]], [[1.0]]), "delays must be one number or of shape"),
        (([[0, 1], [0, 0]], 1j), "delays must hold real numbers"),
        ((sp.eye_array(3) * 1j,), "routes must hold real numbers"),
        ((sp.coo_array([1.0, 2.0]),), "routes must be of shape"),
        (([[0, 1], [0, 0]], sp.eye_array(2) * 1j), "delays must hold real numbers"),
        (
            ([[0, 1], [0, 0]], 1, [1, 2, 3]),
            "local_fields must be one number or of shape",
        ),
        (([[0, 1], [0, 0]], 1, 0, -1), "coupling must not be negative"),
    ],
)
def test_what_cannot_be_is_refused_by_its_name(arguments, message):
    with pytest.raises(ValueError, match=message):
        RelayNetwork(*arguments)


def test_what_a_drive_cannot_do_is_refused():
    relays = network(0, negative=0.5)
    with pytest.raises(ValueError, match="field jumps in networks without negative"):
        relays.jump(0.0)
    with pytest.raises(ValueError, match="field must be finite"):
        relays.drive(np.inf)
    for rate in (-1.0, np.inf, np.nan):
        with pytest.raises(ValueError, match="rate must be"):
            relays.drive(0.0, rate=rate)
    assert "no exact laws" in repr(relays)
