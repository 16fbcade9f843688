"""Wu et al. 2023: the theory of shallow encoders run again, with its controls."""

from isinglass.reproduce import Experiment, Paper, inputs

PAPER = Paper(
    "Wu, Liu 2023",
    "On the convergence of encoder-only shallow transformers",
    "2311.01575",
)

EXPERIMENTS = (
    Experiment(
        "synthetic",
        title="Loss, kernel and attention of random inputs by width",
        source="the synthetic figure",
        question=(
            "Does the loss fall at the linear rate that the theorem bounds, from which "
            "start and under which scale of the softmax is it fast, and does width "
            "help at an equal γλ_max? Beside attention that is not trained, a read-out "
            "alone, and no attention at all."
        ),
        seeds={"default": 10, "quick": 2},
        seconds={"default": 240, "quick": 15, "full": 4000},
    ),
    Experiment(
        "digits",
        title="Digits by one layer of attention under either scale",
        source="the figure of MNIST",
        question=(
            "Of pictures in patches, is d_m^(−1/2) in the softmax faster than 1/d_m, "
            "and does 1/d_m leave attention uniform? Is it attention that helps? "
            "Beside frozen and uniform attention, logistic regression, and the kernel "
            "of infinite width."
        ),
        seeds={"default": 10, "quick": 2},
        seconds={"default": 380, "quick": 20, "full": 3000},
        inputs=[inputs.digits],
    ),
)
