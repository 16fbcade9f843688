"""Space-time diagrams of the routes before and after training: Figs. 1 to 3 of Tang 2020."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from isinglass.experiments.interference.setting import (
    CLASSES,
    generator,
    in_time,
    load_task,
    model_seed,
    train,
    training_set,
)
from isinglass.reproduce import Context, Experiment, Figure, Outcome, Row, compare

if TYPE_CHECKING:
    from isinglass.data.few_shot import Task
    from isinglass.systems.interference import InterferenceClassifier

NAME = "interference-worldlines"
SHOWN = 2  # the digit in the picture in space and time


def run(context: Context) -> Outcome:
    """Draw the worldlines of the digits and of the double slit."""
    task = load_task(context)
    context.progress.step("training")
    digits = training_set(context, task, 5, 0)
    after = train(context, task, 0)
    before = train(context, task, 0).forget(*digits)
    picture = task.test.images[np.flatnonzero(task.test.labels == SHOWN)[0]]
    context.progress.step("drawing")
    figures = [
        _spacetime(after, picture),
        _light_cones(before, after),
        _double_slit(context),
    ]
    shares = np.array(
        [_shares_in_time(context, task, seed) for seed in range(context.seeds)]
    )
    return Outcome(_rows(shares), figures, _findings(shares))


def _shares_in_time(context: Context, task: Task, seed: int) -> list[float]:
    """Share of signals in time for their target, before and after training."""
    after = train(context, task, seed)
    trained = in_time(after)
    untrained = in_time(after.forget(*training_set(context, task, 5, seed)))
    return [float(untrained.sum(-1).mean()), float(trained.sum(-1).mean())]


def _rows(shares: np.ndarray) -> list[Row]:
    silent = "The paper draws its worldlines and gives no number."
    return [
        compare(
            NAME,
            "Figs. 1–3",
            f"signals in time for their target, {when} training",
            100 * shares[:, i],
            paper=None,
            unit="%",
            because=silent,
        )
        for i, when in enumerate(("before", "after"))
    ]


# -- figures ---------------------------------------------------------------------------


def _spacetime(model: InterferenceClassifier, picture: np.ndarray) -> Figure:
    """Fig. 2: the picture on the floor, time upwards, signals from inked patches to each corner."""
    from matplotlib.figure import Figure as Canvas

    from isinglass.figures.style import COLOURS, INK

    canvas = Canvas(figsize=(9, 7.2))
    axes: Any = canvas.add_axes(
        (0.0, 0.0, 1.0, 1.0), projection="3d", computed_zorder=False
    )
    pixels = picture[:27, :27] / 255
    _floor(axes, pixels)
    inked = pixels.reshape(9, 3, 9, 3).mean(axis=(1, 3)).ravel() > 0.25
    sources = np.asarray(model.geometry_.sources)[inked]
    sent = in_time(model)[inked] / in_time(model).max()
    for index, target in enumerate(np.asarray(model.geometry_.targets)):
        _signals(axes, sources, target, sent[:, index], COLOURS[index])
        top = (*target, model.n_durations + 0.6)
        name = f"target {CLASSES[index]}"
        axes.text(*top, name, color=COLOURS[index], ha="center", weight="bold", size=12)
    axes.set(xlim=(-5, 5), ylim=(-5, 5), zlim=(0, model.n_durations))
    axes.set_box_aspect((1, 1, 0.85), zoom=0.94)
    axes.view_init(elev=33, azim=-62)
    axes.set_axis_off()
    label = f"floor: a digit {SHOWN} at time 0\nupwards: time"
    axes.text2D(0.03, 0.04, label, transform=axes.transAxes, color=INK)
    caption = (
        f"A digit {SHOWN} in space and time, after training with five pictures per "
        "class. Time "
        "runs upwards. Every inked patch sends signals to the four targets at the "
        "corners; a line is a route, its strength the learned probability of its "
        "travel duration. Sources that were similar to a class's field send to its "
        "target."
    )
    return Figure("interference-spacetime", canvas, caption)


def _floor(axes: Any, pixels: np.ndarray) -> None:
    """The picture as tiles at time 0, pixel (14, 14) at the origin, three pixels to a unit."""
    from mpl_toolkits.mplot3d.art3d import Poly3DCollection

    corner = np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]])
    sheet = Poly3DCollection(
        [4.5 * corner], facecolors="#f1eee6", edgecolors="none", zorder=0
    )
    axes.add_collection3d(sheet)
    dark = np.argwhere(pixels > 0.1)
    tiles = [np.array([*(place - 13) / 3, 0]) + corner / 6 for place in dark]
    shades = [(0.11, 0.15, 0.2, pixels[i, j]) for i, j in dark]
    axes.add_collection3d(
        Poly3DCollection(tiles, facecolors=shades, edgecolors="none", zorder=1)
    )


def _signals(
    axes: Any,
    sources: np.ndarray,
    target: np.ndarray,
    strength: np.ndarray,
    colour: str,
) -> None:
    """Lines from each source at time 0 to the target at each duration, as strong as likely."""
    from mpl_toolkits.mplot3d.art3d import Line3DCollection

    routes = np.argwhere(strength > 0.02)
    lines = [[(*sources[s], 0), (*target, delta)] for s, delta in routes]
    weight = strength[tuple(routes.T)]
    colours = [(*_rgb(colour), 0.06 + 0.44 * w) for w in weight]
    collection = Line3DCollection(
        lines, colors=colours, linewidths=0.3 + 1.4 * weight, zorder=2
    )
    axes.add_collection3d(collection)
    post = np.column_stack([target, target])
    axes.plot(*post, [0, strength.shape[1] - 1], color=colour, linewidth=2.5, zorder=3)


def _rgb(colour: str) -> tuple[float, float, float]:
    from matplotlib.colors import to_rgb

    return to_rgb(colour)


def _light_cones(
    before: InterferenceClassifier, after: InterferenceClassifier
) -> Figure:
    """Figs. 1 and 2 in one space dimension: distance from the target against time."""
    from matplotlib.collections import LineCollection

    from isinglass.figures.style import COLOURS, subplots

    figure, panels = subplots(
        2, len(CLASSES), width=11, height=6, sharex=True, sharey=True
    )
    distances = before.geometry_.distances
    for row, (name, model) in enumerate((("before", before), ("after", after))):
        sent = in_time(model)
        for column, (digit, colour) in enumerate(zip(CLASSES, COLOURS, strict=False)):
            panel = panels[row, column]
            lines, widths = [], []
            for distance in np.unique(distances[:, column]):
                at = distances[:, column] == distance
                for delta, p in enumerate(sent[at, column].mean(axis=0)):
                    if p > 1e-4:
                        lines.append([(distance, 0), (0, delta)])
                        widths.append(p)
            widths = np.array(widths)
            colours = [(*_rgb(colour), min(1.0, 0.08 + 9 * p)) for p in widths]
            panel.add_collection(
                LineCollection(lines, colors=colours, linewidths=0.3 + 30 * widths)
            )
            panel.set_title(f"target {digit}, {name}")
            panel.set_xlim(0, distances.max() + 0.5)
            panel.set_ylim(0, model.n_durations)
    for panel in panels[:, 0]:
        panel.set_ylabel("time in steps")
    for panel in panels[-1]:
        panel.set_xlabel("distance from target")
    caption = (
        "Space-time diagrams before and after training (K=5, 1 epoch). A signal starts "
        "at its source's distance at time 0 and arrives at the target (distance 0) "
        "after its travel duration; straight lines stand for detours of that length. "
        "Width is the probability, averaged over the sources at that distance. "
        "Training mutes the sources that are not similar to the field."
    )
    return Figure("interference-worldlines", figure, caption)


def _double_slit(context: Context) -> Figure:
    """Fig. 3: routes from the two slits to the two targets."""
    from isinglass.data.double_slit import make_waves
    from isinglass.experiments.interference.double_slit import (
        SOURCES,
        TARGETS,
        K,
        classifier,
    )
    from isinglass.figures.style import COLOURS, INK, subplots

    waves = make_waves(K, generator(context, "waves", 0))
    after = classifier(model_seed(context, 0)).fit(*waves)
    before = classifier(model_seed(context, 0)).fit(*waves).forget(*waves)
    figure, panels = subplots(1, 2, width=8.5, height=4.6, sharex=True, sharey=True)
    reachable = after.geometry_.reachable(after.n_durations)
    for panel, name, model in zip(
        panels, ("before", "after"), (before, after), strict=True
    ):
        routes = model.route_probabilities_ * reachable
        for s, source in enumerate(SOURCES):
            for c, target in enumerate(TARGETS):
                for delta, p in enumerate(routes[s, c]):
                    panel.plot(
                        [source, target],
                        [0, delta],
                        color=COLOURS[c],
                        linewidth=0.2 + 40 * p,
                        alpha=min(1.0, 0.1 + 8 * p),
                    )
        panel.plot(
            SOURCES, [0, 0], "o", color=INK, markersize=9, clip_on=False, zorder=3
        )
        panel.set_title(f"{name.capitalize()} training")
        panel.set_xlabel("position")
        panel.set_xticks(
            [*TARGETS, *SOURCES],
            ["in-phase\ntarget", "out-of-phase\ntarget", "slit", "slit"],
        )
        panel.set_ylim(0, after.n_durations)
    panels[0].set_ylabel("travel duration in steps")
    caption = (
        "Routes of the double slit from the two slits to the two targets, before and "
        "after five waves of each kind. Width is the probability. The durations that "
        "remain differ between the slits by what makes the waves of one kind meet in "
        "step."
    )
    return Figure("interference-double-slit-worldlines", figure, caption)


def _findings(shares: np.ndarray) -> str:
    before, after = 100 * shares.mean(axis=0)
    return (
        f"Before training {before:.0f} % of all signals are sent with durations long "
        f"enough to arrive; after five pictures per class {after:.0f} %. Learning is "
        "mostly silence: "
        "sources that are not similar to a class's field stop sending to it, and the "
        "few that are stand out."
    )


EXPERIMENT = Experiment(
    name=NAME,
    title="Worldlines of the signals",
    paper="Tang 2020",
    source="Figs. 1–3",
    question="What do the routes look like in space and time, before and after training?",
    duration=5,
    quick_duration=4,
    default_seeds=20,
    quick_seeds=5,
    run=run,
)
