import numpy as np
import pytest
import xarray as xr

from isinglass import plot
from isinglass._common.intervals import mean_interval
from isinglass.plot import COLOURS, log_ticks, render, subplots
from isinglass.plot.comparisons import names

SEEDS = 7


@pytest.fixture
def accuracy():
    """Of two arms at three lengths; the second arm has one run fewer."""
    values = np.random.default_rng(0).normal(80, 5, (SEEDS, 2, 3))
    values[-1, 1] = np.nan
    return xr.DataArray(
        values,
        dims=("seed", "arm", "length"),
        coords={"arm": ["plain", "penalised"], "length": [8, 16, 1024]},
    )


@pytest.fixture
def axes():
    return subplots()[1]


def dots(axes):
    """Coordinates of all dots of runs, by colour."""
    lines = [line for line in axes.lines if line.get_marker() == "o"]
    return {
        line.get_color(): np.concatenate(
            [
                other.get_xydata()
                for other in lines
                if other.get_color() == line.get_color()
            ]
        )
        for line in lines
    }


def bars(axes):
    """Ends of all intervals."""
    return [line.get_xydata() for line in axes.lines if line.get_linewidth() == 3]


def diamonds(axes):
    return [line.get_xydata() for line in axes.lines if line.get_marker() == "D"]


@pytest.mark.parametrize("upright", [False, True])
def test_settings_have_their_runs_and_the_interval_of_their_mean(
    axes, accuracy, upright
):
    draw = plot.columns if upright else plot.rows
    values = accuracy.sel(length=8)
    draw(values, axes, by="arm")

    place, measured = (0, 1) if upright else (1, 0)
    points = dots(axes)[COLOURS[0]]
    for arm, (name, bar) in enumerate(zip(values.arm.values, bars(axes), strict=True)):
        runs = values.sel(arm=name).dropna("seed").values
        row = points[np.round(points[:, place]) == arm]
        np.testing.assert_allclose(row[:, measured], runs)
        np.testing.assert_allclose(bar[:, measured], mean_interval(runs)[1:])
        np.testing.assert_array_equal(bar[:, place], arm)
    axis = axes.xaxis if upright else axes.yaxis
    labels = [label.get_text() for label in axis.get_ticklabels()]
    assert labels == ["plain", "penalised"]


def test_the_first_row_is_on_top_also_where_panels_share_their_axis(accuracy):
    _, panels = subplots(1, 2, sharey=True)
    for panel in panels:
        plot.rows(accuracy.sel(length=8), panel, by="arm")
    assert panels[0].get_ylim() == (1.5, -0.5)


def test_hues_lie_in_one_row_and_side_by_side_in_a_column(accuracy):
    across, upright = (subplots()[1] for _ in range(2))
    plot.rows(accuracy, across, by="length", hue="arm")
    plot.columns(accuracy, upright, by="length", hue="arm")

    assert set(dots(across)) == set(dots(upright)) == set(COLOURS[:2])
    assert [bar[0, 1] for bar in bars(across)] == [0, 1, 2, 0, 1, 2]
    plain, penalised = (dots(upright)[colour][:, 0] for colour in COLOURS[:2])
    assert plain.min() > -0.5
    for setting in range(3):
        left, right = (x[np.abs(x - setting) < 0.5] for x in (plain, penalised))
        assert left.max() < right.min()
    labels = across.get_legend_handles_labels()[1]
    assert labels == ["plain", "penalised"]


def test_what_a_paper_published_is_a_line_or_a_diamond_a_setting(accuracy):
    line, diamond, of_hue = (subplots()[1] for _ in range(3))
    by_length = xr.DataArray([90.0, np.nan, 70.0], dims="length")

    plot.rows(accuracy, line, by="length", hue="arm", paper=85.0)
    plot.rows(accuracy, diamond, by="length", hue="arm", paper=by_length)
    both = xr.concat([by_length, by_length + 1], "arm")
    plot.columns(accuracy, of_hue, by="length", hue="arm", paper=both)

    assert [x.get_xdata() for x in line.lines if x.get_label() == "paper"] == [[85, 85]]
    np.testing.assert_array_equal(diamonds(diamond), [[[90, 0], [np.nan, 1], [70, 2]]])
    plain, penalised = diamonds(of_hue)
    np.testing.assert_allclose(penalised - plain, [[0.4, 1], [0.4, np.nan], [0.4, 1]])
    for axes in (line, diamond, of_hue):
        assert axes.get_legend_handles_labels()[1] == ["plain", "penalised", "paper"]


