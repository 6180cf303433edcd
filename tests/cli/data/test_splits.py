"""`neuralmd data splits` prints ids for programs and people."""

import json

from typer.testing import CliRunner

from neuralmd_cli.cli.main import app
from neuralmd_cli.dataset.splits import load_split


def run(*arguments):
    return CliRunner().invoke(app, ["data", "splits", *arguments])


def test_ids_are_printed_one_a_line():
    """All, or those of a part."""
    split = load_split("misato-100")
    assert run("misato-100").stdout.splitlines() == list(split.ids)
    test = run("misato-100", "--part", "test").stdout.splitlines()
    assert test == list(split.part("test"))


def test_json_has_the_parts():
    """And only the one that was asked for."""
    content = json.loads(run("own-md", "--json").stdout)
    assert set(content["parts"]) == {"train", "val", "test"}
    assert content["ids"] == list(load_split("own-md").ids)
    content = json.loads(run("own-md", "--part", "val", "--json").stdout)
    assert list(content["parts"]) == ["val"]
    assert content["ids"] == content["parts"]["val"]


def test_without_a_name_the_splits_are_listed():
    """With the number of complexes in each part."""
    assert "misato-1000" in run().stdout
    rows = {x["name"]: x for x in json.loads(run("--json").stdout)}
    assert rows["misato-all"]["parts"] == {"train": 13066, "val": 1357, "test": 1357}
    assert run("--part", "val").exit_code == 2


def test_a_mistake_is_a_message_and_exit_code_1(tmp_path):
    """No traceback."""
    result = run("misato-10")
    assert result.exit_code == 1
    assert "Error: There is no split or file named misato-10" in result.stderr
    assert run("misato-100", "--part", "all").exit_code == 2
