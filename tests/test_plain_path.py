"""Any file can be named so that mdtraj opens it."""

import pytest

from neuralmd_cli.plain_path import plain_path


def test_a_plain_path_is_left_alone(tmp_path):
    """No link where none is needed, whether the file is there or not."""
    with plain_path(tmp_path / "a b.dcd") as path:
        assert path == tmp_path / "a b.dcd"


@pytest.mark.parametrize("name", ["é.dcd", "a.DCD", "é/a.dcd", "é/ß.XTC", "日.pdb.gz"])
def test_a_file_is_read_under_a_plain_name(tmp_path, name):
    """ASCII, suffix in lower case, the same file; the link is gone afterwards."""
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    file.write_text("content")
    with plain_path(file) as path:
        assert str(path).isascii()
        assert path.suffix == file.suffix.lower()
        assert path.read_text() == "content"
    assert not path.is_symlink()
    assert file.read_text() == "content"


def test_a_file_is_written_into_any_folder(tmp_path):
    """Even by a library that first removes what has the name."""
    (tmp_path / "é").mkdir()
    file = tmp_path / "é" / "a.xtc"
    file.touch()
    with plain_path(file) as path:
        path.unlink()
        path.write_text("content")
    assert file.read_text() == "content"