@pytest.mark.parametrize(
    ("centre", "reduce"), [("mean", np.mean), ("median", np.median)]
)
def test_curves_are_every_run_and_their_centre(axes, accuracy, centre, reduce):
    values = accuracy.sel(arm="plain")
    plot.curves(values, axes, along="length", centre=centre, label="plain")

    *thin, thick = axes.lines
    assert [line.get_ydata().tolist() for line in thin] == values.values.tolist()
    np.testing.assert_allclose(thick.get_ydata(), reduce(values.values, axis=0))
    np.testing.assert_array_equal(thick.get_xdata(), accuracy.length)
    assert axes.get_legend_handles_labels()[1] == ["plain"]


def test_curves_of_several_hues_are_told_apart(axes, accuracy):
    plot.curves(accuracy, axes, along="length", hue="arm", linestyle="--")
    assert len(axes.lines) == 2 * (SEEDS + 1)
    assert {line.get_color() for line in axes.lines} == set(COLOURS[:2])
    assert {line.get_linestyle() for line in axes.lines} == {"--"}
    assert axes.get_legend_handles_labels()[1] == ["plain", "penalised"]
    assert np.isfinite(axes.lines[-1].get_ydata()).all()


@pytest.mark.parametrize("quantiles", [None, (0.25, 0.75), (0.25, 0.5, 0.75)])
def test_a_band_is_an_interval_or_quantiles(axes, accuracy, quantiles):
    values = accuracy.sel(arm="penalised")
    plot.band(values, axes, along="length", quantiles=quantiles)

    runs = values.dropna("seed").values
    if quantiles is None:
        middle, *border = np.array([mean_interval(column) for column in runs.T]).T
    else:
        border = np.quantile(runs, [quantiles[0], quantiles[-1]], axis=0)
        middle = np.median(runs, axis=0) if len(quantiles) == 3 else runs.mean(axis=0)
    (line,), (area,) = axes.lines, axes.collections
    np.testing.assert_allclose(line.get_ydata(), middle)
    (path,) = area.get_paths()
    for x, low, high in zip(values.length.values, *border, strict=True):
        y = path.vertices[path.vertices[:, 0] == x, 1]
        np.testing.assert_allclose([y.min(), y.max()], [low, high])


def test_a_band_ends_where_the_quantity_ends(axes, accuracy):
    largest = float(accuracy.sel(arm="plain").max())
    values = accuracy.sel(arm="plain").assign_attrs(valid_range=(0, largest))
    plot.band(values, axes, along="length")

    (area,) = axes.collections
    assert area.get_paths()[0].vertices[:, 1].max() < largest


@pytest.mark.parametrize("draw", [plot.rows, plot.columns])
def test_a_bar_ends_where_the_quantity_ends(axes, accuracy, draw):
    values = accuracy.sel(length=8).copy(deep=True)
    values[:] = np.where(np.arange(SEEDS), 100.0, 80.0)[:, None]
    draw(values, axes, by="arm")
    draw(values.assign_attrs(valid_range=[0, 100]), axes, by="arm")

    plain, within = np.array(bars(axes)).max(axis=(1, 2)).reshape(2, 2)
    assert (plain > 100).all()
    assert (within < 100).all()


def test_labels_beside_a_coordinate_are_its_names(accuracy):
    labelled = accuracy.assign_coords(arm_label=("arm", ["CE", "CE + penalties"]))
    assert names(labelled, "arm") == ["CE", "CE + penalties"]
    assert names(labelled.isel(arm=[1]), "arm") == ["CE + penalties"]
    assert names(accuracy, "length") == ["8", "16", "1,024"]


@pytest.mark.parametrize("draw", [plot.rows, plot.columns])
def test_other_dimensions_than_those_drawn_are_refused(axes, accuracy, draw):
    with pytest.raises(ValueError, match=r"dimensions length, seed, got .*'arm'"):
        draw(accuracy, axes, by="length")
    with pytest.raises(ValueError, match="dimensions"):
        plot.curves(accuracy, axes, along="length")
    with pytest.raises(ValueError, match="two or three"):
        plot.band(accuracy[:, 0], axes, along="length", quantiles=(0.5,))


def test_the_same_runs_give_the_same_picture(accuracy):
    def picture():
        figure, axes = subplots(width=3, height=2)
        plot.rows(accuracy, axes, by="length", hue="arm", paper=85.0)
        return render(figure, "png")

    assert picture() == picture()


def test_a_logarithmic_axis_has_plain_numbers_at_its_values(axes):
    log_ticks(axes, [8, 64, 1024])
    assert axes.get_xscale() == "log"
    assert [label.get_text() for label in axes.get_xticklabels()] == [
        "8",
        "64",
        "1,024",
    ]
