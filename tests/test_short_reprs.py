"""What is made of many numbers says what it is in a few lines, not all of them."""

import io
import re
import sys
from base64 import b64decode
from xml.etree import ElementTree

import jax
import numpy as np
import pytest
import xarray as xr
from matplotlib.image import imread as read_png

from helpers.random_models import random_model
from isinglass import training
from isinglass._common.notebook import html_maps, html_picture
from isinglass.data import InductionTask
from isinglass.data.few_shot import Task
from isinglass.data.mnist import Digits
from isinglass.dynamics import (
    attractor,
    basins,
    cycle,
    fixed_points,
    lyapunov_spectrum,
    power_spectrum,
    textbook,
)
from isinglass.systems import descent, interference, looped, memory
from isinglass.systems.interference import RelayNetwork, sweep_avalanches
from isinglass.systems.meanfield import Features, MeanField

LINE = 88


def spectrum():
    start, parameters = np.array([0.1, 0.1]), {"a": 1.4, "b": 0.3}
    return lyapunov_spectrum(textbook.henon, start, parameters, 100)


def a_cycle():
    return cycle(textbook.henon, np.array([0.6, 0.2]), {"a": 1.4, "b": 0.3})


def two_points():
    return fixed_points(lambda x, _: x / 2, np.ones((2, 1, 2)), {}, steps=4)


def looped_run():
    accuracy = (("seed", "step"), [[10.0, 50], [20, 90]])
    metrics = xr.Dataset({"accuracy": accuracy}, {"step": [5, 10]})
    config, task = looped.LoopedConfig(), InductionTask()
    return looped.Run(None, metrics, config, task, (looped.Recipe(),), (0, 3), {})


def memory_run():
    config = memory.TransformerConfig(8, 8, 4, 1, 1)
    model = random_model(memory.Transformer, config)
    metrics = xr.Dataset({"loss": ("step", [3.0, 2.5])}, {"step": [5, 10]})
    return memory.Run(model, metrics, memory.Recipe())


def a_descent():
    shape = descent.EnergyTransformerConfig(6, 2, 3, 7)
    block = descent.EnergyTransformer(shape, key=jax.random.key(0))
    return block.follow(np.ones((2, 4, 6)), 3)


def some_lanes():
    loss = (("lane", "step"), [[3.0, 2.0], [4.0, np.nan]])
    metrics = xr.Dataset({"loss": loss}, {"step": [5, 10]})
    return training.Lanes(None, metrics, np.array([-1, 7]))


def two_basins():
    starts = np.array([[-0.5], [0.5]])
    return basins(lambda x, _: np.float64(1.5) * x - x**3, starts, {})


def an_attractor():
    return attractor(textbook.henon, np.array([0.1, 0.1]), {"a": 1.4, "b": 0.3})


def a_task():
    digits = Digits(np.zeros((2, 28, 28), np.uint8), np.array([7, 7], np.uint8))
    return Task(digits, digits)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (Features.paper, "3 patterns, 2 positional bits"),
        (lambda: MeanField(Features.paper()), "MeanField(features=Features(3 patterns"),
        (spectrum, "of 100 steps"),
        (a_descent, "BlockDescent(3 steps, energy"),
        (two_basins, "by 50.0% of the starts"),
        (lambda: sweep_avalanches([0, 0.1, 0.2], 1.0), "Avalanches(1, largest 3)"),
        (lambda: RelayNetwork(np.zeros((3, 3))), "RelayNetwork(3 tensors, 0 routes)"),
        (a_cycle, "Cycle(period=1, multipliers -1.924, 0.1559)"),
        (two_points, "2 of 2 starts converged, 2 to a point that attracts"),
        (lambda: power_spectrum(np.ones(16)), "9 frequencies up to 0.5"),
        (looped_run, "Run(LoopedConfig, 2 seeds, 2 records to step 10)"),
        (memory_run, "2 records to step 10, loss 2.5 nats"),
    ],
)
def test_a_repr_is_short_and_says_what_it_is(make, words):
    text = repr(make())
    assert words in text
    assert "array(" not in text
    assert max(map(len, text.splitlines())) <= LINE
    assert len(text.splitlines()) <= 4


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (an_attractor, "<td>CHAOTIC</td>"),
        (spectrum, '<th scope="row">λ2</th>'),
        (a_cycle, "<caption>Cycle of period 1</caption>"),
        (two_basins, "<td>50.0%</td>"),
        (two_basins, 'aria-label="attractors"'),
        (a_descent, 'aria-label="energy by step"'),
        (looped_run, 'aria-label="accuracy, 15 to 70, by step to 10"'),
        (memory_run, 'aria-label="loss, 3 to 2.5, by step to 10"'),
        (some_lanes, '<th scope="row">diverged</th><td>1</td>'),
        (Features.paper, '<th scope="row">patterns M</th><td>3</td>'),
        (
            lambda: MeanField(Features.paper()),
            '<th scope="row">context L</th><td>4</td>',
        ),
        (a_task, '<th scope="row">pool</th>'),
        (lambda: a_task().pool, '<th scope="col">digit</th><th scope="col">7</th>'),
    ],
)
def test_a_notebook_shows_a_small_table(make, words):
    shown = make()._repr_html_()
    assert words in shown
    table, _, picture = shown.partition("<svg")
    assert len(table) < 2000
    assert len(picture) < 10_000
    ElementTree.fromstring(shown)  # well formed


