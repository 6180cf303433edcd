"""The training flags that lie beside the authors' checkpoints.

Their file is a training command, `--flag=value` one after another; a printed
`Namespace(flag=value)`, a dict, and a flag and its value per line are read as well.
"""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from neuralmd_cli.dynamics.ode import Solver
from neuralmd_cli.errors import WeightsError
from neuralmd_cli.input_files import check_regular

STEP, SCALING = "NeuralMD_step_size", "NeuralMD_scaling"
REFINEMENT = "NeuralMD_velocity_refined_value_coefficient"
NAME = r"[A-Za-z_][\w-]*"
ASSIGNED = re.compile(
    rf"""["']?(?P<name>{NAME})["']?\s*[=:]\s*(?P<value>"[^"]*"|'[^']*'|[^,\s(){{}}]+)"""
)
LINE = re.compile(rf"""\s*["']?(?P<name>{NAME})["']?\s*[=:,\s]\s*(?P<value>.*?),?\s*""")


@dataclass(frozen=True, kw_only=True)
class Hyperparameters:
    """Flags and their values, as text."""

    file_name: str
    flags: Mapping[str, str]

    def as_command(self) -> str:
        """All flags as one command line, in the order of the file."""
        return " ".join(f"--{k}={v}" for k, v in self.flags.items())

    @property
    def of_neuralmd(self) -> bool:
        """True if they train the ODE or the SDE: the baselines take no step."""
        return any(self.text(x) is not None for x in (STEP, SCALING))

    def text(self, flag: str) -> str | None:
        """The value of a flag; None where the file does not have it."""
        found = [v for k, v in self.flags.items() if _plain(k) == _plain(flag)]
        return found[-1] if found else None

    def number(self, flag: str) -> float | None:
        """The value of a flag as a number; None where the file does not have it.

        Raises:
            WeightsError: it is not a finite number.
        """
        text = self.text(flag)
        if text is None:
            return None
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise WeightsError(
                f"{self.file_name}: {flag} is {text!r}, not a number.",
                hint="Correct the file, or give --step, --scaling and "
                "--velocity-refinement instead of it.",
            )
        return value


def read_hyperparameters(path: Path) -> Hyperparameters:
    """Read a file of training flags.

    Raises:
        WeightsError: it cannot be read, is no text, or has no flag in it.
    """
    check_regular(path)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise WeightsError(
            f"{path}: the hyperparameters cannot be read ({reason}).",
            hint="Give the hyperparameter.txt that lies beside the checkpoint.",
        ) from None
    flags = parse_flags(text)
    if not flags:
        raise WeightsError(
            f"{path.name}: there is no training flag in it.",
            hint="Give the hyperparameter.txt that lies beside the checkpoint.",
        )
    return Hyperparameters(file_name=path.name, flags=flags)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What no tensor tells: by hand before the training flags."""

    flags: Hyperparameters | None
    step: float | None
    scaling: float | None
    velocity_refinement: float | None

    @property
    def by_hand(self) -> list[str]:
        """The names of those that the user gave, 0 included."""
        names = ("step", "scaling", "velocity_refinement")
        return [x for x in names if getattr(self, x) is not None]

    def positive(self, name: Literal["step", "scaling"]) -> float:
        """Step or scaling, in snapshots.

        Raises:
            WeightsError: nothing gives it, or it is not a positive number.
        """
        flag = {"step": STEP, "scaling": SCALING}[name]
        value: float | None = getattr(self, name)
        if value is None and self.flags:
            value = self.flags.number(flag)
        if value is None:
            raise self._missing(flag, name)
        if not (math.isfinite(value) and value > 0):
            raise WeightsError(
                f"{flag} must be a positive number, not {value:g}.",
                hint=f"Give --{name}, or the hyperparameter.txt of this checkpoint.",
            )
        return value

    def refinement(self, network: bool) -> tuple[float, list[str]]:
        """The paper's alpha, 0 without its network, and what to say about it.

        Raises:
            WeightsError: there is a network and nothing gives its coefficient.
        """
        value = self.velocity_refinement
        if value is None and self.flags:
            value = self.flags.number(REFINEMENT)
        if value is None and network:
            raise self._missing(REFINEMENT, "velocity-refinement")
        if value is not None and not math.isfinite(value):
            raise WeightsError(
                f"{REFINEMENT} must be a number, not {value:g}.",
                hint="Give --velocity-refinement, or the hyperparameter.txt of this "
                "checkpoint.",
            )
        if network and not value:
            return 0.0, [
                "The velocity refinement network was left out: its coefficient is 0, "
                "so it moves nothing."
            ]
        if value and not network:
            return 0.0, [
                f"The velocity refinement coefficient {value:g} is not used: the "
                "checkpoint has no network for it."
            ]
        return value or 0.0, []

    def solver(self) -> Solver:
        """The flags' solver; Euler, the authors' default, where they name none.

        Raises:
            WeightsError: a solver this version does not know.
        """
        named = self.flags.text("ODE_method") if self.flags else None
        wanted = (named or "euler").removesuffix("_adjoint")
        known: tuple[Solver, ...] = get_args(Solver)
        for solver in known:
            if solver == wanted:
                return solver
        raise WeightsError(
            f"The training flags name the solver {named!r}, which this version does "
            "not know.",
            hint=f"Known are {', '.join(known)}.",
        )

    def _missing(self, flag: str, option: str) -> WeightsError:
        where = (
            f"{self.flags.file_name} does not give" if self.flags else "Nothing gives"
        )
        return WeightsError(
            f"{where} {flag}, and no tensor tells it.",
            hint=f"Set it by hand with --{option}, or give --hyperparameters the "
            "hyperparameter.txt of this checkpoint.",
        )


def parse_flags(text: str) -> dict[str, str]:
    """Flags and their values, whichever of the known ways they were written down in.

    A flag given twice has its last value, as on a command line; one without a value
    is `true`.
    """
    start = text.find("Namespace(")
    if start >= 0 or text.lstrip().startswith("{"):
        inside = text[start + len("Namespace(") :] if start >= 0 else text
        found: Iterable[tuple[str, str]] = (
            (x["name"], x["value"]) for x in ASSIGNED.finditer(inside)
        )
    elif re.search(r"(^|\s)--[A-Za-z]", text):
        found = _command_line(text.split())
    else:
        lines = (LINE.fullmatch(x) for x in text.splitlines())
        found = ((x["name"], x["value"]) for x in lines if x)
    return {k: v.strip("\"'") for k, v in found if v}


def _command_line(words: list[str]) -> Iterable[tuple[str, str]]:
    flag = None
    for word in [*words, "--"]:
        if flag is not None:
            # A lone backslash continues a command on the next line.
            is_value = not word.startswith("--") and word != "\\"
            yield flag, word if is_value else "true"
            flag = None
        if word.startswith("--"):
            name, equals, value = word[2:].partition("=")
            if equals:
                yield name, value
            elif name:
                flag = name


def _plain(flag: str) -> str:
    """The flag without what differs between ways of writing it."""
    return flag.lower().replace("-", "_")
