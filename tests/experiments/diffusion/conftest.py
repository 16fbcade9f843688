"""Experiments whose models stay as they are made: training is tested elsewhere."""

from typing import NamedTuple

import pytest

from isinglass.experiments.diffusion import setting
from isinglass.experiments.diffusion.setting import Learner


class Untrained(NamedTuple):
    """What a training gives back."""

    models: Learner


@pytest.fixture
def untrained(monkeypatch) -> None:
    """No model is trained."""
    monkeypatch.setattr(
        setting, "train_lanes", lambda models, *_, **__: Untrained(models)
    )
