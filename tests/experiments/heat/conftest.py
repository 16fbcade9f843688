"""Experiments whose models stay as they are made: training is tested elsewhere."""

from typing import Any, NamedTuple

import numpy as np
import pytest

from isinglass.reproduce import searches


class Untrained(NamedTuple):
    """What a training gives back."""

    models: Any
    diverged: np.ndarray


@pytest.fixture
def untrained(monkeypatch) -> None:
    """No model is trained."""

    def start(models: Any, *_: Any, learning_rates: Any, **__: Any) -> Untrained:
        return Untrained(models, np.zeros(len(learning_rates), bool))

    monkeypatch.setattr(searches, "train_lanes", start)
