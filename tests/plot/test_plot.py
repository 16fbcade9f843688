"""What every picture of `isinglass.plot` does, and what each of them shows."""

import doctest
from importlib import import_module
from inspect import signature
from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr
from matplotlib import pyplot
from matplotlib.figure import Figure

from isinglass import plot
from isinglass.dynamics import PowerSpectrum
from isinglass.plot.kinds import CHAOTIC, KIND_STYLES
from isinglass.plot.style import COLOURS, INK

RATES = {"units": "nats per step"}


def sweep():
    """A diagram over r, downwards: a fixed point, a 2-cycle, chaos, divergence."""
    r = np.array([4.2, 3.9, 3.2, 2.9])
    points = np.array([[9, 9], [0.3, 0.8], [0.5, 0.7], [0.6, np.nan]])
    return xr.Dataset(
        {
            "kind": ("r", [4, CHAOTIC, 1, 0]),
            "points": (("r", "point", "component"), points[..., None]),
            "exponents": (
                ("r", "exponent"),
                np.array([[np.nan] * 2, [0.5, -0.1], [-0.4, -0.6], [-0.2, -np.inf]]),
                RATES,
            ),
        },
        {"r": r},
    )


def orbit():
    return np.arange(12.0).reshape(4, 3)


def routes():
    probability = np.zeros((3, 2, 5))
    probability[0, 1, 2], probability[1, 1, 2], probability[2, 1, 4] = 0.2, 0.4, 0.1
    distance = np.array([[1, 1], [1, 1], [1, 3]])
    dimensions = ("source", "target", "duration")
    return xr.Dataset(
        {
            "probability": (dimensions, probability),
            "distance": (dimensions[:2], distance),
        }
    )


def heights():
    """A bowl whose energy is the squared distance from (1, 0)."""
    x, y = np.linspace(-1, 3, 9), np.linspace(-2, 2, 5)
    values = (x[:, None] - 1) ** 2 + y**2
    return xr.DataArray(values, {"x": x, "y": y})


def accuracy():
    values = np.array([[10, 50, 80], [20, 40, 90], [30, 60, 100.0]])
    return xr.DataArray(
        values,
        {"seed": [0, 1, 2], "step": [0, 10, 20]},
        name="accuracy",
        attrs={"units": "%", "valid_range": (0, 100)},
    )


def two_basins():
    left, right = (
        SimpleNamespace(points=np.array([[x, 0.0]]), kind=0, share=0.5)
        for x in (-1.0, 1.0)
    )
    labels = np.array([0, 0, 1, 1, -1, 0])
    return SimpleNamespace(labels=labels, attractors=(left, right), unstable=())


def grid():
    """Six starts, three across and two up, in no order."""
    return np.array([[-1, 0], [-1, 2], [3, 2], [3, 0], [1, 2], [1, 0]])


PICTURES = {
    plot.diagram: sweep,
    plot.exponents: sweep,
    plot.phase_plane: orbit,
    plot.spectrum: lambda: PowerSpectrum(np.arange(3) / 4, np.array([0, 4.0, 1])),
    plot.worldlines: routes,
    plot.energy_over_time: lambda: np.array([[0, 1, 4], [0, 2, 1]]),
    plot.landscape: heights,
    plot.force_lines: heights,
    plot.learning_curve: accuracy,
    plot.attention_rows: lambda: np.eye(3),
    plot.avalanches: lambda: np.array([1, 1, 1, 2, 40]),
    plot.hysteresis_loop: lambda: np.array([0.0, 1, 0, -1]),
    plot.basins: two_basins,
}
OTHERS = {
    plot.hysteresis_loop: {"response": np.array([0.0, 1, 1, -1])},
    plot.basins: {"starts": grid()},
}


@pytest.fixture
def ax():
    return Figure().subplots()


def lines(axes):
    return [np.transpose(line.get_data()).astype(float) for line in axes.lines]


@pytest.mark.parametrize("picture", PICTURES)
def test_it_draws_on_axes_and_returns_them_and_on_new_ones_if_there_are_none(
    picture, ax
):
    result, others = PICTURES[picture](), OTHERS.get(picture, {})
    assert picture(result, ax=ax, **others) is ax
    own = picture(result, **others)
    assert own.figure is not ax.figure
    assert own.has_data()
    assert ax.has_data()
    assert own.get_xlabel()
    assert own.get_ylabel()


