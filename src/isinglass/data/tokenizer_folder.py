"""The tokenizer files of a model's folder, as `transformers` has written them.

Versions 2 to 4 write vocab.json and merges.txt, with added_tokens.json for what was
added later, and from version 3 on tokenizer.json beside them, which version 5 writes
alone. All describe the same thing: byte pairs with GPT-2's way to cut a text (Radford
et al. 2019). What would give other tokens than that is refused by its name.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from isinglass._common.files import read_json_object

TOKENIZER, VOCABULARY, MERGES = "tokenizer.json", "vocab.json", "merges.txt"
ADDED, SPECIAL, SETTINGS = (
    "added_tokens.json",
    "special_tokens_map.json",
    "tokenizer_config.json",
)
FILES = (TOKENIZER, VOCABULARY, MERGES, ADDED, SPECIAL, SETTINGS)
# What other kinds of tokenizer leave in a folder.
_FOREIGN = (
    "vocab.txt",
    "spiece.model",
    "sentencepiece.bpe.model",
    "tokenizer.model",
    "encoder.json",
    "vocab.bpe",
)
# What a BPE model may say without changing a token, beside null.
_PLAIN = {
    "dropout": (0,),
    "continuing_subword_prefix": ("",),
    "end_of_word_suffix": ("",),
}


class TokenFileError(ValueError):
    """Files of a vocabulary are not what they should be, or a text is no text."""


@dataclass(frozen=True)
class TokenizerFiles:
    """What the files say.

    Attributes:
        vocabulary: Number of every token by its spelling: in letters that stand for
            bytes, or as it is where it was added.
        merges: Pairs of spellings that become one token, the most urgent first.
        added: Those tokens that are looked for in any text before it is cut.
        special: Those that are not, such as "<|endoftext|>".
        leading_blank: Whether a text that begins without a blank gets one.
        whole_words: Whether a word that is a token is not merged.
    """

    vocabulary: dict[str, int]
    merges: list[tuple[str, str]]
    added: frozenset[str] = field(default_factory=frozenset)
    special: frozenset[str] = field(default_factory=frozenset)
    leading_blank: bool = False
    whole_words: bool = False


def has_tokenizer(folder: Path) -> bool:
    """Say whether a folder has a file of byte pairs."""
    return any((folder / name).is_file() for name in FILES[:3])


def read_tokenizer(folder: Path) -> TokenizerFiles:
    """Read the tokenizer of a folder; tokenizer.json where it is, as `transformers`.

    Raises:
        FileNotFoundError: If a file is missing.
        TokenFileError: If one is damaged, they do not belong together, or they ask for
            other tokens than byte pairs as GPT-2 has them.
    """
    if (folder / TOKENIZER).is_file():
        files = _from_one_file(folder)
        if (folder / VOCABULARY).is_file():
            _check_agreement(folder, files)
    elif has_tokenizer(folder):
        files = _from_two_files(folder)
    else:
        raise FileNotFoundError(_why_missing(folder))
    _check_numbers(folder, files.vocabulary)
    _check_merges(folder, files)
    return files


def _why_missing(folder: Path) -> str:
    foreign = [name for name in _FOREIGN if (folder / name).is_file()]
    if foreign:
        return (
            f"{folder} has {foreign[0]}, which is no tokenizer that is read here: "
            f"accepted is {TOKENIZER}, or {VOCABULARY} with {MERGES}"
        )
    return (
        f"no tokenizer in {folder}: neither {TOKENIZER} nor {VOCABULARY} and {MERGES}; "
        "if its tokens are bytes, isinglass.data.save_tokens(ByteTokens(), folder) "
        "writes that down"
    )


# -- one file --------------------------------------------------------------------------


def _from_one_file(folder: Path) -> TokenizerFiles:
    path = folder / TOKENIZER
    record = _object(path)
    model = record.get("model")
    if not isinstance(model, dict):
        raise TokenFileError(f"{path}: model is missing")
    _check_model(path, model)
    _check_normalizer(path, record.get("normalizer"))
    blank = _leading_blank(folder, _byte_level(path, record.get("pre_tokenizer")))
    vocabulary = _numbers(path, model.get("vocab"))
    entries = record.get("added_tokens") or []
    if not isinstance(entries, list):
        raise TokenFileError(f"{path}: added_tokens must be a list")
    contents = [_added(path, entry) for entry in entries]
    for (word, _), entry in zip(contents, entries, strict=True):
        _join(path, vocabulary, word, entry["id"])
    return TokenizerFiles(
        vocabulary,
        _pairs(path, model.get("merges")),
        frozenset(word for word, is_special in contents if not is_special),
        frozenset(word for word, is_special in contents if is_special),
        blank,
        bool(model.get("ignore_merges")),
    )


def _check_model(path: Path, model: dict[str, Any]) -> None:
    kind = model.get("type", "BPE")  # the first versions did not write it
    if kind != "BPE":
        raise TokenFileError(f"{path}: model {kind} is not supported; accepted is BPE")
    for name, accepted in _PLAIN.items():
        value = model.get(name)
        if value is not None and value not in accepted:
            raise TokenFileError(
                f"{path}: {name} = {json.dumps(value)} of the model is not supported"
            )


def _check_normalizer(path: Path, part: Any) -> None:
    kinds = [each["type"] for each in _flat(path, part, "normalizers")]
    if kinds:
        raise TokenFileError(
            f"{path}: normalizer {kinds[0]} is not supported; GPT-2 has none"
        )


def _byte_level(path: Path, part: Any) -> bool:
    """Whether a leading blank is added, if the pre-tokenizer is GPT-2's."""
    steps = _flat(path, part, "pretokenizers")
    accepted = "accepted is ByteLevel, as GPT-2 has it"
    if not steps:
        raise TokenFileError(f"{path}: pre_tokenizer is missing; {accepted}")
    for step in steps:
        if step["type"] != "ByteLevel" or len(steps) > 1:
            names = " and ".join(each["type"] for each in steps)
            raise TokenFileError(
                f"{path}: pre_tokenizer {names} is not supported; {accepted}"
            )
    if not steps[0].get("use_regex", True):
        raise TokenFileError(
            f"{path}: pre_tokenizer ByteLevel with use_regex = false is not "
            f"supported; {accepted}"
        )
    return bool(steps[0].get("add_prefix_space", False))


