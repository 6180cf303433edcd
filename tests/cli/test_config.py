"""A TOML file can hold the options of any command; the command line goes first."""

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

import pytest
import typer
from typer.testing import CliRunner

from neuralmd_cli.cli.console import NeuralMDGroup
from neuralmd_cli.cli.main import app as real_app
from neuralmd_cli.cli.options import Weights

EXAMPLE = Path(__file__).parents[2] / "examples" / "nik"


class Rule(StrEnum):
    """A choice."""

    zero = "zero"
    thermal = "thermal"


@pytest.fixture
def app() -> typer.Typer:
    """A command with an option of every type, and one in a group."""
    app = typer.Typer(cls=NeuralMDGroup, pretty_exceptions_enable=False)
    inner = typer.Typer()
    app.add_typer(inner, name="data")

    @app.command()
    def simulate(
        trajectory: Annotated[Path, typer.Argument()],
        output: Annotated[Path, typer.Option("--output", "-o")],
        ns: float = 8.0,
        interval_ps: Annotated[float, typer.Option("--interval-ps")] = 80.0,
        replicas: Annotated[int, typer.Option(min=1)] = 1,
        rule: Rule | None = None,
        match: Literal["times", "frames"] = "times",
        as_json: Annotated[bool, typer.Option("--json")] = False,
        words: Annotated[list[str] | None, typer.Option("--word")] = None,
        files: Annotated[list[Path] | None, typer.Option("--file")] = None,
        weights: Weights = None,
        smiles: str | None = None,
    ) -> None:
        shown = locals()
        typer.echo(json.dumps(shown, default=str))

    @inner.command()
    def prepare(workers: int = 1) -> None:
        typer.echo(str(workers))

    @inner.command()
    def other() -> None:
        pass

    return app


@pytest.fixture
def run(app, tmp_path):
    """Run a command with a file of this text."""

    def run(text: str, *words: str, command: str = "simulate"):
        (tmp_path / "run.toml").write_text(text)
        line = [*command.split(), "--config", str(tmp_path / "run.toml"), *words]
        return CliRunner().invoke(app, line)

    return run


BASE = 'trajectory = "t.dcd"\noutput = "o.dcd"\n'


def test_a_file_holds_options_of_every_type(run, tmp_path):
    """Required ones and arguments too; paths are seen from the file."""
    (tmp_path / "w.safetensors").write_text("")
    result = run(
        BASE
        + "ns = 1\ninterval-ps = 2.5\nreplicas = 3\n"
        + 'rule = "thermal"\nmatch = "frames"\njson = true\nword = ["a", "b"]\n'
        + 'file = ["x", "/y"]\nweights = "w.safetensors"\nsmiles = "CC"\n'
    )
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout) == {
        "trajectory": str(tmp_path / "t.dcd"),
        "output": str(tmp_path / "o.dcd"),
        "ns": 1.0,
        "interval_ps": 2.5,
        "replicas": 3,
        "rule": "thermal",
        "match": "frames",
        "as_json": True,
        "words": ["a", "b"],
        "files": [str(tmp_path / "x"), "/y"],
        "weights": str(tmp_path / "w.safetensors"),
        "smiles": "CC",
    }


def test_the_command_line_goes_first(run):
    """Also for what may be given several times: it replaces, and does not add."""
    result = run(BASE + 'ns = 1\nword = ["a"]\n', "--ns", "2", "--word", "b", "u.dcd")
    answer = json.loads(result.stdout)
    assert (answer["ns"], answer["words"]) == (2.0, ["b"])
    assert answer["trajectory"] == "u.dcd"


def test_underscores_are_as_good_as_dashes(run):
    """As TOML's bare keys are often written."""
    assert json.loads(run(BASE + "interval_ps = 5").stdout)["interval_ps"] == 5.0


def test_a_registered_name_stays_a_name(run):
    """Only what is a file beside the file is taken for a path."""
    answer = json.loads(run(BASE + 'weights = "neuralmd-sde"').stdout)
    assert answer["weights"] == "neuralmd-sde"


