"""A looped transformer of 500 numbers that learns to look things up, at any length."""

from pathlib import Path

from isinglass import plot
from isinglass.data.induction import InductionTask
from isinglass.systems.looped import (
    EnergyEntropyObjective,
    Evaluation,
    LoopedConfig,
    Recipe,
    train,
)

config = LoopedConfig(
    vocabulary=4,
    iterations=6,
    inner_residual=True,
    # No sinusoids: places are told apart by a bias on the nearest 16 distances.
    positional_scale=0.0,
    near=16,
)
recipe = Recipe(
    steps=1_000,
    shortest=6,
    longest=16,
    learning_rate=0.01,
    weight_decay=0.01,
    warmup=100,
    decay=True,
    objective=EnergyEntropyObjective(potential=0.0, kinetic=0.0, entropy=0.0),
)
run = train(
    config,
    InductionTask("full-sequence", vocabulary=4),
    recipe,
    seeds=(0, 1),
    evaluate=Evaluation(lengths=(16, 100), every=100, sequences=16),
)
for step in run.metrics.step.values:
    shares = run.metrics.accuracy_at.sel(step=step).mean("seed")
    print(
        f"step {step:5d}:",
        ", ".join(
            f"L{n.item()} {share:.1%}"
            for n, share in zip(shares.length, shares.values, strict=True)
        ),
    )

with plot.house_style():
    figure, axes = plot.subplots(height=3.2)
    accuracy = run.metrics.accuracy_at
    plot.learning_curve(accuracy, axes, hue="length", each_run=True, marker="o")
    axes.set(xlabel="step of training", ylabel="accuracy", ylim=(0, 1.02))
    axes.legend(title="symbols; thin, both seeds")
Path("looped_induction.png").write_bytes(plot.render(figure, "png"))
