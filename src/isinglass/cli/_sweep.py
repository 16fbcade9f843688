"""``isinglass sweep`` and ``isinglass resume``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from isinglass._common.lazy import lazy_module
from isinglass.cli._compute import prepare
from isinglass.cli._errors import (
    FAILED,
    Debug,
    clear_errors,
    complain,
    console,
    exit_code,
    say,
)
from isinglass.cli._errors import folder as parsed_folder

if TYPE_CHECKING:
    from isinglass.explore.run import SweepResult

# Loaded when a command uses them: they import JAX or Matplotlib.
sweeps = lazy_module("isinglass.plot.sweeps")
recipes = lazy_module("isinglass.explore.recipe")
bars_module = lazy_module("isinglass._common.bars")
run = lazy_module("isinglass.explore.run")
sweep_report = lazy_module("isinglass.report.sweep")
notation = lazy_module("isinglass.explore.notation")

WHO, FEATURES = "Who computes", "The mean field's features"

Scheduler = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS",
        help="A Dask scheduler whose workers compute; by default this machine does.",
        show_default=False,
        rich_help_panel=WHO,
    ),
]
Cluster = Annotated[
    str | None,
    typer.Option(
        metavar="KIND",
        help="Start workers as jobs of a batch system: slurm, pbs, sge, lsf, htcondor "
        "or oar.",
        show_default=False,
        rich_help_panel=WHO,
    ),
]
ClusterOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="KEY=VALUE",
        help="Option of the dask-jobqueue cluster, such as queue=long, cores=8, "
        "memory=16GB, walltime=02:00:00; and jobs=4, how many to keep running. May be "
        "repeated.",
        show_default=False,
        rich_help_panel=WHO,
    ),
]


def sweep(
    target: Annotated[
        str,
        typer.Argument(
            metavar="MAP",
            help="'meanfield'; a textbook map: logistic, henon, standard, "
            "delayed-logistic or cubic; a textbook flow: lorenz, rossler or duffing; "
            "or 'path/to/file.py:function', a step of your own, function(state, "
            "parameters), or with --dt a vector field.",
            show_default=False,
        ),
    ],
    vary: Annotated[
        list[str],
        typer.Option(
            metavar="NAME=LOW:HIGH:COUNT",
            help="Parameter to vary; also NAME=LOW:HIGH:COUNT:log, or NAME=1,2,3. "
            "Given twice: a phase diagram.",
            show_default=False,
        ),
    ],
    fixed: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="Fixed parameter, by default the paper's (gamma = 220/√M, epsilon = "
            "0.02) or the textbook map's usual one. May be repeated.",
            show_default=False,
        ),
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(
            metavar="X,Y,…",
            help="Initial state; by default the map's own, of a file its `start`. Of "
            "meanfield and delay maps the last values, newest first.",
            show_default=False,
        ),
    ] = None,
    dt: Annotated[
        float | None,
        typer.Option(
            metavar="TIME",
            help="MAP is a vector field, dx/dt = function(state, parameters): a step "
            "is its flow over this time, by Runge and Kutta's method of order 4, and "
            "exponents are per unit of time.",
            show_default=False,
        ),
    ] = None,
    continuation: Annotated[
        str | None,
        typer.Option(
            "--continue",
            metavar="up|down|both",
            help="Start each value from its neighbour's attractor, in this direction.",
            show_default=False,
        ),
    ] = None,
    transient: Annotated[int, typer.Option(help="Steps before measuring.")] = 1000,
    steps: Annotated[int, typer.Option(help="Steps that are measured.")] = 1000,
    extensions: Annotated[
        int,
        typer.Option(
            help="How often an orbit whose kind is not certain is run on, each time "
            "for twice as long; 0 for never."
        ),
    ] = 2,
    exponents: Annotated[
        str,
        typer.Option(
            metavar="N|all", help="How many leading Lyapunov exponents; 0 for none."
        ),
    ] = "1",
    points: Annotated[
        int | None,
        typer.Option(
            help="Points of each orbit to keep; by default 100, and 0 in a phase "
            "diagram.",
            show_default=False,
        ),
    ] = None,
    section: Annotated[
        str | None,
        typer.Option(
            metavar="COMPONENT[=LEVEL]",
            help="Keep only points whose component (counted from 0) is near this "
            "level, 0 if none is given.",
            show_default=False,
        ),
    ] = None,
    section_tolerance: Annotated[
        float | None,
        typer.Option(
            help="How near, in the component's units; of meanfield by default the "
            "paper's 0.001.",
            show_default=False,
        ),
    ] = None,
    angle: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COMPONENT=PERIOD",
            help="A component (counted from 0) that is an angle, and its period, such "
            "as 0=2pi: it is then judged on the circle, wrapped or not. May be "
            "repeated; standard and duffing have theirs.",
            show_default=False,
        ),
    ] = None,
    qr_every: Annotated[
        str,
        typer.Option(
            metavar="N|auto", help="Steps between orthonormalisations: 1, 2, 4, 8, 16."
        ),
    ] = "auto",
    precision: Annotated[str, typer.Option(help="float64, or float32.")] = "float64",
    out: Annotated[
        Path,
        typer.Option(
            metavar="DIR",
            parser=parsed_folder,
            help="Folder for the results; if it holds this very sweep, it goes on.",
        ),
    ] = Path("isinglass-sweep"),
    lanes: Annotated[
        int | None,
        typer.Option(
            help="Most cells computed side by side, and what a stop can lose; by "
            "default what suits this machine.",
            rich_help_panel=WHO,
        ),
    ] = None,
    patterns: Annotated[
        int | None,
        typer.Option(
            metavar="M",
            help="Random segments with so many patterns, by default 3; without any of "
            "these options the paper's own features.",
            show_default=False,
            rich_help_panel=FEATURES,
        ),
    ] = None,
    segments: Annotated[
        int | None,
        typer.Option(
            metavar="S",
            help="Number of segments, by default 3.",
            show_default=False,
            rich_help_panel=FEATURES,
        ),
    ] = None,
    positional_bits: Annotated[
        int | None,
        typer.Option(
            metavar="P",
            help="Positional bits of the segments or the weights, by default 2.",
            show_default=False,
            rich_help_panel=FEATURES,
        ),
    ] = None,
    feature_seed: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Seed of the segments, by default 0.",
            show_default=False,
            rich_help_panel=FEATURES,
        ),
    ] = None,
    weights: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Weights instead, .npy or .npz: W^o, W^v, W^q, W^k in ±1, (4, M, N + "
            "P), the positional bits last.",
            show_default=False,
            rich_help_panel=FEATURES,
        ),
    ] = None,
    context: Annotated[
        int | None,
        typer.Option(
            metavar="L",
            help="Tokens in the window, by default 2^P.",
            show_default=False,
            rich_help_panel=FEATURES,
        ),
    ] = None,
    scheduler: Scheduler = None,
    cluster: Cluster = None,
    cluster_option: ClusterOption = None,
    debug: Debug = False,
) -> None:
    """Sweep a map over one parameter or two: attractors, Lyapunov exponents, a figure.

    Writes results.zarr (open it with xarray), diagram.png and diagram.svg into DIR. A
    sweep that was stopped, however it was, goes on with `isinglass resume DIR`, to the
    same bits.

    For example: `isinglass sweep meanfield --vary beta=1.24:1.28:500 --exponents all
    --out zoom`
    """
    varied = " and ".join(text.partition("=")[0] for text in vary)
    # The bar comes first: what follows imports JAX.
    with (
        clear_errors(debug),
        _followed(f"{target} over {varied}", out, debug) as tell,
        run.warnings_as_text(_tell_warning),
    ):
        recipe = recipes.MapOptions(
            target,
            start,
            weights=weights,
            patterns=patterns,
            segments=segments,
            positional_bits=positional_bits,
            feature_seed=feature_seed,
            context=context,
            dt=dt,
        ).recipe()
        axes = notation.axes(vary)
        measure = run.MeasureOptions(
            transient=transient,
            steps=steps,
            exponents=exponents,
            qr_every=qr_every,
            points=(100 if len(axes) == 1 else 0) if points is None else points,
            section=section,
            section_tolerance=recipe.section_tolerance(section_tolerance),
            precision=precision,
            angles=angle or (),
            extensions=extensions,
        ).measure()
        settings = notation.settings(fixed or [])
        workers = run.workers_of(scheduler, cluster, cluster_option)
        how = run.run_of(out, workers, tell, direction=continuation, lanes=lanes)
        result = run.start(recipe, axes, settings, measure, how)
    _show(result, debug)


def resume(
    directory: Annotated[
        Path,
        typer.Argument(
            metavar="DIR",
            parser=parsed_folder,
            help="Folder of `isinglass sweep --out DIR`.",
            show_default=False,
        ),
    ],
    target: Annotated[
        str | None,
        typer.Option(
            "--map",
            metavar="FILE.py:FUNCTION",
            help="Where the map is, if its file has moved away from the results.",
            show_default=False,
        ),
    ] = None,
    scheduler: Scheduler = None,
    cluster: Cluster = None,
    cluster_option: ClusterOption = None,
    debug: Debug = False,
) -> None:
    """Go on with a sweep that was stopped: by Ctrl-C, a crash, a full disk, `kill -9`.

    Ends with the same results, bit for bit, as if it had never been stopped. A map from
    a file is read from that file again, which may have moved together with the results.
    """
    with (
        clear_errors(debug),
        _followed(f"the sweep in {directory}", directory, debug) as tell,
        run.warnings_as_text(_tell_warning),
    ):
        workers = run.workers_of(scheduler, cluster, cluster_option)
        result = run.resume(directory, workers, progress=tell, target=target)
    _show(result, debug)


def _show(result: SweepResult, debug: bool) -> None:
    """Draw the figure, and print a table and where all is."""
    with clear_errors(debug, bad_input=False):
        about = sweeps.About(result.name, result.labels, result.section)
        with bars_module.Bars(console()) as bars:
            bars.step("drawing")
            png, svg = sweeps.write(result.dataset, result.directory, about)
        out = Console()
        out.print(sweep_report.table(result.dataset))
        lines = [] if result.hysteresis is None else [_hysteresis(result.hysteresis)]
        lines += [f"Figure:  {png}, {svg.name}", f"Results: {result.store}"]
        lines += [f'Open:    xarray.open_zarr("{result.store}")']
        out.print("\n".join(lines), markup=False, highlight=False, soft_wrap=True)


def _hysteresis(ranges: list[tuple[float, float]]) -> str:
    if not ranges:
        return "Up and down are alike: no hysteresis."
    intervals = [
        f"{low:.6g} to {high:.6g}" if high > low else f"{low:.6g}"
        for low, high in ranges
    ]
    intervals = [text.replace("-", "−") for text in intervals]
    rest = f", and in {len(intervals) - 5} more ranges" if len(intervals) > 5 else ""
    return f"Up and down differ at {', '.join(intervals[:5])}{rest}."


@contextmanager
def _followed(
    description: str, directory: Path, debug: bool
) -> Iterator[Callable[[float, float], Any]]:
    """A bar for a sweep; where it is stopped or the disk fails, how to go on."""
    begun = False
    try:
        with bars_module.Bars(console()) as bars, bars.follow(description) as draw:
            prepare()

            def tell(done: float, total: float) -> None:
                nonlocal begun
                begun = True
                draw(done, total)

            yield tell
    except KeyboardInterrupt as stop:
        if not begun:
            raise
        count = len(list((directory / "done").glob("*.json")))
        say(
            f"isinglass: interrupted; {count} finished tile{'' if count == 1 else 's'} "
            f"kept. `isinglass resume {directory}` goes on from there."
        )
        raise typer.Exit(exit_code(stop)) from None
    except OSError as error:
        if not begun:
            raise
        complain(error, debug, expected=True)
        raise typer.Exit(FAILED) from None


def _tell_warning(text: str) -> None:
    say(f"isinglass: warning: {text}")
