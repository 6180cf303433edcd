"""What is odd about a recorded complex: drift, jumps, a loose start, gaps."""

import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from functools import cache
from importlib.resources import files
from typing import Any

import torch
from jaxtyping import Float
from rdkit import Chem
from torch import Tensor

from neuralmd_cli.misato import MISATO_SPACING_PS
from neuralmd_cli.recording import Reading, Recording, pocket_motion
from neuralmd_cli.structure.contacts import REACH, TOUCH

JUMP = 5.0
"""Å between two snapshots: a bound ligand, or a folded protein, does not move so far.

RMSD with the pocket held in place. Thermal motion in 80 ps is 1 to 2 Å; a molecule put
on another side of its periodic box moves by tens.
"""
TOUCHING_SHARE = 0.3
"""Share of ligand atoms that touch the protein, below which the start is unbound.

Crystal poses have 0.8 and more; a ligand beside the protein has less than this.
"""


@dataclass(frozen=True, kw_only=True)
class Quality:
    """Measurements on one complex; lengths in Å, snapshots counted from 0."""

    atoms: int  # hydrogens included
    residues: int
    incomplete_residues: int  # left out: no sound N-CA-C
    molecules: int  # of the protein, as the file cuts it
    chain_breaks: int  # C-N gaps beyond those between molecules
    ligand_heavy_atoms: int
    elements: str  # of the ligand, as C21N3O2
    snapshots: int
    spacing_ps: float
    drift: float  # largest RMSD of the CA atoms from snapshot 0, as recorded
    rotation_degrees: float  # largest turn of the pocket from snapshot 0
    protein_rmsd: float  # largest RMSD of the CA atoms, the pocket superposed
    ligand_rmsd: float  # mean RMSD of the ligand, the pocket superposed
    ligand_rmsd_max: float
    ligand_jumps: tuple[int, ...]  # snapshots before which the ligand jumped
    protein_jumps: tuple[int, ...]
    nearest_start: float  # nearest heavy atoms of ligand and protein
    touching_start: float  # share of ligand atoms that touch the protein
    missing: tuple[str, ...]  # datasets of the layout the file lacks
    flags: tuple[str, ...]  # reasons to leave the complex out

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> "Quality":
        """From JSON, where tuples are lists."""
        names = {x.name for x in fields(cls)}
        known: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value
            for key, value in plain.items()
            if key in names
        }
        return cls(**known)


def measure(reading: Reading) -> Quality:
    """Measure one complex and flag what speaks against training on it."""
    recording = reading.recording
    raw_ca = recording.backbone[:, :, 1]
    motion = recording.pocket_motion
    if motion is None:
        motion = pocket_motion(recording.backbone, recording.positions)
    ca, ligand = motion.of(raw_ca), motion.of(recording.positions)
    cosines = (motion.rotations.diagonal(dim1=1, dim2=2).sum(dim=1) - 1) / 2
    obstacles = recording.obstacle_positions[0]
    nearest = torch.cdist(ligand[0], obstacles).amin(dim=1)
    ligand_rmsd = _rmsd(ligand, ligand[:1])
    gaps = int(recording.segments.max())
    quality = Quality(
        atoms=reading.n_atoms,
        residues=len(recording.residue_types),
        incomplete_residues=reading.incomplete_residues,
        molecules=reading.n_molecules,
        chain_breaks=max(0, gaps - max(0, reading.n_molecules - 1)),
        ligand_heavy_atoms=recording.n_atoms,
        elements=_formula(recording),
        snapshots=recording.n_frames,
        spacing_ps=recording.spacing_ps,
        drift=_rounded(_rmsd(raw_ca, raw_ca[:1]).max()),
        rotation_degrees=_rounded(torch.rad2deg(cosines.clamp(-1, 1).acos()).max()),
        protein_rmsd=_rounded(_rmsd(ca, ca[:1]).max()),
        ligand_rmsd=_rounded(ligand_rmsd.mean()),
        ligand_rmsd_max=_rounded(ligand_rmsd.max()),
        ligand_jumps=_jumps(ligand),
        protein_jumps=_jumps(ca),
        nearest_start=_rounded(nearest.min()),
        touching_start=_rounded((nearest < TOUCH).float().mean()),
        missing=reading.missing,
        flags=(),
    )
    return replace(quality, flags=tuple(_flags(recording, quality)))


def _rounded(value: Tensor) -> float:
    return round(float(value), 3)


def _flags(recording: Recording, q: Quality) -> Iterator[str]:
    """A few words for each reason to leave the complex out."""
    known = known_bad().get(recording.name.upper())
    if known and recording.spacing_ps == MISATO_SPACING_PS:
        yield f"known: {known}"
    for who, jumps in (("ligand", q.ligand_jumps), ("protein", q.protein_jumps)):
        if jumps:
            yield f"{who} jumps before {_snapshots(jumps)}"
    if q.nearest_start > REACH or q.touching_start < TOUCHING_SHARE:
        yield (
            f"unbound start: {q.touching_start:.0%} of the ligand's atoms touch the "
            f"protein, the nearest at {q.nearest_start:.1f} Å"
        )
    if q.incomplete_residues:
        plural = "s" if q.incomplete_residues > 1 else ""
        yield f"broken backbone: {q.incomplete_residues} residue{plural} without N-CA-C"


@cache
def known_bad() -> Mapping[str, str]:
    """Why entries of MISATO are known to be bad, by id in upper case."""
    text = files("neuralmd_cli.dataset").joinpath("known_bad.toml").read_text("utf-8")
    found = {}
    for entry in tomllib.loads(text)["entry"]:
        first, last = entry.get("snapshots", (None, None))
        span = "" if first is None else f" (snapshot {first}"
        span += f" to {last})" if last != first else ")" if span else ""
        found[entry["id"]] = entry["reason"] + span
    return found


def _rmsd(
    moved: Float[Tensor, "frames atoms 3"], still: Float[Tensor, "_ atoms 3"]
) -> Float[Tensor, " frames"]:
    return (moved - still).square().sum(dim=-1).mean(dim=-1).sqrt()


def _jumps(positions: Float[Tensor, "frames atoms 3"]) -> tuple[int, ...]:
    """Snapshots that lie farther than `JUMP` from the one before."""
    steps = _rmsd(positions[1:], positions[:-1])
    return tuple((torch.nonzero(steps > JUMP)[:, 0] + 1).tolist())


def _snapshots(numbers: tuple[int, ...]) -> str:
    shown = ", ".join(str(x) for x in numbers[:5])
    more = f" and {len(numbers) - 5} more" if len(numbers) > 5 else ""
    return f"snapshot{'s' if len(numbers) > 1 else ''} {shown}{more}"


def _formula(recording: Recording) -> str:
    """The ligand's elements, carbon first, as C21N3O2."""
    table = Chem.GetPeriodicTable()
    counts = Counter(
        table.GetElementSymbol(z) for z in recording.atomic_numbers.tolist()
    )
    symbols = sorted(counts, key=lambda x: (x != "C", x))
    return "".join(f"{x}{counts[x] if counts[x] > 1 else ''}" for x in symbols)
