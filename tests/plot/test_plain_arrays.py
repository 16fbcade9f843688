"""What is drawn of plain arrays: marks, planes, kinds, and a picture in space-time."""

from inspect import signature
from typing import Any

import numpy as np
import pytest
import xarray as xr
from matplotlib.figure import Figure

from isinglass import plot
from isinglass.plot.kinds import KIND_STYLES

X, Y = np.array([1.0, 2, 4]), np.array([3.0, np.nan, 5])
PLANE = np.arange(6.0).reshape(2, 3)
RUNS = xr.DataArray(
    [[1.0, 5], [2, 6], [3, 8]],
    {"seed": [0, 1, 2], "arm": ["a", "b"]},
    name="accuracy",
    attrs={"units": "%"},
)
CALLS = {
    plot.line: {"x": X, "y": Y},
    plot.ribbon: {"x": X, "low": X - 1, "high": X + 1},
    plot.bars: {"x": X, "heights": X},
    plot.stems: {"x": X, "y": X},
    plot.published: {"x": X, "y": X},
    plot.interval: {"runs": X, "place": 1.0},
    plot.picture: {"values": PLANE},
    plot.heat_map: {"x": X, "y": X[:2], "values": PLANE},
    plot.exponent_map: {"x": X, "y": X[:2], "exponents": PLANE - 3},
    plot.contours: {"x": X, "y": X[:2], "values": PLANE, "levels": [1.0, 2.0]},
    plot.kind_strip: {"values": X, "kinds": [0, 1, 3]},
    plot.kind_map: {"x": X, "y": X[:2], "kinds": PLANE % 4},
    plot.cloud: {"values": X, "points": PLANE.T, "kinds": [0, 1, 3]},
    plot.rows: {"values": RUNS, "by": "arm"},
    plot.columns: {"values": RUNS, "by": "arm"},
    plot.curves: {"values": RUNS.assign_coords(arm=[0, 1]), "along": "arm"},
    plot.band: {"values": RUNS.assign_coords(arm=[0, 1]), "along": "arm"},
}


@pytest.fixture
def ax():
    return Figure(layout="constrained").subplots()


@pytest.mark.parametrize("draw", CALLS)
def test_it_draws_on_axes_and_returns_them_and_on_new_ones_if_there_are_none(draw, ax):
    assert draw(**CALLS[draw], ax=ax) is ax
    own = draw(**CALLS[draw])
    assert own.figure is not ax.figure
    assert own.has_data()
    assert ax.has_data()


@pytest.mark.parametrize("draw", CALLS)
@pytest.mark.parametrize("other", [None, "text", [[1.0], [2.0, 3.0]], {1}])
def test_what_is_no_such_array_is_refused_by_the_name_of_the_argument(draw, other):
    arrays = [
        name
        for name, value in CALLS[draw].items()
        if not isinstance(value, str | float)
    ]
    for name in arrays:
        with pytest.raises((TypeError, ValueError), match=rf"^{name}\b.* must be "):
            draw(**CALLS[draw] | {name: other})
    with pytest.raises(TypeError, match=r"\bax(=| must)"):
        draw(**CALLS[draw], ax="axes")
    assert "ax" in signature(draw).parameters


@pytest.mark.parametrize(
    ("draw", "options", "message"),
    [
        (plot.line, {"y": X[:2]}, "x and y must be as many"),
        (plot.line, {"error": X[:2]}, "error must be of shape"),
        (plot.line, {"style": 1}, "style"),
        (plot.ribbon, {"low": X[:2]}, "x, low and high must be as many"),
        (plot.bars, {"heights": PLANE.T}, "heights must be of shape"),
        (plot.stems, {"base": np.inf}, "base must be finite"),
        (plot.published, {"y": X[:2]}, "x and y must be as many"),
        (plot.interval, {"runs": [np.nan]}, "must"),
        (plot.picture, {"values": X}, "values must be of shape"),
        (plot.heat_map, {"x": X[:1]}, "values must be of shape"),
        (plot.contours, {"levels": [2, 1]}, "levels must be ascending"),
        (plot.contours, {"levels": [1], "filled": True}, "two at least"),
        (plot.kind_strip, {"kinds": [0, 1, 6]}, "kinds must be from 0 to 5, got 6"),
        (plot.kind_strip, {"values": X[::-1]}, "values must be two ascending"),
        (plot.kind_map, {"x": X[:2]}, "x must be the 3 values or the 4 borders"),
        (plot.cloud, {"points": PLANE}, "values must be of shape"),
        (plot.rows, {"by": "length"}, "values must have the dimensions length, seed"),
        (plot.rows, {"values": RUNS.to_dataset()}, "such as one of 'accuracy'"),
        (plot.curves, {"centre": "mode"}, "centre must be"),
        (plot.band, {"quantiles": (0.5, 2)}, r"quantiles\[1\] must be"),
    ],
)
def test_options_out_of_range_are_refused(draw, options, message):
    with pytest.raises((ValueError, TypeError), match=message):
        draw(**CALLS[draw] | options)


