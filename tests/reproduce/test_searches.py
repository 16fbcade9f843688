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
    choice, models, lost = learned(context, ARM, search, score)
    assert (choice, lost) == ((0.5, 7.0), 0)
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
    _, models, lost = learned(context, ARM, Search(((0.1,),), 2), score)
    assert lost == 0
    left = (1 - 2 * 0.1) ** 5  # of the distance from 1, in lanes as the seeds are
    np.testing.assert_allclose(models.value - 1, [-left, 0, left], atol=1e-6)


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


def test_choices_at_the_edge_are_told():
    rates = (0.01, 0.03, 0.1)
    text = edges([[0.03, 0.1], [0.1, np.nan]], rates)
    assert "2 of 3 learning rates (0.1 2 ×)" in text
    assert edges([0.03, 0.03], rates) == ""
    assert edges([0.01], (0.01,)) == ""
