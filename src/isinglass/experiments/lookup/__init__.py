"""Bacellar et al. 2024 and Nag et al. 2024: tables run again, with controls."""

from isinglass.reproduce import Experiment, Paper, inputs

PAPER = Paper(
    "Bacellar 2024",
    "Differentiable weightless neural networks",
    "2410.11112",
)
QUWEIT = Paper(
    "Nag 2024",
    "Shrinking the giant: quasi-weightless transformers for low energy inference",
    "2411.01818",
)

EXPERIMENTS = (
    Experiment(
        "digits",
        title="Digits by tables: which gradient, which wires, and beside whom",
        source="beside the program's 98.46 % on MNIST",
        question=(
            "Does the gradient of a table at a finite temperature read digits better "
            "than a plain difference or the paper's weights? Do learned wires, or "
            "more tables? Beside tables frozen at random, a binary network of as "
            "many bits, and peers on the same bits."
        ),
        seeds={"default": 10, "quick": 2},
        seconds={"default": 1150, "quick": 10, "full": 13_000},
        inputs=[inputs.digits],
    ),
    Experiment(
        "transformer",
        title="Tables in the place of perceptrons, or nothing there",
        source="the abstract of QuWeiT",
        question=(
            "Where a transformer's perceptrons are of use, do tables take their "
            "place, and do they have to be trained? What is multiplied?"
        ),
        seeds={"default": 10, "quick": 2},
        seconds={"default": 750, "quick": 10, "full": 20_000},
        inputs=[inputs.digits],
        paper=QUWEIT,
    ),
)
