import pytest

from isinglass.figures import house_style


@pytest.fixture
def styled():
    """The style in which every figure is drawn."""
    with house_style():
        yield