@pytest.mark.parametrize("picture", PICTURES)
@pytest.mark.parametrize("other", [None, "text", 3.5, SimpleNamespace(points=1)])
def test_what_is_no_such_result_is_refused_by_the_name_of_the_argument(picture, other):
    name = next(iter(signature(picture).parameters))
    with pytest.raises((TypeError, ValueError), match=rf"^{name}\b.* must be "):
        picture(other, **OTHERS.get(picture, {}))
    with pytest.raises(TypeError, match=r"\bax(=| must)"):
        picture(PICTURES[picture](), ax="axes", **OTHERS.get(picture, {}))


def examples(name):
    picture = getattr(plot, name)
    module = import_module(picture.__module__)
    finder = doctest.DocTestFinder(exclude_empty=False)
    (example,) = finder.find(picture, globs={}, module=module)
    return example


EXAMPLES = {name: examples(name) for name in dir(plot) if callable(getattr(plot, name))}


@pytest.mark.parametrize("name", [n for n, case in EXAMPLES.items() if case.examples])
def test_the_example_of_its_docstring_runs(name):
    example = EXAMPLES[name]
    assert not doctest.DocTestRunner().run(example).failed


def test_every_picture_of_a_result_has_an_example():
    assert {picture.__name__ for picture in PICTURES} <= {
        name for name, case in EXAMPLES.items() if case.examples
    }


def test_no_figure_stays_of_what_could_not_be_drawn():
    with pytest.raises(AttributeError, match="shade"):
        plot.phase_plane(orbit(), shade=1)
    assert not pyplot.get_fignums()


def test_a_diagram_has_the_points_of_each_value_in_the_colour_of_its_kind(ax):
    plot.diagram(sweep(), ax)
    by_colour = {line.get_color(): np.c_[line.get_data()] for line in ax.lines}
    chaos = by_colour[KIND_STYLES[CHAOTIC].colour]
    np.testing.assert_array_equal(chaos, [[3.9, 0.3], [3.9, 0.8]])
    assert sum(map(len, by_colour.values())) == 5  # the orbit that diverged has none
    assert ax.get_xlim() == (2.9, 4.2)
    assert ax.get_xlabel() == "$r$"
    (legend,) = plot.diagram(sweep()).figure.legends
    assert "chaotic" in [text.get_text() for text in legend.get_texts()]


def test_leading_exponents_are_shaded_where_they_are_positive(ax):
    plot.exponents(sweep(), ax, count=1)
    leading, zero = lines(ax)
    np.testing.assert_array_equal(leading[:, 1], [-0.2, -0.4, 0.5, np.nan])
    np.testing.assert_array_equal(zero[:, 1], 0)
    (shade,) = ax.collections
    assert shade.get_datalim(ax.transData).y1 == 0.5
    assert ax.get_ylabel() == "$\\lambda_1$\n(nats per step)"
    fan = lines(plot.exponents(sweep()))
    assert len(fan) == 3
    assert np.isnan(fan[1][0, 1])  # minus infinity is not drawn


def test_exponents_of_both_directions_have_a_line_each(ax):
    both = xr.concat([sweep(), -sweep()], "direction", join="override")
    both = both.assign_coords(direction=["up", "down"], r=sweep().r)
    plot.exponents(both, ax, count=1)
    assert ax.get_legend_handles_labels()[1] == ["upwards", "downwards"]
    plot.exponents(both.isel(direction=[0]), ax)
    with pytest.raises(ValueError, match="count must be 1"):
        plot.exponents(both)
    with pytest.raises(ValueError, match="sweep must be of one direction"):
        plot.diagram(both)


@pytest.mark.parametrize(
    ("picture", "options", "message"),
    [
        (plot.diagram, {"component": 1}, "component must be below 1, got 1"),
        (plot.exponents, {"count": 0}, "count must be"),
        (plot.exponents, {"count": 3}, "count must be at most 2, got 3"),
        (plot.worldlines, {"colour": "dim"}, "colour must be a colour of Matplotlib"),
        (plot.phase_plane, {"components": (0, 3)}, r"components\[1\] must be below 3"),
        (plot.worldlines, {"target": 2}, "target must be below 2, got 2"),
        (plot.energy_over_time, {"labels": "ab"}, "labels must be a sequence"),
        (plot.energy_over_time, {"labels": ["a"]}, "labels must name the 2 targets"),
        (plot.landscape, {"bounds": (1, 1)}, "bounds must ascend, got 1 and 1"),
        (plot.landscape, {"bounds": (1, np.nan)}, r"bounds\[1\] must be finite"),
        (plot.landscape, {"patterns": [[1, 2, 3]]}, "patterns must be points of the"),
        (plot.learning_curve, {"hue": "length"}, "metric must have the dimensions"),
        (plot.attention_rows, {"iteration": 1}, "iteration must be None"),
        (plot.attention_rows, {"tokens": "ab"}, "tokens must name the 3 tokens"),
        (plot.hysteresis_loop, {"response": [1.0]}, "must be of one length"),
        (plot.basins, {"starts": [[0, 1]]}, "starts must be the 6 points"),
    ],
)
def test_options_out_of_range_are_refused(picture, options, message):
    with pytest.raises((ValueError, TypeError), match=message):
        picture(PICTURES[picture](), **options)


