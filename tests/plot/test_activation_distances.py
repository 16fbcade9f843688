"""The figure of distances, drawn from a made-up report: no model is run."""

import numpy as np
import pytest
import xarray as xr
from matplotlib.patches import StepPatch

from isinglass.plot import radius_figure

EDGES = np.linspace(0, 4, 9)
LAYERS = ["0", "1", "final"]


def report(layers=LAYERS, scale=1.0):
    fractions = [0.5, 1.0]
    shape = (len(layers), 2)
    rng = np.random.default_rng(0)
    median = scale * np.sort(rng.uniform(1, 3, shape))
    spread = median[..., None] * [0.7, 1.0, 1.4]
    return xr.Dataset(
        {
            "histogram": (
                ("layer", "fraction", "bin"),
                rng.integers(1, 9, (*shape, 8)),
            ),
            "median": (("layer", "fraction"), median),
            "quantile_distance": (("layer", "fraction", "quantile"), spread),
            "asymptote": 1.4,
            "twice_asymptote": 2.8,
        },
        {
            "layer": layers,
            "fraction": fractions,
            "quantile": [0.05, 0.5, 0.95],
            "bin_edges": ("edge", EDGES),
        },
    )


def test_histograms_of_the_last_layer_are_densities():
    figure = radius_figure(report())
    axes = figure.axes[0]
    assert axes.get_title(loc="left") == "Layer final"
    names = axes.get_legend_handles_labels()[1]
    assert names[-2:] == ["√(n/2πe)", "twice that"]
    for step in axes.patches:
        assert isinstance(step, StepPatch)
        values, edges, _ = step.get_data()
        assert (values * np.diff(edges)).sum() == pytest.approx(1)


def test_layers_are_beside_them_with_their_medians():
    dataset = report()
    axes = radius_figure(dataset).axes[1]
    for line, fraction in zip(axes.lines, [0.5, 1.0], strict=False):
        expected = dataset["median"].sel(fraction=fraction)
        np.testing.assert_array_equal(line.get_ydata(), expected)
    assert [label.get_text() for label in axes.get_xticklabels()] == LAYERS
    assert axes.get_yscale() == "log"


def test_one_layer_has_histograms_alone():
    assert len(radius_figure(report(["final"])).axes) == 1


def test_distances_that_are_all_0_have_a_linear_axis():
    assert radius_figure(report(scale=0.0)).axes[1].get_yscale() == "linear"
