import numpy as np
import pytest
import xarray as xr

from isinglass.dynamics import Kind
from isinglass.experiments.meanfield import setting as paper
from isinglass.figures.attractors import KIND_STYLES
from isinglass.reproduce.experiment import Context
from isinglass.systems.meanfield import Features, MeanField, gamma_of


def test_the_gain_is_that_of_the_published_program():
    assert paper.parameters(1.3) == {
        "beta": 1.3,
        "gamma": pytest.approx(gamma_of(2.2, 100, 3), rel=1e-15),
        "epsilon": 0.02,
    }


def test_styles_stand_in_the_order_of_the_kinds():
    labels = [
        style.label.replace(" ", "_").replace("-", "_").upper() for style in KIND_STYLES
    ]

    assert labels == [kind.name for kind in Kind]
    assert len({style.colour for style in KIND_STYLES}) == len(Kind)


def test_the_start_is_the_first_output_pattern():
    parameters = paper.parameters(1.266)
    expected = MeanField(Features.paper()).start_from_pattern(parameters, 0, "o")

    found = paper.start(parameters)

    np.testing.assert_array_equal(found.window, expected.window)
    assert int(found.phase) == int(expected.phase)


def test_random_starts_do_not_depend_on_how_many_are_drawn_but_on_the_seed():
    two, five = (paper.random_starts(Context(1), count).window for count in (2, 5))
    other = paper.random_starts(Context(1, seed=1), 2).window

    np.testing.assert_array_equal(two, five[:2])
    assert not np.isin(other, two).any()
    assert np.abs(five).max() <= 1


def test_the_programs_exponents_descend():
    for exponents in paper.PROGRAM_EXPONENTS.values():
        assert len(exponents) == 12
        assert (np.diff(exponents) < 0).all()


def test_sweeps_are_stored_only_where_there_is_a_folder(tmp_path):
    assert Context(1).store("zoom") is None
    assert Context(1, sweeps=tmp_path).store("zoom") == tmp_path / "zoom"


def starts(*kinds_and_periods):
    names = ("kind", "period")
    return [
        xr.Dataset(
            {name: ("cell", values) for name, values in zip(names, pair, strict=True)}
        )
        for pair in kinds_and_periods
    ]


def test_starts_that_differ_in_kind_or_period_matter_and_undecided_ones_do_not():
    found = starts(
        ([1, 1, 1, 3, 5], [4, 4, 8, 0, 0]),
        ([1, 3, 1, 5, 1], [4, 0, 16, 0, 4]),
        ([1, 1, 1, 2, 1], [4, 4, 8, 0, 4]),
    )

    assert paper.start_matters(found).tolist() == [
        [False, True, True, False, False],
        [False, False, False, True, False],
    ]


def test_a_percentage_says_what_its_samples_are():
    several = paper.percentages(
        "name", "source", "quantity", [0.0, 5.0, 100.0], "No number."
    )
    one = paper.percentages("name", "source", "quantity", [40.0], "No number.")

    assert (several.n, several.low, several.high) == (3, 0.0, 100.0)
    assert several.rule == "No number. One sample for each start: 0, 5, 100 %."
    assert (one.n, one.low, one.high) == (1, 40.0, 40.0)
    assert one.rule == "No number. One sample: cells of a grid are not independent."
