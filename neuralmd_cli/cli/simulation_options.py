"""The options of commands that simulate, each with one name and one help text."""

import math
from enum import StrEnum
from typing import Annotated

import typer

from neuralmd_cli.cli.options import SIMULATION


class V0(StrEnum):
    """Rules for the velocity at the start."""

    zero = "zero"
    thermal = "thermal"
    learned = "learned"


class SolverName(StrEnum):
    """Ways to integrate."""

    euler = "euler"
    midpoint = "midpoint"
    rk4 = "rk4"
    dopri5 = "dopri5"


Ns = Annotated[
    float,
    typer.Option(
        "--ns", help="Length of a simulation, ns.", rich_help_panel=SIMULATION
    ),
]
IntervalPs = Annotated[
    float,
    typer.Option(
        "--interval-ps",
        help="Time between snapshots, ps.",
        rich_help_panel=SIMULATION,
    ),
]
VelocityRule = Annotated[
    V0 | None,
    typer.Option(
        help="Velocity at the start, for models that have one; without it, what "
        "the weights were trained for.",
        show_default=False,
        rich_help_panel=SIMULATION,
    ),
]
Replicas = Annotated[
    int,
    typer.Option(
        min=1,
        help="Runs that differ by their random draws: neuralmd-sde, denoisingld, "
        "cgmd draw; neuralmd-ode and verletmd with --v0 thermal.",
        rich_help_panel=SIMULATION,
    ),
]
Solver = Annotated[
    SolverName | None,
    typer.Option(
        help="How to integrate, for models that let you choose; without it, as "
        "the weights say.",
        show_default=False,
        rich_help_panel=SIMULATION,
    ),
]
StepPs = Annotated[
    float | None,
    typer.Option(
        help="Step of the solver, ps; without it, as the weights say.",
        show_default=False,
        rich_help_panel=SIMULATION,
    ),
]
TemperatureK = Annotated[
    float | None,
    typer.Option(
        "--temperature-k",
        "--temperature",
        metavar="K",
        help="Temperature, K, for models that have one.",
        show_default=False,
        rich_help_panel=SIMULATION,
    ),
]
KeepShape = Annotated[
    bool | None,
    typer.Option(
        "--keep-shape/--free-shape",
        help="Keep the ligand's bonds, angles and rings, or let the model's own motion "
        "stretch them, for models that keep them; without it, kept.",
        show_default=False,
        rich_help_panel=SIMULATION,
    ),
]


def check_numbers(
    step_ps: float | None, temperature_k: float | None, solver: SolverName | None
) -> None:
    """Refuse numbers that cannot be meant.

    Raises:
        BadParameter: not positive, or a step for a solver that chooses its own.
    """
    for name, value in (("--step-ps", step_ps), ("--temperature-k", temperature_k)):
        if value is not None and not 0 < value < math.inf:
            raise typer.BadParameter(
                "must be a positive number", param_hint=f"'{name}'"
            )
    if step_ps is not None and solver is SolverName.dopri5:
        raise typer.BadParameter(
            "dopri5 chooses its steps itself", param_hint="'--step-ps'"
        )
