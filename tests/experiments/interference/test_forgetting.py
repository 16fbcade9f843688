from helpers.experiments import rows_of, tell
from isinglass.experiments.interference import forgetting


def test_interference_forgets_nothing_and_backpropagation_everything(measured):
    rows = rows_of(tell(forgetting, measured(forgetting)))
    joint = "class after class gives the model of joint training, bit for bit"

    assert rows[joint].ours == 100
    assert rows["ours keeps more of the first digit than BP, same draws"].ours == 100
    assert rows["accuracy on the first digit lost by the end, ours"].ours < 20
    assert rows["accuracy on the first digit lost by the end, BP"].ours > 90


def test_a_digit_is_answered_only_after_its_arrival(measured):
    accuracy = measured(forgetting).accuracy.sel(classifier="BP").mean("seed")

    assert (accuracy.values.diagonal() > 90).all()
    assert (accuracy.sel(digit=4)[:-1] < 50).all()
