"""How a transformer continues a text, the likeliest token each time."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Int, Integer

from isinglass._common.checks import check_kind, check_real, check_whole
from isinglass.data.tokens import check_tokens
from isinglass.systems.memory.transformer import SINGLE, Execution, Transformer


def continue_greedily(
    model: Transformer,
    prompts: Integer[np.ndarray, "b n"],
    count: int,
    *,
    execution: Execution = SINGLE,
) -> Integer[np.ndarray, "b count"]:
    """Continue prompts by the likeliest token each time.

    A model that knows a text by heart continues it as it is. Every token takes a pass
    over the whole sequence: nothing is kept from one to the next.

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
    check_kind(Transformer, model=model)
    check_kind(Execution, execution=execution)
    check_real(prompts=prompts)
    prompts, config = np.asarray(prompts), model.config
    check_tokens("prompts", prompts, 2, config.vocabulary)
    check_whole(count=count)
    if not prompts.size or prompts.shape[1] + count > config.context:
        raise ValueError(
            f"prompts and count must be at least 1 token each and {config.context} "
            f"together, got prompts of shape {prompts.shape} and {count}"
        )
    tokens = np.zeros((len(prompts), prompts.shape[1] + count), np.int32)
    tokens[:, : prompts.shape[1]] = prompts
    continued = _continued(model, tokens, prompts.shape[1], execution)
    return np.asarray(continued)[:, prompts.shape[1] :]


def matching_length(
    model: Transformer,
    texts: Integer[np.ndarray, "b m"],
    prompt: int,
    *,
    execution: Execution = SINGLE,
) -> Int[np.ndarray, " b"]:
    """Count the right tokens of a model's continuation before the first wrong one.

    The model gets the beginning of a text and adds the likeliest token each time, as
    `continue_greedily` does. A text that it knows by heart it continues to the end;
    what has gone wrong early is not gone on with, for every token takes a pass.

    Args:
        model: The model.
        texts: Beginnings with what follows them, at most the context long.
        prompt: Length of the beginnings, at least 1 and less than m.
        execution: How to compute it.

    Returns:
        How many tokens are right, from 0 to m − prompt.

    Raises:
        ValueError: As `continue_greedily`.
    """
    check_kind(Transformer, model=model)
    check_kind(Execution, execution=execution)
    check_tokens("texts", texts, 2, model.config.vocabulary)
    check_whole(prompt=prompt)
    texts = np.asarray(texts)
    if not prompt < texts.shape[1] <= model.config.context:
        raise ValueError(
            f"texts must be longer than prompt = {prompt}, and at most the context "
            f"{model.config.context} long, got {texts.shape[1]}"
        )
    lengths, length = np.zeros(len(texts), int), texts.shape[1] - prompt
    alive, start, stop = np.arange(len(texts)), 0, min(8, length)
    while len(alive) and start < length:
        # Few sizes of batch, so that few programs are compiled.
        padding = max(8, 1 << (len(alive) - 1).bit_length()) - len(alive)
        beginnings = texts[alive, : prompt + start]
        batch = np.pad(beginnings, ((0, padding), (0, 0)), "edge")
        tokens = continue_greedily(model, batch, stop - start, execution=execution)
        is_right = tokens[: len(alive)] == texts[alive, prompt + start : prompt + stop]
        is_whole = is_right.all(1)
        lengths[alive] = np.where(is_whole, stop, start + is_right.argmin(1))
        alive, start, stop = alive[is_whole], stop, min(4 * stop, length)
    return lengths


@partial(jax.jit, static_argnames=("start", "execution"))
def _continued(
    model: Transformer, tokens: Any, start: int, execution: Execution
) -> Any:
    def add(place: Any, tokens: Any) -> Any:
        """The likeliest after what stands before a place, whatever stands there."""
        activations = model.final(tokens, execution)[:, place - 1]
        following = model.decode(activations, execution).argmax(-1)
        return tokens.at[:, place].set(following.astype(tokens.dtype))

    return jax.lax.fori_loop(start, tokens.shape[1], add, jnp.asarray(tokens))
