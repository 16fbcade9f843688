"""What holds for all views of the interference experiments, with many seeds or one."""

import pytest

from helpers.experiments import rows_of, tell
from isinglass.experiments.interference import (
    agreement,
    arrival,
    double_slit,
    entropy,
    few_shot,
    forgetting,
    hosts,
    neighbours,
    similarity,
    worldlines,
)

EXPERIMENTS = (
    agreement,
    arrival,
    double_slit,
    entropy,
    few_shot,
    forgetting,
    hosts,
    neighbours,
    similarity,
    worldlines,
)


@pytest.mark.parametrize("experiment", EXPERIMENTS, ids=lambda module: module.__name__)
def test_one_seed_is_told_as_several_are(experiment, measured):
    dataset = measured(experiment)
    several = tell(experiment, dataset)
    single = tell(experiment, dataset.isel(seed=[0]).assign_attrs(seeds=1))

    assert rows_of(single).keys() == rows_of(several).keys()
    assert {row.n for row in single.rows if row.unit != "%"} <= {1}
    for views in (several, single):
        assert views.rows
        assert all(row.low <= row.ours <= row.high for row in views.rows)
        assert views.figures
        assert all(len(figure.caption) > 40 for figure in views.figures)
        assert len(views.findings) > 40
