"""Tang 2020: what of it is run again."""

from isinglass.reproduce import Experiment, Paper, inputs

PAPER = Paper(
    "Tang 2020",
    "Dynamics of feed forward induced interference training",
    "2008.11111",
)

EXPERIMENTS = (
    Experiment(
        "few-shot",
        title="Few-shot accuracy on four digits",
        source="Table 1",
        question=(
            "How well does one learn the digits 0, 1, 2 and 4 from 1, 5 or 10 pictures "
            "of each, by interference and by backpropagation, in sequential and in "
            "mixed order? And what do nearest neighbours, logistic regression and a "
            "linear SVM make of the same pictures?"
        ),
        seeds={"default": 100, "quick": 10},
        seconds={"default": 30, "quick": 15},
        inputs=[inputs.digits],
    ),
    Experiment(
        "forgetting",
        title="No catastrophic forgetting",
        source="§4.1",
        question=(
            "When the four digits arrive one after another and old ones are never "
            "shown again, what is left of the old ones? Accuracy on each digit after "
            "each arrival, for interference and for backpropagation."
        ),
        seeds={"default": 100, "quick": 10},
        seconds={"default": 8, "quick": 5},
        inputs=[inputs.digits],
    ),
    Experiment(
        "similarity",
        title="Expected similarity of arriving signals",
        source="Table 2",
        question=(
            "With the target's field withdrawn, are signals that arrive together still "
            "most alike at the learner of the digit that is shown?"
        ),
        seeds={"default": 100, "quick": 10},
        seconds={"default": 5, "quick": 4},
        inputs=[inputs.digits],
    ),
    Experiment(
        "arrival",
        title="Arrival time of right and wrong policies",
        source="Table 3",
        question=(
            "All sources send, by the policy that was trained for one digit, to the "
            "learner of another. Do signals sent by a wrong policy arrive earlier, as "
            "the paper observed 'most of the time'?"
        ),
        seeds={"default": 100, "quick": 10},
        seconds={"default": 4, "quick": 4},
        inputs=[inputs.digits],
    ),
    Experiment(
        "entropy",
        title="Entropy of arrival times",
        source="§3",
        question=(
            "Does learning make similar signals arrive at the same time, that is, does "
            "the entropy of their arrival times fall while pictures are seen?"
        ),
        seeds={"default": 50, "quick": 10},
        seconds={"default": 6, "quick": 4},
        inputs=[inputs.digits],
    ),
    Experiment(
        "double-slit",
        title="Double slit",
        source="§4.2, Fig. 3",
        question=(
            "Can routes be learned so that two rotating sources interfere at one "
            "target when they are in phase and at the other when they are out of "
            "phase, from five examples of each?"
        ),
        seeds={"default": 100, "quick": 10},
        seconds={"default": 8, "quick": 5},
    ),
    Experiment(
        "worldlines",
        title="Worldlines of the signals",
        source="Figs. 1–3",
        question=(
            "What do the routes look like in space and time, before and after training?"
        ),
        seeds={"default": 20, "quick": 5},
        seconds={"default": 5, "quick": 4},
        inputs=[inputs.digits],
    ),
    Experiment(
        "hosts",
        title="Hosts that change in time",
        source="§5.1",
        question=(
            "When the target's field is a pulse and not constant, do similar signals "
            "learn to arrive with it, and is a digit then known better, with the host "
            "and without? Do two hosts in antiphase teach anything?"
        ),
        seeds={"default": 12, "quick": 3},
        seconds={"default": 20, "quick": 6},
        inputs=[inputs.digits],
    ),
    Experiment(
        "neighbours",
        title="Similar neighbours of a signal",
        source="§5.1",
        question=(
            "Does training raise the mean number of similar signals that a signal "
            "meets at a target, so that its mean field can remember?"
        ),
        seeds={"default": 20, "quick": 5},
        seconds={"default": 10, "quick": 4},
        inputs=[inputs.digits],
    ),
    Experiment(
        "tower",
        title="Attention towers",
        source="§5.1, Fig. 4",
        question=(
            "Do windows that attend to their neighbours and are squashed by their mean "
            "field serve as sources? Beside the flat model, plain means of the same "
            "windows, and towers whose tensors do not couple."
        ),
        seeds={"default": 8, "quick": 2},
        seconds={"default": 20, "quick": 9},
        inputs=[inputs.digits],
    ),
    Experiment(
        "response",
        title="Response of a mean field to its host",
        source="Eq. 6, Fig. 5",
        question=(
            "From which coupling on does the mean field of a tensor jump and remember? "
            "What are its fields, its area and the heat of a jump, and does an "
            "iteration of Eq. 6 follow the closed form?"
        ),
        seeds={"default": 1, "quick": 1},
        seconds={"default": 10, "quick": 5},
    ),
    Experiment(
        "second-law",
        title="What switching costs",
        source="§5.2",
        question=(
            "Is the energy dissipated in a cycle the area of the loop? Does the "
            "entropy of a tensor, and of a network of them, fall in an avalanche, and "
            "that of the environment rise by more?"
        ),
        seeds={"default": 4, "quick": 1},
        seconds={"default": 60, "quick": 5},
    ),
    Experiment(
        "avalanches",
        title="Sizes and durations of avalanches",
        source="§5.2",
        question=(
            "How large are avalanches of tensors that switch each other, and how long "
            "do they last? Do they obey the exact laws, with nothing fitted, and is a "
            "branching ratio that is wrong by 1 % refused?"
        ),
        seeds={"default": 6, "quick": 2},
        seconds={"default": 25, "quick": 7},
    ),
    Experiment(
        "regulated",
        title="A system that maintains its critical state",
        source="§6, item 4",
        question=(
            "Avalanches of a system that keeps itself near its critical state 'may not "
            "obey the power law', says the paper. Which exponent do they have, by the "
            "strength of the regulation?"
        ),
        seeds={"default": 10, "quick": 2},
        seconds={"default": 30, "quick": 6},
    ),
    Experiment(
        "relay",
        title="Relays and travel times",
        source="§5.2",
        question=(
            "Does the size of an avalanche depend on travel times, and does a network "
            "return to its state with the field? What do negative routes change? Can a "
            "second layer tell from relayed signals whether two pictures are alike?"
        ),
        seeds={"default": 12, "quick": 3},
        seconds={"default": 15, "quick": 8},
        inputs=[inputs.digits],
    ),
    Experiment(
        "agreement",
        title="Agreement of verb and subject",
        source="§4.2, §5.1",
        question=(
            "The paper could not learn text from words that do not meet. Do pairs "
            "that meet tell whether a verb agrees with its subject, which no word "
            "alone does?"
        ),
        seeds={"default": 8, "quick": 2},
        seconds={"default": 12, "quick": 7},
    ),
    Experiment(
        "coupled",
        title="Couplings learned from a few pictures",
        source="§5.1",
        question=(
            "How well does a learner of fields and couplings know ten digits after 1 "
            "to 200 pictures of each, beside nearest neighbours, logistic regression "
            "and a linear SVM on pixels and on its own features? And pictures that "
            "are no MNIST?"
        ),
        seeds={"default": 20, "quick": 4, "full": 40},
        seconds={"default": 90, "quick": 12, "full": 900},
        inputs=[inputs.digits],
    ),
    Experiment(
        "coupled-laws",
        title="Merging and forgetting couplings exactly",
        source="§5.1",
        question=(
            "Twenty clients with two digits each are merged; samples and a whole "
            "digit are forgotten. Is the model, bit for bit, the one that was never "
            "apart and never met them? And what do averaging and refitting do?"
        ),
        seeds={"default": 10, "quick": 2},
        seconds={"default": 30, "quick": 10},
        inputs=[inputs.digits],
    ),
)
