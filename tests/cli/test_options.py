"""Options shared by commands take what they should and refuse the rest."""

import pytest
import typer
from typer.testing import CliRunner

from neuralmd_cli.cli.main import app as whole_app
from neuralmd_cli.cli.options import (
    Device,
    Json,
    LigandFile,
    Output,
    ProteinFile,
    Quiet,
    Seed,
    Weights,
    WeightsUrl,
)


@pytest.fixture
def app() -> typer.Typer:
    """A command with every shared option; it prints what it got."""
    app = typer.Typer()

    @app.command()
    def show(
        protein: ProteinFile,
        output: Output,
        ligand: LigandFile = None,
        seed: Seed = 0,
        device: Device = "auto",
        weights: Weights = None,
        weights_url: WeightsUrl = None,
        as_json: Json = False,
        quiet: Quiet = False,
    ) -> None:
        typer.echo(f"{protein.name} {ligand} {output} {seed} {device}")
        typer.echo(f"{weights} {weights_url} {as_json} {quiet}")

    return app


@pytest.fixture
def base(tmp_path) -> list[str]:
    """The two options that are required."""
    path = tmp_path / "p.pdb"
    path.write_text("")
    return ["--protein", str(path), "-o", "t.dcd"]


def test_defaults_are_those_of_the_command(app, base):
    """Only protein and output are required."""
    result = CliRunner().invoke(app, base)
    assert result.stdout == "p.pdb None t.dcd 0 auto\nNone None False False\n"


def test_options_arrive(app, base):
    """Long names, as the README uses them."""
    more = "--seed 5 --device cuda:1 --weights w --weights-url u --json --quiet".split()
    result = CliRunner().invoke(app, base + more)
    assert result.stdout == "p.pdb None t.dcd 5 cuda:1\nw u True True\n"


@pytest.mark.parametrize("device", ["auto", "cpu", "mps", "cuda", "cuda:0", "cuda:12"])
def test_every_form_of_device_is_taken(app, base, device):
    """Whether it is there is asked later."""
    assert CliRunner().invoke(app, [*base, "--device", device]).exit_code == 0


@pytest.mark.parametrize(
    "more",
    [
        ["--device", "gpu"],
        ["--device", "cuda:"],
        ["--device", "cuda:-1"],
        ["--device", "cpu:0"],
        ["--seed", "-1"],
        ["--seed", "x"],
        ["--ligand", "gone.sdf"],
        ["--protein", "."],
    ],
)
def test_a_wrong_value_is_a_usage_error(app, base, more):
    """Exit code 2, and the option is named."""
    result = CliRunner().invoke(app, [*base, *more])
    assert result.exit_code == 2
    assert more[0] in result.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["simulate", "--report", "--protein", "p.pdb"], "--report needs a value"),
        (["-v", "simulate", "-p", "--ligand", "l.sdf"], "-p needs a value"),
        (["data", "prepare", "--output", "--all-atom", "x"], "--output needs a value"),
    ],
)
def test_an_option_does_not_take_the_next_for_its_value(words, said):
    """It would be a file of that name, and the message about something else."""
    result = CliRunner().invoke(whole_app, words)
    assert result.exit_code == 2
    assert said in result.stderr


@pytest.mark.parametrize("words", [["simulate", "--help"], ["data", "-h"], ["nothing"]])
def test_nothing_else_is_asked_of_a_command_line(words):
    """Help, groups and unknown names are as typer has them."""
    assert "needs a value" not in CliRunner().invoke(whole_app, words).output