def test_two_parameters_are_no_diagram():
    plane = xr.Dataset({"points": (("r", "s", "point", "component"), np.ones([2] * 4))})
    with pytest.raises(ValueError, match="sweep must vary one parameter, got r, s"):
        plot.diagram(plane)


def test_a_phase_plane_has_the_components_and_the_colour_of_an_attractors_kind(ax):
    plot.phase_plane(orbit(), ax, components=(2, 0))
    np.testing.assert_array_equal(lines(ax)[0], orbit()[:, [2, 0]])
    cycle = SimpleNamespace(points=orbit(), kind=1, period=4, confidence=1.0)
    own = plot.phase_plane(cycle)
    assert own.get_title(loc="left") == "periodic, period 4"
    assert own.lines[0].get_color() == KIND_STYLES[1].colour
    assert plot.phase_plane(cycle, ax, color=INK).lines[-1].get_color() == INK


def test_a_spectrum_is_logarithmic_and_shows_nine_decades(ax):
    result = PICTURES[plot.spectrum]()
    plot.spectrum(result, ax)
    assert ax.get_yscale() == "log"
    np.testing.assert_allclose(ax.get_ylim(), (4e-9, 40))
    with pytest.raises(ValueError, match=r"signal\.power must be of shape"):
        plot.spectrum(result._replace(power=np.ones(2)))


def test_worldlines_run_from_the_distance_to_the_target_as_wide_as_likely(ax):
    plot.worldlines(routes(), ax, target=1)
    (fan,) = ax.collections
    segments = np.array(fan.get_segments())
    np.testing.assert_array_equal(segments, [[[1, 0], [0, 2]], [[3, 0], [0, 4]]])
    np.testing.assert_allclose(fan.get_linewidths(), [0.3 + 30 * 0.3, 0.3 + 30 * 0.1])
    assert (ax.get_xlim(), ax.get_ylim()) == ((0, 3.5), (0, 5))


def test_energies_have_a_line_a_target_and_a_legend_on_new_axes(ax):
    energy = PICTURES[plot.energy_over_time]()
    plot.energy_over_time(energy, ax, labels=np.array([3, 7]))
    assert [line.get_color() for line in ax.lines] == [*COLOURS[:2]]
    assert ax.get_legend_handles_labels()[1] == ["3", "7"]
    assert ax.get_legend() is None
    assert plot.energy_over_time(energy, labels=[3, 7]).get_legend() is not None
    with pytest.raises(ValueError, match="of one input"):
        plot.energy_over_time(energy[None])


def test_a_landscape_has_contours_evenly_spaced_in_distance(ax):
    path = np.array([[[3.0, 0]], [[2, 0]], [[1, 0]]])
    plot.landscape(heights(), ax, patterns=[[1, 0]], descent=path, bounds=(0, 4))
    filled, _ = ax.collections
    np.testing.assert_allclose(filled.levels, np.linspace(0, 2, 25))
    assert (ax.get_xlim(), ax.get_ylim()) == ((-1, 3), (-2, 2))
    star, way, start, end = lines(ax)
    np.testing.assert_array_equal(star, [[1, 0]])
    np.testing.assert_array_equal(way, path[:, 0])
    np.testing.assert_array_equal([*start, *end], [[3, 0], [1, 0]])


@pytest.mark.parametrize("energy", [0 * heights(), heights().where(False)])
def test_a_landscape_without_heights_needs_bounds(energy, ax):
    with pytest.raises(ValueError, match="energy must be finite, and not the same"):
        plot.landscape(energy, ax)
    plot.landscape(0 * heights(), ax, bounds=(-1, 1))


