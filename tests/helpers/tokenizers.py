"""A small tokenizer, and the folders that versions of transformers make of it."""

import itertools
import json
import re

from isinglass.data.tokenizer_folder import letters

MERGES = [
    ("t", "h"),
    ("Ġ", "th"),
    ("Ġth", "e"),
    ("e", "r"),
    ("Ã", "©"),
    ("Ċ", "Ċ"),
    ("Ġ", "Ġ"),
    ("th", "er"),
]
JOINED = ["".join(pair) for pair in MERGES]
END = "<|endoftext|>"
WORDS = re.compile(
    r"'(?:[sdmt]|ll|ve|re)| ?[^\W\d_]+| ?\d+| ?(?:[^\s\w]|_|[\x1c-\x1f])+"
    r"|[^\S\x1c-\x1f]+(?![\S\x1c-\x1f])|[^\S\x1c-\x1f]+"
)
LEVEL = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}


def vocabulary(end=True):
    """Numbers of all tokens: the bytes, then the merges, then the end of a text."""
    order = sorted(letters(), key=lambda letter: letters()[letter])
    numbers = {letter: i for i, letter in enumerate(order)}
    numbers |= {token: 256 + i for i, token in enumerate(JOINED)}
    return numbers | ({END: len(numbers)} if end else {})


def by_hand(text):
    """Byte pairs, merged one at a time, the earliest merge first."""
    of_byte = {byte: letter for letter, byte in letters().items()}
    numbers, tokens = vocabulary(), []
    for word in WORDS.findall(text):
        pieces = [of_byte[byte] for byte in word.encode()]
        while pairs := [p for p in itertools.pairwise(pieces) if p in MERGES]:
            best = min(pairs, key=MERGES.index)
            at = list(itertools.pairwise(pieces)).index(best)
            pieces[at : at + 2] = ["".join(best)]
        tokens += [numbers[piece] for piece in pieces]
    return tokens


def write_two_files(folder, **others):
    """vocab.json and merges.txt, and other files of JSON by their stems."""
    (folder / "vocab.json").write_text(json.dumps(vocabulary()))
    lines = ["#version: 0.2", *(" ".join(pair) for pair in MERGES)]
    (folder / "merges.txt").write_text("\n".join(lines) + "\n")
    for stem, content in others.items():
        (folder / f"{stem}.json").write_text(json.dumps(content))
    return folder


def one_file(model=None, **changes):
    """What tokenizer.json holds in version 5, and changes of it and of its model."""
    of_model = {
        "type": "BPE",
        "dropout": None,
        "unk_token": None,
        "continuing_subword_prefix": "",
        "end_of_word_suffix": "",
        "fuse_unk": False,
        "byte_fallback": False,
        "ignore_merges": False,
        "vocab": vocabulary(),
        "merges": [list(pair) for pair in MERGES],
    }
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [added(END, len(vocabulary()) - 1)],
        "normalizer": None,
        "pre_tokenizer": LEVEL | {"use_regex": True},
        "post_processor": LEVEL,
        "decoder": LEVEL,
        "model": of_model | (model or {}),
    } | changes


def added(word, number, special=True, **flags):
    """A token of the list of those that were added."""
    usual = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": True}
    return {"id": number, "content": word, "special": special, **usual, **flags}


def write_one_file(folder, content=None, **others):
    """tokenizer.json, and other files of JSON by their stems."""
    for stem, record in {"tokenizer": content or one_file(), **others}.items():
        (folder / f"{stem}.json").write_text(json.dumps(record))
    return folder
