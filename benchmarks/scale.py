"""Time and memory of large inputs: residues, snapshots, ligands.

    python benchmarks/scale.py [--what residues snapshots ligands reading] [--sizes N]

Each row is a process of its own: the command's processor time and its peak memory. The
protein is examples/nik/nik.pdb and copies of it on a grid, 80 Å apart. The model is
`frozen`, which costs nothing, so that this is what reading, judging and writing cost,
unless `--model` names another.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import gemmi
import torch
from screen import EXAMPLE, ROOT, write_poses

from neuralmd_cli.structure.ligand import read_ligand
from neuralmd_cli.topology import ligand_topology
from neuralmd_cli.writers import trajectory_file, write_topology_pdb

SIZES = {
    "residues": (5_000, 10_000, 20_000),
    "snapshots": (10_000, 50_000, 100_000),
    "reading": (10_000, 50_000, 100_000),
    "ligands": (500, 2_000, 10_000),
}


def write_protein(path: Path, residues: int) -> int:
    """The example's protein often enough for so many residues; how many it has."""
    one = gemmi.read_structure(str(EXAMPLE / "nik.pdb"))[0]
    structure = gemmi.Structure()
    structure.add_model(gemmi.Model(1))
    done, copy = 0, 0
    while done < residues:
        shift = gemmi.Position(
            *(80.0 * x for x in (copy % 8, copy // 8 % 8, copy // 64))
        )
        for chain in one:
            new = chain.clone()
            new.name = f"{chain.name}{copy}"
            for residue in new:
                for atom in residue:
                    atom.pos += shift
            structure[0].add_chain(new)
            done += len(new)
        copy += 1
    structure.setup_entities()
    structure.make_mmcif_document().write_file(str(path))
    return done


def measured(*words: object, quiet: bool = True) -> dict[str, float]:
    """A command's processor time, s, and peak memory, MB."""
    command = [sys.executable, "-m", "neuralmd_cli", *map(str, words)]
    command += ["--quiet"] if quiet else []
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    if status:
        raise RuntimeError(f"{command} ended with {status}")
    return {
        "processor_s": round(used.ru_utime + used.ru_stime, 1),
        "peak_mb": round(used.ru_maxrss / 1024),
    }


def rows(what: str, size: int, folder: Path, name: str) -> dict[str, float]:
    """One row, of a model by its name."""
    ligand = ("--ligand", EXAMPLE / "ligand_13v.sdf")
    model = ("--model", name)
    simulate = ("simulate", *model, "-o", folder / "x.dcd", *ligand)
    if what == "residues":
        held = write_protein(folder / "p.cif", size)
        words = ("--ns", 0.16, "--protein", folder / "p.cif")
        return {"residues": held, **measured(*simulate, *words)}
    if what == "reading":
        write_shaken(folder / "x.dcd", size)
        return later(folder / "x.dcd", size)
    if what == "snapshots":
        words = ("--interval-ps", 1, "--ns", size / 1000)
        words += ("--protein", EXAMPLE / "nik.pdb")
        return {"snapshots": size, **measured(*simulate, *words)}
    write_poses(folder / "poses.sdf", size)
    words = ("--protein", EXAMPLE / "nik.pdb", "--ligands", folder / "poses.sdf")
    words += (*model, "--ns", 0.16, "--jobs", 1, "-o", folder / "out")
    return {"ligands": size, **measured("screen", *words)}


def write_shaken(path: Path, size: int) -> None:
    """A trajectory of the example's ligand, each snapshot drawn about its pose."""
    ligand = read_ligand(EXAMPLE / "ligand_13v.sdf")
    start = ligand.ligand.positions.float()
    topology = ligand_topology(ligand.molecule, with_hydrogens=False)
    generator = torch.manual_seed(1)
    with trajectory_file(path, topology) as write:
        for first in range(0, size, 1000):
            frames = min(1000, size - first)
            noise = torch.randn(frames, *start.shape, generator=generator)
            write(torch.arange(first, first + frames) + 1.0, start + 0.02 * noise)
    write_topology_pdb(path.with_suffix(".pdb"), start, topology)


def later(trajectory: Path, size: int) -> dict[str, float]:
    """What the commands that read a trajectory cost."""
    row: dict[str, float] = {"read snapshots": size}
    around = ("--ligand", EXAMPLE / "ligand_13v.sdf", "--protein", EXAMPLE / "nik.pdb")
    page = trajectory.with_suffix(".html")
    for command, *words in (
        ("rmsf",),
        ("stability", *around),
        ("report", *around, "-o", page),
    ):
        found = measured(command, trajectory, *words, quiet=False)
        row |= {f"{command}_{k}": v for k, v in found.items()}
    return row


def measurements(
    chosen: list[str], sizes: Sequence[int] = (), model: str = "frozen"
) -> Iterator[dict[str, float]]:
    """All rows, of other sizes if there are any."""
    for what in chosen:
        for size in sizes or SIZES[what]:
            with tempfile.TemporaryDirectory() as folder:
                yield rows(what, size, Path(folder), model)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--what", nargs="+", default=list(SIZES), choices=list(SIZES))
    parser.add_argument("--sizes", nargs="+", type=int, default=())
    parser.add_argument("--model", default="frozen")
    parser.add_argument("-o", "--output", type=Path)
    given = parser.parse_args()
    found = []
    for row in measurements(given.what, given.sizes, given.model):
        found.append(row)
        sys.stdout.write(f"{json.dumps(row)}\n")
        sys.stdout.flush()
    if given.output:
        facts = {"machine": platform.machine(), "rows": found}
        given.output.write_text(json.dumps(facts, indent=2) + "\n")


if __name__ == "__main__":
    main()
