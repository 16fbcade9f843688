import numpy as np
import pytest
import xarray as xr

from helpers.experiments import rows_of, tell
from isinglass.experiments.interference import similarity
from isinglass.experiments.interference.setting import CLASSES


def table(*tables):
    """A measurement of these tables, one for each seed."""
    values = np.stack(tables, axis=-1)
    axes = {"learner": list(CLASSES), "digit": list(CLASSES)}
    dataset = xr.Dataset({"similarity": ((*axes, "seed"), values)}, axes)
    return dataset.assign_attrs(resolution="quick", seeds=len(tables), seed=0)


def test_cells_stand_beside_the_papers():
    rows = rows_of(tell(similarity, table(similarity.PAPER, similarity.PAPER)))
    cells = {name: row for name, row in rows.items() if ", digit " in name}

    assert len(cells) == 16
    assert all(row.paper == pytest.approx(row.ours) for row in cells.values())
    assert cells["learner 0, digit 1"].paper == 0.1876
    assert cells["learner 1, digit 0"].paper == 0.1551
    assert cells["learner 4, digit 4"].paper == 0.2409


def test_the_claim_counts_trainings_with_the_largest_similarity_on_the_diagonal():
    wrong = similarity.PAPER.copy()
    wrong[3, 0] = 0.3  # learner 4 hears most of digit 0
    views = tell(similarity, table(similarity.PAPER, wrong))
    rows = rows_of(views)

    every = rows["all four learners have the largest similarity for their own digit"]
    assert (every.ours, every.n) == (50, 2)
    assert rows["learner 2: own digit has the largest similarity"].ours == 100
    assert rows["learner 4: own digit has the largest similarity"].ours == 50
    assert "100 % (learner 2), 50 % (learner 4); in all four" in views.findings


def test_it_is_largest_on_the_diagonal_on_average(measured):
    mean = measured(similarity).similarity.mean("seed").values

    assert mean.argmax(axis=1).tolist() == [0, 1, 2, 3]
    assert ((mean > 0) & (mean < 1)).all()
