"""Sudokus by descent: splits and arms as they must be, told from numbers made up."""

import functools
import itertools
from dataclasses import replace

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr

from helpers.experiments import measure, rows_of, tell
from isinglass.data.sudoku import count_solutions
from isinglass.experiments.descent import (
    sudoku,
    sudoku_arms,
    sudoku_puzzles,
    sudoku_training,
)
from isinglass.experiments.descent.layers import numbers_of
from isinglass.experiments.descent.sudoku_arms import ARMS, Shape
from isinglass.experiments.descent.sudoku_training import Lane, Loss, Puzzles
from isinglass.reproduce import Context
from isinglass.systems.descent import SymbolHyperSET
from isinglass.training import Lanes

SHAPE = Shape(4, 8, 2, 4)
CONTEXT = Context(seeds=range(3))


@pytest.fixture(scope="module")
def pool() -> sudoku_puzzles.Pool:
    return sudoku_puzzles.make_pool(4, 240, (6, 9), np.random.default_rng(0))


@pytest.fixture
def made_up() -> xr.Dataset:
    rng = np.random.default_rng(0)
    setting = replace(sudoku.QUICK, arms=ARMS)
    tables = sudoku.empty_tables(CONTEXT, setting)
    for table in tables.values():
        table[:] = rng.uniform(40, 50, table.shape)
    for name in ("boards", "solved", "again"):
        tables[name].loc[sudoku_arms.PUBLISHED] += 40
    tables["rate"][:] = setting.rates[0]
    return (
        xr.Dataset(tables)
        .expand_dims(board=[setting.board])
        .assign_attrs(resolution="quick", seeds=3, seed=0)
    )


def test_no_grid_is_trained_on_or_chosen_on_and_tested_on(pool):
    assert sorted(set(pool.kind)) == list(range(12))
    tuning = sudoku_puzzles.split_for_tuning(pool)
    tested = set()
    for seed in range(5):
        rng = np.random.default_rng(seed)
        split = sudoku_puzzles.split_of_seed(pool, rng)
        train, test, again = (set(pool.kind[places]) for places in split)
        assert len(test) == 2
        assert not test & (train | set(pool.kind[tuning.test]))
        assert again <= train
        assert not set(split.again) & (set(split.train) | set(tuning.train))
        tested |= test
    assert len(tested) > 2
    assert not set(pool.kind[tuning.train]) & set(pool.kind[tuning.test])


def test_a_renamed_grid_is_of_the_same_kind(pool):
    names = np.array([3, 1, 4, 2])
    both = np.concatenate([pool.solutions, names[pool.solutions - 1]])
    first, second = np.split(sudoku_puzzles.kinds(both), 2)
    assert (first == second).all()


