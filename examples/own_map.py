"""A map of your own: Lyapunov spectrum, kind of attractor, bifurcation diagram."""

from pathlib import Path

import jax.numpy as jnp
import numpy as np

from isinglass import plot
from isinglass.dynamics import Kind, Measure, attractor, bifurcation, lyapunov_spectrum


def predator_prey(state, parameters):
    """Any pure JAX function of a state and named parameters."""
    prey, predator = state
    met = prey * predator
    return jnp.stack([parameters["r"] * prey * (1 - prey) - met, parameters["c"] * met])


start = np.array([0.4, 0.3])
fixed = {"c": 3.5}

at = {**fixed, "r": 3.32}
spectrum = lyapunov_spectrum(predator_prey, start, at, 20_000)
for exponent, error in zip(spectrum.exponents, spectrum.standard_error, strict=True):
    print(f"Lyapunov exponent {exponent:+.4f} ± {error:.4f} nats per step")
print(f"Kaplan–Yorke dimension {spectrum.kaplan_yorke_dimension:.2f}")
reached = attractor(predator_prey, start, at)
kind = reached.kind.name.lower()
print(f"r = 3.32 is {kind}, with confidence {reached.confidence:.2f}")

diagram = bifurcation(
    predator_prey,
    start,
    fixed,
    {"r": np.linspace(1.5, 3.9, 200)},
    Measure(transient=2_000, steps=2_000, exponents=2),
)
for kind in Kind:
    count = int((diagram.kind == kind).sum())
    print(f"{kind.name.lower():>14}: {count:3d} of {diagram.sizes['r']} values of r")

figure = plot.sweep_figure(diagram, "predator and prey", ["prey", "predator"])
Path("own_map.png").write_bytes(plot.render(figure, "png"))
