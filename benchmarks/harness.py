"""What all benchmarks share: fair timing beside peers, and how far the machine is.

A `Work` has programs that do the same, the first of them ours. `measure` calls each
once before, which compiles, and then all in turn, round by round, so that whatever else
the machine does meets all alike. With them in the same rounds runs the *ceiling* that
the work is compared with, such as one large product.

Wall time is what a user waits for. Processor time, of all threads, is what it costs
where others use the machine, and the ratio to trust there.

    work = Work("sort a million", {"ours": Program(ours), "theirs": Program(theirs)})
    report(measure(work, options.rounds), options)
"""

from __future__ import annotations

import argparse
import json
import platform
import re
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import cache, partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from rich.console import Console
from rich.table import Table

from isinglass._common.machine import cores

Call = Callable[[], object]
LIMIT, MEMORY = "10⁹/s", "GiB at peak"
ASIDE = (LIMIT, MEMORY)


@dataclass(frozen=True)
class Row:
    """One measured number: how long a program takes for a work, or how much memory.

    Attributes:
        work: What is done.
        program: By whom.
        unit: Of the three numbers; "processor …" where it is processor time.
        median: Over the rounds.
        least: The smallest of them.
        most: The largest of them.
        times_ours: How many times ours the program takes: the median over the rounds of
            the ratios. NaN of ours alone, written as null.
        share_of_limit: What the ceiling of the same rounds would take, over what the
            program takes; NaN where no ceiling is compared with.
    """

    work: str
    program: str
    unit: str
    median: float
    least: float
    most: float
    times_ours: float = np.nan
    share_of_limit: float = np.nan


@dataclass(frozen=True)
class Program:
    """Who does a work.

    Attributes:
        run: One call.
        amount: How much of the work one call does, such as pictures.
        once: Whether it takes so long that one round is enough.
        warm: Whether it is to be called once before, which compiles.
        less: A call whose time is taken off, of a program that compiles in every call:
            half as much of the work.
    """

    run: Call
    amount: float = 1.0
    once: bool = False
    warm: bool = True
    less: Call | None = None


@dataclass(frozen=True)
class Ceiling:
    """What the machine can do of one kind, such as flops in a large product."""

    name: str
    run: Call
    operations: float


@dataclass(frozen=True)
class Work:
    """What programs do, the first of them ours.

    Attributes:
        name: What it is.
        programs: By name.
        unit: Of what is told, such as "µs a picture".
        scale: Of that unit to a second for one unit of the amount: 1e6 for µs.
        ceiling: What ours is compared with.
        operations: Of the ceiling's kind, for one unit of the amount.
    """

    name: str
    programs: Mapping[str, Program]
    unit: str = "s"
    scale: float = 1.0
    ceiling: Ceiling | None = None
    operations: float = np.nan


# -- ceilings --------------------------------------------------------------------------


@cache
def product(size: int = 2_048, dtype: str = "float32") -> Ceiling:
    """Flops of one large matrix product."""
    with jax.enable_x64(True):
        x = jnp.ones((size, size), dtype)
        multiply = jax.jit(jnp.matmul)

    def run() -> object:
        with jax.enable_x64(True):
            return multiply(x, x)

    return Ceiling(f"flops, product of {size:,}, {dtype}", run, 2.0 * size**3)


@cache
def copying(size: int = 1 << 25) -> Ceiling:
    """Bytes read and written by one large copy, on one thread."""
    source, target = np.ones(size), np.zeros(size)
    name = "bytes, copy on one thread"
    return Ceiling(name, lambda: np.copyto(target, source), 16.0 * size)


