"""Sizes: whole numbers of at least something."""

import numpy as np
import pytest

from isinglass._common.checks import check_sizes


@pytest.mark.parametrize("size", [3, np.int64(3), np.uint8(200), True + 2, None])
def test_whole_numbers_pass(size):
    check_sizes(3, size=size)


@pytest.mark.parametrize("size", [2.5, 3.0, float("nan"), float("inf"), "3", [3]])
def test_others_are_refused_by_name(size):
    with pytest.raises(
        ValueError, match=r"size must be a whole number, at least 3, got"
    ):
        check_sizes(3, other=4, size=size)


def test_too_small_is_refused_by_name():
    with pytest.raises(ValueError, match="size must be at least 3, got 2"):
        check_sizes(3, other=3, size=2)