def test_an_energy_is_computed_around_its_patterns(ax):
    def distance(states, patterns):
        return np.square(states - patterns[0]).sum(-1)

    plot.landscape(distance, ax, patterns=[[0, 0], [1, 2]], resolution=5)
    assert ax.get_xlim() == pytest.approx((-0.7, 1.7))
    assert ax.get_ylim() == pytest.approx((-0.7, 2.7))
    with pytest.raises(ValueError, match="patterns must be there"):
        plot.landscape(distance)
    with pytest.raises(ValueError, match="energy must be a number for each state"):
        plot.landscape(lambda x, _: x, patterns=[[0, 0], [1, 2]])


def test_a_learning_curve_is_the_mean_in_an_interval_or_between_all_runs(ax):
    plot.learning_curve(accuracy(), ax)
    (mean,) = lines(ax)
    np.testing.assert_allclose(mean, [[0, 20], [10, 50], [20, 90]])
    (band,) = ax.collections
    (outline,) = band.get_paths()
    assert 0 < outline.vertices[:, 1].min() < 10
    assert 90 < outline.vertices[:, 1].max() < 100
    assert ax.get_ylabel() == "accuracy (%)"
    every = plot.learning_curve(accuracy(), each_run=True)
    assert len(every.lines) == 3 + 1
    alone = plot.learning_curve(accuracy().isel(seed=0))
    np.testing.assert_array_equal(lines(alone)[0][:, 1], [10, 50, 80])


def test_a_dataset_of_metrics_names_those_it_has():
    with pytest.raises(TypeError, match="one DataArray, such as one of 'accuracy'"):
        plot.learning_curve(accuracy().to_dataset())


def test_rows_of_attention_are_the_mean_of_heads_of_an_iteration(ax):
    rows = np.zeros((2, 2, 3, 3))
    rows[0, :, 1, 0], rows[1, 0, 2, 0] = 1, 0.5
    plot.attention_rows(SimpleNamespace(rows=rows), ax, iteration=1, tokens="abc")
    np.testing.assert_array_equal(ax.images[0].get_array(), rows[0, 0])
    assert [label.get_text() for label in ax.get_xticklabels()] == ["a", "b", "c"]
    last = plot.attention_rows(rows)
    assert last.get_title(loc="left") == "iteration 2"
    assert np.asarray(last.images[0].get_array())[2, 0] == 0.25
    with pytest.raises(ValueError, match="iteration must be at most 2, got 3"):
        plot.attention_rows(rows, iteration=3)


def test_avalanches_are_a_density_in_bins_with_the_law_in_their_colour(ax):
    sizes = SimpleNamespace(size=np.array([1, 1, 1, 2, 40]))
    plot.avalanches(sizes, ax, law=lambda s: 1 / s, color=INK)
    dots, law = lines(ax)
    np.testing.assert_allclose(dots[:2], [[1, 3 / 5], [2, 1 / 5]])
    assert len(dots) == 3
    np.testing.assert_allclose(law[:, 1], 1 / law[:, 0])
    assert {line.get_color() for line in ax.lines} == {INK}
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    own = plot.avalanches(sizes, per=100)
    assert own.get_ylabel() == "avalanches, number / 100 per size"
    (per_tensor,) = lines(own)
    np.testing.assert_allclose(per_tensor[0], [1, 3 / 100])


@pytest.mark.parametrize("wrong", [0, 1.5, np.inf, np.nan])
def test_sizes_of_avalanches_are_whole(wrong):
    message = rf"sizes must be whole numbers from 1, .* got {wrong:g} among an array"
    with pytest.raises(ValueError, match=message):
        plot.avalanches([1, wrong])


def test_a_loop_is_a_line_and_what_it_encloses(ax):
    field, response = [0.0, 1, 0, -1], [0.0, 1, 1, -1]
    plot.hysteresis_loop(field, response, ax, color=INK)
    np.testing.assert_array_equal(lines(ax)[0], np.transpose([field, response]))
    (area,) = ax.patches
    np.testing.assert_array_equal(area.get_xy()[:4], np.transpose([field, response]))


def test_basins_fill_the_plane_if_their_starts_are_a_grid(ax):
    plot.basins(two_basins(), grid(), ax)
    (mesh,) = ax.collections
    np.testing.assert_array_equal(
        np.reshape(np.asarray(mesh.get_array()), (2, 3)), [[0, 0, 1], [0, -1, 1]]
    )
    assert ax.get_xlim() == (-2, 4)
    assert [line.get_label() for line in ax.lines] == ["fixed point, 50%"] * 2
    scattered = grid() + np.arange(12).reshape(6, 2) / 100
    (dots,) = plot.basins(two_basins(), scattered).collections
    np.testing.assert_array_equal(dots.get_offsets(), scattered)
