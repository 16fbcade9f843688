import pytest

from helpers.experiments import measure, rows_of, tell
from isinglass.experiments.interference import arrival


@pytest.fixture(scope="module")
def rows(measured):
    return rows_of(tell(arrival, measured(arrival)))


def test_the_base_seed_decides_the_numbers():
    first, again, other = (measure(arrival, seeds=1, seed=seed) for seed in (0, 0, 1))

    assert first.equals(again)
    assert not first.time.equals(other.time)


def test_cells_stand_beside_the_papers(rows):
    for signals in ("all 81 sources", "first 25 sources"):
        assert rows[f"learner 0, policy 4, {signals}"].paper == 7.24
        assert rows[f"learner 4, policy 0, {signals}"].paper == 9.72


def test_a_wrong_policy_is_earlier_after_any_training_even_on_shuffled_labels(rows):
    earlier = "wrong policies that arrive earlier"

    assert rows[f"{earlier}, all 81 sources"].ours == 100
    assert 25 < rows[f"{earlier}, before training"].ours < 75
    assert rows[f"{earlier}, trained on shuffled labels"].ours > 90


def test_over_the_programs_sources_it_is_close_to_the_paper(rows):
    cells = [row for row in rows.values() if row.quantity.endswith("first 25 sources")]
    cells = [row for row in cells if row.unit == "steps"]

    assert len(cells) == 16
    for row in cells:
        assert row.ours == pytest.approx(row.paper, abs=1.5)
