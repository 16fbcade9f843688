"""What a transformer makes of the beginning of a text, the likeliest token each time."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Integer

from isinglass.data.tokens import check_tokens
from isinglass.systems.memory.transformer import SINGLE, Execution, Transformer


def continue_greedily(
    model: Transformer,
    prompts: Integer[np.ndarray, "b n"],
    count: int,
    *,
    execution: Execution = SINGLE,
) -> Integer[np.ndarray, "b count"]:
    """The likeliest token after each prompt, and so on. A text known by heart goes on as it does.

    Every token takes a pass over the whole sequence: nothing is kept from one to the
    next.

    Args:
        model: The model.
        prompts: Beginnings, of the same length of at least 1.
        count: How many tokens to add, at least 1.
        execution: How to compute it.

    Raises:
        ValueError: If there are no prompts, they are not whole numbers with two axes, a
            token is none of the model's, or prompt and continuation are longer than the
            context.
    """
    prompts, config = np.asarray(prompts), model.config
    check_tokens("prompts", prompts, 2, config.vocabulary)
    if not prompts.size or count < 1 or prompts.shape[1] + count > config.context:
        raise ValueError(
            f"prompts and count must be at least 1 token each and {config.context} "
            f"together, got prompts of shape {prompts.shape} and {count}"
        )
    tokens = np.zeros((len(prompts), prompts.shape[1] + count), np.int32)
    tokens[:, : prompts.shape[1]] = prompts
    found = _continued(model, tokens, prompts.shape[1], execution)
    return np.asarray(found)[:, prompts.shape[1] :]


@partial(jax.jit, static_argnames=("start", "execution"))
def _continued(
    model: Transformer, tokens: Any, start: int, execution: Execution
) -> Any:
    def one(place: Any, tokens: Any) -> Any:
        def last(each: Any) -> Any:  # what stands behind it is not seen
            return model.decode(
                model.final(each, execution)[place - 1][None], execution
            )[0]

        return tokens.at[:, place].set(
            jax.vmap(last)(tokens).argmax(-1).astype(tokens.dtype)
        )

    return jax.lax.fori_loop(start, tokens.shape[1], one, jnp.asarray(tokens))
