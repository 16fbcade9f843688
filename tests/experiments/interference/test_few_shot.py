import numpy as np
import pytest

from helpers.experiments import measure, rows_of, tell
from isinglass.data import few_shot as draws
from isinglass.data import mnist
from isinglass.data.mnist import Digits
from isinglass.experiments.interference import few_shot
from isinglass.experiments.interference.few_shot_training import (
    PEERS,
    Cell,
    training_orders,
)
from isinglass.reproduce import Context, Verdict


@pytest.fixture(scope="module")
def rows(measured):
    return rows_of(tell(few_shot, measured(few_shot)))


@pytest.mark.slow
def test_ours_agrees_with_table_1_at_a_hundred_seeds():
    rows = tell(few_shot, measure(few_shot, seeds=100, resolution="default")).rows

    table = [row for row in rows if row.quantity.startswith(("Ours+", "BP+"))]
    assert all(row.verdict is Verdict.IN_INTERVAL for row in table)


def test_it_has_every_cell_of_table_1(rows):
    table = {
        name: row.paper
        for name, row in rows.items()
        if name.startswith(("Ours+", "BP+"))
    }

    assert table == {
        "Ours+SeqTrn, K=1, 5 epochs": 66.63,
        "Ours+SeqTrn, K=5, 1 epoch": 83.50,
        "Ours+SeqTrn, K=10, 1 epoch": 88.65,
        "Ours+SeqTrn, K=5, 10 epochs": 86.99,
        "Ours+MixTrn, K=5, 1 epoch": 86.66,
        "Ours+MixTrn, K=10, 1 epoch": 82.48,
        "Ours+MixTrn, K=5, 10 epochs": 83.81,
        "BP+SeqTrn, K=1, 5 epochs": 38.41,
        "BP+SeqTrn, K=5, 1 epoch": 43.79,
        "BP+SeqTrn, K=10, 1 epoch": 35.04,
        "BP+SeqTrn, K=5, 10 epochs": 77.23,
        "BP+MixTrn, K=5, 1 epoch": 53.28,
        "BP+MixTrn, K=10, 1 epoch": 53.86,
        "BP+MixTrn, K=5, 10 epochs": 79.99,
    }
    assert all(rows[name].source == "Table 1" for name in table)


def test_every_method_is_tested_on_the_test_set_and_trained_on_the_pool(monkeypatch):
    data = mnist.load()
    pictures = data.train.images[data.train.labels == 1]
    # Tested on ones that are called zero, whoever has learned from the pool is always
    # wrong.
    hoax = Digits(pictures, np.zeros(len(pictures), dtype=np.uint8))
    task = draws.Task(draws.task(data, (0, 1, 2, 4)).pool, hoax)
    monkeypatch.setattr(few_shot, "load_task", lambda context: task)
    _, five, _, ten_times = few_shot.CELLS
    monkeypatch.setattr(few_shot, "CELLS", (five, ten_times))
    monkeypatch.setattr(few_shot, "PEER_CELLS", (five,))
    accuracy = measure(few_shot, seeds=1).accuracy.mean("seed")

    # Backpropagation has learned something only after ten epochs.
    has_learned = ~accuracy.classifier.str.startswith("BP") | (
        accuracy.cell == "K=5, 10 epochs"
    )
    learned = accuracy.where(has_learned).values.ravel()
    learned = learned[np.isfinite(learned)]
    assert learned.size == 2 * 2 + 2 + 3
    assert learned.max() < 30


def test_mixed_order_mixes_and_sequential_order_does_not():
    orders = training_orders(Context(seeds=range(3)), Cell(5, 2))

    sequential, mixed = orders["BP+SeqTrn"], orders["BP+MixTrn"]
    assert (sequential == np.tile(np.arange(20), 2)).all()
    assert (np.sort(mixed[:, :20]) == np.arange(20)).all()
    assert (mixed != sequential).any(axis=1).all()
    assert (mixed[:, :20] != mixed[:, 20:]).any(axis=1).all()


def test_it_learns_and_the_order_of_training_does_not_matter(rows):
    sequential = rows["Ours+SeqTrn, K=5, 1 epoch"]
    mixed = rows["Ours+MixTrn, K=5, 1 epoch"]

    assert sequential.ours > 70
    assert (sequential.ours, sequential.low) == (mixed.ours, mixed.low)
    same = rows["models that are the same, bit for bit, in SeqTrn and MixTrn"]
    assert same.ours == 100


def test_backpropagation_needs_more_than_one_epoch(rows):
    once, ten_times = "BP+MixTrn, K=5, 1 epoch", "BP+MixTrn, K=5, 10 epochs"

    assert rows[once].ours < 60 < rows[ten_times].ours


def test_peers_stand_beside_table_1_without_a_verdict(rows):
    peers = [row for name, row in rows.items() if name.startswith(PEERS)]

    assert len(peers) == 9
    assert all(row.verdict is Verdict.UNPUBLISHED for row in peers)
    assert all(row.ours > 50 for row in peers)


def test_evidence_saturates(rows):
    few, five, ten, five_ten_times = (
        rows[f"sources still undecided, {cell}"].ours for cell in few_shot.COLUMNS
    )

    assert five > ten > five_ten_times
    assert five > few
