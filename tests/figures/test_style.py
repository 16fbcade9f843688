import matplotlib as mpl
import pytest

from isinglass.figures.style import house_style, render, subplots


def draw():
    figure, axes = subplots(1, 2, width=4, height=2)
    axes[0].plot([1, 3, 2], label="β")
    axes[0].legend()
    return figure


@pytest.mark.parametrize(
    ("kind", "signature"), [("png", b"\x89PNG"), ("svg", b"<?xml")]
)
def test_the_same_figure_gives_the_same_bytes(kind, signature):
    image = render(draw(), kind)
    assert image.startswith(signature)
    assert image == render(draw(), kind)


def test_no_style_is_left_behind():
    before = dict(mpl.rcParams)
    with house_style():
        assert dict(mpl.rcParams) != before
    render(draw(), "png")
    assert dict(mpl.rcParams) == before
