"""Poc-López & Aguilera 2024: what of it is run again."""

from isinglass.reproduce import Experiment, Paper

PAPER = Paper(
    "Poc-López & Aguilera 2024",
    "Dynamical mean-field theory of self-attention neural networks",
    "2406.07247",
)

EXPERIMENTS = (
    Experiment(
        "trajectories",
        title="Orbits of attention at six temperatures",
        source="six β, trajectories",
        question=(
            "What does the attention of an infinitely large network do at the paper's "
            "six inverse temperatures: which attractor, which frequencies, how "
            "chaotic? Does it depend on the start, and on how long one waits?"
        ),
        seeds={"default": 16, "quick": 4},
        seconds={"default": 40, "quick": 25, "full": 100},
    ),
    Experiment(
        "bifurcation",
        title="Bifurcation diagrams with Lyapunov spectra",
        source="bifurcation diagrams",
        question=(
            "Through which attractors does the mean field of self-attention go as its "
            "temperature falls, over the whole range and close to the onset? Where is "
            "it chaotic, and does the attractor depend on the start?"
        ),
        seeds={"default": 8, "quick": 2},
        seconds={"default": 130, "quick": 45, "full": 2400},
    ),
    Experiment(
        "continuation",
        title="Following attractors both ways: hysteresis",
        source="continuation diagrams",
        question=(
            "If each temperature starts from the attractor of its neighbour, does it "
            "matter whether one comes from above or from below? Where do several "
            "attractors live side by side?"
        ),
        seeds={"default": 8, "quick": 2},
        seconds={"default": 90, "quick": 18, "full": 900},
    ),
    Experiment(
        "phase",
        title="Phase diagrams over temperature, gain and positional weight",
        source="phase diagrams",
        question=(
            "Where in the planes of inverse temperature and attention gain, and of "
            "inverse temperature and weight of the positional bits, is attention "
            "periodic, quasi-periodic or chaotic? Does linear stability tell where it "
            "begins?"
        ),
        seeds={"default": 8, "quick": 2},
        seconds={"default": 215, "quick": 45, "full": 2500},
    ),
    Experiment(
        "finite-size",
        title="Networks of N spins beside their mean field",
        source="N → ∞",
        question=(
            "How does a network of N spins come near its mean field as N grows: does "
            "the error of its overlaps fall as N to the −1/2, for how many tokens, and "
            "how many spins does it take to see the mean field's attractors?"
        ),
        seeds={"default": 16, "quick": 4},
        seconds={"default": 30, "quick": 18},
    ),
    Experiment(
        "many-patterns",
        title="Chaos with one to eight patterns",
        source="beyond the paper, M = 1 to 8",
        question=(
            "The paper's figures are of one set of three patterns. How often do random "
            "features of M patterns make attention chaotic, at which temperatures, how "
            "strongly, and of what dimension are the attractors?"
        ),
        seeds={"default": 24, "quick": 4},
        seconds={"default": 115, "quick": 28},
    ),
)
