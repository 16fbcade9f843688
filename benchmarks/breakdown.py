"""Where the time of a compiled program goes, operation by operation, on a CPU.

    python benchmarks/breakdown.py [looped|predict] [--length N --batch N --most N]

*looped*: loss and gradient of a training step of one seed. *predict*: energies of 256
pictures. XLA's profiler times each operation; medians times how often it runs, so that
other work on the machine counts little. Operations are of a kind by what they end with:
an exponential with what is fused before it counts as one.
"""

from __future__ import annotations

import argparse
import gzip
import json
import re
import tempfile
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np
from rich.console import Console
from rich.table import Table

import harness

RUNS = 5
KINDS = {
    "product": r"dot_general|^dot",
    "exponential": r"exp$",
    "reduction": r"reduce_",
}
OTHER = "elementwise, copies"


def looped(options: argparse.Namespace) -> tuple[Any, Any]:
    """Loss and gradient of a step, all penalties."""
    from isinglass.systems.looped import LoopedTransformer
    from looped import CONFIG, TASK, Stage, _steps, recipe

    length = options.length
    stage = Stage(TASK, replace(recipe(length), batch=options.batch))
    model = LoopedTransformer(CONFIG, key=jax.random.key(0))
    drawn = _steps.draw(jax.random.key(1), length, 0, stage)
    batch = jax.tree.map(lambda x: x[..., :length], drawn)
    gradient = jax.grad(partial(_steps.loss, stage=stage), has_aux=True)
    return jax.jit(gradient), (model, batch, length, 0)


def predict(_: argparse.Namespace) -> tuple[Any, Any]:
    """Peak energies of the paper's classifier."""
    from isinglass.systems.interference import InterferenceClassifier, paper_settings
    from isinglass.systems.interference.classifier import _image_peaks

    rng = np.random.default_rng(0)
    ink = rng.random((256, 28, 28)) < 0.3
    images = np.where(ink, rng.integers(0, 256, ink.shape), 0).astype(np.uint8)
    model = InterferenceClassifier(**paper_settings(), random_state=0)
    model.fit(images[:20], np.arange(20) % 4)
    patch, threshold = model._patch(), float(model.threshold)
    peaks = partial(_image_peaks, patch=patch, threshold=threshold)
    return jax.jit(peaks), (images, *model._arrivals())


JOBS: dict[str, Callable[[argparse.Namespace], tuple[Any, Any]]] = {
    "looped": looped,
    "predict": predict,
}


def operations(function: Any, arguments: Any) -> tuple[dict[str, np.ndarray], str]:
    """Microseconds of each operation of a program, all its runs, and its text."""
    program = function.lower(*arguments).compile()
    for _ in range(2):
        jax.block_until_ready(program(*arguments))
    with tempfile.TemporaryDirectory() as folder:
        with jax.profiler.trace(folder, create_perfetto_trace=True):
            for _ in range(RUNS):
                jax.block_until_ready(program(*arguments))
        file = next(Path(folder).rglob("perfetto_trace.json.gz"))
        with gzip.open(file) as stream:
            events = json.load(stream)["traceEvents"]
    times = defaultdict(list)
    for event in events:
        if event.get("ph") == "X":
            times[event["name"]].append(event["dur"])
    return {name: np.array(those) for name, those in times.items()}, program.as_text()


def table_of(times: dict[str, np.ndarray], text: str, most: int) -> Table:
    """The longest operations, and the sums of each kind."""
    pattern = (
        r'^\s*(?:ROOT )?%([\w.\-]+) = (\S+?)(?:\{\S*)? (\w+)\(.*?op_name="([^"]*)"'
    )
    instructions = {m[1]: m for m in re.finditer(pattern, text, re.MULTILINE)}
    loops = ("while", "call", "conditional")
    total: dict[str, float] = defaultdict(float)
    lines = []
    for name, those in times.items():
        match = instructions.get(name)
        if match is None or match[3] in loops:
            continue
        milliseconds = float(np.median(those)) * len(those) / RUNS / 1e3
        last = match[4].split("/")[-1]
        kind = next((k for k, p in KINDS.items() if re.search(p, last)), OTHER)
        total[kind] += milliseconds
        lines.append((milliseconds, len(those) / RUNS, kind, last, match[2]))
    table = Table("ms", "times", "kind", "ends with", "result", title_justify="left")
    table.title = ", ".join(f"{k} {v:.3g}" for k, v in total.items())
    table.title += f"; together {sum(total.values()):.3g} ms"
    for milliseconds, count, *rest in sorted(lines, reverse=True)[:most]:
        table.add_row(f"{milliseconds:.3f}", f"{count:g}", *rest)
    return table


def main() -> None:
    """Profile and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("job", choices=JOBS)
    for name, number in {"length": 64, "batch": 16, "most": 20}.items():
        parser.add_argument(f"--{name}", type=int, default=number)
    options = parser.parse_args()
    console = Console(width=120)
    with jax.enable_x64(options.job == "predict"):
        times, text = operations(*JOBS[options.job](options))
    console.print(table_of(times, text, options.most))
    console.print(harness.machine())


if __name__ == "__main__":
    main()