@cache
def elementwise(
    name: str,
    step: Callable[[jax.Array], jax.Array],
    operations: float = 1.0,
    length: int = 1,
    dtype: str = "float32",
) -> Ceiling:
    """Operations of a function of one number, chained, in the nearest cache.

    Args:
        name: What they are.
        step: The function.
        operations: Of one application.
        length: Applications to a number before the next one's turn.
        dtype: Of the numbers.
    """
    size = 512
    with jax.enable_x64(True):
        numbers = jnp.linspace(0.1, 0.9, size, dtype=dtype)

    @jax.jit
    def chain(x: jax.Array, repeats: int) -> jax.Array:
        def body(_: int, x: jax.Array) -> jax.Array:
            for _ in range(length):
                x = step(x)
            return x

        return jax.lax.fori_loop(0, repeats, body, x)

    def work(repeats: int) -> None:
        with jax.enable_x64(True):
            chain(numbers, repeats).block_until_ready()

    repeats = _repeats_for(work)

    def run() -> None:
        with ThreadPoolExecutor(cores()) as pool:  # XLA uses one core for these
            list(pool.map(work, [repeats] * cores()))

    return Ceiling(name, run, operations * length * repeats * size * cores())


def _repeats_for(work: Callable[[int], None], least: float = 0.1) -> int:
    """How long a loop must be for the start of its threads to take none of its time."""
    repeats = 1_000
    work(repeats)  # compiles
    while seconds(partial(work, repeats))[0] < least:
        repeats *= 2
    return repeats


# -- measuring -------------------------------------------------------------------------


def seconds(call: Call) -> np.ndarray:
    """Wall and processor time of one call, what JAX has under way included."""
    wall, processor = time.perf_counter(), time.process_time()
    jax.block_until_ready(call())
    return np.array([time.perf_counter() - wall, time.process_time() - processor])


def interleaved(calls: Mapping[str, Call], rounds: int) -> dict[str, np.ndarray]:
    """Wall and processor time of every call in every round, (rounds, 2)."""
    times = [[seconds(call) for call in calls.values()] for _ in range(rounds)]
    return dict(zip(calls, np.moveaxis(np.array(times), 1, 0), strict=True))


def measure(work: Work, rounds: int) -> list[Row]:
    """Time all programs in turn, with the ceiling in the same rounds."""
    for program in work.programs.values():
        if program.warm and not program.once:
            jax.block_until_ready(program.run())
    calls = {name: p.run for name, p in work.programs.items() if not p.once}
    less = {name: p.less for name, p in work.programs.items() if p.less is not None}
    calls |= {f"{name}, less": call for name, call in less.items()}
    if work.ceiling is not None:
        jax.block_until_ready(work.ceiling.run())
        calls["ceiling"] = work.ceiling.run
    times = interleaved(calls, rounds)
    limit = times.pop("ceiling", None)
    for name in [name for name in calls if name in less]:
        times[name] = times[name] - times.pop(f"{name}, less")
    for name, program in work.programs.items():
        if program.once:
            times[name] = np.array([seconds(program.run)])
    rows = [row for name in work.programs for row in _rows(work, name, times, limit)]
    if work.ceiling is not None and limit is not None:
        rates = 1e-9 * work.ceiling.operations / limit[:, 0]
        numbers = float(np.median(rates)), float(rates.min()), float(rates.max())
        rows.append(Row(work.name, f"limit: {work.ceiling.name}", LIMIT, *numbers))
    return rows


def _rows(
    work: Work, name: str, times: Mapping[str, np.ndarray], limit: np.ndarray | None
) -> Iterable[Row]:
    """Wall and processor time of one program."""
    first = next(iter(work.programs))
    own = work.scale * times[name] / work.programs[name].amount
    ours = work.scale * times[first] / work.programs[first].amount
    ratios = own / (ours if len(own) == len(ours) else np.median(ours, axis=0))
    for column, unit in enumerate((work.unit, f"processor {work.unit}")):
        share = np.nan
        if work.ceiling is not None and limit is not None:
            rate = work.ceiling.operations / limit[:, column]
            least = work.scale * work.operations / np.median(rate)
            share = float(least / np.median(own[:, column]))
        numbers = own[:, column]
        yield Row(
            work.name,
            name,
            unit,
            float(np.median(numbers)),
            float(numbers.min()),
            float(numbers.max()),
            float(np.median(ratios[:, column])),
            share,
        )


