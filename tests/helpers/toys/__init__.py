"""A group of tiny experiments that stand in for the real ones."""

from isinglass.reproduce import Experiment, Paper, inputs

PAPER = Paper("Nobody 1999", "Toys", "1999.00001")


def declare(name: str, **changes) -> Experiment:
    """A declaration as the tests expect it."""
    usual = {
        "title": f"Title of toy-{name}",
        "source": "Table 1",
        "question": "Is <1> less than 2?",
        "seeds": {"default": 3, "quick": 2},
        "seconds": {"default": 1.0, "quick": 0.1},
        "inputs": [inputs.digits],
    }
    return Experiment(name, **usual | changes)


EXPERIMENTS = (declare("one"), declare("two"), declare("three"))
