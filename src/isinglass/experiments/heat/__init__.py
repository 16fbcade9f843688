"""Wang et al. 2024: what of vHeat can be run again, with the controls it lacks."""

from isinglass.reproduce import Experiment, Paper, inputs

PAPER = Paper(
    "Wang 2024",
    "vHeat: building vision models upon heat conduction",
    "2405.16555",
)

EXPERIMENTS = (
    Experiment(
        "digits",
        title="What of the layer does the work",
        source="beside the paper's choice of k",
        question=(
            "Is it the heat or the depthwise convolution before it? k of each mode, of "
            "each channel, the paper's constant, the graph's spectrum, free gains, no "
            "conduction and attention of the same size, with and without the "
            "convolution, on MNIST."
        ),
        seeds={"default": 10, "quick": 2},
        seconds={"default": 800, "quick": 20, "full": 7200},
        inputs=[inputs.digits],
    ),
    Experiment(
        "recovery",
        title="Plates whose conductivity is the truth",
        source="beyond the paper",
        question=(
            "From pairs of fields, before and after: which k can be told, and does "
            "knowing that it is heat beat attention, a convolution and free gains of "
            "equal size, at the trained time and at twice that?"
        ),
        seeds={"default": 10, "quick": 2},
        seconds={"default": 200, "quick": 10, "full": 900},
    ),
    Experiment(
        "resolution",
        title="Trained at one resolution, used at another",
        source="the program's two ways, beside the exact one",
        question=(
            "How much of the effect do padding and bicubic interpolation of k miss, "
            "and what does it cost a classifier that is used on twice as fine a plate?"
        ),
        seeds={"default": 10, "quick": 2},
        seconds={"default": 200, "quick": 15, "full": 1800},
        inputs=[inputs.digits],
    ),
    Experiment(
        "cost",
        title="What a layer takes, by the number of cells",
        source="the paper's O(N^1.5)",
        question=(
            "Where do transforms by fast Fourier transform overtake products with a "
            "matrix, and both attention?"
        ),
        seeds={"default": 7, "quick": 3},
        seconds={"default": 90, "quick": 10, "full": 300},
    ),
)
