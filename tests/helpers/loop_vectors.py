"""What the explorer's looped transformer answers, for its JavaScript to do again."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from isinglass._common.precision import double_precision
from isinglass.explore.browser.loop_training import CONFIG
from isinglass.explore.browser.sections import shipped
from isinglass.systems.looped import LoopedTransformer, barred_logits

TEXT = "abcadbbdcadbac"


def loop_vectors() -> dict[str, Any]:
    data = shipped("loop")
    tokens = jnp.array(["abcd".index(letter) for letter in TEXT])
    place = jnp.arange(len(tokens)) - 1
    when = jnp.arange(CONFIG.iterations) == 1
    model = shipped_model(data)
    with double_precision():
        double = jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float64), model)
        course = double.run(tokens)
        barred = barred_logits(double, tokens, place, when)
        logits = double.decode(course.states)
    return {
        "data": data,
        "tokens": tokens.tolist(),
        "place": place.tolist(),
        "when": when.tolist(),
        "rows": np.asarray(course.rows)[:, 0].tolist(),
        "logits": np.asarray(logits).tolist(),
        "barred": np.asarray(barred).tolist(),
    }


def shipped_model(data: dict[str, Any]) -> LoopedTransformer:
    """The model whose weights the page holds."""
    names = list(data["weights"])
    with double_precision():  # the page takes the numbers as they are written
        arrays = [jnp.asarray(data["weights"][name], jnp.float64) for name in names]
        return eqx.tree_at(
            lambda model: [getattr(model, name) for name in names],
            LoopedTransformer(CONFIG, key=jax.random.key(0)),
            arrays,
        )
