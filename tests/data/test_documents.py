"""A user's texts: folders and tables, and what is wrong with them."""

import re

import pytest

from isinglass.data import DocumentFileError, read_documents


def test_a_folder_has_a_folder_for_each_label(tmp_path):
    for name, text in {
        "spam/b.txt": "buy\nnow",
        "spam/deep/a.txt": "ünïcode",
        "ham/1": "",
        "ham/.hidden": "no",
        ".git/x": "no",
    }.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    texts, labels = documents = read_documents(tmp_path)

    assert texts == ["", "buy\nnow", "ünïcode"]
    assert labels.tolist() == ["ham", "spam", "spam"]
    assert repr(documents) == "Documents(3 texts of ham, spam)"


@pytest.mark.parametrize(("suffix", "separator"), [(".csv", ","), (".TSV", "\t")])
def test_a_table_names_its_columns(tmp_path, suffix, separator):
    file = tmp_path / f"texts{suffix}"
    long = "word " * 40_000  # more than the csv module takes by default
    lines = [["n", "kind", "body"], ["1", "a", '"two\nlines"'], ["2", "b", long]]
    table = "\n".join(separator.join(line) for line in lines)
    file.write_text("\ufeff" + table, encoding="utf-8")
    texts, labels = read_documents(file, text="body", label="kind")

    assert texts == ["two\nlines", long]
    assert labels.tolist() == ["a", "b"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.csv", b"a,b\n1,2\n", "no column 'text'; its first line names ['a', 'b']"),
        ("t.csv", b"text,label\nalone\n", "line 2: too few columns"),
        ("t.csv", b"text,label\n", "holds no texts"),
        ("t.csv", b"", "no column 'text'"),
        ("t.csv", b"text,label\n\xff,1\n", "is not UTF-8"),
        ("t.json", b"{}", "must be a folder, or a table that ends in .csv, .tsv, .tab"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DocumentFileError, match=re.escape(message)):
        read_documents(tmp_path / name)


def test_what_is_no_folder_of_texts_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="no folder or table of texts"):
        read_documents(tmp_path / "missing")
    (tmp_path / "a.txt").write_text("no label")
    with pytest.raises(DocumentFileError, match="must have a folder for each label"):
        read_documents(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DocumentFileError, match="holds no texts"):
        read_documents(tmp_path)
