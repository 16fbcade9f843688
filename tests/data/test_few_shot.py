import numpy as np
import pytest

from isinglass.data import few_shot
from isinglass.data.mnist import MNIST, Digits


def digits(labels: list[int], first: int = 0) -> Digits:
    """Digits whose pictures carry a number of their own."""
    images = np.zeros((len(labels), 28, 28), dtype=np.uint8)
    images[:, 0, 0] = first + np.arange(len(labels))
    return Digits(images, np.array(labels, dtype=np.uint8))


TRAIN = digits([0, 1, 2, 3] * 6)
TEST = digits([0, 1, 2, 3] * 2, first=100)


def test_with_a_test_set_the_task_trains_on_all_and_tests_on_it() -> None:
    task = few_shot.task(MNIST(TRAIN, TEST, ""), (0, 2))

    assert sorted(task.pool.labels) == [0] * 6 + [2] * 6
    assert set(task.test.images[:, 0, 0]) == {100, 102, 104, 106}


def test_without_a_test_set_each_digit_is_halved_and_nothing_is_in_both() -> None:
    task = few_shot.task(MNIST(TRAIN, None, ""), (0, 2))

    pool, test = (set(part.images[:, 0, 0].tolist()) for part in task)
    assert not pool & test
    assert len(pool) == len(test) == 6
    assert sorted(task.test.labels) == [0] * 3 + [2] * 3


def test_a_draw_has_k_different_pictures_of_each_class_in_order() -> None:
    drawn = few_shot.draw(TRAIN, (2, 0), 4, np.random.default_rng(0))

    assert drawn.labels.tolist() == [2] * 4 + [0] * 4
    assert len(set(drawn.images[:, 0, 0].tolist())) == 8


def test_the_same_seed_draws_the_same_and_another_seed_does_not() -> None:
    first, again, other = (
        few_shot.draw(TRAIN, (0, 1), 3, np.random.default_rng(seed)).images
        for seed in (0, 0, 1)
    )

    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_fewer_samples_than_k_is_refused_with_the_class_and_the_number() -> None:
    with pytest.raises(
        ValueError, match="n_per_class=7 is more than the 6 samples of class 0"
    ):
        few_shot.draw(TRAIN, (0, 1), 7, np.random.default_rng(0))


def test_k_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="n_per_class must be at least 1, got 0"):
        few_shot.draw(TRAIN, (0,), 0, np.random.default_rng(0))


def test_a_class_that_is_not_there_is_refused() -> None:
    with pytest.raises(ValueError, match=r"classes \[7\] have no sample to learn from"):
        few_shot.task(MNIST(TRAIN, TEST, ""), (0, 7))


def test_a_task_says_what_it_holds_in_one_line() -> None:
    task = few_shot.Task(TRAIN, digits([7, 7, 1]))
    assert repr(task) == (
        "Task(pool=Digits(24 pictures of 28 × 28: 6 each of 0, 1, 2, 3), "
        "test=Digits(3 pictures of 28 × 28: 1 of 1, 2 of 7))"
    )
    assert repr(digits([])) == "Digits(0 pictures of 28 × 28: none)"
