import json
import math
import zipfile

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from helpers import torch_files
from helpers.memory_training import random_model
from isinglass.systems.memory import (
    ModelFolderError,
    TransformerConfig,
    load_gpt2,
    save_gpt2,
)

V, N, D, H, L = 13, 10, 8, 2, 2
TOKENS = jnp.array([3, 1, 4, 1, 5, 9, 2, 6])
CONFIG = {
    "model_type": "gpt2",
    "activation_function": "gelu_new",
    "vocab_size": V,
    "n_positions": N,
    "n_ctx": N,
    "n_embd": D,
    "n_head": H,
    "n_layer": L,
    "layer_norm_epsilon": 1e-5,
    "resid_pdrop": 0.1,
    "architectures": ["GPT2LMHeadModel"],
}


def tensors(seed=0):
    """A tiny random GPT-2 under its names."""
    rng = np.random.default_rng(seed)
    shapes = {
        "wte.weight": (V, D),
        "wpe.weight": (N, D),
        "ln_f.weight": (D,),
        "ln_f.bias": (D,),
    }
    for i in range(L):
        shapes |= {
            f"h.{i}.ln_1.weight": (D,),
            f"h.{i}.ln_1.bias": (D,),
            f"h.{i}.attn.c_attn.weight": (D, 3 * D),
            f"h.{i}.attn.c_attn.bias": (3 * D,),
            f"h.{i}.attn.c_proj.weight": (D, D),
            f"h.{i}.attn.c_proj.bias": (D,),
            f"h.{i}.ln_2.weight": (D,),
            f"h.{i}.ln_2.bias": (D,),
            f"h.{i}.mlp.c_fc.weight": (D, 4 * D),
            f"h.{i}.mlp.c_fc.bias": (4 * D,),
            f"h.{i}.mlp.c_proj.weight": (4 * D, D),
            f"h.{i}.mlp.c_proj.bias": (D,),
        }
    return {
        name: 0.4 * rng.standard_normal(shape).astype(np.float32)
        for name, shape in shapes.items()
    }


def logits(tensors, tokens):
    """GPT-2 by loops over positions and heads, in float64."""
    w = {name: tensor.astype(float) for name, tensor in tensors.items()}

    def normalised(x, name):
        x = (x - x.mean()) / math.sqrt(x.var() + 1e-5)
        return x * w[f"{name}.weight"] + w[f"{name}.bias"]

    def linear(x, name):
        return x @ w[f"{name}.weight"] + w[f"{name}.bias"]

    def gelu(x):
        return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))

    stream = [
        w["wte.weight"][token] + w["wpe.weight"][i] for i, token in enumerate(tokens)
    ]
    size = D // H
    for layer in range(L):
        h = f"h.{layer}"
        parts = [
            np.split(linear(normalised(x, f"{h}.ln_1"), f"{h}.attn.c_attn"), 3)
            for x in stream
        ]
        after = []
        for i, x in enumerate(stream):
            mixed = np.zeros(D)
            for head in range(H):
                own = slice(head * size, (head + 1) * size)
                scores = [
                    parts[i][0][own] @ parts[j][1][own] / math.sqrt(size)
                    for j in range(i + 1)
                ]
                shares = np.exp(scores) / np.exp(scores).sum()
                mixed[own] = sum(p * parts[j][2][own] for j, p in enumerate(shares))
            after.append(x + linear(mixed, f"{h}.attn.c_proj"))
        stream = [
            x
            + linear(
                gelu(linear(normalised(x, f"{h}.ln_2"), f"{h}.mlp.c_fc")),
                f"{h}.mlp.c_proj",
            )
            for x in after
        ]
    return np.stack([normalised(x, "ln_f") @ w["wte.weight"].T for x in stream])


def folder(path, content=None, config=CONFIG):
    path.mkdir(exist_ok=True)
    (path / "config.json").write_text(json.dumps(config))
    if content is not None:
        save_file(content, path / "model.safetensors")
    return path


def prefixed(content):
    return {f"transformer.{name}": tensor for name, tensor in content.items()}


def test_logits_are_those_of_a_direct_evaluation(tmp_path):
    model = load_gpt2(folder(tmp_path, tensors()))
    assert model.config == TransformerConfig(V, N, D, H, L)
    np.testing.assert_allclose(
        model(TOKENS), logits(tensors(), TOKENS), rtol=1e-4, atol=1e-4
    )


def buffers(prefix=""):
    """The causal masks that versions 2 to 4.2x hold."""
    masks = {}
    for i in range(L):
        masks[f"{prefix}h.{i}.attn.bias"] = np.tril(np.ones((1, 1, N, N), np.uint8))
        masks[f"{prefix}h.{i}.attn.masked_bias"] = np.full((), -1e4, np.float32)
    return masks


