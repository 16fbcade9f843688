"""Tiny experiments that stand in for the real ones."""

from isinglass.figures.style import subplots
from isinglass.reproduce import Context, Experiment, Figure, Outcome, compare


def measure(context: Context, name: str = "toy-one") -> Outcome:
    """One number that is the base seed, or near it, and one figure."""
    samples = [
        context.seed + 0.1 * i
        for i in context.progress.track(range(context.seeds), "x")
    ]
    figure, axes = subplots(width=2, height=2)
    axes.plot(samples)
    row = compare(name, "Table 1", "seed", samples, paper=float(context.seed), unit="s")
    return Outcome(
        [row], [Figure(name, figure, f"Caption of {name} <b>&")], "First.\n\nSecond."
    )


def experiment(name: str = "toy-one", run=None) -> Experiment:
    return Experiment(
        name=name,
        title=f"Title of {name}",
        paper="Nobody 1999",
        source="Table 1",
        question="Is <1> less than 2?",
        duration=1.0,
        quick_duration=0.1,
        default_seeds=3,
        quick_seeds=2,
        run=run or (lambda context: measure(context, name)),
    )


def raising(error: BaseException):
    def run(context: Context) -> Outcome:
        raise error

    return run