def _flat(path: Path, part: Any, inside: str) -> list[dict[str, Any]]:
    """The steps of a part of tokenizer.json, of which a sequence may hold several."""
    if part is None:
        return []
    if not isinstance(part, dict) or not isinstance(part.get("type"), str):
        raise TokenFileError(f"{path}: a part must be an object with a type")
    if part["type"] != "Sequence":
        return [part]
    steps = part.get(inside)
    if not isinstance(steps, list):
        raise TokenFileError(f"{path}: a Sequence must have a list of {inside}")
    return [step for each in steps for step in _flat(path, each, inside)]


def _added(path: Path, entry: Any) -> tuple[str, bool]:
    """An added token, and whether it is special.

    Raises:
        TokenFileError: If it is damaged, or is matched in a way not implemented here.
    """
    if not isinstance(entry, dict) or not isinstance(entry.get("content"), str):
        raise TokenFileError(f"{path}: an added token must be an object with a content")
    if "id" not in entry:
        raise TokenFileError(f"{path}: added token {entry['content']!r} has no id")
    is_special = bool(entry.get("special", False))
    flags = [name for name in ("lstrip", "rstrip", "single_word") if entry.get(name)]
    if flags and not is_special:
        raise TokenFileError(
            f"{path}: added token {entry['content']!r} with {flags[0]} = true is not "
            "supported"
        )
    return entry["content"], is_special


