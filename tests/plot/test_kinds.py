import numpy as np

from isinglass.plot import cloud, kind_legend, kind_strip, subplots
from isinglass.plot.kinds import KIND_STYLES, edges


def test_edges_lie_halfway_between_values():
    np.testing.assert_allclose(edges(np.array([0.0, 1.0, 3.0])), [-0.5, 0.5, 2.0, 4.0])


def test_a_cloud_has_every_finite_point_in_the_colour_of_its_kind():
    _, axes = subplots()
    points = np.array([[0.1, np.nan], [0.2, 0.3]])

    cloud([1.0, 2.0], points, [1, 3], axes)

    drawn = {line.get_color(): line.get_xydata().tolist() for line in axes.lines}
    assert drawn[KIND_STYLES[1].colour] == [[1.0, 0.1]]
    assert drawn[KIND_STYLES[3].colour] == [[2.0, 0.2], [2.0, 0.3]]
    assert sum(map(len, drawn.values())) == 3


def test_a_strip_and_its_legend_agree_on_colours():
    figure, axes = subplots()
    kinds = np.array([3, 1, 3])

    kind_strip([0.0, 1.0, 2.0], kinds, axes)
    kind_legend(figure, kinds)

    (mesh,) = axes.collections
    colours = mesh.to_rgba(mesh.get_array()).reshape(3, 4)
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["periodic", "chaotic"]
    np.testing.assert_array_equal(colours[0], colours[2])
    assert not np.array_equal(colours[0], colours[1])
