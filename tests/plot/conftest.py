import pytest
from matplotlib import pyplot


@pytest.fixture(autouse=True)
def no_figures_stay():
    yield
    pyplot.close("all")
