"""Parts of a measurement, joined and taken out again."""

import numpy as np
import xarray as xr

from isinglass.experiments.looped.parts import by_setting, grid


def test_a_grid_has_a_dimension_for_every_element_of_a_key() -> None:
    parts = {
        (form, steps): xr.Dataset({"x": ("step", np.arange(steps) + 10.0 * index)})
        for index, form in enumerate("ba")
        for steps in (2, 3)
    }
    parts = {
        key: part.assign_coords(step=np.arange(key[1])) for key, part in parts.items()
    }
    joined = grid(parts, "form", "steps")

    assert joined.x.dims == ("form", "steps", "step")
    assert joined.form.values.tolist() == ["b", "a"]
    assert joined.x.sel(form="a", steps=2).values.tolist()[:2] == [10, 11]
    assert np.isnan(joined.x.sel(form="a", steps=2, step=2))
    assert joined.x.sel(form="b", steps=3, step=2) == 2


def test_a_setting_is_without_what_only_others_have() -> None:
    parts = {
        (name,): xr.Dataset({"x": ("step", [1.0, 2.0])}, {"step": steps})
        for name, steps in {"ours": [0, 5], "papers": [0, 3]}.items()
    }
    settings = dict(by_setting(grid(parts, "setting"), "step"))

    assert list(settings) == ["ours", "papers"]
    assert settings["ours"].step.values.tolist() == [0, 5]
    assert settings["papers"].x.values.tolist() == [1, 2]
