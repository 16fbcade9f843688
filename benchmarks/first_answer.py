"""Time to a first answer: processor seconds of a fresh process, and of the next call.

    pip install '.[benchmark]' && python benchmarks/first_answer.py [--rounds N]

A process of its own each time, interleaved, medians: from the start of Python to the
answer (imports and compilation included), the same with programs that an earlier
process has compiled, and one more call when all is compiled. The floor is what JAX (and
scikit-learn, with the digits) take for their import and the smallest program there is.
A peer that is not installed is left out.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.table import Table

# Each gives `answer`, a call that is made twice.
FLOOR = "floor: smallest JAX program"  # of whatever computes with JAX
SMALLEST = """
import jax, numpy as np
def answer():
    return np.asarray(jax.jit(lambda x: x + 1)(np.zeros(1)))
"""
HENON = {
    "isinglass": """
import numpy as np
from isinglass.dynamics import lyapunov_spectrum, textbook
def answer():
    start, parameters = np.array([0.1, 0.1]), {"a": 1.4, "b": 0.3}
    return lyapunov_spectrum(textbook.henon, start, parameters, 10_000).exponents
""",
    "pynamicalsys": """
from pynamicalsys import DiscreteDynamicalSystem
def answer():
    system = DiscreteDynamicalSystem(model="henon map")
    return system.lyapunov([0.1, 0.1], 10_000, parameters=[1.4, 0.3])
""",
    "chaotax": """
import chaotax, jax, jax.numpy as jnp
def henon(u):
    return jnp.stack([1 - 1.4 * u[0] ** 2 + u[1], 0.3 * u[0]])
def answer():
    with jax.enable_x64(True):
        estimate = chaotax.lyapunov_spectrum(
            henon, rollout_steps=10_000, warmup_steps=1_000, discard_steps=0
        )
        return estimate(jnp.array([0.1, 0.1]), jnp.eye(2))
""",
    FLOOR: SMALLEST,
}
FIELD = """
from isinglass.systems.meanfield import Features, MeanField, gamma_of
field, gamma = MeanField(Features.paper()), gamma_of(2.2, 100, 3)
"""
PEER = """
import sys
sys.path.insert(0, {folder!r})
from meanfield_peers import {name} as Peer
import numpy as np
window = np.full((4, 3), 0.1)
window[:, 0] = 0.6
def answer():
    return Peer(field, gamma, 0.02).spectrum(window, 1.266, 2_500)
"""
MEAN_FIELD = {
    "isinglass": FIELD
    + """
from isinglass.dynamics import lyapunov_spectrum
def answer():
    parameters = {"beta": 1.266, "gamma": gamma, "epsilon": 0.02}
    start = field.start_from_pattern(parameters)
    return lyapunov_spectrum(field.map, start, parameters, 10_000).exponents
"""
} | {
    label: FIELD + PEER.format(folder=str(Path(__file__).parent), name=name)
    for label, name in (("pynamicalsys", "Numba"), ("chaotax", "Chaotax"))
}
DIGITS = """
from sklearn.datasets import load_digits
X, y = load_digits(return_X_y=True)
X = X / 16
"""
CLASSIFIERS = {
    "isinglass": """
from isinglass.systems.interference import InterferenceClassifier
def new():
    return InterferenceClassifier(patch_size=1, random_state=0)
""",
    "sklearn: logistic": """
from sklearn.linear_model import LogisticRegression
def new():
    return LogisticRegression(max_iter=1_000)
""",
    "sklearn: neighbours": """
from sklearn.neighbors import KNeighborsClassifier
def new():
    return KNeighborsClassifier(1)
""",
}
FIT = """
def answer():
    return [new().fit(X[:200], y[:200]).score(X[200:600], y[200:600])]
"""
CALLS: dict[str, Mapping[str, str]] = {
    "exponents of Hénon, 10,000 steps": HENON,
    "12 exponents of the mean field, 10,000 steps": MEAN_FIELD,
    "fit 200 digits, predict 400": {
        name: DIGITS + code + FIT for name, code in CLASSIFIERS.items()
    }
    | {FLOOR: DIGITS + "import sklearn.base\n" + SMALLEST},
}
TIMED = """
import json, time
value = [float(x) for x in answer()]
first = time.process_time()
answer()
print(json.dumps({"first": first, "next": time.process_time() - first, "value": value}))
"""


def run(code: str, programs: str) -> dict[str, float] | None:
    """Processor seconds of a process; None where a module is not installed."""
    environment = {
        **os.environ,
        "JAX_COMPILATION_CACHE_DIR": programs,  # none for ""
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    }
    done = subprocess.run(
        [sys.executable, "-c", code + TIMED],
        env=environment,
        capture_output=True,
        text=True,
    )
    if "ModuleNotFoundError" in done.stderr:
        return None
    if done.returncode:
        raise RuntimeError(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def measure(codes: Mapping[str, str], rounds: int) -> dict[str, dict[str, float]]:
    """Medians by program: ``cold``, ``cached`` and ``next``."""
    times: dict[str, dict[str, list[float]]] = {}
    with tempfile.TemporaryDirectory() as programs:
        for _ in range(rounds):
            for name, code in codes.items():
                cold = run(code, "")
                if cold is None:
                    continue
                row = times.setdefault(name, {"cold": [], "cached": [], "next": []})
                row["cold"].append(cold["first"])
                row["next"].append(cold["next"])
                if name == "isinglass":
                    if len(row["cold"]) == 1:
                        run(code, programs)  # fills the folder
                    cached = run(code, programs)
                    assert cached is not None
                    row["cached"].append(cached["first"])
    return {
        name: {kind: statistics.median(x) for kind, x in row.items() if x}
        for name, row in times.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    table = Table(title="Processor seconds, medians of fresh processes")
    for column in ("", "", "first answer", "ratio", "programs on disk", "next call"):
        table.add_column(column, justify="left" if not column else "right")
    for title, codes in CALLS.items():
        medians = measure(codes, rounds)
        ours = medians["isinglass"]["cold"]
        for name, row in medians.items():
            cached = f"{row['cached']:.2f}" if "cached" in row else ""
            table.add_row(
                title if name == "isinglass" else "",
                name,
                f"{row['cold']:.2f}",
                f"{row['cold'] / ours:.2f} ×",
                cached,
                f"{row['next']:.4f}",
            )
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
