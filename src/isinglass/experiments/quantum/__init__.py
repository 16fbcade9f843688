"""Evans et al. 2024: what of SASQuaTCh can be run again, with the controls it lacks."""

from isinglass.reproduce import Experiment, Paper, inputs

PAPER = Paper(
    "Evans 2024",
    "Learning with SASQuaTCh: a novel variational quantum transformer architecture "
    "with kernel-based self-attention",
    "2403.14753",
)

EXPERIMENTS = (
    Experiment(
        "digits",
        title="Two digits by nine spins: does the Fourier transform matter?",
        source="beside the paper's digits",
        question=(
            "Does a kernel on Fourier modes beat one on another fixed basis (Hadamard, "
            "a Haar draw, the pixels themselves), is a true convolution better, and "
            "what do a linear and a quadratic classifier make of the same amplitudes?"
        ),
        seeds={"default": 10, "quick": 2},
        seconds={"default": 600, "quick": 8, "full": 6000},
        inputs=[inputs.digits],
    ),
)
