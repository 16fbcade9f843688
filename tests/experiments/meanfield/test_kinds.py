import numpy as np
import pytest
import xarray as xr

from isinglass.dynamics import Kind
from isinglass.experiments.meanfield.kinds import (
    compare_percentage,
    count_attractors,
    dimensions,
    start_matters,
)
from isinglass.plot.kinds import KIND_STYLES
from isinglass.reproduce import Ledger


def runs(kind, periods, sums):
    """Runs of one kind from several starts, with these contraction rates."""
    exponents = np.array([[0.0, total] for total in sums])
    return xr.Dataset(
        {
            "kind": ("start", [kind] * len(sums)),
            "period": ("start", np.broadcast_to(periods, len(sums))),
            "exponents": (("start", "exponent"), exponents),
        }
    )


def test_styles_stand_in_the_order_of_the_kinds():
    labels = [
        style.label.replace(" ", "_").replace("-", "_").upper() for style in KIND_STYLES
    ]

    assert labels == [kind.name for kind in Kind]
    assert len({style.colour for style in KIND_STYLES}) == len(Kind)


@pytest.mark.parametrize(
    ("kind", "periods", "sums", "count"),
    [
        (Kind.QUASI_PERIODIC, 0, [-5.746, -5.745, -6.663], 2),
        (Kind.PERIODIC, 28, [-8.487, -8.488, -8.487], 1),
        (Kind.PERIODIC, (28, 56), [-8.5, -8.5], 2),
        (Kind.CHAOTIC, 0, [-11.0, -18.0, -15.0], 1),
    ],
)
def test_attractors_differ_by_period_and_contraction_but_chaos_is_one_attractor(
    kind, periods, sums, count
):
    assert count_attractors(runs(kind, periods, sums)) == count


def test_a_torus_has_dimension_one_and_chaos_that_of_kaplan_and_yorke():
    kinds = np.array([Kind.QUASI_PERIODIC, Kind.CHAOTIC, Kind.PERIODIC])
    spectra = np.array([[-1e-6, -0.5], [0.1, -0.4], [-0.1, -0.2]])

    assert dimensions(kinds, spectra) == pytest.approx([1, 1 + 0.1 / 0.4, 0])


def test_starts_that_differ_in_kind_or_period_matter_and_undecided_ones_do_not():
    kind = [[1, 1, 1, 3, 5], [1, 3, 1, 5, 1], [1, 1, 1, 2, 1]]
    period = [[4, 4, 8, 0, 0], [4, 0, 16, 0, 4], [4, 4, 8, 0, 4]]
    arrays = (xr.DataArray(values, dims=("start", "cell")) for values in (kind, period))

    assert start_matters(*arrays).values.tolist() == [
        [False, True, True, False, False],
        [False, False, False, True, False],
    ]


def test_a_percentage_says_what_its_samples_are():
    ledger = Ledger("name", "source")
    compare_percentage(ledger, "quantity", [0.0, 5.0, 100.0], "No number.")
    compare_percentage(ledger, "quantity", [40.0], "No number.")

    several, single = ledger.rows
    assert several.n == 3
    assert 0 <= several.low < 1 < 99 < several.high <= 100
    assert several.rule == "No number. One sample for each start: 0, 5, 100 %."
    assert (single.n, single.low, single.high) == (1, 40.0, 40.0)
    assert single.rule == "No number. One sample: cells of a grid are not independent."
