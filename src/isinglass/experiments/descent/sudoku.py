"""Sudokus by layers that descend an energy, beside transformers of the same loops."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import jax.numpy as jnp
import numpy as np
import xarray as xr

from isinglass import plot
from isinglass._common.intervals import mean_interval
from isinglass.experiments.descent import sudoku_arms as arms
from isinglass.experiments.descent import sudoku_training as training
from isinglass.experiments.descent.layers import numbers_of
from isinglass.experiments.descent.sudoku_arms import ARMS, ENERGIES, HYPERSETS, Shape
from isinglass.experiments.descent.sudoku_puzzles import (
    Pool,
    guessed,
    make_pool,
    split_for_tuning,
    split_of_seed,
)
from isinglass.experiments.descent.sudoku_training import SPANS, Setting, Trainings
from isinglass.plot import COLOURS, MUTED, subplots
from isinglass.reproduce import Cell, Context, Figure, Ledger

LOOPS, WHEN, HALVES = ("T", "2T"), ("x(0)", "x(T)"), ("α", "γ")
PAPER = {
    (arms.PUBLISHED, "T"): 54.70,
    (arms.LOOPED, "T"): 49.30,
    (arms.PUBLISHED, "2T"): 57.2,
    (arms.LOOPED, "2T"): 51.2,
}
OTHERWISE = (
    "The paper's are of 9 × 9 puzzles from a set of hard ones, models of width 768 and "
    "T = 24"
)
OURS = "The paper has no such number"
# First less second, on the same seeds, grids and batches.
PAIRS = (
    *((arms.PUBLISHED, arm) for arm in ARMS if arm != arms.PUBLISHED),
    (arms.WITH_STEPS, arms.LOOPED),
    (arms.EXACT, arms.LOOPED),
)
DRAWN = (arms.PUBLISHED, arms.EXACT, arms.LOOPED, arms.WITH_STEPS, arms.ET_WHOLE)
DEFAULT = Setting(
    Shape(4, width=16, heads=2),
    iterations=8,
    puzzles=4800,
    givens=(4, 8),
    steps=1500,
    batch=32,
    rates=(1e-3, 3e-3, 1e-2, 3e-2),
    search_steps=500,
    search_seeds=2,
    tests=400,
)
# As many steps in the search, and as many rates as seeds: one program does for both.
QUICK = Setting(
    Shape(4, width=8, heads=2),
    iterations=2,
    puzzles=240,
    givens=(6, 9),
    steps=40,
    batch=16,
    rates=(3e-3, 1e-2),
    search_steps=40,
    search_seeds=1,
    tests=40,
    arms=(arms.PUBLISHED, arms.LOOPED),
)
FULL = replace(
    DEFAULT,
    shape=Shape(4, width=32, heads=4),
    puzzles=9600,
    batch=64,
    search_steps=750,
    search_seeds=3,
    tests=1000,
)
SETTINGS = {
    "quick": (QUICK,),
    "default": (DEFAULT,),
    # Those of 6 × 6 and 9 × 9 have never been run.
    "full": (
        FULL,
        replace(
            FULL,
            shape=Shape(6, width=32, heads=4),
            iterations=12,
            givens=(10, 18),
            steps=6000,
            search_steps=2000,
        ),
        replace(
            FULL,
            shape=Shape(9, width=128, heads=4, waves=64),
            iterations=24,
            givens=(30, 40),
            steps=20_000,
            search_steps=5000,
            rates=(1e-4, 3e-4, 1e-3, 3e-3),
        ),
    ),
}


def measure(context: Context) -> xr.Dataset:
    """Boards solved by arm and iteration, and what the layers do to their energies."""
    boards: list[xr.Dataset] = []
    for setting in SETTINGS[context.resolution]:
        rng = context.rng("puzzles", setting.shape.size)
        context.progress.step(f"making {setting.board} puzzles")
        pool = make_pool(setting.shape.size, setting.puzzles, setting.givens, rng)
        boards.append(_board(context, setting, pool))
    names = [setting.board for setting in SETTINGS[context.resolution]]
    return xr.concat(boards, xr.Variable("board", names), join="outer")


def _board(context: Context, setting: Setting, pool: Pool) -> xr.Dataset:
    """All arms on puzzles of one size."""
    splits = [split_of_seed(pool, context.rng("split", s)) for s in context.seeds]
    tuning = split_for_tuning(pool)
    tables = empty_tables(context, setting)
    for seed, split in zip(context.seeds, splits, strict=True):
        chance = guessed(pool.puzzles[split.test[: setting.tests]]).mean()
        tables["chance"].loc[seed] = 100 * chance
    for (arm,) in context.cases(setting.arms, what=f"arms on {setting.board}"):
        trainings = Trainings(context, setting, pool, arm)
        losses = trainings.search(tuning)
        rate = setting.rates[int(np.argmin(losses))]
        tables["search"].loc[arm] = losses
        tables["rate"].loc[arm] = rate
        lanes = trainings.report(splits, rate)
        tables["diverged"].loc[arm] = lanes.diverged.sum()
        for place, seed in enumerate(context.seeds):
            solver = lanes.of(place).solver
            tables["parameters"].loc[arm] = numbers_of(solver, solver.layer)
            _test(tables, (arm, seed), (setting, pool), (solver, splits[place]))
    return xr.Dataset(tables)


def empty_tables(context: Context, setting: Setting) -> dict[str, xr.DataArray]:
    """Make what is measured of puzzles of one size, to be filled in."""
    table, trained = context.table, setting.arms
    layers, hypersets = setting.of(ENERGIES), setting.of(HYPERSETS)
    percent = partial(table, unit="%", valid_range=(0, 100))
    seeds = list(context.seeds)
    iterations = setting.iterations
    return {
        "solved": percent(
            arm=trained, iteration=range(1, 2 * iterations + 1), seed=seeds
        ),
        "boards": percent(arm=trained, loops=LOOPS, seed=seeds),
        "again": percent(arm=trained, seed=seeds),
        "chance": percent(seed=seeds),
        "search": table(unit="nats", arm=trained, tried=setting.rates),
        "rate": table(arm=trained),
        "parameters": table(arm=trained),
        "diverged": table(arm=trained),
        "rises": percent(layer=layers, span=SPANS, seed=seeds),
        "energy": table(layer=layers, time=range(2 * iterations + 1), seed=seeds),
        "rank": table(hyperset=hypersets, when=WHEN, seed=seeds),
        "angle": table(unit="degrees", hyperset=hypersets, when=WHEN, seed=seeds),
        "negative": percent(hyperset=hypersets, half=HALVES, seed=seeds),
    }


def _test(
    tables: dict[str, xr.DataArray], case: tuple, source: tuple, model: tuple
) -> None:
    """Fill in what is measured of one model."""
    (arm, seed), (setting, pool), (solver, split) = case, source, model
    places, iterations = split.test[: setting.tests], setting.iterations
    tests, solutions = jnp.asarray(pool.puzzles[places]), pool.solutions[places]
    course = training.solved(solver, tests, jnp.asarray(solutions), 2 * iterations)
    tables["solved"].loc[arm, :, seed] = course
    tables["boards"].loc[arm, :, seed] = course[np.array([1, 2]) * iterations - 1]
    if setting.shape.size == 4:  # others have a grid of its own for each puzzle
        places = split.again[: setting.tests]
        puzzles, solutions = (jnp.asarray(part[places]) for part in pool[:2])
        course = training.solved(solver, puzzles, solutions, iterations)
        tables["again"].loc[arm, seed] = course[-1]
    if arm in ENERGIES:
        rises, energy = training.descent(solver, tests, iterations)
        tables["rises"].loc[arm, :, seed] = rises
        tables["energy"].loc[arm, :, seed] = energy
    if arm in HYPERSETS:
        for name, value in (
            training.geometry(solver, tests, iterations)._asdict().items()
        ):
            tables[name].loc[arm, :, seed] = value


def pairs(part: xr.Dataset) -> list[tuple[str, str]]:
    """Arms that are compared, of those that were trained."""
    trained = set(part.arm.values)
    return [pair for pair in PAIRS if trained.issuperset(pair)]


def difference(
    measured: xr.Dataset, first: str, second: str, loops: str = "T"
) -> xr.DataArray:
    """Boards that the first arm solves more than the second, in points, by seed."""
    boards = measured.boards.sel(loops=loops)
    points = boards.sel(arm=first) - boards.sel(arm=second)
    points.attrs = {"units": "points"}
    return points


def longer(measured: xr.Dataset, arm: str) -> xr.DataArray:
    """Boards that an arm solves more after 2T iterations than after T, in points."""
    boards = measured.boards.sel(arm=arm)
    points = boards.sel(loops="2T") - boards.sel(loops="T")
    points.attrs = {"units": "points"}
    return points


def compare(measured: xr.Dataset, ledger: Ledger) -> None:
    """Boards solved beside the paper's, paired differences, energies and tokens."""
    for board in measured.board.values:
        part = measured.sel(board=board)
        _compare_boards(part, ledger, board)
        _compare_pairs(part, ledger, board)
        _compare_layers(part, ledger, board)


