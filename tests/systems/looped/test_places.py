"""Where attention can look, on sequences drawn."""

import jax
import numpy as np

from isinglass.data.induction import InductionTask
from isinglass.systems.looped.places import ITSELF, MATCH, OTHER, PREVIOUS, find_places


def test_places_are_where_they_should_be():
    batch = InductionTask("full-sequence", 4).batch(jax.random.key(1), 6, 12)
    positions, apart = map(np.asarray, find_places(batch, jax.random.key(2)))
    here = np.tile(np.arange(12), (6, 1))

    np.testing.assert_array_equal(positions[PREVIOUS], here - 1)
    np.testing.assert_array_equal(positions[ITSELF], here)
    assert apart.any()
    for row, at in zip(*np.nonzero(apart), strict=True):
        match, other = positions[[MATCH, OTHER], row, at]
        assert batch.tokens[row, match] == batch.targets[row, at]
        assert batch.tokens[row, match - 1] == batch.tokens[row, at]
        assert match < at - 1
        if at == 2:
            assert other == -1
        else:
            assert other not in (match, at - 1, at)
            assert 0 <= other < at
    assert (positions[[MATCH, OTHER]][:, ~apart] == -1).all()
