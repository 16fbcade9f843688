from dataclasses import replace

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from isinglass.systems.memory import nearest_neighbours, neighbours
from isinglass.systems.memory._neighbour_table import Sizes
from isinglass.systems.memory._neighbour_workers import Here
from isinglass.systems.memory._scaled_vectors import ScaledVectors


@pytest.fixture(autouse=True)
def _small_tiles(monkeypatch):
    """Many tiles, panels and stripes for a few hundred vectors."""
    use_sizes(monkeypatch, SMALL)


SMALL = Sizes(tile=64, panel=1 << 14, stripe=16, pairs=1 << 10)


def use_sizes(monkeypatch, sizes):
    monkeypatch.setattr(Sizes, "of_machine", lambda: sizes)


def by_hand(vectors):
    """All distances, by differences in float64."""
    distances = cdist(vectors.astype(float), vectors.astype(float))
    np.fill_diagonal(distances, np.inf)
    return distances


def check(vectors):
    nearest = nearest_neighbours(vectors)
    distances = by_hand(vectors)
    np.testing.assert_allclose(
        nearest.distance, distances.min(axis=1), rtol=1e-13, atol=0
    )
    assert (nearest.neighbour != np.arange(len(vectors))).all()
    chosen = distances[np.arange(len(vectors)), nearest.neighbour]
    np.testing.assert_allclose(chosen, distances.min(axis=1), rtol=1e-13, atol=0)
    return nearest


def normal(shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)


def a_common_offset(x):
    return x + 1e4 * normal(x.shape[1], 1)


def one_wide_column(x):
    return x * np.where(np.arange(x.shape[1]) == 2, 1e5, 1).astype(np.float32)


def tight_clusters(x):
    return (1e-6 * x + normal((5, x.shape[1]), 2)[np.arange(len(x)) % 5]).astype(
        np.float32
    )


def neighbours_one_digit_away(x):
    return np.concatenate([x, np.nextafter(x, np.float32(np.inf))])


def huge(x):
    return (x * np.float32(1e37)).astype(np.float32)


def tiny(x):
    return (x * np.float32(1e-36)).astype(np.float32)


def one_far_away(x):
    x = x.copy()
    x[17] = 1e8
    return x


@pytest.mark.parametrize(
    "change",
    [
        a_common_offset,
        one_wide_column,
        tight_clusters,
        neighbours_one_digit_away,
        huge,
        tiny,
        one_far_away,
    ],
)
def test_where_products_alone_lose_the_digits(change):
    check(change(normal((150, 24))))


def test_products_alone_would_err():
    """Of a case above: |x|² + |y|² − 2⟨x, y⟩ in float32 names other neighbours."""
    x = tight_clusters(normal((150, 24)))
    squares = (x * x).sum(axis=1)
    scores = squares[:, None] + squares - 2 * x @ x.T
    np.fill_diagonal(scores, np.inf)
    distances = by_hand(x)
    chosen = distances[np.arange(len(x)), scores.argmin(axis=1)]
    assert (chosen > 1.5 * distances.min(axis=1)).any()


# Less than a tile, just one, a little more, and several; each shape is compiled.
@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from([2, 3, 15, 64, 65, 300]),
    st.sampled_from([1, 7, 40]),
    st.integers(0, 2**32 - 1),
    st.booleans(),
)
def test_any_number_of_vectors(n, d, seed, in_double):
    check(
        np.random.default_rng(seed)
        .standard_normal((n, d))
        .astype("f8" if in_double else "f4")
    )


@settings(max_examples=60, deadline=None)
@given(
    st.integers(2, 200), st.integers(1, 3), st.integers(1, 4), st.integers(0, 2**32 - 1)
)
def test_ties_and_duplicates(n, d, values, seed):
    """Points of a small lattice: the first of the nearest is named."""
    vectors = np.random.default_rng(seed).integers(0, values, (n, d)).astype(np.float32)
    nearest = check(vectors)
    distances = by_hand(vectors)
    first = distances.argmin(axis=1)
    alone = nearest.distance > 0
    # Of equal vectors, the first stands for all.
    np.testing.assert_array_equal(nearest.neighbour[alone], first[alone])
    np.testing.assert_array_equal(nearest.neighbour[~alone], first[~alone])


