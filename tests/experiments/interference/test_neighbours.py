import numpy as np
import pytest

from isinglass.experiments.interference import neighbours
from isinglass.experiments.interference.setting import in_time
from isinglass.systems.interference import InterferenceClassifier, paper_settings


def test_neighbours_are_counted_as_eq_5_counts_pairs():
    rng = np.random.default_rng(0)
    dipoles = rng.choice([1.0, -1.0, 0.1], (2, 81, 9)) * (rng.random((2, 81, 1)) < 0.5)
    dipoles = np.where(rng.random((2, 81, 1)) < 0.5, 1.0, dipoles)
    rest = (dipoles == 0).all(axis=-1, keepdims=True)
    dipoles = dipoles / np.where(rest, 1, np.linalg.norm(dipoles, axis=-1)[..., None])
    dipoles = np.concatenate([rest, dipoles], axis=-1)
    model = InterferenceClassifier(**paper_settings(), random_state=0)
    model.fit(rng.random((6, 28, 28)), [0, 1, 2] * 2)
    counts = neighbours.count(model, neighbours.similar_pairs(dipoles))

    arriving, host = in_time(model), np.r_[0, np.full(9, 1 / 3)]
    expected = []
    for t in range(19, 25):
        q = arriving[:, 1, t] / arriving[:, 1, t].sum()
        friends = [i for i in range(81) if dipoles[1, i] @ host >= 0.7 - 1e-6]
        expected.append(
            81
            * sum(
                q[i] * q[j] * (dipoles[1, i] @ dipoles[1, j] >= 0.7 - 1e-9)
                for i in friends
                for j in friends
                if i != j
            )
        )
    assert counts[1, 0, 1] == pytest.approx(np.mean(expected), rel=1e-6)
    assert counts[1, 1, 1] > counts[1, 0, 1] > 1


def test_the_number_rises_among_friends_and_most_at_the_own_learner(measured):
    counts = measured(neighbours).neighbours.mean("seed").sel(labels="true")
    friends, everything = (counts.sel(counted=name) for name in neighbours.COUNTED)
    before, after = friends.sel(pictures=0), friends.sel(pictures=5)

    assert before.sel(learner="own") == pytest.approx(0.7, abs=0.3)
    assert after.sel(learner="own") > 2 * after.sel(learner="others")
    assert after.sel(learner="others") > 2 * before.sel(learner="others")
    assert (everything.sel(pictures=5) < everything.sel(pictures=0)).all()


def test_with_shuffled_labels_no_learner_is_special(measured):
    after = measured(neighbours).neighbours.sel(pictures=5).mean("seed")
    shuffled = after.sel(labels="shuffled", counted="friends of the host")

    assert shuffled.sel(learner="own") < 1.5 * shuffled.sel(learner="others")