def peak_memory(work: str, program: str, code: str, kind: str = "VmHWM") -> Row:
    """Peak GiB of a fresh process that runs some code (Linux).

    Args:
        work: For the row.
        program: For the row.
        code: Lines of Python, run where the benchmarks can be imported.
        kind: "VmHWM", resident; or "RssAnon", sampled, without the pages of files.
    """
    # Not getrusage, whose high-water mark a process inherits from its parent.
    lines = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})",
        "from harness import watch_memory",
        f"peak = watch_memory({kind!r})",
        code,
        "print(peak())",
    )
    command = [sys.executable, "-c", "\n".join(lines)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    peak = int(output.split()[-1]) / 2**20
    return Row(work, program, MEMORY, peak, peak, peak)


def watch_memory(kind: str) -> Callable[[], int]:
    """In a fresh process: what tells its peak so far in KiB."""
    import threading

    def now() -> int:
        status = Path("/proc/self/status").read_text()
        return int(re.findall(rf"{kind}:\s*(\d+) kB", status)[0])

    if kind == "VmHWM":
        return now
    peaks = [0]

    def watch() -> None:
        while True:
            peaks[0] = max(peaks[0], now())
            time.sleep(0.01)

    threading.Thread(target=watch, daemon=True).start()
    return lambda: peaks[0]


# -- telling ---------------------------------------------------------------------------


def options_of(
    description: str | None, rounds: int = 5, **numbers: int
) -> argparse.ArgumentParser:
    """A parser with `--rounds`, `--json`, and whole numbers by their defaults."""
    parser = argparse.ArgumentParser(description=(description or "").splitlines()[0])
    for name, default in {"rounds": rounds, **numbers}.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--json", type=Path, help="file to write all rows to")
    return parser


def report(rows: Iterable[Row], options: argparse.Namespace) -> None:
    """Print a table for each work, say what machine it is, and write the rows."""
    rows, console = list(rows), Console(width=120)
    works: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        works[row.work].append(row)
    for name, those in works.items():
        console.print(_table(name, those))
    console.print(machine())
    write(rows, options)


def write(rows: Iterable[Row], options: argparse.Namespace) -> None:
    """Write the rows, if there is a file to write them to."""
    if options.json:
        options.json.write_text(json.dumps([as_json(row) for row in rows], indent=1))


def as_json(row: Row) -> dict[str, str | float | None]:
    """A row with null for what is not there."""
    fields = asdict(row).items()
    return {name: None if value != value else value for name, value in fields}


def machine() -> str:
    """Processor, cores, and the device of JAX where it is another."""
    path = Path("/proc/cpuinfo")
    names = re.findall(
        r"model name\s*: (.*)", path.read_text() if path.exists() else ""
    )
    name = names[0] if names else platform.processor() or platform.machine()
    device = jax.devices()[0]
    other = "" if device.platform == "cpu" else f", {device.device_kind}"
    return f"{name}, {cores()} cores{other}; JAX {jax.__version__}"


def _table(name: str, rows: list[Row]) -> Table:
    """A line a program, with its processor time and memory beside."""
    unit = next((row.unit for row in rows if row.unit not in ASIDE), rows[0].unit)
    table = Table(title=f"{name}: {unit}", title_justify="left")
    columns = ("median", "range", "× ours", "limit", "processor", "× ours", "limit")
    for column in ("", *columns, "GiB"):
        table.add_column(column, justify="right" if column else "left")
    programs: dict[str, dict[str, Row]] = defaultdict(dict)
    for row in rows:
        programs[row.program][row.unit] = row
    for program, those in programs.items():
        if limit := those.get(LIMIT):
            before = f"{table.caption}; " if table.caption else ""
            table.caption = f"{before}{program}: {limit.median:.4g} {LIMIT}"
            continue
        cells = [program]
        for kind in (unit, f"processor {unit}"):
            row = those.get(kind)
            cells += _cells(row, with_range=kind == unit)
        memory = those.get(MEMORY)
        table.add_row(*cells, f"{memory.median:.2f}" if memory else "")
    return table


def _cells(row: Row | None, with_range: bool) -> list[str]:
    if row is None:
        return ["", "", "", ""] if with_range else ["", "", ""]
    ratio, share = row.times_ours, row.share_of_limit
    return [
        f"{row.median:.3g}",
        *([f"{row.least:.3g} – {row.most:.3g}"] if with_range else []),
        "" if ratio != ratio or ratio == 1 else f"{ratio:,.3g}",
        "" if share != share else f"{share:.0%}",
    ]
