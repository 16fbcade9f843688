"""GPT-2 in Hugging Face's format: a folder with config.json and tensors.

The vocabulary of names is that of `transformers`: `h.0.attn.c_attn.weight` and so on,
with or without "transformer." before. Its Conv1D weights are (in, out), as ours. Causal
masks that old files hold as buffers are skipped. The embedding and the read-out are one
tensor, under either name or both. What is written is safetensors; of a pickle, which
older versions wrote, the tensors are read and nothing is run (`_torch_file`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as to_bytes

from isinglass._common.checks import as_path, check_in, check_kind
from isinglass._common.files import read_json_object, write_together
from isinglass.systems.memory import _torch_file
from isinglass.systems.memory.transformer import Transformer, TransformerConfig

CONFIG, MODEL, INDEX = (
    "config.json",
    "model.safetensors",
    "model.safetensors.index.json",
)
PICKLE, PICKLE_INDEX = "pytorch_model.bin", "pytorch_model.bin.index.json"
PREFIX = "transformer."
_BUFFER = re.compile(r"h\.\d+\.attn\.(bias|masked_bias)")
_READ_OUT, _EMBEDDING = "lm_head.weight", "wte.weight"

# Ours, theirs. Fields that must have one of some values, of which the first is theirs
# by default.
_SHAPE = {
    "vocabulary": "vocab_size",
    "context": "n_positions",
    "width": "n_embd",
    "heads": "n_head",
    "layers": "n_layer",
}
_MUST: dict[str, tuple[Any, ...]] = {
    "model_type": ("gpt2",),
    # All four are GELU's tanh form.
    "activation_function": (
        "gelu_new",
        "gelu_pytorch_tanh",
        "gelu_fast",
        "gelu_accurate",
    ),
    "add_cross_attention": (False,),
    "scale_attn_by_inverse_layer_idx": (False,),
    "scale_attn_weights": (True,),
    # Not tied, the read-out must be the embedding all the same.
    "tie_word_embeddings": (True, False),
    "tie_encoder_decoder": (False,),
    "n_special": (0,),
    "is_decoder": (False, True),
    "is_encoder_decoder": (False,),
    "pruned_heads": ({}, None),
}
# Of how it was trained, made and packed, not of what it computes.
_IGNORED = """
_attn_implementation_autoset _name_or_path _num_labels architectures attn_implementation
attn_pdrop bad_words_ids begin_suppress_tokens bos_token_id chunk_size_feed_forward
cross_attention_hidden_size decoder_start_token_id diversity_penalty do_sample dtype
early_stopping embd_pdrop encoder_no_repeat_ngram_size eos_token_id eos_token_ids
exponential_decay_length_penalty finetuning_task forced_bos_token_id forced_eos_token_id
gradient_checkpointing id2label initializer_range keys_to_ignore_at_inference label2id
length_penalty max_length min_length n_ctx no_repeat_ngram_size num_beam_groups
num_beams num_labels num_return_sequences output_attentions output_hidden_states
output_past output_scores pad_token_id predict_special_tokens prefix problem_type
remove_invalid_values
reorder_and_upcast_attn repetition_penalty resid_pdrop return_dict
return_dict_in_generate sep_token_id summary_activation summary_first_dropout
summary_proj_to_labels summary_type summary_use_proj suppress_tokens
task_specific_params temperature tf_legacy_loss tokenizer_class top_k top_p torch_dtype
torchscript transformers_version typical_p use_bfloat16 use_cache xla_device
"""
# Where each of their tensors is; of those in a layer, the place in
# `Transformer.blocks`.
_OUTSIDE = {
    "wte.weight": "embedding",
    "wpe.weight": "positions",
    "ln_f.weight": "after.gain",
    "ln_f.bias": "after.bias",
}
_IN_LAYER = {
    "ln_1.weight": "before_attention.gain",
    "ln_1.bias": "before_attention.bias",
    "attn.c_attn.weight": "attention_in",
    "attn.c_attn.bias": "attention_in_bias",
    "attn.c_proj.weight": "attention_out",
    "attn.c_proj.bias": "attention_out_bias",
    "ln_2.weight": "before_mlp.gain",
    "ln_2.bias": "before_mlp.bias",
    "mlp.c_fc.weight": "mlp_in",
    "mlp.c_fc.bias": "mlp_in_bias",
    "mlp.c_proj.weight": "mlp_out",
    "mlp.c_proj.bias": "mlp_out_bias",
}


# What other formats are called.
_FOREIGN = ("tf_model.h5", "flax_model.msgpack")
_NUMBERS = ("float16", "bfloat16", "float32", "float64")


class ModelFolderError(ValueError):
    """A folder does not hold a GPT-2 that can be read."""


def load_gpt2(folder: str | Path, *, dropout: float = 0.0) -> Transformer:
    """Read a GPT-2 from a folder.

    Args:
        folder: With config.json, and model.safetensors or its parts and their index,
            or else pytorch_model.bin or its parts, whose pickles are read without
            running what they say. Numbers may be of 16, 32 or 64 bits.
        dropout: Of the model's config, for training on; the folder's own is not read.

    Returns:
        The model, in float32.

    Raises:
        FileNotFoundError: If the folder or one of its files is missing.
        ModelFolderError: If a field of the config asks for what is not implemented
            here, the weights are in another format than safetensors, or a tensor is
            missing, left over, of another shape or type, or not finite; by name.
    """
    folder = as_path("folder", folder)
    check_in("[0, 1)", dropout=dropout)
    record = _record(folder)
    is_tied = record.get("tie_word_embeddings", True)
    parts = _parts(_config(folder / CONFIG, record, dropout))
    for name, tensor in _tensors(folder):
        plain = name.removeprefix(PREFIX)
        if plain == _READ_OUT:
            parts.tied = tensor
            continue
        parts.put(name, plain, tensor)
    if parts.tied is None and not is_tied:
        raise ModelFolderError(
            f"tensor {_READ_OUT} is missing in {folder}, and with tie_word_embeddings "
            "= false it is not the embedding"
        )
    return parts.model(folder)


def save_gpt2(model: Transformer, folder: str | Path) -> None:
    """Write a model to a folder, as `load_gpt2` and `transformers` read it.

    Files that are there are replaced, each whole or not at all.

    Args:
        model: The model.
        folder: Made if need be.

    Raises:
        OSError: If it cannot be written.
    """
    check_kind(Transformer, model=model)
    folder, config = as_path("folder", folder), model.config
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {
        PREFIX + theirs: np.ascontiguousarray(_at(model, ours), np.float32)
        for theirs, ours in _OUTSIDE.items()
    }
    for theirs, ours in _IN_LAYER.items():
        stacked = np.asarray(_at(model.blocks, ours), np.float32)
        for layer, tensor in enumerate(stacked):
            tensors[f"{PREFIX}h.{layer}.{theirs}"] = np.ascontiguousarray(tensor)
    fields = {theirs: getattr(config, ours) for ours, theirs in _SHAPE.items()} | {
        "model_type": "gpt2",
        "architectures": ["GPT2LMHeadModel"],
        "activation_function": "gelu_new",
        "n_inner": config.hidden,
        "layer_norm_epsilon": config.epsilon,
        "tie_word_embeddings": True,
        "embd_pdrop": config.dropout,
        "resid_pdrop": config.dropout,
        "attn_pdrop": 0.0,
        "torch_dtype": "float32",
    }
    write_together(
        {
            folder / MODEL: to_bytes(tensors, metadata={"format": "pt"}),
            folder / CONFIG: (json.dumps(fields, indent=2) + "\n").encode(),
        }
    )
    (folder / INDEX).unlink(missing_ok=True)


# -- config.json -----------------------------------------------------------------------


def _record(folder: Path) -> dict[str, Any]:
    if not folder.is_dir():
        raise FileNotFoundError(f"no folder of a model at {folder}")
    return _json(folder / CONFIG)


def _config(path: Path, record: dict[str, Any], dropout: float) -> TransformerConfig:
    for name, accepted in _MUST.items():
        value = record.pop(name, accepted[0])
        if value not in accepted:
            raise ModelFolderError(
                f"{path}: {name} = {json.dumps(value)} is not supported; accepted is "
                + " or ".join(json.dumps(each) for each in accepted)
            )
    fields: dict[str, Any] = {}
    for ours, theirs in _SHAPE.items():
        if theirs not in record:
            raise ModelFolderError(f"{path}: {theirs} is missing")
        fields[ours] = _whole(path, theirs, record.pop(theirs))
    inner = record.pop("n_inner", None)
    fields["hidden"] = None if inner is None else _whole(path, "n_inner", inner)
    epsilon = record.pop("layer_norm_epsilon", 1e-5)
    if isinstance(epsilon, bool) or not isinstance(epsilon, int | float):
        raise ModelFolderError(
            f"{path}: layer_norm_epsilon must be a number, got {epsilon!r}"
        )
    unknown = sorted(set(record) - set(_IGNORED.split()))
    if unknown:
        raise ModelFolderError(
            f"{path}: {unknown[0]} = {json.dumps(record[unknown[0]])} is not known "
            "here, and may change what the model computes; take it out if it does not"
        )
    try:
        return TransformerConfig(**fields, dropout=dropout, epsilon=float(epsilon))
    except ValueError as error:
        raise ModelFolderError(f"{path}: {error}") from None


def _whole(path: Path, name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ModelFolderError(f"{path}: {name} must be a whole number, got {value!r}")
    return value


def _json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise FileNotFoundError(f"no file {path}")
    return read_json_object(path, ModelFolderError)


# -- tensors ---------------------------------------------------------------------------


def _tensors(folder: Path) -> Iterator[tuple[str, np.ndarray]]:
    """All tensors with their names, one at a time."""
    for whole, index in ((MODEL, INDEX), (PICKLE, PICKLE_INDEX)):
        if (folder / whole).is_file():
            yield from _of_file(folder / whole, None)
            return
        if (folder / index).is_file():
            yield from _of_parts(folder / index)
            return
    foreign = [name for name in _FOREIGN if (folder / name).is_file()]
    if foreign:
        raise ModelFolderError(
            f"{folder / foreign[0]} is not read. Write {MODEL} of it where "
            "transformers is installed: AutoModelForCausalLM.from_pretrained(DIR)"
            ".save_pretrained(DIR, safe_serialization=True)"
        )
    raise FileNotFoundError(f"neither {MODEL} nor {INDEX} in {folder}")


def _of_parts(index: Path) -> Iterator[tuple[str, np.ndarray]]:
    weight_map = _json(index).get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise ModelFolderError(
            f"{index}: weight_map must say which file holds which tensor"
        )
    files: dict[str, set[str]] = {}
    for name, file in weight_map.items():
        if not isinstance(file, str) or Path(file).name != file:
            raise ModelFolderError(
                f"{index}: {name} must be in a file of this folder, got {file!r}"
            )
        files.setdefault(file, set()).add(name)
    for file, names in sorted(files.items()):
        yield from _of_file(index.parent / file, names)


def _of_file(path: Path, expected: set[str] | None) -> Iterator[tuple[str, np.ndarray]]:
    if not path.is_file():
        raise FileNotFoundError(f"no file {path}")
    try:
        names = set()
        is_pickle = path.suffix == Path(PICKLE).suffix
        for name, tensor in (_torch_file.tensors if is_pickle else _safe)(path):
            names.add(name)
            if _BUFFER.fullmatch(name.removeprefix(PREFIX)):
                continue
            if tensor.dtype.name not in _NUMBERS:
                raise ModelFolderError(
                    f"{path}: tensor {name} must hold floating numbers, one of "
                    f"{', '.join(_NUMBERS)}, got {tensor.dtype}"
                )
            yield name, np.asarray(tensor, np.float32)
    except _torch_file.TorchFileError as error:
        raise ModelFolderError(
            f"{path} is not a whole file of tensors: {error}"
        ) from None
    except (SafetensorError, OSError, TypeError, AttributeError) as error:
        raise ModelFolderError(
            f"{path} is not a whole safetensors file: {error}"
        ) from None
    if expected is not None and names != expected:
        odd = sorted(names ^ expected)[0]
        where = "has no place in" if odd in names else "is promised by"
        raise ModelFolderError(f"{path}: tensor {odd} {where} the index beside it")


def _safe(path: Path) -> Iterator[tuple[str, np.ndarray]]:
    with safe_open(path, framework="flax") as file:
        for name in sorted(file.keys()):
            yield name, file.get_tensor(name)


class _Parts:
    """A model that is being filled."""

    def __init__(self, like: Any, layers: int) -> None:
        self.like, self.layers = like, layers
        self.tied: np.ndarray | None = None
        self.tensors: dict[str, np.ndarray] = {}
        self.missing = set(_OUTSIDE)
        for layer in range(layers):
            self.missing |= {f"h.{layer}.{each}" for each in _IN_LAYER}

    def put(self, name: str, plain: str, tensor: np.ndarray) -> None:
        """Take a tensor in.

        Raises:
            ModelFolderError: If it has no place, has another shape, or is not finite.
        """
        if plain in self.tensors:
            raise ModelFolderError(f"tensor {name} is there twice")
        if plain not in self.missing:
            raise ModelFolderError(
                f"tensor {name} is none of a GPT-2 of {self.layers} layers"
            )
        self.missing.remove(plain)
        _, layer, inside = (
            plain.split(".", 2) if plain.startswith("h.") else ("", "", plain)
        )
        place = _IN_LAYER[inside] if layer else _OUTSIDE[plain]
        shape = (
            _at(self.like.blocks, place).shape[1:]
            if layer
            else _at(self.like, place).shape
        )
        if tensor.shape != shape:
            raise ModelFolderError(
                f"tensor {name} must have shape {shape}, got {tensor.shape}"
            )
        if not np.isfinite(tensor).all():
            raise ModelFolderError(f"tensor {name} must be finite, and is not")
        self.tensors[plain] = tensor

    def model(self, folder: Path) -> Transformer:
        """The whole model.

        Raises:
            ModelFolderError: If a tensor is missing.
        """
        if self.tied is not None and _EMBEDDING in self.missing:
            self.put(_READ_OUT, _EMBEDDING, self.tied)
        if self.missing:
            more = (
                f", and {len(self.missing) - 1} more" if len(self.missing) > 1 else ""
            )
            raise ModelFolderError(
                f"tensor {min(self.missing)} is missing in {folder}{more}"
            )
        if self.tied is not None and not np.array_equal(
            self.tied, self.tensors[_EMBEDDING]
        ):
            raise ModelFolderError(
                f"tensor {_READ_OUT} must equal wte.weight: a read-out of its own is "
                "not supported"
            )
        model = self.like
        for theirs, ours in _OUTSIDE.items():
            model = _with(model, ours, jnp.asarray(self.tensors.pop(theirs)))
        for theirs, ours in _IN_LAYER.items():
            layers = [
                self.tensors.pop(f"h.{layer}.{theirs}") for layer in range(self.layers)
            ]
            model = _with(model, f"blocks.{ours}", jax.device_put(np.stack(layers)))
        return model


def _parts(config: TransformerConfig) -> _Parts:
    # Shapes only: no number is drawn.
    like = eqx.filter_eval_shape(
        lambda key: Transformer(config, key=key), jax.random.key(0)
    )
    return _Parts(like, config.layers)


def _at(tree: Any, place: str) -> Any:
    for name in place.split("."):
        tree = getattr(tree, name)
    return tree


def _with(model: Any, place: str, value: Any) -> Any:
    return eqx.tree_at(lambda tree: _at(tree, place), model, value)
