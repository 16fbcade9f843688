"""Published numbers beside ours: one module per published table or figure.

``registry`` lists the experiments, ``runner`` runs them and keeps their results,
``ledger`` reaches a verdict on each number, ``statistics`` gives the intervals and
``figures`` the house style. An experiment module needs only the names below.
"""

from isinglass.reproduce.experiment import Context, Experiment, Figure, Outcome
from isinglass.reproduce.ledger import Row, Verdict, claim, compare, compare_run, share

__all__ = [
    "Context",
    "Experiment",
    "Figure",
    "Outcome",
    "Row",
    "Verdict",
    "claim",
    "compare",
    "compare_run",
    "share",
]