def digits(count=4):
    rng = np.random.default_rng(0)
    pictures = np.zeros((count, 28, 28), np.uint8)
    pictures[:, 9:19, 9:19] = rng.integers(0, 255, (count, 10, 10))
    return pictures, np.arange(count) % 2


CLASSIFIERS = [
    interference.InterferenceClassifier,
    interference.TowerClassifier,
    interference.CoupledClassifier,
]


@pytest.mark.parametrize("make", CLASSIFIERS)
def test_a_notebook_shows_what_each_class_of_a_classifier_has_learned(make):
    model = make()
    assert "<img" not in model._repr_mimebundle_()["text/html"]
    model.fit(*digits())
    shown = model._repr_mimebundle_()["text/html"]
    assert shown.startswith("<")
    pictures = re.findall(r"data:image/png;base64,([^\"]+)", shown)
    assert len(pictures) == 2
    for name, picture in zip(("0", "1"), pictures, strict=True):
        assert f'<img alt="{name}"' in shown
        array = read_png(io.BytesIO(b64decode(picture)))
        assert array.min() < 0.5  # something is dark
        assert array.shape[0] == array.shape[1]


def test_what_no_longer_fits_shows_no_picture_and_no_error():
    model = interference.InterferenceClassifier().fit(*digits())
    model.set_params(n_durations=12)
    assert model._repr_html_() == "<pre>InterferenceClassifier(n_durations=12)</pre>"


def test_maps_are_black_where_they_are_largest_and_say_how_many_there_are():
    maps = {str(i): [[0.0, i], [np.nan, -np.inf]] for i in range(14)}
    shown = html_maps("a <label>", maps)
    assert "a &lt;label&gt; (the first 12 of 14)" in shown
    ElementTree.fromstring(shown)
    last = re.findall(r"base64,([^\"]+)", shown)[-1]
    np.testing.assert_allclose(read_png(io.BytesIO(b64decode(last))), [[1, 0], [1, 1]])
    assert html_maps("nothing", {"a": [[np.nan]]}) == ""


def test_a_notebook_is_shown_pictures_without_matplotlib(monkeypatch):
    model = interference.InterferenceClassifier().fit(*digits())
    for name in [name for name in sys.modules if name.startswith("matplotlib")]:
        monkeypatch.setitem(sys.modules, name, None)  # importing it is an error
    for result in (model, memory_run(), a_descent(), two_basins()):
        assert "<img" in result._repr_html_() or "<svg" in result._repr_html_()


@pytest.mark.parametrize(
    ("x", "y", "kind", "drawn"),
    [
        ([0, 1, 2], [0, 5, np.nan], "dots", 'd="M5,155h0M235,5h0"'),
        ([0, 1, 2], [3, 3, 3], "line", 'points="5,80 120,80 235,80"'),
    ],
)
def test_a_picture_fills_its_box_and_leaves_out_what_is_not_finite(x, y, kind, drawn):
    assert drawn in html_picture("a <label>", x, y, kind)
    assert 'aria-label="a &lt;label&gt;"' in html_picture("a <label>", x, y, kind)
    assert html_picture("nothing", [np.nan], [1.0], kind) == ""


def test_a_spectrum_shows_its_peak():
    shown = power_spectrum(np.sin(np.arange(64)))._repr_html_()
    assert ",5 " in shown  # the peak is at the top of the box
    ElementTree.fromstring(shown)