def without_embedding(content):
    return {n: t for n, t in content.items() if not n.endswith("wte.weight")}


HEAD = {"lm_head.weight": tensors()["wte.weight"]}
# What each version of transformers, or the hub's conversion, writes.
LAYOUTS = {
    "bare model": (tensors(), {}),
    "with a head": (prefixed(tensors()), {}),
    "tied under both names": (prefixed(tensors()) | HEAD, {}),
    "tied under the head's name": (without_embedding(prefixed(tensors())) | HEAD, {}),
    "equal, and said not to be tied": (
        prefixed(tensors()) | HEAD,
        {"tie_word_embeddings": False},
    ),
    "bare with masks": (tensors() | buffers(), {}),
    "with a head and masks": (prefixed(tensors()) | buffers("transformer."), {}),
    "version 2": (
        tensors() | buffers(),
        {
            "n_special": 0,
            "predict_special_tokens": True,
            "num_labels": 1,
            "output_past": True,
            "pruned_heads": {},
            "use_bfloat16": False,
            "xla_device": None,
        },
    ),
    "version 5": (
        prefixed(tensors()),
        {
            "add_cross_attention": False,
            "attn_pdrop": 0.1,
            "bos_token_id": 12,
            "dtype": "float32",
            "embd_pdrop": 0.1,
            "n_inner": None,
            "pad_token_id": None,
            "reorder_and_upcast_attn": False,
            "scale_attn_by_inverse_layer_idx": False,
            "scale_attn_weights": True,
            "tie_word_embeddings": True,
            "transformers_version": "5.24.0",
            "use_cache": True,
        },
    ),
    "another name of its activation": (
        tensors(),
        {"activation_function": "gelu_pytorch_tanh"},
    ),
}


@pytest.mark.parametrize("parts", [1, 3])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_is_the_same_model(layout, parts, tmp_path):
    content, changes = LAYOUTS[layout]
    write(tmp_path / "folder", content, parts, CONFIG | changes)
    model = load_gpt2(tmp_path / "folder")
    assert_equal(load_gpt2(folder(tmp_path / "plain", tensors())), model)
    save_gpt2(model, tmp_path / "folder")
    assert_equal(load_gpt2(tmp_path / "folder"), model)
    assert not list((tmp_path / "folder").glob("*.index.json"))


def write(path, content, parts, config):
    """A folder with its tensors in one file, or in parts with an index."""
    if parts == 1:
        folder(path, content, config)
        return
    folder(path, None, config)
    weight_map = {}
    for part in range(parts):
        file = f"model-{part + 1:05}-of-{parts:05}.safetensors"
        inside = {name: content[name] for name in sorted(content)[part::parts]}
        save_file(inside, path / file)
        weight_map |= dict.fromkeys(inside, file)
    (path / "model.safetensors.index.json").write_text(
        json.dumps({"metadata": {"total_size": 1}, "weight_map": weight_map})
    )


def test_other_formats_are_refused_with_how_to_convert_them(tmp_path):
    (folder(tmp_path) / "tf_model.h5").write_bytes(b"HDF")
    with pytest.raises(ModelFolderError, match=r"tf_model.h5 is not read.*safe_seri"):
        load_gpt2(tmp_path)


WRITERS = {"1.5": torch_files.write_stream, "1.6": torch_files.write_archive}


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16, np.float32])
@pytest.mark.parametrize("version", WRITERS)
def test_pickles_are_read_as_pytorch_wrote_them(version, dtype, tmp_path):
    """What versions 2 to 4.34 of transformers write; real ones were tried by hand."""
    content = {n: t.astype(dtype) for n, t in tensors().items()}
    content |= {n: t.astype(bool) for n, t in buffers().items()}
    WRITERS[version](folder(tmp_path / "one") / "pytorch_model.bin", content)
    model = load_gpt2(tmp_path / "one")
    plain = {n: t for n, t in content.items() if "masked" not in n and n in tensors()}
    assert_equal(load_gpt2(folder(tmp_path / "plain", plain)), model)

    parts = folder(tmp_path / "parts")
    files = dict(zip(sorted(content), ["a.bin", "b.bin"] * len(content), strict=False))
    for file in ("a.bin", "b.bin"):
        inside = {n: t for n, t in content.items() if files[n] == file}
        WRITERS[version](parts / file, inside)
    index = parts / "pytorch_model.bin.index.json"
    index.write_text(json.dumps({"weight_map": files}))
    assert_equal(load_gpt2(parts), model)