def _compare_boards(part: xr.Dataset, ledger: Ledger, board: str) -> None:
    table = f"{board} boards solved, grids not trained on"
    ledger = ledger.using(source="Sudoku", because=OURS)
    boards = ledger.using(table=table, because=OTHERWISE)
    for arm in part.arm.values:
        for loops in LOOPS:
            boards.other_setting(
                Cell(arm, loops, f"{board}: {arm}, {loops}"),
                part.boards.sel(arm=arm, loops=loops),
                PAPER.get((arm, loops)),
            )
        if part.again.notnull().all():
            trained = "other puzzles of grids trained on, T"
            place = Cell(arm, trained, f"{board}: {arm}, {trained}")
            boards.ours_alone(place, part.again.sel(arm=arm), because=OURS)
    guess = Cell("guesses among what rules allow", "T", f"{board}: guesses")
    boards.ours_alone(guess, part.chance, because=OURS)
    sizes = ledger.using(table=f"{board}, models")
    for arm in part.arm.values:
        for name in ("parameters", "rate"):
            value = [float(part[name].sel(arm=arm))]
            sizes.ours_alone(Cell(arm, name, f"{board}: {arm}, {name}"), value)


def _compare_pairs(part: xr.Dataset, ledger: Ledger, board: str) -> None:
    ledger = ledger.using(
        source="Sudoku", because=OURS, table=f"{board} boards, first less second"
    )
    for first, second in pairs(part):
        row = f"{first} − {second}"
        for loops in LOOPS:
            place = Cell(row, loops, f"{board}: {row}, {loops}")
            ledger.ours_alone(place, difference(part, first, second, loops))
    more = ledger.using(table=f"{board} boards, 2T less T")
    for arm in part.arm.values:
        place = Cell(arm, "2T − T", f"{board}: {arm}, 2T − T")
        more.ours_alone(place, longer(part, arm))


