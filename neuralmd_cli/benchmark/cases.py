"""A recording cut by a protocol: what a system is shown, and what it is scored on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from rdkit import Chem
from torch import Tensor

from neuralmd_cli.benchmark.places import Place
from neuralmd_cli.benchmark.protocol import Protocol
from neuralmd_cli.complex import Complex
from neuralmd_cli.dataset.molecules import ligand_molecule
from neuralmd_cli.errors import InputError, NeuralMDError
from neuralmd_cli.recording import Recording, pocket_motion


@dataclass(frozen=True, kw_only=True)
class Rigid:
    """A rigid motion x -> R x + t, in float64."""

    rotation: Float[Tensor, "3 3"]
    shift: Float[Tensor, "3"]  # Å

    def of(self, positions: Float[Tensor, "*n 3"]) -> Float[Tensor, "*n 3"]:
        """The positions, moved, in float64."""
        moved: Tensor = positions.double() @ self.rotation.T + self.shift
        return moved

    @property
    def inverse(self) -> "Rigid":
        """The motion back."""
        back = self.rotation.T
        return Rigid(rotation=back, shift=-back @ self.shift)

    def after_shift(self, shift: Float[Tensor, "3"]) -> "Rigid":
        """The motion of what was shifted before: this of (x + shift)."""
        return replace(self, shift=self.rotation @ shift.double() + self.shift)


@dataclass(frozen=True, kw_only=True)
class Case:
    """One complex under one protocol.

    A system works in the coordinates of `complex`. Targets are kept twice: as
    recorded, for the published metrics, and as seen from the pocket, for ours.
    """

    name: str
    spacing_ps: float
    complex: Complex  # the start, its ligand the last snapshot observed
    observed: Float[Tensor, "snapshots atoms 3"]  # Å; the last one is the start
    displacement: Float[Tensor, "atoms 3"] | None  # Å per snapshot
    recorded: Float[Tensor, "times atoms 3"]  # Å; the scored snapshots, as in the file
    in_pocket: Float[Tensor, "times atoms 3"]  # Å; each snapshot's pocket on the first
    to_recorded: Rigid  # from the coordinates of `complex`
    to_pocket: Rigid
    known: int = 0  # of the scored snapshots, how many were given away
    molecule: Chem.Mol | None = None  # heavy atoms with bond orders
    no_molecule: str = ""  # why there is none

    @property
    def n_times(self) -> int:
        """Number of snapshots to predict."""
        return len(self.recorded)

    @property
    def times(self) -> list[float]:
        """When they are, ps after the start."""
        return [k * self.spacing_ps for k in range(1, self.n_times + 1)]


def make_case(recording: Recording, protocol: Protocol) -> Case:
    """Cut a recording, in its own coordinates, by a protocol.

    Raises:
        InputError: the recording is too short.
    """
    first, stop = (
        protocol.start,
        protocol.stop(recording.n_frames, recording.name),
    )
    motion = recording.pocket_motion or pocket_motion(
        recording.backbone, recording.positions
    )
    laid = replace(recording, pocket_motion=motion).superposed("pocket")
    shown = laid if protocol.superposition == "pocket" else recording
    at_first = shown.complex_at(0 if protocol.protein == "first" else first)
    x = shown.positions
    complex_ = replace(at_first, ligand=replace(at_first.ligand, positions=x[first]))
    origin = _origin(shown, complex_, protocol)
    there = Rigid(
        rotation=motion.rotations[first].double(), shift=motion.shifts[first].double()
    )
    stay = Rigid(rotation=torch.eye(3).double(), shift=torch.zeros(3).double())
    pocket = protocol.superposition == "pocket"
    displacement = None
    if protocol.has_displacement:
        later = first + 1 if protocol.leak else first
        displacement = x[later] - x[later - 1]
    return Case(
        name=recording.name,
        spacing_ps=recording.spacing_ps,
        complex=complex_.moved(torch.eye(3, dtype=x.dtype), -origin),
        observed=x[first + 1 - (protocol.shown or first + 1) : first + 1] - origin,
        displacement=displacement,
        recorded=recording.positions[first + 1 : stop],
        in_pocket=laid.positions[first + 1 : stop],
        to_recorded=(there.inverse if pocket else stay).after_shift(origin),
        to_pocket=(stay if pocket else there).after_shift(origin),
        known=int(protocol.leak),
    )


def _origin(
    shown: Recording, complex_: Complex, protocol: Protocol
) -> Float[Tensor, "3"]:
    """Where the origin is, Å."""
    if protocol.centring == "initial":
        return complex_.centre()
    if shown.centres is None:
        raise ValueError("this recording does not know the mean of all its atoms")
    return shown.centres.double().mean(dim=0).to(shown.positions.dtype)


def load_cases(
    places: Sequence[Place],
    protocol: Protocol,
    *,
    molecules: bool = True,
    on_case: Callable[[], None] = lambda: None,
) -> tuple[list[Case], dict[str, str]]:
    """The cases, and why the others cannot be used, by label.

    Args:
        places: where they are.
        protocol: how to cut them.
        molecules: whether bond orders are wanted.
        on_case: told after each.

    Raises:
        InputError: not one of them can be used.
    """
    cases, unusable = [], {}
    for place in places:
        try:
            recording = place.recordings.read(place.name)
            case = replace(make_case(recording, protocol), name=place.label)
        except NeuralMDError as error:
            unusable[place.label] = error.message
        else:
            cases.append(_with_molecule(case, place, recording, protocol, molecules))
        on_case()
    if not cases:
        reason = next(iter(unusable.values()), "there is none")
        raise InputError(
            f"None of {len(places)} complexes can be scored; the first one: {reason}",
            hint="Look at them with `neuralmd data inspect`, or ask for fewer "
            "snapshots with --observe and --predict.",
        )
    return cases, unusable


def _with_molecule(
    case: Case,
    place: Place,
    recording: Recording,
    protocol: Protocol,
    wanted: bool,
) -> Case:
    """The case with the bond orders of its ligand, or the reason for having none."""
    if not wanted:
        return case
    try:
        molecule = ligand_molecule(
            place.recordings, place.name, recording, protocol.start
        )
    except NeuralMDError as error:
        return replace(case, no_molecule=error.message)
    return replace(case, molecule=molecule)