def test_a_line_has_its_numbers_and_bars_as_far_as_the_error_reaches(ax):
    plot.line(X, Y, ax, "o", color="red")
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), Y)
    assert ax.lines[0].get_linestyle() == "None"
    plot.line(X, X, ax, error=[X / 2, X])
    (bars,) = ax.collections
    ends = [segment[:, 1].tolist() for segment in bars.get_segments()]
    assert ends == [[0.5, 2], [1, 4], [2, 8]]
    assert len(plot.line(X, PLANE.T).lines) == 2


def test_stems_reach_from_the_base_to_their_dots(ax):
    plot.stems(X, X, ax, base=0.5, color="red")
    (stems,) = ax.collections
    assert [segment[:, 1].tolist() for segment in stems.get_segments()] == [
        [0.5, 1],
        [0.5, 2],
        [0.5, 4],
    ]
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), X)


def test_a_map_takes_values_or_the_borders_of_its_cells(ax):
    borders = [0.5, 1.5, 3, 5]
    for x in (X, borders):
        plot.kind_map(x, [1.0, 3.0], PLANE % 4, ax)
    halfway, borderline = (mesh.get_coordinates()[0, :, 0] for mesh in ax.collections)
    np.testing.assert_allclose(halfway, borders)
    np.testing.assert_allclose(borderline, borders)
    legend = plot.kind_map(X, X[:2], np.full((2, 3), 3)).figure.legends[0]
    assert [text.get_text() for text in legend.get_texts()] == [KIND_STYLES[3].label]


def test_exponents_are_white_at_0_and_minus_infinity_is_the_deepest(ax):
    exponents = np.array([[-np.inf, -2, -1], [0, 1, np.nan]])
    plot.exponent_map(X, X[:2], xr.DataArray(exponents, attrs={"units": "bits"}), ax)
    (mesh,) = ax.collections
    assert mesh.norm.vmin == -mesh.norm.vmax
    colours = mesh.to_rgba(mesh.get_array())
    assert (colours.reshape(-1, 4)[0] == mesh.cmap(0.0)).all()
    assert ax.figure.axes[1].get_ylabel() == "$\\lambda_1$ (bits)"


def test_a_new_figure_of_runs_names_the_quantity_and_the_hues():
    both = xr.concat([RUNS, RUNS + 1], xr.Variable("model", ["old", "new"]))
    own: Any = plot.rows(both, by="arm", hue="model")
    assert own.get_xlabel() == "accuracy (%)"
    assert [text.get_text() for text in own.get_legend().get_texts()] == ["old", "new"]
    assert plot.columns(RUNS, by="arm").get_ylabel() == "accuracy (%)"


def spacetime(**options):
    patches = np.arange(9.0) - 4
    return plot.spacetime_figure(
        **{
            "picture": np.full((27, 27), 0.5),
            "probability": np.full((81, 1, 5), 0.2),
            "sources": np.stack(np.meshgrid(patches, patches), -1).reshape(81, 2),
            "targets": [[4.0, 4.0]],
        }
        | options
    )


def test_a_picture_in_spacetime_has_a_line_for_every_route_of_inked_patches():
    picture = np.zeros((27, 27))
    picture[:3, :6] = 1  # two patches
    figure: Any = spacetime(picture=picture, names=["A"], label="below")
    (axes,) = figure.axes
    *_, routes = axes.collections
    assert len(routes.get_colors()) == 2 * 5
    assert {text.get_text() for text in axes.texts} == {"A", "below"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"picture": np.zeros((28, 28))}, "picture must be of shape"),
        ({"targets": "corner"}, "targets must be"),
        ({"label": 1}, "label"),
        ({"names": [1]}, "names"),
        ({"names": ["A", "B"]}, "names must name the 1 targets, got 2"),
    ],
)
def test_what_is_no_picture_with_routes_is_refused(options, message):
    with pytest.raises((ValueError, TypeError), match=message):
        spacetime(**options)
