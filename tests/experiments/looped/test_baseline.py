"""The GPT-2 style baseline: as many loops as make it confident, rows, and a tiny run."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from isinglass.experiments.looped import baseline as experiment
from isinglass.experiments.looped import setting as paper
from isinglass.experiments.looped.baseline import (
    ADAPTIVE,
    FIXED,
    MINIMAL,
    Design,
    Model,
)
from isinglass.reproduce.experiment import Context
from isinglass.reproduce.ledger import Verdict
from isinglass.systems.looped import LoopedConfig
from isinglass.systems.looped.baseline import BaselineConfig, LoopedBaseline
from isinglass.systems.looped.recipe import Recipe

TINY = Design(("full-sequence", "last-token"), (4, 4), False, (8, 100), 4)


def made(values: dict[str, float], lengths: int = 2) -> dict[str, Model]:
    spread = np.array([[-1.0], [0.0], [1.0]])
    return {
        kind: Model(
            50_000 if kind != MINIMAL else 500, value + np.tile(spread, lengths), 0
        )
        for kind, value in values.items()
    }


VALUES = {MINIMAL: 96.0, FIXED: 60.0, ADAPTIVE: 55.0}


@pytest.mark.parametrize("form", paper.FORMS)
def test_adaptive_answers_are_of_the_most_confident_loop(form: str) -> None:
    config = BaselineConfig(width=8, heads=2, iterations=2)
    model = LoopedBaseline(config, key=jax.random.key(0))
    tokens = jax.random.randint(jax.random.key(1), (9,), 0, 4)

    answered = experiment._adaptive(model, 5, form)(tokens)

    logits = jnp.stack([model(tokens, iterations=count) for count in range(1, 6)])
    sure = np.asarray(jax.nn.log_softmax(logits).max(-1))
    asked = [i for i in range(9) if tokens[i] in tokens[:i]]
    assert 0 < len(asked) < 8
    best = sure[:, [8] if form == "last-token" else asked].mean(-1).argmax()
    np.testing.assert_allclose(answered, logits[best], rtol=1e-5)


def test_the_papers_number_is_compared_only_at_its_setting() -> None:
    full = experiment.FULL._replace(lengths=(8, 100))

    for design, verdict in ((TINY, Verdict.INCOMPARABLE), (full, Verdict.REPRODUCED)):
        rows = experiment._rows(design, "last-token", made(VALUES))
        (row,) = [row for row in rows if row.paper is not None]
        assert row.quantity == "accuracy at L = 100, minimal, d = 8, last-token form"
        assert row.verdict is verdict
    (row,) = [
        row
        for row in experiment._rows(full, "last-token", made({**VALUES, MINIMAL: 40.0}))
        if row.paper is not None
    ]
    assert row.verdict is Verdict.DIFFERS


def test_the_full_design_is_the_papers() -> None:
    recipe = experiment._baseline_recipe(experiment.FULL)

    assert (recipe.steps, recipe.batch) == (100_000, 64)
    assert (recipe.learning_rate, recipe.weight_decay) == (1e-4, 0.05)
    assert recipe.objective.is_plain
    config = experiment._baseline_config(experiment.FULL)
    assert (config.width, config.heads, config.iterations) == (64, 4, 25)


def test_findings_and_figure() -> None:
    table = {form: made(VALUES) for form in paper.FORMS}

    text = experiment._findings(TINY, table)

    assert "has 500 parameters, the baseline 50,000, 100 times as many" in text
    assert "96 [93.5, 98.5] % at L = 100 (minimal, d = 8)" in text
    assert "say nothing of where either would end" in text
    assert experiment._figure(TINY, table).name == "looped-baseline"


def test_a_tiny_run_from_end_to_end(monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = Recipe(steps=4, batch=4, shortest=4, longest=8)
    monkeypatch.setattr(
        paper, "our_config", lambda: LoopedConfig(hidden=8, iterations=2)
    )
    monkeypatch.setattr(paper, "our_recipe", lambda *_, **__: recipe)
    monkeypatch.setattr(
        experiment,
        "_baseline_config",
        lambda _: BaselineConfig(width=8, heads=2, iterations=2),
    )
    monkeypatch.setattr(
        experiment, "QUICK", TINY._replace(forms=("full-sequence",), lengths=(8,))
    )

    outcome = experiment.run(Context(seeds=2, quick=True))

    assert all(row.verdict is Verdict.INCOMPARABLE for row in outcome.rows)
    assert {row.n for row in outcome.rows if "accuracy" in row.quantity} == {2}
    assert len({row.quantity for row in outcome.rows}) == len(outcome.rows)
