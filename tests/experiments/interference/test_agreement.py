from isinglass.experiments.interference import agreement


def test_words_are_at_chance_and_pairs_are_not(measured):
    accuracy = measured(agreement).accuracy.mean("seed").sel(subjects="plain")
    dipole = accuracy.sel(learner="dipole", examples=2400)

    assert abs(dipole.sel(view="words") - 50) < 3
    assert dipole.sel(view="neighbouring pairs") > 60
    assert dipole.sel(view="head, word, place") > 70
    assert dipole.sel(view="head's ending, word, place") > 85


def test_with_shuffled_labels_nothing_is_learned(measured):
    control = measured(agreement).accuracy.sel(learner="dipole, shuffled labels")

    assert abs(control.mean("seed") - 50).max() < 8
