"""`python -m neuralmd_cli`: the same as the command `neuralmd`."""

from neuralmd_cli.cli.main import app

if __name__ == "__main__":
    app(prog_name="neuralmd")
