"""Figures of sweeps, drawn from made-up diagrams: no map is run."""

import json

import numpy as np
import pytest
import xarray as xr

from isinglass.plot import render, sweep_figure
from isinglass.plot.bifurcations import symbol, varied
from isinglass.plot.kinds import CHAOTIC, DIVERGED, KIND_STYLES
from isinglass.plot.sweeps import About, write

LOGISTIC = ("logistic", ["x"])
UNITS = {"units": "nats per step"}


def diagram(directions=(), components=1):
    """A diagram over r: a fixed point, an orbit of period 2, chaos, and divergence."""
    r = np.linspace(2.8, 4.1, 12)
    rng = np.random.default_rng(0)
    kinds = np.where(
        r < 3, 0, np.where(r < 3.57, 1, np.where(r <= 4, CHAOTIC, DIVERGED))
    )
    points = 1 - 1 / r[:, None, None] + 0.1 * rng.normal(size=(12, 8, components))
    exponents = np.sort(rng.normal(size=(12, components)))[:, ::-1]
    exponents[kinds == DIVERGED] = np.nan
    dataset = xr.Dataset(
        {
            "kind": ("r", kinds),
            "points": (("r", "point", "component"), points),
            "exponents": (("r", "exponent"), exponents, UNITS),
        },
        {"r": r},
        {"parameters": json.dumps({"alpha": 0.5}), "title": "logistic"},
    )
    if directions:
        dataset = xr.concat([dataset] * len(directions), "direction")
        dataset = dataset.assign_coords(direction=list(directions))
    return dataset


def plane():
    rng = np.random.default_rng(1)
    return xr.Dataset(
        {
            "kind": (("beta", "r"), rng.integers(0, 6, (5, 7))),
            "exponents": (("beta", "r", "exponent"), rng.normal(size=(5, 7, 1)), UNITS),
        },
        {"beta": np.geomspace(1, 16, 5), "r": np.linspace(2, 4, 7)},
        {"parameters": "{}", "title": "plane"},
    )


def labels(figure):
    return [axes.get_ylabel() for axes in figure.axes]


def test_a_diagram_has_points_kinds_and_exponents_one_below_the_other():
    figure = sweep_figure(diagram(), *LOGISTIC)
    assert labels(figure) == ["x", "", "$\\lambda_1$\n(nats per step)"]
    points, _, leading = figure.axes
    assert points.get_title(loc="left") == "logistic, $\\alpha$ = 0.5"
    assert leading.get_xlabel() == "$r$"
    drawn = {line.get_color(): np.size(line.get_xdata()) for line in points.lines}
    assert drawn[KIND_STYLES[CHAOTIC].colour] > 0
    assert drawn[KIND_STYLES[DIVERGED].colour] == 0  # they lie anywhere
    (legend,) = figure.legends
    kinds = [text.get_text() for text in legend.get_texts()]
    assert kinds == ["fixed point", "periodic", "chaotic", "diverged"]


def test_directions_have_panels_of_their_own_and_a_common_one_of_exponents():
    figure = sweep_figure(diagram(["up", "down"]), *LOGISTIC)
    assert labels(figure)[::2] == ["x, upwards", "x, downwards", labels(figure)[4]]
    assert figure.axes[-1].get_legend_handles_labels()[1] == ["upwards", "downwards"]


def test_several_exponents_are_drawn_below_and_on_a_section_the_other_component():
    figure = sweep_figure(diagram(components=3), "map", ["x", "y", "z"], 0)
    assert labels(figure)[0] == "y\nwhere x is on the section"
    assert labels(figure)[-1] == "3 $\\lambda_i$\n(nats per step)"
    assert len(figure.axes[-1].lines) == 3 + 1  # and zero


def test_two_parameters_are_maps_of_kinds_and_of_the_leading_exponent():
    dataset = plane()
    figure = sweep_figure(dataset, "plane")
    kinds, exponents = figure.axes[:2]
    assert (kinds.get_xlabel(), kinds.get_ylabel()) == ("$\\beta$", "$r$")
    assert (kinds.get_xscale(), kinds.get_yscale()) == ("log", "linear")
    mesh = np.reshape(np.asarray(kinds.collections[0].get_array()), (7, 5))
    np.testing.assert_array_equal(mesh, dataset["kind"].values.T)
    assert exponents.get_title(loc="left") == "Leading Lyapunov exponent"
    low, high = exponents.collections[0].get_clim()
    assert low == -high


@pytest.mark.parametrize(
    ("about", "message"),
    [
        ({"labels": ["x"]}, "labels must name the 2 components, got 1"),
        ({"section": -1}, "section must be at least 0"),
        ({"section": 2}, "section must be below 2, got 2"),
    ],
)
def test_what_is_said_of_a_map_must_fit_its_sweep(about, message):
    with pytest.raises((TypeError, ValueError), match=message):
        sweep_figure(diagram(components=2), **about)


def test_a_sweep_is_drawn_in_ascending_order():
    dataset = diagram()
    turned = dataset.isel(r=slice(None, None, -1))
    images = [render(sweep_figure(x, *LOGISTIC), "png") for x in (dataset, turned)]
    assert images[0] == images[1]


def test_both_files_are_written(tmp_path):
    png, svg = write(diagram(), tmp_path, About(*LOGISTIC))
    assert png.read_bytes().startswith(b"\x89PNG")
    assert svg.read_bytes().startswith(b"<?xml")


@pytest.mark.parametrize(
    ("name", "text"),
    [("beta", "$\\beta$"), ("r", "$r$"), ("gain", "gain"), ("a$b", "a\\$b")],
)
def test_parameters_are_set_as_mathematics(name, text):
    assert symbol(name) == text


def test_varied_parameters_are_those_of_the_grid():
    assert varied(diagram(["up", "down"])) == ["r"]
    assert varied(plane()) == ["beta", "r"]
