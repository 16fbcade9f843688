"""Energy Transformer and Hyper-SET: what of the two papers is run again."""

from isinglass.reproduce import Experiment, Paper, inputs

PAPER = Paper("Hoover et al. 2023", "Energy Transformer", "2302.07253")
HYPERSET = Paper(
    "Hu et al. 2025",
    "Hyper-SET: designing transformers via hyperspherical energy minimization",
    "2502.11646",
)

EXPERIMENTS = (
    Experiment(
        "completion",
        title="Completing pictures by descent",
        source="§3, on MNIST",
        question=(
            "Do steps down an energy complete a picture of which half is hidden better "
            "than the mean picture, ordinary attention in a loop, and stored "
            "pictures? Is it the second term of attention that helps, and does more "
            "descent at test help, or only the number of steps that was trained?"
        ),
        seeds={"default": 10, "quick": 2},
        seconds={"default": 1500, "quick": 100, "full": 40_000},
        inputs=[inputs.digits],
    ),
    Experiment(
        "energy",
        title="Does the energy fall?",
        source="energy of both layers",
        question=(
            "Along the steps of an Energy Transformer and of Hyper-SET, does the "
            "energy fall, by block, weights and size of the step? What comes to rest, "
            "the state or its norm? How far from the bottom do 12 steps stop?"
        ),
        seeds={"default": 20, "quick": 4},
        seconds={"default": 100, "quick": 25},
    ),
    Experiment(
        "anomaly",
        title="Nodes that hide, and graphs trained on",
        source="anomalies and graph classification",
        question=(
            "Does descent along a graph's edges tell nodes that hide among others "
            "better than linear models of a node and its neighbours, and than no step "
            "at all? And how much better is a model of whole graphs on those that it "
            "was trained on than on others?"
        ),
        seeds={"default": 10, "quick": 2},
        seconds={"default": 360, "quick": 40},
        inputs=[inputs.graphs],
    ),
    Experiment(
        "sudoku",
        title="Sudokus by Hyper-SET, transformers and Energy Transformers",
        source="Sudoku",
        paper=HYPERSET,
        question=(
            "How many Sudokus does a layer solve that repeats T times, and 2T times? "
            "Is it the energy that helps Hyper-SET, or the network that makes its "
            "steps, which a transformer may have, too? Does its energy fall meanwhile?"
        ),
        seeds={"default": 10, "quick": 2},
        seconds={"default": 1650, "quick": 50, "full": 1e6},
    ),
)
