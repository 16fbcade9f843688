"""The mean field of self-attention next to its first chaos: 12 exponents at 200 β."""

from pathlib import Path

import numpy as np

from isinglass import plot
from isinglass.dynamics import Kind, Measure, bifurcation, kaplan_yorke_dimension
from isinglass.systems.meanfield import Features, MeanField, gamma_of

field = MeanField(Features.paper())  # three patterns, a window of four tokens
diagram = bifurcation(
    field.map,
    field.start_from_pattern,
    {"gamma": gamma_of(2.2, 100, n_patterns=3), "epsilon": 0.02},
    {"beta": np.linspace(1.24, 1.28, 200)},
    Measure(transient=4_000, steps=4_000, exponents=None),
)
for kind in Kind:
    print(
        f"{kind.name.lower():>14}: {float((diagram.kind == kind).mean()):.0%} of the "
        "values"
    )
most = diagram.isel(beta=int(diagram.exponents.isel(exponent=0).argmax("beta")))
print(
    f"most chaotic at β = {float(most.beta):.4f}: "
    f"λ₁ = {float(most.exponents[0]):.3f} nats per step, "
    f"Kaplan–Yorke dimension {kaplan_yorke_dimension(most.exponents.values):.2f}"
)

figure = plot.sweep_figure(diagram, "mean field", ["$A_1$", "$A_2$", "$A_3$"])
Path("mean_field_zoom.png").write_bytes(plot.render(figure, "png"))