def spoiled(key="0", size=2, start=0, shape=(2,), strides=(1,), kind="FloatStorage"):
    """A state of one tensor of two numbers, of which something may be wrong."""
    where = torch_files.Numbers(
        ("storage", torch_files.Name("torch", kind), key, "cpu", size)
    )
    rebuild = torch_files.Name("torch._utils", "_rebuild_tensor_v2")
    tensor = torch_files.Call(rebuild, (where, start, shape, strides, False, None))
    return {"wte.weight": tensor}


SYSTEM = torch_files.Name("os", "system")


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"a": torch_files.Call(SYSTEM, ("touch ran",))}, "os.system is called"),
        ({"a": torch_files.Name("numpy", "dtype")}, "numpy.dtype is called"),
        ({"a": 3}, "must hold tensors by their names"),
        (3, "must hold tensors by their names"),
        (spoiled(start=1), "reaches beyond its numbers"),
        (spoiled(strides=(2,)), "reaches beyond its numbers"),
        (spoiled(start=-1), "has no place"),
        (spoiled(shape=(True,)), "has no place"),
        (spoiled(shape="a"), "has no place"),
        (spoiled(key="7"), "KeyError"),
        (spoiled(kind="ComplexStorage"), "torch.ComplexStorage is called"),
    ],
)
def test_a_pickle_runs_nothing_and_makes_nothing_but_tensors(
    state, message, tmp_path, monkeypatch
):
    monkeypatch.chdir(folder(tmp_path))
    with zipfile.ZipFile("pytorch_model.bin", "w") as file:
        file.writestr("archive/data.pkl", torch_files.pickled(state))
        file.writestr("archive/data/0", bytes(8))
    with pytest.raises(ModelFolderError, match=f"pytorch_model.bin is not .*{message}"):
        load_gpt2(tmp_path)
    assert not (tmp_path / "ran").exists()


def test_a_damaged_pickle_is_refused(tmp_path):
    path = folder(tmp_path) / "pytorch_model.bin"
    torch_files.write_stream(path, tensors())
    whole = path.read_bytes()
    for damaged in (b"", b"cos\nsystem\n(S'true'\ntR.", whole[:-5], whole[:200]):
        path.write_bytes(damaged)
        with pytest.raises(ModelFolderError, match="is not a whole file of tensors"):
            load_gpt2(tmp_path)


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16, np.float64])
def test_numbers_of_other_sizes_are_read_as_float32(dtype, tmp_path):
    content = {n: t.astype(dtype) for n, t in tensors().items()}
    model = load_gpt2(folder(tmp_path, content))
    assert model.embedding.dtype == np.float32
    np.testing.assert_array_equal(
        model.embedding, tensors()["wte.weight"].astype(dtype).astype(np.float32)
    )


def test_parts_with_an_index_are_read_as_one(tmp_path):
    names = sorted(tensors())
    files = {
        "model-1-of-2.safetensors": names[:9],
        "model-2-of-2.safetensors": names[9:],
    }
    folder(tmp_path / "parts")
    for file, inside in files.items():
        save_file({name: tensors()[name] for name in inside}, tmp_path / "parts" / file)
    weight_map = {name: file for file, inside in files.items() for name in inside}
    index = tmp_path / "parts/model.safetensors.index.json"
    index.write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))
    assert_equal(
        load_gpt2(tmp_path / "parts"), load_gpt2(folder(tmp_path / "one", tensors()))
    )
    index.write_text(json.dumps({"weight_map": weight_map | {"wte.weight": "../wte"}}))
    with pytest.raises(
        ModelFolderError, match=r"wte.weight must be in a file of this folder"
    ):
        load_gpt2(tmp_path / "parts")
    moved = weight_map | {names[0]: files and "model-2-of-2.safetensors"}
    index.write_text(json.dumps({"weight_map": moved}))
    with pytest.raises(ModelFolderError, match=f"tensor {names[0]} "):
        load_gpt2(tmp_path / "parts")


def test_what_is_saved_is_loaded_bit_for_bit_and_has_their_names(tmp_path):
    model = random_model(TransformerConfig(V, N, D, H, L, hidden=20))
    save_gpt2(model, tmp_path / "new" / "folder")
    again = load_gpt2(tmp_path / "new" / "folder")
    assert_equal(model, again)
    assert again.config == model.config
    written = load_file(tmp_path / "new" / "folder" / "model.safetensors")
    assert written.keys() == prefixed(tensors()).keys()
    assert written["transformer.h.1.mlp.c_fc.weight"].shape == (D, 20)
    np.testing.assert_array_equal(
        written["transformer.h.1.attn.c_proj.weight"], model.blocks.attention_out[1]
    )