def _compare_layers(part: xr.Dataset, ledger: Ledger, board: str) -> None:
    ledger = ledger.using(source="Energy", because=OURS)
    rises = ledger.using(table=f"{board}, iterations in which the energy rises")
    for layer in part.layer.values:
        for span in SPANS:
            place = Cell(layer, span, f"{board}: energy rises, {layer}, {span}")
            rises.ours_alone(place, part.rises.sel(layer=layer, span=span))
    tokens = ledger.using(table=f"{board}, projections of tokens")
    names = {"rank": ("effective rank", "when"), "angle": ("mean angle", "when")}
    for layer in part.hyperset.values:
        for name, (words, along) in names.items():
            for when in WHEN:
                column = f"{words}, {when}"
                place = Cell(layer, column, f"{board}: {layer}, {column}")
                value = part[name].sel({"hyperset": layer, along: when})
                tokens.ours_alone(place, value)
    signs = ledger.using(table=f"{board}, steps below 0")
    for layer in part.hyperset.values:
        for half in HALVES:
            place = Cell(layer, half, f"{board}: {layer}, {half} below 0")
            signs.ours_alone(place, part.negative.sel(hyperset=layer, half=half))


def draw(measured: xr.Dataset) -> Iterator[Figure]:
    """Boards solved by arm and by iteration, and the course of the energies."""
    for index, board in enumerate(measured.board.values):
        part = measured.sel(board=board)
        name = "" if index == 0 else f"-{board[0]}"
        yield _boards(part, measured, index, name)
        yield _energies(part, measured, index, name)


