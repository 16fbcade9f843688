"""Energy and entropy of any looped model: penalties to add to a loss of your own."""

from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp

from isinglass import plot
from isinglass.systems.looped import (
    EnergyEntropyObjective,
    kinetic_energy,
    potential_energy,
    tsallis_entropy,
)


@partial(jax.jit, static_argnames="iterations")
def my_loop(weights, inputs, iterations=8):
    """Your own loop: all it has to give are its states and its rows of attention."""
    states, rows = [jnp.zeros_like(inputs)], []
    for _ in range(iterations):
        hidden = states[-1] + inputs
        rows.append(jax.nn.softmax(hidden @ weights @ hidden.T, axis=-1))
        states.append(states[-1] + rows[-1] @ hidden / iterations)
    return jnp.stack(states), jnp.stack(rows)


of_weights, of_inputs = jax.random.split(jax.random.key(0))
weights = jax.random.normal(of_weights, (4, 4))
inputs = jax.random.normal(of_inputs, (10, 4))
objective = EnergyEntropyObjective(potential=0.1, kinetic=0.001, entropy=0.02)


def loss(weights):
    """What the task asks for, and what the physics adds."""
    states, rows = my_loop(weights, inputs)
    task = ((states[-1] - 1.0) ** 2).mean()
    return objective.from_trajectory(task, states, rows)


(total, terms), slope = jax.jit(jax.value_and_grad(loss, has_aux=True))(weights)
states, rows = my_loop(weights, inputs)
print(
    f"loss {total:.4f} of which",
    {name: round(float(x), 4) for name, x in terms.items()},
)
print(f"gradient of norm {jnp.linalg.norm(slope):.3f}")
print(
    f"kinetic energy {kinetic_energy(states):.3f}, potential "
    f"{potential_energy(rows):.3f} nats"
)
print(
    f"Tsallis entropy of the last rows {tsallis_entropy(rows[-1]).mean():.3f}, "
    f"Shannon's {tsallis_entropy(rows[-1], q=1.0).mean():.3f} nats"
)

with plot.house_style():
    figure, panels = plot.subplots(1, 4, width=7.5, height=2.2)
    for iteration, axes in zip((0, 1, 3, 7), panels, strict=True):
        plot.attention_rows(rows[iteration], axes)
        axes.set(title=f"iteration {iteration + 1}", xticks=[], yticks=[])
        axes.label_outer()
Path("looped_penalties.png").write_bytes(plot.render(figure, "png"))
