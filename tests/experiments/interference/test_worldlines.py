import numpy as np
import pytest

from helpers.experiments import parts, rows_of, tell
from isinglass.experiments.interference import worldlines


@pytest.fixture(scope="module")
def views(measured):
    return tell(worldlines, measured(worldlines))


def test_training_mutes_most_sources(views):
    rows = rows_of(views)
    before, after = (
        rows[f"signals in time for their target, {when} training"].ours
        for when in ("before", "after")
    )

    # (T − d) / T averaged over sources and corners is 15/25, up to the jitter of the
    # prior.
    assert before == pytest.approx(60, abs=0.5)
    assert after < 20


def test_routes_that_are_drawn_can_arrive(measured):
    dataset = measured(worldlines)
    for prefix in ("", "slit_"):
        chance = dataset[f"{prefix}probability"].values
        durations = np.arange(chance.shape[-1])
        too_short = durations < dataset[f"{prefix}distance"].values[..., None]
        assert (chance[:, too_short] == 0).all()
        assert (chance[:, ~too_short] > 0).all()


def test_there_is_a_figure_for_digits_in_space_by_distance_and_for_slits(views):
    assert parts(views) == ["spacetime", "", "double-slit"]