def _boards(part: xr.Dataset, measured: xr.Dataset, index: int, name: str) -> Figure:
    setting = SETTINGS[measured.resolution][index]
    figure, (left, right) = subplots(
        1, 2, width=11, height=4.4, gridspec_kw={"width_ratios": (1.2, 1)}
    )
    plot.rows(part.boards, left, by="arm", hue="loops")
    left.axvline(float(part.chance.mean()), color=MUTED, linestyle=":", linewidth=1.2)
    left.set(xlabel="boards solved in %", xlim=(-2, 102))
    left.legend(loc="lower right", title="iterations")
    drawn = [arm for arm in DRAWN if arm in part.arm.values]
    times = slice(1, 2 * setting.iterations)
    courses = part.solved.sel(arm=drawn, iteration=times)
    plot.band(courses, right, along="iteration", hue="arm", colours=COLOURS)
    right.axvline(setting.iterations, color=MUTED, linestyle=":", linewidth=1.2)
    right.set(xlabel="iterations at test", ylim=(-2, 102))
    right.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return Figure(
        figure,
        f"{setting.board} boards of grids that were not trained on, whose empty cells "
        "are all right. Left: a dot is one seed, the bar the mean with its 95 % "
        "confidence interval; dotted: guesses among what the rules allow. Right: means "
        "with their intervals after fewer and more iterations than trained with "
        f"(dotted, T = {setting.iterations}).",
        part=name.lstrip("-"),
    )


def _energies(part: xr.Dataset, measured: xr.Dataset, index: int, name: str) -> Figure:
    setting = SETTINGS[measured.resolution][index]
    figure, panels = subplots(2, 3, width=11, height=5.6, sharex=True)
    times = slice(0, 2 * setting.iterations)
    for panel, layer in zip(panels.flat, part.layer.values, strict=False):
        energy = part.energy.sel(layer=layer, time=times)
        first = energy.isel(time=0)
        plot.curves(energy - first, panel, along="time", colours=COLOURS[:1])
        panel.axvline(setting.iterations, color=MUTED, linestyle=":", linewidth=1.2)
        panel.set(title=layer)
    for panel in panels[1]:
        panel.set_xlabel("iteration")
    for panel in panels[:, 0]:
        panel.set_ylabel("E − E at the start")
    return Figure(
        figure,
        f"Energy of {setting.board} boards by iteration, mean over boards, less what "
        "it was at the start. Thin: a trained model each; thick: their mean; dotted: "
        "T, up to which they were trained.",
        part=f"energy{name}",
    )


def tell(measured: xr.Dataset) -> dict[str, object]:
    """Every size of board: its setting, the differences, and what they say."""
    settings = SETTINGS[measured.resolution]
    return {
        "cases": [
            _case(measured.sel(board=setting.board), setting) for setting in settings
        ],
        "seeds": measured.sizes["seed"],
        "hyperset": arms.PUBLISHED,
        "exact": arms.EXACT,
        "positive": arms.POSITIVE,
        "looped": arms.LOOPED,
        "with_steps": arms.WITH_STEPS,
    }


def _case(part: xr.Dataset, setting: Setting) -> dict[str, object]:
    ends = setting.rates[0], setting.rates[-1]
    later = {arm: _gap(longer(part, arm))["word"] for arm in part.arm.values.tolist()}
    return {
        "part": part,
        "setting": setting,
        "gaps": {pair: _gap(difference(part, *pair)) for pair in pairs(part)},
        "boards": lambda arm, loops: part.boards.sel(arm=arm, loops=loops),
        "arms": part.arm.values.tolist(),
        "best": str(part.boards.sel(loops="T").mean("seed").idxmax("arm").values),
        "better": [arm for arm, word in later.items() if word == "more"],
        "worse": [arm for arm, word in later.items() if word == "fewer"],
        "falling": [
            layer
            for layer in part.layer.values.tolist()
            if not part.rises.sel(layer=layer, span="1 to T").any()
        ],
        "edges": int(part.rate.isin(ends).sum()),
        "again": bool(part.again.notnull().all()),
        "rises": float(part.rises.sel(layer=arms.PUBLISHED).mean()),
        "diverged": int(part.diverged.sum()),
    }


def _gap(points: xr.DataArray) -> dict[str, object]:
    """A difference, and whether its interval says "more" or "fewer"."""
    _, low, high = mean_interval(points.values)
    word = "more" if low > 0 else "fewer" if high < 0 else "no clear difference"
    return {"points": points, "word": word}
