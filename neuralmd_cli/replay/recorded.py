"""What a run record says, checked as input from anybody: the trust boundary.

Only values that an option could have had come out of here. Names of outputs serve to
compare, never to write.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from neuralmd_cli.errors import InputError
from neuralmd_cli.models.registry import SYSTEMS
from neuralmd_cli.outputs import FORMATS, output_names
from neuralmd_cli.run_options import check_options
from neuralmd_cli.run_record import SCHEMA, InputFile, Selection, Written

_SHA256 = re.compile(r"[0-9a-f]{64}")
_MOST_REPLICAS = 10_000
_INPUTS = {"protein", "ligand", "observed"}


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """A run, as its record has it."""

    path: Path
    version: str
    versions: dict[str, str]
    words: tuple[str, ...]  # of the command: where files may be, never what is run
    inputs: dict[str, InputFile]
    selection: Selection
    system: str
    weights: str | None
    weights_sha256: str | None
    v0: str | None
    solver: str | None
    step_ps: float | None
    temperature_k: float | None
    keep_shape: bool | None  # None too in records of versions without the choice
    ns: float
    interval_ps: float
    replicas: int
    seed: int
    device: str
    written: Written
    outputs: tuple[str, ...]
    sha256: dict[str, str]


def read_record(path: Path) -> Recorded:
    """Read a run record and check every value that a replay uses.

    Raises:
        InputError: it is no run record, an old one, or not as one was ever written.
    """
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(
            f"{path.name} cannot be read: {error.strerror}.",
            hint="Name the .json file beside a trajectory of `neuralmd simulate`.",
        ) from None
    except (ValueError, RecursionError):
        raise _no_record(path, "it is not JSON") from None
    schema = held.get("schema") if isinstance(held, dict) else None
    if type(schema) is not int:
        raise _no_record(path, "it has no schema number")
    if schema != SCHEMA:
        old = schema < SCHEMA
        raise InputError(
            f"{path.name} has schema {schema}; schema {SCHEMA} is needed to replay.",
            hint="It lacks what a replay needs: run its `command` yourself."
            if old
            else "Update neuralmd.",
        )
    return _recorded(path, _Values(path, held))


class _Values:
    """Values of a record, each of the type it must have."""

    def __init__(self, path: Path, held: dict[str, Any], where: str = "") -> None:
        self.path, self.held, self.where = path, held, where

    def of(self, key: str, kind: type, *, optional: bool = False) -> Any:  # noqa: ANN401  of `kind`
        value = self.held.get(key)
        if value is None and optional:
            return None
        if kind is float and type(value) is int:
            value = float(value)
        if type(value) is not kind:
            raise self.wrong(key)
        return value

    def table(self, key: str) -> "_Values":
        return _Values(self.path, self.of(key, dict), f"{self.where}{key}.")

    def matching(self, key: str, fits: Callable[[str], bool]) -> str:
        value: str = self.of(key, str)
        if not fits(value):
            raise self.wrong(key)
        return value

    def texts(self, key: str) -> list[str]:
        values: list[str] = self.of(key, list)
        if not all(isinstance(x, str) for x in values):
            raise self.wrong(key)
        return values

    def text_table(self, key: str, fits: Callable[[str], bool]) -> dict[str, str]:
        table = self.table(key)
        return {str(x): table.matching(x, fits) for x in table.held}

    def wrong(self, key: str) -> InputError:
        return _no_record(self.path, f"its {self.where}{key} is not what a run writes")


def _recorded(path: Path, values: _Values) -> Recorded:
    dynamics = values.table("dynamics")
    model = None if values.held.get("model") is None else values.table("model")
    replicas = values.of("replicas", int)
    if not 1 <= replicas <= _MOST_REPLICAS:
        raise values.wrong("replicas")
    found = Recorded(
        path=path,
        version=values.of("neuralmd_version", str),
        versions=values.text_table("versions", lambda x: True),
        words=tuple(values.texts("command")),
        inputs=_inputs(values.table("inputs")),
        selection=_selection(values.table("selection")),
        system=dynamics.matching("system", lambda x: x in SYSTEMS),
        weights=None if model is None else model.of("name", str),
        weights_sha256=None if model is None else model.matching("sha256", _is_hash),
        v0=dynamics.of("v0", str, optional=True),
        solver=dynamics.of("solver", str, optional=True),
        step_ps=dynamics.of("step_ps", float, optional=True),
        temperature_k=dynamics.of("temperature_k", float, optional=True),
        keep_shape=dynamics.of("keep_shape", bool, optional=True),
        ns=values.of("ns", float),
        interval_ps=values.of("interval_ps", float),
        replicas=replicas,
        seed=values.of("seed", int),
        device=values.of("device", str),
        written=_written(values.table("written")),
        outputs=_outputs(values, replicas),
        sha256=values.text_table("outputs_sha256", _is_hash),
    )
    if set(found.sha256) != set(found.outputs[:-1]):
        raise values.wrong("outputs_sha256")
    check_options(
        replicas=found.replicas,
        seed=found.seed,
        v0=found.v0,
        solver=found.solver,
        step_ps=found.step_ps,
        temperature_k=found.temperature_k,
        keep_shape=found.keep_shape,
    )
    return found


def _inputs(values: _Values) -> dict[str, InputFile]:
    if not {"protein"} <= set(values.held) <= _INPUTS:
        raise values.wrong("names")
    found = {}
    for key in values.held:
        table = values.table(key)
        found[key] = InputFile(
            file=table.matching("file", _is_plain),
            sha256=table.matching("sha256", _is_hash),
            path=table.of("path", str),
        )
    return found


def _selection(values: _Values) -> Selection:
    return Selection(
        ligand_index=values.of("ligand_index", int, optional=True),
        ligand_id=values.of("ligand_id", str, optional=True),
        smiles=values.of("smiles", str, optional=True),
    )


def _written(values: _Values) -> Written:
    return Written(
        with_protein=values.of("with_protein", bool),
        hydrogens=values.of("hydrogens", bool),
    )


def _outputs(values: _Values, replicas: int) -> tuple[str, ...]:
    """The names a run of these would have written, and no other."""
    names = values.texts("outputs")
    if not names or not all(_is_plain(x) for x in names):
        raise values.wrong("outputs")
    output = Path(Path(names[-1]).stem + Path(names[0]).suffix)
    if output.suffix.lower() not in FORMATS or names != output_names(output, replicas):
        raise values.wrong("outputs")
    return tuple(names)


def _is_hash(text: str) -> bool:
    return bool(_SHA256.fullmatch(text))


def _is_plain(name: str) -> bool:
    """A file name, and nothing that leads to another folder."""
    return Path(name).name == name and name not in (".", "..") and "\0" not in name


def _no_record(path: Path, why: str) -> InputError:
    return InputError(
        f"{path.name} is no run record that can be replayed: {why}.",
        hint="Name the .json file beside a trajectory of `neuralmd simulate`.",
    )
