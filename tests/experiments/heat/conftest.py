"""Experiments whose models stay as they are made: training is tested elsewhere."""

from typing import Any, NamedTuple

import pytest

from isinglass.experiments.heat import recovery, setting


class Untrained(NamedTuple):
    """What a training gives back."""

    models: Any


@pytest.fixture
def untrained(monkeypatch) -> None:
    """No model is trained."""
    for module in (recovery, setting):
        monkeypatch.setattr(
            module, "train_lanes", lambda models, *_, **__: Untrained(models)
        )