def test_chance_of_guesses(pool):
    puzzle = pool.puzzles[0].reshape(4, 4)
    chance = 1.0
    for row, column in itertools.product(range(4), range(4)):
        if not puzzle[row, column]:
            box = puzzle[row // 2 * 2 :, column // 2 * 2 :][:2, :2]
            taken = {*puzzle[row], *puzzle[:, column], *box.ravel()} - {0}
            chance /= 4 - len(taken)
    assert sudoku_puzzles.guessed(pool.puzzles[:1])[0] == pytest.approx(chance)
    assert sudoku_puzzles.guessed(pool.solutions[:1])[0] == 1
    assert count_solutions(pool.puzzles[0]) == 1


@functools.cache
def made(arm: str) -> SymbolHyperSET:
    """The model of an arm, compiled: by itself every weight would be."""
    key = jax.random.key(0)
    return eqx.filter_jit(lambda key: sudoku_arms.make_solver(arm, SHAPE, key))(key)


def test_a_transformer_with_steps_begins_as_the_identity_and_like_a_hyperset():
    hyperset, transformer = made(sudoku_arms.PUBLISHED), made(sudoku_arms.WITH_STEPS)
    assert (hyperset.embedding == transformer.embedding).all()
    tokens = jax.random.normal(jax.random.key(1), (2, 16, 8))
    assert jnp.array_equal(transformer.layer.iterate(tokens, 3), tokens)


def test_the_small_transformer_is_as_large_as_a_hyperset():
    aim, small = (
        numbers_of(made(arm), made(arm).layer)
        for arm in (sudoku_arms.PUBLISHED, sudoku_arms.SMALL)
    )
    assert abs(small - aim) <= SHAPE.width + 1


def test_positive_steps_begin_small_and_never_point_uphill():
    tokens = jax.random.normal(jax.random.key(1), (2, 16, 8))
    layer = made(sudoku_arms.POSITIVE).layer.started(tokens)
    for steps in layer.step_sizes(tokens, 2):
        assert steps == pytest.approx(sudoku_arms.FIRST_STEP, rel=1e-5)
    low = eqx.tree_at(lambda block: block.steps.out_bias, layer, jnp.full(16, -9.0))
    assert all((steps > 0).all() for steps in low.step_sizes(tokens, 2))


def test_the_loss_is_that_of_empty_cells(pool):
    solver = eqx.tree_at(
        lambda model: model.readout, made(sudoku_arms.LOOPED), jnp.zeros((8, 4))
    )
    puzzles, solutions = map(jnp.asarray, pool[:2])
    data = Puzzles(puzzles, solutions, jnp.arange(1))
    lane = Lane(solver, jnp.arange(4))
    assert Loss(1, 3)(lane, data, jax.random.key(1)) == pytest.approx(np.log(4))


def test_a_rate_is_searched_and_models_are_read_at_t_and_at_2t(monkeypatch):
    T = sudoku.QUICK.iterations
    rates = []

    def train(models, task, recipe, *, learning_rates, keys, runtime):
        rates.append(list(learning_rates))
        losses = xr.Dataset({"validation": (("lane", "step"), [[2.0], [1.0]])})
        return Lanes(models, losses, np.full(2, -1))

    fakes = {
        "train_lanes": train,
        "solved": lambda solver, puzzles, solutions, count: np.arange(1.0, count + 1),
        "descent": lambda *_: sudoku_training.Descent(
            np.array([0.0, 50.0]), np.arange(2 * T + 1.0)
        ),
        "geometry": lambda *_: sudoku_training.Geometry(
            *map(jnp.asarray, np.eye(3, 2))
        ),
    }
    for name, fake in fakes.items():
        monkeypatch.setattr(sudoku_training, name, fake)
    measured = measure(sudoku, seeds=2).squeeze("board")
    low, high = sudoku.QUICK.rates
    assert rates == 2 * [[low, high], [high, high]]
    assert (measured.rate == high).all()
    assert (measured.boards.sel(loops="T") == T).all()
    assert (measured.boards.sel(loops="2T") == 2 * T).all()
    assert (measured.again == T).all()
    assert (measured.rises.sel(span="T + 1 to 2T") == 50).all()
    assert measured.angle.notnull().all()
    assert (measured.parameters > 0).all()
    assert ((measured.chance > 0) & (measured.chance < 100)).all()


@pytest.mark.slow
def test_measured_from_end_to_end():
    measured = measure(sudoku, seeds=2)
    assert measured.arm.values.tolist() == list(sudoku.QUICK.arms)
    assert measured.boards.notnull().all()
    assert measured.angle.notnull().all()
    assert (measured.search < np.log(4)).all()
    assert "Hyper-SET" in tell(sudoku, measured).findings


def test_views(made_up):
    views = tell(sudoku, made_up)
    rows = rows_of(views)
    ahead = rows["4 × 4: Hyper-SET − looped transformer, T"]
    assert (ahead.n, ahead.unit) == (3, "points")
    assert ahead.ours > 25
    assert rows["4 × 4: Hyper-SET, T"].paper == 54.7
    assert [figure.part for figure in views.figures] == ["", "energy"]
    assert "which the network does not explain" in views.findings
    few = made_up.sel(
        arm=list(sudoku.QUICK.arms), layer=["Hyper-SET"], hyperset=["Hyper-SET"]
    )
    assert "Is it the energy" not in tell(sudoku, few).findings
    made_up.boards.loc[{"arm": sudoku_arms.WITH_STEPS}] += 45
    findings = tell(sudoku, made_up).findings
    assert "The network helps without any energy" in findings
    assert "which the network does not explain" not in findings
