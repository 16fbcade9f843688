"""Bose & Walters 2021: path integrals as a chain of tensors, and what it rests on."""

from isinglass.reproduce import Experiment, Paper

PAPER = Paper(
    "Bose 2021",
    "A tensor network representation of path integrals: implementation and analysis",
    "2106.12523",
)

EXPERIMENTS = (
    Experiment(
        "quapi",
        title="The program's density matrices, and how far to trust a cut",
        source="the program's published output",
        question=(
            "Does the chain give the density matrices that the program prints, and "
            "tend to those of the hierarchical equations of motion as the square of "
            "the step? What does its own trace tell of its error?"
        ),
        seeds={"default": 1, "quick": 1},
        seconds={"default": 10, "quick": 3},
    ),
    Experiment(
        "bond",
        title="The bond that a memory needs",
        source="the label's symmetry, and beyond the paper",
        question=(
            "How does the bond grow with memory and with the cold, what is lost when "
            "lags are shuffled, and what do three labels save beside four?"
        ),
        seeds={"default": 10, "quick": 2},
        seconds={"default": 35, "quick": 3},
    ),
    Experiment(
        "equilibrium",
        title="Where a chain comes to rest",
        source="beyond the paper",
        question=(
            "Is it exp(−βH)/Z or the mean-force state, how far are they apart, and "
            "where do chains without memory or with shuffled lags end?"
        ),
        seeds={"default": 10, "quick": 2},
        seconds={"default": 10, "quick": 3},
    ),
    Experiment(
        "attention",
        title="A bath as attention over lags",
        source="our bridge",
        question=(
            "Read as weights of causal attention: how do they fall with lag, and does "
            "the weight beyond a lag tell what forgetting it costs?"
        ),
        seeds={"default": 10, "quick": 2},
        seconds={"default": 15, "quick": 3},
    ),
)
