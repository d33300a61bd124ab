"""The files that users write: a document, or an error that names the file and says why."""

import pytest

from service.errors import DocumentError
from service.toml import read_toml


def test_a_toml_file_is_read_as_a_document(tmp_path):
    path = tmp_path / "schema.toml"
    path.write_text('name = "città"\nn_buckets = 1_024\n[fields."a.b"]\nbins = [1, 2.5]\n', encoding="utf-8")
    assert read_toml(path) == {"name": "città", "n_buckets": 1024, "fields": {"a.b": {"bins": [1, 2.5]}}}


NO_TOML = [
    (b"name =", "TOML", "(at end of document)"),
    (b"a = 1\na = 2", "TOML", "Cannot overwrite a value"),
    (b"a = 2013-99-99", "TOML", ""),
    (b"a = 'x\0'", "TOML", "(at line 1, column 7)"),
    (b"{}", "TOML", "(at line 1, column 1)"),
    (b"\xef\xbb\xbfa = 1", "TOML", "(at line 1, column 1)"),
    (b"a = " + b"9" * 5_000, "TOML", ""),
    (b"a = " + b"[" * 5_000, "TOML", ""),
    (b"a = '\xff'", "UTF-8", "another byte at 5"),
    ("name = 'x'".encode("utf-16"), "UTF-8", "another byte at 0"),
]


def test_what_is_no_toml_is_refused_with_the_place(tmp_path, subtests):
    path = tmp_path / "schema.toml"
    for content, expected, found in NO_TOML:
        with subtests.test(content=content[:20]):
            path.write_bytes(content)
            with pytest.raises(DocumentError) as caught:
                read_toml(path)
            assert caught.value.document == "schema.toml"
            (problem,) = caught.value.problems
            assert problem.expected == expected
            assert found in problem.found


def test_a_file_that_is_not_there_is_refused_by_its_name(tmp_path):
    with pytest.raises(DocumentError, match=r"^no\.toml: expected a readable file, found No such file or directory$"):
        read_toml(tmp_path / "no.toml")


def test_a_folder_is_no_toml_file(tmp_path):
    with pytest.raises(DocumentError, match="expected a readable file, found Is a directory"):
        read_toml(tmp_path)
