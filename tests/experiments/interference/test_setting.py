"""What the MNIST experiments share."""

from isinglass.experiments.interference import setting
from isinglass.reproduce.context import Context
from isinglass.reproduce.experiment import Resolution


def test_the_experiments_use_the_settings_of_the_paper():
    context = Context(
        seeds=range(1), seed=0, resolution=Resolution("quick"), paths={}, workspace=None
    )
    model = setting.classifier(context, 0)
    assert (model.rates, model.patch_size) == ((1.0, -0.5, -0.8), 3)
    assert (model.threshold, model.n_durations, model.epochs) == (0.7, 25, 1)
