"""`neuralmd data export` as a user sees it."""

import json

from typer.testing import CliRunner

from neuralmd_cli.cli.main import app
from tests.dataset.synthetic import write_complex


def run(*arguments):
    return CliRunner().invoke(app, ["data", "export", *map(str, arguments)])


def test_three_files_and_what_is_to_be_known(tmp_path):
    """Notes on stderr, one line of result; as JSON for programs."""
    write_complex(tmp_path / "MD.hdf5")
    out = tmp_path / "out"
    result = run(tmp_path / "MD.hdf5", "1abc", "-o", out)
    assert result.exit_code == 0, result.output
    assert result.stdout == (
        f"Wrote 1ABC.pdb, 1ABC.sdf, 1ABC.dcd to {out}: 100 snapshots 80 ps apart.\n"
    )
    assert "Note: Bond orders" in result.stderr
    again = run(tmp_path / "MD.hdf5", "1ABC", "-o", out, "--format", "xtc")
    assert again.exit_code == 1
    assert "holds 1ABC.pdb, 1ABC.sdf already" in again.stderr
    more = ("--format", "xtc", "--replace", "--json")
    facts = json.loads(run(tmp_path / "MD.hdf5", "1ABC", "-o", out, *more).stdout)
    assert [x.rsplit(".", 1)[1] for x in facts["files"]] == ["pdb", "sdf", "xtc"]
    assert facts["notes"]