def test_dropout_is_asked_for_by_the_caller(tmp_path):
    assert load_gpt2(folder(tmp_path, tensors())).config.dropout == 0
    assert load_gpt2(tmp_path, dropout=0.1).config.dropout == 0.1


def changed(**changes):
    return {k: v for k, v in (tensors() | changes).items() if v is not None}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (changed(**{"h.1.ln_2.bias": None}), r"tensor h.1.ln_2.bias is missing in .*"),
        (
            changed(**{"h.2.ln_2.bias": np.zeros(D, "f4")}),
            r"tensor h.2.ln_2.bias is none of a GPT-2",
        ),
        (
            changed(extra=np.zeros(1, "f4")),
            "tensor extra is none of a GPT-2 of 2 layers",
        ),
        (
            changed(**{"h.0.attn.c_attn.weight": np.zeros((3 * D, D), "f4")}),
            r"tensor h.0.attn.c_attn.weight must have shape \(8, 24\), got \(24, 8\)",
        ),
        (
            changed(**{"ln_f.bias": np.full(D, np.nan, "f4")}),
            "tensor ln_f.bias must be finite, and is not",
        ),
        (
            changed(**{"ln_f.bias": np.zeros(D, np.int32)}),
            "tensor ln_f.bias must hold floating numbers, one of .*, got int32",
        ),
        (
            changed(**{"lm_head.weight": np.zeros((V, D), "f4")}),
            "tensor lm_head.weight must equal wte.weight",
        ),
        (
            tensors() | {"transformer.ln_f.bias": np.zeros(D, "f4")},
            "tensor transformer.ln_f.bias is there twice|tensor ln_f.bias is there "
            "twice",
        ),
    ],
)
def test_tensors_that_do_not_fit_are_refused_by_name(content, message, tmp_path):
    with pytest.raises(ModelFolderError, match=message):
        load_gpt2(folder(tmp_path, content))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"activation_function": "relu"},
            'activation_function = "relu" is not supported; accepted',
        ),
        (
            {"scale_attn_by_inverse_layer_idx": True},
            "scale_attn_by_inverse_layer_idx = true",
        ),
        ({"scale_attn_weights": False}, "scale_attn_weights = false is not supported"),
        (
            {"tie_word_embeddings": False},
            "lm_head.weight is missing in .*tie_word_embeddings = false",
        ),
        ({"n_special": 3}, "n_special = 3 is not supported"),
        ({"activation_function": "gelu"}, 'activation_function = "gelu" is not'),
        ({"auto_map": {}}, "auto_map = {} is not known here"),
        ({"model_type": "llama"}, 'model_type = "llama" is not supported'),
        ({"rope_theta": 1e4}, "rope_theta = 10000.0 is not known here"),
        ({"quantization_config": {}}, "quantization_config = {} is not known here"),
        ({"n_head": 3}, "width must be a multiple of heads"),
        ({"n_layer": "2"}, "n_layer must be a whole number, got '2'"),
        ({"n_layer": None}, "n_layer must be a whole number, got None"),
        ({"layer_norm_epsilon": "x"}, "layer_norm_epsilon must be a number, got 'x'"),
    ],
)
def test_config_fields_that_are_not_supported_are_refused_by_name(
    changes, message, tmp_path
):
    with pytest.raises(ModelFolderError, match=message):
        load_gpt2(folder(tmp_path, tensors(), CONFIG | changes))


def test_a_folder_that_is_none_or_is_damaged_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="no folder of a model at"):
        load_gpt2(tmp_path / "none")
    with pytest.raises(FileNotFoundError, match=r"no file .*config.json"):
        load_gpt2(tmp_path)
    folder(tmp_path)
    with pytest.raises(
        FileNotFoundError, match=r"neither model.safetensors nor model.safe"
    ):
        load_gpt2(tmp_path)
    folder(tmp_path, tensors())
    whole = (tmp_path / "model.safetensors").read_bytes()
    (tmp_path / "model.safetensors").write_bytes(whole[:-5])
    with pytest.raises(ModelFolderError, match="is not a whole safetensors file"):
        load_gpt2(tmp_path)
    (tmp_path / "config.json").write_text("[1]")
    with pytest.raises(ModelFolderError, match="must hold an object, got list"):
        load_gpt2(tmp_path)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(ModelFolderError, match="is not JSON"):
        load_gpt2(tmp_path)


def assert_equal(model, other):
    for mine, theirs in zip(
        jax.tree.leaves(model), jax.tree.leaves(other), strict=True
    ):
        np.testing.assert_array_equal(mine, theirs)
