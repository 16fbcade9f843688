"""TEMPO of OQuPy 0.5.0, in an interpreter of its own: it demands numpy < 2.

``PYTHON paths_oqupy.py REQUEST`` with a JSON object of H, xi, cutoff, beta, dt, steps,
memory, epsrel and drive prints one of the density matrices (real, imaginary), wall and
processor seconds. A drive [a, ω] adds a sin(ωt) σ_z to H, taken at the middle of half
steps, as ours is.
"""

from __future__ import annotations

import json
import sys
import time

import numpy as np
import oqupy  # pyright: ignore[reportMissingImports]


def run(request: dict) -> dict:
    """Its answer, after a short run that is not timed."""
    calculate(request | {"steps": 2})
    wall, processor = time.perf_counter(), time.process_time()
    states = calculate(request)
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    return {
        "real": np.real(states).tolist(),
        "imaginary": np.imag(states).tolist(),
        "wall": wall,
        "processor": processor,
    }


def calculate(request: dict) -> np.ndarray:
    """Density matrices at all steps of a spin that begins up."""
    density = oqupy.PowerLawSD(
        alpha=request["xi"] / 4,  # J over π, and Δs = 2
        zeta=1,
        cutoff=request["cutoff"],
        cutoff_type="exponential",
        temperature=1 / request["beta"],
    )
    bath = oqupy.Bath(np.diag([1.0, -1.0]), density)
    options = {}
    system = oqupy.System(np.array(request["H"], complex))
    if request["drive"] is not None:
        size, frequency = request["drive"]
        static, sigma = np.array(request["H"], complex), np.diag([1.0, -1.0])
        system = oqupy.TimeDependentSystem(
            lambda t: static + size * np.sin(frequency * t) * sigma
        )
        options = {"subdiv_limit": None}  # no integral of H over half a step
    parameters = oqupy.TempoParameters(
        dt=request["dt"], epsrel=request["epsrel"], dkmax=request["memory"], **options
    )
    dynamics = oqupy.tempo_compute(
        system=system,
        bath=bath,
        initial_state=np.diag([1.0 + 0j, 0.0]),
        start_time=0.0,
        end_time=(request["steps"] + 1e-3) * request["dt"],
        parameters=parameters,
        progress_type="silent",
    )
    return dynamics.states


if __name__ == "__main__":
    print(json.dumps(run(json.loads(sys.argv[1]))))
