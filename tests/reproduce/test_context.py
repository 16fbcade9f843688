"""How an experiment's context derives seeds."""

from isinglass.reproduce import Context


def test_seeds_of_trained_models_are_those_of_the_published_numbers():
    context = Context(seeds=range(2))
    assert context.model_seed() == 1826701615
    assert context.model_seed(3, 8, below=2**32) == 1189952748
    assert context.model_seed(3, below=1 << 40) == 984032935040


def test_what_tells_models_apart_gives_them_seeds_of_their_own():
    context, other = (Context(seeds=range(2), seed=seed) for seed in (0, 1))
    seeds = {context.model_seed(n, m, below=2**32) for n in range(8) for m in range(8)}
    assert len(seeds) == 64
    assert context.model_seed(3) != other.model_seed(3)
    assert all(0 <= context.model_seed(n, below=5) < 5 for n in range(20))
    assert context.model_seed(3) != context.seed_of("waves", 3)
