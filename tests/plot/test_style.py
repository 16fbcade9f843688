import matplotlib as mpl
import pytest

from isinglass.plot.style import house_style, render, subplots


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


OF_A_USER = {
    "axes.facecolor": "black",
    "figure.constrained_layout.use": False,
    "font.family": "monospace",
    "font.size": 30,
    "lines.linewidth": 9,
    "savefig.transparent": True,
    "svg.fonttype": "none",
    "text.usetex": True,
    "xtick.top": True,
}


@pytest.mark.parametrize("kind", ["png", "svg"])
def test_a_users_style_changes_nothing(kind):
    def image():
        with house_style():
            figure = draw()
        return render(figure, kind)

    before = image()
    with mpl.rc_context(OF_A_USER):  # pyright: ignore[reportArgumentType]
        assert image() == before


def test_no_style_is_left_behind():
    before = dict(mpl.rcParams)
    with house_style():
        assert dict(mpl.rcParams) != before
    render(draw(), "png")
    assert dict(mpl.rcParams) == before
