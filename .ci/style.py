"""The rules of CONTRIBUTING that ruff does not know: names, parameters, imports.

    python .ci/style.py [--count] [PATH ...]

A name that says who rather than what (`found`, `given`, …) is refused wherever
something is bound to it, but for the variable of a comprehension. A function takes at
most six parameters: more are a frozen dataclass. Imports stand at the top, but for
those of an optional extra. No table is saved from the formatter.
"""

import ast
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDERS = ("src", "tests", "benchmarks", "examples", "docs")

WORDS = frozenset(
    {
        "found",
        "told",
        "seen",
        "given",
        "each",
        "one",
        "kept",
        "asked",
        "known",
        "wanted",
    }
    | {"crew", "hired", "guilty"}
)
MOST_PARAMETERS = 6
EXTRAS = frozenset(
    {
        "cloudpickle",
        "dask",
        "dask_jobqueue",
        "distributed",
        "transformers",
        "torch",
    }
)

Breach = tuple[int, str, str]  # line, rule, what


def breaches(source: str, path: str = "") -> list[Breach]:
    """All breaches in a file, by line."""
    tree = ast.parse(source)
    rules = [*_names(tree), *_parameters(tree), *_imports(tree, path)]
    rules += [
        (number, "format", "a table is kept from the formatter: use a data structure")
        for number, line in enumerate(source.splitlines(), start=1)
        if line.rstrip().endswith(("# fmt: skip", "# fmt: off"))
    ]
    return sorted(rules)


def _names(tree: ast.Module) -> Iterator[Breach]:
    comprehension = {
        id(name)
        for node in ast.walk(tree)
        if isinstance(node, ast.comprehension)
        for name in ast.walk(node.target)
    }
    for node in ast.walk(tree):
        if id(node) not in comprehension:
            for name in _bound(node):
                if name.strip("_").lower() in WORDS:
                    yield node.lineno, "name", f"{name} says nothing of what it is"


def _bound(node: ast.AST) -> list[str]:
    """Names that a node binds."""
    match node:
        case (
            ast.Name(id=name, ctx=ast.Store())
            | ast.Attribute(attr=name, ctx=ast.Store())
        ):
            return [name]
        case (
            ast.FunctionDef(name=name)
            | ast.AsyncFunctionDef(name=name)
            | ast.ClassDef(name=name)
        ):
            return [name]
        case ast.arg(arg=name) | ast.alias(asname=str(name)):
            return [name]
        case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)):
            return [name]
    return []


def _parameters(tree: ast.Module) -> Iterator[Breach]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.FunctionDef):
            continue
        names = [
            arg.arg
            for arg in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)
        ]
        count = len([name for name in names if name not in ("self", "cls")])
        if count > MOST_PARAMETERS and not _has_options(tree, node):
            yield (
                node.lineno,
                "parameters",
                f"{node.name} takes {count}: give it a dataclass",
            )


def _has_options(tree: ast.Module, function: ast.FunctionDef) -> bool:
    """Whether its parameters are a user's options: there are as many as needed.

    Those of a command, and those of a scikit-learn estimator, which has them in its
    constructor.
    """
    if any(arg.arg == "debug" for arg in function.args.args):
        return True
    return function.name == "__init__" and any(
        isinstance(node, ast.ClassDef)
        and function in node.body
        and node.name.endswith("Classifier")
        for node in ast.walk(tree)
    )


def _imports(tree: ast.Module, path: str) -> Iterator[Breach]:
    if not path.startswith("src/"):
        return
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef | ast.Lambda):
            for node in ast.walk(function):
                modules = (
                    [alias.name for alias in node.names]
                    if isinstance(node, ast.Import)
                    else [node.module or ""]
                    if isinstance(node, ast.ImportFrom)
                    else []
                )
                for module in modules:
                    if module.partition(".")[0] not in EXTRAS:
                        yield (
                            node.lineno,
                            "import",
                            f"{module} is imported inside a function",
                        )


def main(arguments: list[str]) -> int:
    """Print the breaches, or with --count how many there are of each rule by folder."""
    places = [
        Path(place).resolve() for place in arguments if not place.startswith("--")
    ]
    places = places or [ROOT / folder for folder in FOLDERS]
    files = sorted(
        {file for p in places for file in ([p] if p.is_file() else p.rglob("*.py"))}
    )
    counts: Counter[tuple[str, str]] = Counter()
    for file in files:
        name = file.relative_to(ROOT).as_posix()
        for line, rule, what in breaches(file.read_text("utf-8"), name):
            counts[file.parent.relative_to(ROOT).as_posix(), rule] += 1
            if "--count" not in arguments:
                print(f"{name}:{line}: {rule}: {what}")
    if "--count" in arguments:
        for (folder, rule), number in sorted(counts.items()):
            print(f"{number:5} {rule:10} {folder}")
    print(f"{sum(counts.values())} breaches in {len(files)} files")
    return bool(counts)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
