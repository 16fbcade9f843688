"""Retrieve patterns by going downhill, and ask which are stored."""

from pathlib import Path

import jax
import jax.numpy as jnp

from isinglass import plot
from isinglass.energy import (
    NearestNeighbour,
    descend_layers,
    global_energy,
    retrieve,
    split_layers,
    storage,
)

# Fig. 1 of Niu et al. 2024
patterns = jnp.asarray([[-2.0, -0.5], [0.2, -0.3], [1.5, 1.5]])
start = jnp.asarray([[-1.0, 0.5], [0.9, 0.7], [3.0, 3.0]])

for beta in (1.0, 4.0):
    descent = retrieve(start, patterns, beta)
    print(f"β = {beta:g}")
    ends = (descent.state, descent.nearest, descent.distance, descent.iterations)
    for x, end, nearest, distance, steps in zip(start, *ends, strict=True):
        print(
            f"  {x} → ({float(end[0]):.3f}, {float(end[1]):.3f}), "
            f"{float(distance):.3f} from pattern {int(nearest)}, {int(steps)} updates"
        )
    report = storage(patterns, NearestNeighbour(beta), key=jax.random.key(0))
    answers = ["yes" if stored else "no" for stored in report.stored.values]
    print(f"  stored: [{', '.join(answers)}]")
    print(f"  errors: {', '.join(f'{error:.3f}' for error in report.error.values)}")

layers = split_layers(patterns, 3)
walk = descend_layers(start, layers, 0.5)
print("Three layers of one pattern, each a step of at most 0.5:")
print(f"  global energy {', '.join(f'{e:.3f}' for e in walk.global_energy.mean(-1))}")
whole = global_energy(start, [patterns])
same = bool(jnp.allclose(walk.global_energy[0], whole, rtol=1e-4))
print(f"  the same as that of all patterns in one layer: {same}")

with plot.house_style():
    figure, panels = plot.subplots(1, 2, width=7.5, height=3.4, sharey=True)
    for beta, axes in zip((1.0, 4.0), panels, strict=True):
        path = [start, retrieve(start, patterns, beta).state]
        energy = NearestNeighbour(beta)
        plot.landscape(energy, axes, patterns=patterns, descent=path)
        axes.set_title(f"β = {beta:g}: states and their ends")
Path("energy_retrieval.png").write_bytes(plot.render(figure, "png"))
