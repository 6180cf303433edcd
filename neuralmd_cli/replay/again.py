"""Find what a recorded run was made of, make it again, compare the files."""

import re
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from neuralmd_cli.device import resolve_device
from neuralmd_cli.dynamics.ode import Solver
from neuralmd_cli.errors import DeviceError, InputError, NeuralMDError, OutputError
from neuralmd_cli.models.system import VelocityRule
from neuralmd_cli.opening.opened import open_snapshots
from neuralmd_cli.opening.record import candidates
from neuralmd_cli.outputs import check_output
from neuralmd_cli.replay.recorded import Recorded, read_record
from neuralmd_cli.run import Run, simulate_files
from neuralmd_cli.run_record import hashed
from neuralmd_cli.weights.fetch import resolve
from neuralmd_cli.weights.registry import load_registry

_DEVICE = re.compile(r"(cpu|mps|cuda:\d+)\b")


@dataclass(frozen=True, kw_only=True)
class Compared:
    """One output of the recorded run beside that of the new one."""

    then: str
    now: str
    same: bool  # byte for byte
    largest_angstrom: float | None  # difference of a coordinate; None: not known


@dataclass(frozen=True, kw_only=True)
class Replay:
    """A run made again."""

    run: Run
    differences: tuple[str, ...]  # of versions, device, threads: not of results
    outputs: tuple[Compared, ...]

    @property
    def same(self) -> bool:
        """Whether all outputs are, byte for byte."""
        return all(x.same for x in self.outputs)


def replay(
    record: Path,
    *,
    output: Path | None = None,
    protein: Path | None = None,
    ligand: Path | None = None,
    observed: Path | None = None,
    weights: str | None = None,
    device: str = "auto",
    on_snapshot: Callable[[int], None] = lambda done: None,
) -> Replay:
    """Make a recorded run again and compare its files with the recorded hashes.

    Args:
        output: where to write; nothing is kept without it.
        protein, ligand, observed, weights: where these are now, if not where they were.
        device: `auto` is that of the record, if this machine has it.

    Raises:
        InputError: no run record, or an input or the weights are gone or changed.
    """
    told = read_record(record)
    files = {
        key: _input(told, key, given)
        for key, given in (
            ("protein", protein),
            ("ligand", ligand),
            ("observed", observed),
        )
        if key in told.inputs
    }
    if output is not None:
        suffix = Path(told.outputs[0]).suffix
        if output.suffix != suffix:
            raise OutputError(
                f"{output.name}: the run wrote {suffix}, and only the same format can "
                "be compared.",
                hint=f"Give --output a name that ends in {suffix}.",
            )
        check_output(output, told.replicas, [record, *files.values()])
    with ExitStack() as stack:
        path = output
        if path is None:
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            path = Path(folder) / f"replay{Path(told.outputs[0]).suffix}"
        run = simulate_files(
            files["protein"],
            files.get("ligand"),
            output=path,
            with_protein=told.written.with_protein,
            hydrogens=told.written.hydrogens,
            ns=told.ns,
            interval_ps=told.interval_ps,
            ligand_index=told.selection.ligand_index,
            ligand_id=told.selection.ligand_id,
            smiles=told.selection.smiles,
            observed=files.get("observed"),
            model=told.system,
            v0=cast("VelocityRule | None", told.v0),
            replicas=told.replicas,
            seed=told.seed,
            solver=cast("Solver | None", told.solver),
            step_ps=told.step_ps,
            temperature_k=told.temperature_k,
            keep_shape=told.keep_shape,
            device=_device(told, device),
            weights=_weights(told, weights),
            command=["neuralmd", "replay", record.name],
            on_snapshot=on_snapshot,
        )
        compared = tuple(
            _compared(told, then, path.parent / now)
            for then, now in zip(
                told.outputs[:-1], run.record.outputs[:-1], strict=True
            )
        )
    return Replay(run=run, differences=_differences(told, run), outputs=compared)


def _input(told: Recorded, key: str, given: Path | None) -> Path:
    """The recorded input, found again by its hash."""
    held = told.inputs[key]
    if given is not None:
        places = [given]
    else:
        words = [*told.words, held.path]
        places = list(candidates(held.file, words, told.path.parent))
    found = [x for x in dict.fromkeys(places) if x.is_file()]
    for place in found:
        if hashed(place).sha256 == held.sha256:
            return place
    if found:
        raise InputError(
            f"The {key} {found[0]} is not the one of the run: its SHA-256 differs.",
            hint=f"Name the file the run was made with by --{key}.",
        )
    raise InputError(
        f"The {key} {given or held.file} of the run is gone.",
        hint=f"Say where it is now with --{key} FILE.",
    )


def _weights(told: Recorded, given: str | None) -> str | None:
    """The recorded weights: named now, registered, or a file found again."""
    if told.weights is None:
        if given is not None:
            raise InputError(f"--weights: the run of {told.path.name} had none.")
        return None
    places: list[Path] = []
    if given is not None:
        places = [resolve(given)]
    elif told.weights in {x.name for x in load_registry().entries}:
        places = [resolve(told.weights)]
    for word in told.words if given is None else ():
        value = Path(word.partition("=")[2] if word.startswith("--") else word)
        if value.suffix == ".safetensors":
            places += [value, told.path.parent / value]
    found = [x for x in places if x.is_file()]
    for place in found:
        if hashed(place).sha256 == told.weights_sha256:
            return str(place)
    problem = "have changed since: their SHA-256 differs" if found else "are gone"
    raise InputError(
        f"The weights {told.weights} of the run {problem}.",
        hint="Give the file the run was made with by --weights.",
    )


def _device(told: Recorded, device: str) -> str:
    """What was asked for; else that of the record, where this machine has it."""
    found = _DEVICE.match(told.device)
    if device != "auto" or found is None:
        return device
    try:
        resolve_device(found[1])
    except DeviceError:
        return device
    return found[1]


def _differences(told: Recorded, run: Run) -> tuple[str, ...]:
    """What is not as it was, though the inputs are."""
    now = run.record
    pairs = {"neuralmd": (told.version, now.neuralmd_version)}
    pairs["device"] = (told.device, now.device)
    for name, version in now.versions.items():
        pairs[name] = (told.versions.get(name, "unknown"), version)
    return tuple(
        f"{name}: {then} then, {here} now"
        for name, (then, here) in pairs.items()
        if then != here
    )


def _compared(told: Recorded, then: str, now: Path) -> Compared:
    """By the recorded hash, and by numbers where the old trajectory is still there."""
    digest = hashed(now).sha256
    same = digest == told.sha256[then]
    largest = None
    if not same and now.suffix in (".dcd", ".xtc"):
        largest = _largest(told.path.parent / then, now)
    return Compared(then=then, now=now.name, same=same, largest_angstrom=largest)


def _largest(then: Path, now: Path) -> float | None:
    """The largest difference of a coordinate, Å; None where it cannot be said."""
    try:
        old, new = open_snapshots(then), open_snapshots(now)
    except NeuralMDError:
        return None
    if old.positions.shape != new.positions.shape:
        return None
    return float((old.positions - new.positions).abs().max())