def test_a_table_is_for_its_command_and_goes_before_the_top(run):
    """Others' tables are let be."""
    text = BASE + "ns = 1\n[simulate]\nns = 2\n[data.prepare]\nworkers = 7\n"
    assert json.loads(run(text).stdout)["ns"] == 2.0
    text = "[simulate]\nns = 2\n[data.prepare]\nworkers = 7\n"
    assert run(text, command="data prepare").stdout == "7\n"


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("nss = 8", "run.toml: nss is no option of", "Did you mean ns?"),
        ("interval = 8", "run.toml: interval is no option", "interval-ps"),
        ("config = 'x'", "run.toml: config is no option", "There are"),
        ("[simulat]\nns = 1", "run.toml: [simulat] is no command.", "simulate"),
        ("[data.prepar]\nn = 1", "run.toml: [prepar] is no command.", "prepare"),
        ("ns = 'long'", "ns must be a number, not 'long'.", ""),
        ("ns = true", "ns must be a number, not true.", ""),
        ("ns = nan", "ns must be a number, not nan.", ""),
        ("ns = [1]", "ns must be a number, not that.", ""),
        ("replicas = 1.5", "replicas must be a whole number, not 1.5.", ""),
        ("replicas = true", "replicas must be a whole number, not true.", ""),
        ("json = 1", "json must be true or false, not 1.", ""),
        ("output = 3", "output must be text in quotes, not 3.", ""),
        ("word = [1]", "word must be text in quotes, not 1.", ""),
        ("rule = 'fast'", "rule must be one of zero, thermal, not 'fast'.", ""),
        ("match = 'x'", "match must be one of times, frames, not 'x'.", ""),
        ("ns = ", "run.toml is no TOML file: ", ""),
    ],
)
def test_a_mistake_is_one_message(run, text, message, hint):
    """File, key, what it should be; exit code 1."""
    result = run(text)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert message in result.stderr
    assert hint in result.stderr
    assert result.stderr.count("\n") <= 2


def test_a_file_that_is_not_there_is_said(app, tmp_path):
    """With the option's name."""
    result = CliRunner().invoke(app, ["data", "prepare", "--config", "gone.toml"])
    assert (result.exit_code, result.stdout) == (1, "")
    assert "--config gone.toml: the file cannot be read" in result.stderr


def test_what_is_out_of_range_is_a_usage_error_still(run):
    """The command checks it as if it had been typed."""
    result = run(BASE + "replicas = 0")
    assert result.exit_code == 2
    assert "--replicas" in result.stderr


def test_every_command_has_it():
    """In help too, and once."""

    def leaves(command, path=()):
        for name, inner in getattr(command, "commands", {}).items():
            yield from leaves(inner, (*path, name))
        if not hasattr(command, "commands"):
            yield path, command

    found = list(leaves(typer.main.get_command(real_app)))
    assert len(found) > 15
    for path, command in found:
        options = [x for x in command.params if "--config" in x.opts]
        assert len(options) == 1, path
    shown = CliRunner().invoke(real_app, ["data", "prepare", "--help"]).stdout
    assert "--config" in shown


def test_a_simulation_from_a_file(tmp_path):
    """All of it: inputs beside the file, the output too, from any folder."""
    for name in ("nik.pdb", "ligand_13v.sdf"):
        (tmp_path / name).symlink_to(EXAMPLE / name)
    (tmp_path / "run.toml").write_text(
        'protein = "nik.pdb"\nligand = "ligand_13v.sdf"\nns = 0.16\n'
        'output = "traj.dcd"\nmodel = "frozen"\nquiet = true\n'
    )
    line = ["simulate", "--config", str(tmp_path / "run.toml"), "--seed", "5"]
    result = CliRunner().invoke(real_app, line)
    assert result.exit_code == 0, result.stderr
    record = json.loads((tmp_path / "traj.json").read_text())
    assert (record["ns"], record["seed"]) == (0.16, 5)


def test_a_shape_let_go_by_a_file(tmp_path):
    """`keep-shape = false` is --free-shape; the command line goes first."""
    (tmp_path / "run.toml").write_text(
        f'protein = "{EXAMPLE / "nik.pdb"}"\nns = 0.08\nkeep-shape = false\n'
        f'ligand = "{EXAMPLE / "ligand_13v.sdf"}"\noutput = "traj.dcd"\n'
    )
    line = ["simulate", "--config", str(tmp_path / "run.toml"), "--json", "--model"]
    for word, kept in ((), False), (("--keep-shape",), True):
        result = CliRunner().invoke(real_app, [*line, "neuralmd-ode", *word])
        assert result.exit_code == 0, result.stderr
        assert json.loads(result.stdout)["dynamics"]["keep_shape"] is kept
        assert ("Warning: --free-shape" in result.stderr) is not kept
    result = CliRunner().invoke(real_app, [*line, "frozen"])
    assert result.exit_code == 1
    assert "--keep-shape/--free-shape means nothing to the model" in result.stderr
