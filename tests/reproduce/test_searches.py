"""Searches and trainings side by side, of a number that is to become 1."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from isinglass.reproduce import Context
from isinglass.reproduce.findings import edges
from isinglass.reproduce.searches import (
    REPORT,
    SEARCH,
    Search,
    Trainings,
    accuracies,
    learned,
    searched,
)
from isinglass.training import LaneRecipe, LaneTask


class Number(eqx.Module):
    """Begins at the seed of its job."""

    value: Float[Array, "*lanes"]

    def logits(self, data, places):
        """The sign of the number is what it reads in all pictures."""
        return jnp.stack([-self.value, self.value]) * jnp.ones((len(places), 1))


class Pictures(eqx.Module):
    """Labels alone."""

    labels: Array


def loss(model, data, key):
    """Squared distance from 1."""
    return (model.value - 1) ** 2


def start(jobs, keys):
    """As many as there are jobs, 2 at a time."""
    assert len(jobs) == len(keys) == 2
    return Number(jnp.array([float(job.seed) for job in jobs]))


RECIPE = LaneRecipe(5, momentum=0.0, clip=None, decay=False, every=5)
ARM = Trainings("number", start, LaneTask(loss, jnp.zeros(1)), RECIPE, ["a"], lanes=2)


def test_the_best_rate_is_searched_where_nothing_is_reported(tmp_path):
    tried = []

    def score(models, jobs):
        tried.extend(jobs)
        return -np.abs(models.value - 1)

    context = Context(seeds=range(3), workspace=tmp_path)
    search = Search(((0.01, 0.5, 1e25), (7.0,)), 3)
    choice, models, lost, limits = learned(context, ARM, search, score)
    assert (choice, lost) == ((0.5, 7.0), 0)
    assert limits == ((0.01, 1e25), (7.0, 7.0))
    np.testing.assert_allclose(models.value, 1)
    assert {job.purpose for job in tried} == {SEARCH}
    assert [job.seed for job in tried] == 3 * [0, 1, 2]
    stores = {path.name for path in tmp_path.iterdir()}
    assert len(stores) == 5 + 2  # nine searched and three reported, 2 at a time
    again = learned(context, ARM, search, score)
    np.testing.assert_array_equal(again.models.value, models.value)
    assert {path.name for path in tmp_path.iterdir()} == stores


def test_nothing_is_searched_where_there_is_no_choice():
    def score(models, jobs):
        raise AssertionError(jobs)

    context = Context(seeds=range(3))
    search = Search(((0.1,),), 2, further=3, reported=2)
    _, models, lost, limits = learned(context, ARM, search, score)
    assert lost == 0
    left = (1 - 2 * 0.1) ** 5  # of the distance from 1, in lanes as the seeds are
    np.testing.assert_allclose(models.value - 1, [-left, 0], atol=1e-6)
    assert limits == ((0.1, 0.1),)


def test_trainings_that_diverge_are_counted_without_those_that_fill_up():
    context = Context(seeds=range(2, 5))
    assert learned(context, ARM, Search(((1e25,),), 1), print).lost == 3


def test_pictures_are_counted_in_parts():
    data = Pictures(jnp.array([0, 1, 1, 1]))
    models = Number(jnp.array([-1.0, 2.0]))
    places = np.array([[0, 1, 2, 3], [3, 2, 1, 1]])
    for at_once in (None, 2):
        right = accuracies(models, data, places, at_once)
        np.testing.assert_allclose(right, [25, 100])
    assert REPORT != SEARCH


def test_grids_are_searched_in_turn_and_beyond_their_ends():
    """A rate at the middle of the second, then that with the best rate; none twice."""
    tried = []

    def score(models, jobs):
        tried.extend(job.choice for job in jobs)
        return [-abs(job.choice[0] - 0.25) - abs(job.choice[1] - 7) for job in jobs]

    search = Search(((0.001, 0.003, 0.01), (3.0, 1.0, 9.0)), 1, further=6)
    best = searched(Context(seeds=[0]), ARM, search, score)
    rates, second = (own.grid for own in best)
    assert rates == (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
    assert second == (1.0, 3.0, 9.0, 27.0)
    assert [own.value for own in best] == [0.3, 9.0]
    assert tried == [(rate, 3.0) for rate in rates] + [(0.3, x) for x in (1, 9, 27)]


def test_choices_at_the_edge_are_told():
    rates = (0.01, 0.03, 0.1)
    text = edges([[0.03, 0.1], [0.1, np.nan]], rates)
    assert "2 of 3 learning rates (0.1 2 ×)" in text
    assert edges([0.03, 0.03], rates) == ""
    assert edges([0.01], (0.01,)) == ""
    own = [[0.01, 0.1], [0.01, 0.03], [0.1, 0.1]]  # of each its limits
    assert "1 of 3 learning rates (0.03 1 ×)" in edges([0.03, 0.03, 0.1], own)