def _pairs(path: Path, merges: Any) -> list[tuple[str, str]]:
    """Merges, each a list of two or, until version 4.44, "two words"."""
    if not isinstance(merges, list):
        raise TokenFileError(f"{path}: merges must be a list")
    pairs = []
    for merge in merges:
        pair = merge.split(" ") if isinstance(merge, str) else merge
        is_pair = isinstance(pair, list) and len(pair) == 2
        if not is_pair or not all(isinstance(part, str) and part for part in pair):
            raise TokenFileError(f"{path}: a merge must be two tokens, got {merge!r}")
        pairs.append((pair[0], pair[1]))
    return pairs


def _check_agreement(folder: Path, files: TokenizerFiles) -> None:
    """Refuse a folder in which an older tokenizer was left beside another."""
    beside = _numbers_in(folder / VOCABULARY)
    wrong = [word for word in beside if files.vocabulary.get(word) != beside[word]]
    if (folder / MERGES).is_file() and _merges(folder) != files.merges:
        wrong.append("the merges")
    if wrong:
        raise TokenFileError(
            f"{folder}: {TOKENIZER} and {VOCABULARY} with {MERGES} must be the same "
            f"tokenizer, and differ in {wrong[0]!r}: take away what is not the model's"
        )


# -- two files -------------------------------------------------------------------------


def _from_two_files(folder: Path) -> TokenizerFiles:
    for name in (VOCABULARY, MERGES):
        if not (folder / name).is_file():
            raise FileNotFoundError(f"no file {folder / name}")
    vocabulary = _numbers_in(folder / VOCABULARY)
    later: dict[str, int] = {}
    if (folder / ADDED).is_file():
        later = _numbers_in(folder / ADDED)
    for word, number in later.items():
        _join(folder / ADDED, vocabulary, word, number)
    special = _special_words(folder) & vocabulary.keys()
    return TokenizerFiles(
        vocabulary,
        _merges(folder),
        frozenset(later) - special,
        frozenset(special),
        _leading_blank(folder, False),
    )


def _special_words(folder: Path) -> frozenset[str]:
    """The words that either of the files beside says are special."""
    words: list[Any] = ["<|endoftext|>"]  # GPT-2's own, if nothing is said
    for name in (SPECIAL, SETTINGS):
        record = _object(folder / name) if (folder / name).is_file() else {}
        for role, value in record.items():
            if role.endswith("_token") or role == "additional_special_tokens":
                words += value if isinstance(value, list) else [value]
        of_number = record.get("added_tokens_decoder", {})
        words += [each for each in of_number.values() if each.get("special")]
    spelled = [w.get("content") if isinstance(w, dict) else w for w in words]
    return frozenset(word for word in spelled if isinstance(word, str))


def _leading_blank(folder: Path, of_file: bool) -> bool:
    """Whether a blank comes first: the tokenizer's settings go before its file."""
    path = folder / SETTINGS
    settings = _object(path) if path.is_file() else {}
    return bool(settings.get("add_prefix_space", of_file))


def _merges(folder: Path) -> list[tuple[str, str]]:
    path = folder / MERGES
    try:
        lines = path.read_bytes().decode("utf-8").split("\n")
    except UnicodeDecodeError as error:
        raise TokenFileError(f"{path} is not UTF-8: {error}") from None
    merges = []
    for number, line in enumerate(lines, start=1):
        if not line.strip() or (number == 1 and line.startswith("#version")):
            continue
        pair = line.rstrip("\r").split(" ")
        if len(pair) != 2 or not all(pair):
            raise TokenFileError(f"{path}:{number}: must be two tokens, got {line!r}")
        merges.append((pair[0], pair[1]))
    return merges


# -- what both must be -----------------------------------------------------------------


def _object(path: Path) -> dict[str, Any]:
    return read_json_object(path, TokenFileError)