@settings(max_examples=25, deadline=None)
@given(st.integers(3, 250), st.integers(0, 2**32 - 1), st.data())
def test_part_of_a_sample_is_as_if_alone(n, seed, data):
    rng = np.random.default_rng(seed)
    vectors = rng.integers(0, 9, (n, 4)).astype(np.float32)
    order = rng.permutation(n)
    sizes = sorted(
        data.draw(st.sets(st.integers(2, n), min_size=1, max_size=4)), reverse=True
    )
    searches = neighbours.Searches(vectors, order, sizes)
    for size, nearest in zip(
        sizes, neighbours.nested_neighbours(searches), strict=True
    ):
        alone = nearest_neighbours(vectors[order[:size]])
        np.testing.assert_array_equal(nearest.distance, alone.distance)
        np.testing.assert_array_equal(nearest.neighbour, alone.neighbour)


def test_sizes_change_no_bit(monkeypatch):
    vectors = tight_clusters(normal((150, 24)))
    expected = nearest_neighbours(vectors)
    for sizes in (replace(SMALL, tile=128, pairs=1 << 20), replace(SMALL, stripe=64)):
        use_sizes(monkeypatch, sizes)
        result = nearest_neighbours(vectors)
        np.testing.assert_array_equal(result.distance, expected.distance)
        np.testing.assert_array_equal(result.neighbour, expected.neighbour)


def test_stripes_wider_than_tiles(monkeypatch):
    use_sizes(monkeypatch, replace(SMALL, table=1_000))
    check(normal((400, 8)))


@pytest.mark.parametrize("seed", range(5))
def test_the_bound_on_rounding_holds(seed):
    """The least of a stripe is within the stated error of the exact one."""
    vectors = a_common_offset(normal((200, 30), seed))
    scaled = ScaledVectors.of(vectors, np.arange(200))
    table = neighbours._least_by_stripe(scaled, Here(scaled, SMALL), None)
    exact = -((by_hand(vectors) * scaled.factor) ** 2) / 2
    greatest = np.stack(
        [part.max(axis=1) for part in np.split(exact, range(16, 200, 16), 1)], 1
    )
    assert (abs(table.value - greatest) <= table.error(np.arange(200))).all()


def test_a_file_and_other_types(tmp_path):
    vectors = normal((90, 12))
    file = np.memmap(tmp_path / "x", np.float32, "w+", shape=vectors.shape)
    file[:] = vectors
    expected = check(vectors)
    for same in (
        file,
        np.asfortranarray(vectors),
        jnp.asarray(vectors),
        vectors.tolist(),
    ):
        np.testing.assert_array_equal(
            nearest_neighbours(same).neighbour, expected.neighbour
        )
    check(vectors.astype(np.float16))
    halves = jnp.asarray(vectors, jnp.bfloat16)
    np.testing.assert_array_equal(
        nearest_neighbours(halves).distance,
        check(np.asarray(halves, np.float32)).distance,
    )


def test_zeros_of_both_signs_are_equal():
    assert nearest_neighbours([[0.0, 1.0], [-0.0, 1.0]]).distance.tolist() == [0, 0]


def test_progress():
    calls = []
    nearest_neighbours(
        normal((300, 3)), progress=lambda done, total: calls.append((done, total))
    )
    assert calls == sorted(calls)
    assert calls[-1] == (15, 15)


@pytest.mark.parametrize(
    ("vectors", "message"),
    [
        (np.zeros((1, 3)), "two vectors at least"),
        (np.zeros((0, 3)), "two vectors at least"),
        (np.zeros((3, 0)), "two vectors at least"),
        (np.zeros(3), r"must be an array \(n, d\)"),
        (np.zeros((3, 2), int), "of int64"),
        (np.zeros((3, 2), complex), "of complex128"),
        ([[1.0, 2], [3, np.nan]], r"vectors must be finite, got vectors\[1\]"),
        ([[1.0, 2], [np.inf, 4]], r"vectors must be finite, got vectors\[1\]"),
        ([[1.0, 2], [1e301, 4]], "below 1e300"),
    ],
)
def test_bad_input(vectors, message):
    with pytest.raises(ValueError, match=message):
        nearest_neighbours(vectors)
