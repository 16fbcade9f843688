"""Luo et al. 2022: what positions outside the softmax give, beside what it lacks."""

from isinglass.reproduce import Experiment, Paper, inputs

PAPER = Paper(
    "Luo 2022",
    "Your transformer may not be as powerful as you expect",
    "2205.13401",
)

EXPERIMENTS = (
    Experiment(
        "positions",
        title="Which positions say where a token stands",
        source="the synthetic tasks, Figure 2",
        question=(
            "Which encoders can say where a token stands, on random tokens and on "
            "equal ones, and put every second token in front? Beside relative biases "
            "with a first token, and causal ones, which the paper lacks."
        ),
        seeds={"default": 10, "quick": 2},
        seconds={"default": 640, "quick": 25},
    ),
    Experiment(
        "text",
        title="Characters of a text, and twice the trained length",
        source="beside the language model on WikiText-103",
        question=(
            "Does a coupling outside the softmax help a causal language model, which "
            "has positions already? Equal parameters, bits for a byte at the trained "
            "length and at twice as much, with the numbers of the edge beyond."
        ),
        seeds={"default": 10, "quick": 2},
        seconds={"default": 400, "quick": 20},
        inputs=[inputs.text_file],
    ),
)