def _numbers_in(path: Path) -> dict[str, int]:
    """The numbers of all tokens that a file of nothing else gives."""
    because = ": it must give each token a number of its own"
    return _numbers(path, read_json_object(path, TokenFileError, because))


def _numbers(path: Path, value: Any) -> dict[str, int]:
    if not isinstance(value, dict) or not all(type(n) is int for n in value.values()):
        raise TokenFileError(f"{path} must give each token a number of its own")
    return dict(value)


def _join(path: Path, vocabulary: dict[str, int], word: str, number: Any) -> None:
    if type(number) is not int or vocabulary.setdefault(word, number) != number:
        raise TokenFileError(
            f"{path}: added token {word!r} must have a number of its own, got "
            f"{number!r} and {vocabulary.get(word)}"
        )


def _check_numbers(folder: Path, vocabulary: dict[str, int]) -> None:
    """Refuse numbers that do not count the tokens from 0 on."""
    owners: dict[int, str] = {}
    for word, number in vocabulary.items():
        other = owners.setdefault(number, word)
        if other != word:
            raise TokenFileError(
                f"{folder}: tokens {other!r} and {word!r} must have numbers of their "
                f"own, got {number} for both"
            )
    gaps = [number for number in range(len(owners)) if number not in owners]
    if gaps:
        beyond = next(n for n in owners if not 0 <= n < len(owners))
        raise TokenFileError(
            f"{folder}: its {len(owners)} tokens must be numbered from 0 on without a "
            f"gap: {gaps[0]} is the number of none, and {owners[beyond]!r} has {beyond}"
        )


def _check_merges(folder: Path, files: TokenizerFiles) -> None:
    """Refuse merges of or into what is no token, and a vocabulary without all bytes."""
    lacking = sorted(
        byte for letter, byte in letters().items() if letter not in files.vocabulary
    )
    if lacking:
        raise TokenFileError(
            f"{folder}: the vocabulary lacks a token for the byte {lacking[0]}"
        )
    for first, second in files.merges:
        for token in (first, second, first + second):
            if token not in files.vocabulary:
                raise TokenFileError(
                    f"{folder}: {first!r} and {second!r} are to be merged, and "
                    f"{token!r} is none of the vocabulary"
                )


@cache
def letters() -> dict[str, int]:
    """The byte that each printable letter stands for in all these files."""
    plain = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in plain]
    table = {chr(byte): byte for byte in plain}
    return table | {chr(256 + i): byte for i, byte in enumerate(others)}


# -- writing ---------------------------------------------------------------------------


def as_files(files: TokenizerFiles) -> dict[str, bytes]:
    """The content of tokenizer.json and tokenizer_config.json, by name."""
    level = {
        "type": "ByteLevel",
        "add_prefix_space": files.leading_blank,
        "trim_offsets": True,
        "use_regex": True,
    }
    both = files.added | files.special
    in_merges = letters().keys() | {first + second for first, second in files.merges}
    record = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": list(_entries(files, both)),
        "normalizer": None,
        "pre_tokenizer": level,
        "post_processor": None,
        "decoder": level,
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": files.whole_words,
            "vocab": {
                word: number
                for word, number in files.vocabulary.items()
                if word in in_merges or word not in both
            },
            "merges": [" ".join(pair) for pair in files.merges],  # all read this
        },
    }
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "add_prefix_space": files.leading_blank,
        "clean_up_tokenization_spaces": False,
    }
    return {
        TOKENIZER: json.dumps(record, ensure_ascii=False).encode(),
        SETTINGS: (json.dumps(settings, indent=2) + "\n").encode(),
    }


def _entries(files: TokenizerFiles, words: frozenset[str]) -> Iterable[dict[str, Any]]:
    for word in sorted(words, key=files.vocabulary.__getitem__):
        yield {
            "id": files.vocabulary[word],
            "content": word,
            "single_word": False,
            "lstrip": False,
            "rstrip": False,
            "normalized": False,
            "special": word in files.special,
        }
