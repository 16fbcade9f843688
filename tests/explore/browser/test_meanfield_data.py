"""The network of the mean field that the explorer ships is the paper's."""

from isinglass.explore.browser import meanfield_data
from isinglass.explore.browser.sections import shipped


def test_the_shipped_network_is_what_python_computes():
    assert shipped("beta") == meanfield_data.make()
