"""The table of a sweep: what stands below it."""

import pytest
import xarray as xr

from isinglass.report.sweep import table


@pytest.mark.parametrize(
    ("transients", "caption"),
    [
        (
            [1000, 7000, 1030],
            "2 of 3 were judged after longer transients than 1,000 steps, up to 7,000.",
        ),
        ([1000, 1000, 1000], None),
    ],
)
def test_it_says_how_many_took_longer_to_settle(transients, caption):
    diagram = xr.Dataset(
        {"kind": ("r", [0, 3, 1]), "transient_steps": ("r", transients)},
        {"r": [2.0, 4.0, 3.2]},
        {"title": "Bifurcation diagram over r"},
    )
    assert table(diagram).caption == caption
