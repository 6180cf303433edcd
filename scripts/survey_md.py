"""Prepare every shared complex for numerical MD and write a Markdown table of it.

    python scripts/survey_md.py ../shared docs/md_survey.md --solvent implicit
    python scripts/survey_md.py ../shared out/box.md --only brd4 mcl1

Each row is one complex as `neuralmd md --prepare-only --charges gasteiger` would build
it: what it is made of, its energy after a short minimisation, or the one message a user
would get. Exit code 1 if anything but such a message stopped a preparation.
"""

import argparse
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from neuralmd_cli.errors import NeuralMDError
from neuralmd_cli.md.prepare import Inputs, Preparation
from neuralmd_cli.md.trial import Facts, prepare_only

BUG = "BUG"
GRAM_PER_CM3 = 1.66053907e-3
"""Of 1 Da per nm³."""


@dataclass(frozen=True, kw_only=True)
class Box:
    """What tleap made of a box of water, before it is compressed to 1 bar."""

    charge: float  # e; of everything
    volume: float  # nm³
    density: float  # g/cm³


@dataclass(frozen=True, kw_only=True)
class Row:
    """What became of one complex."""

    name: str
    facts: Facts | None
    box: Box | None
    problem: str
    seconds: float


def prepared(folder: Path, how: Preparation) -> Row:
    """Build one complex."""
    begin = time.perf_counter()
    inputs = Inputs(protein=folder / "protein.pdb", ligand=folder / "ligand.sdf")
    facts, box, problem = None, None, ""
    try:
        with tempfile.TemporaryDirectory() as work:
            facts = prepare_only(inputs, how, Path(work))
            box = box_of(Path(work)) if how.solvent == "explicit" else None
    except NeuralMDError as error:
        problem = f"{error.message} {error.hint}"
    except Exception:
        traceback.print_exc()
        problem = BUG
    spent = time.perf_counter() - begin
    return Row(name=folder.name, facts=facts, box=box, problem=problem, seconds=spent)


def box_of(folder: Path) -> Box:
    """Charge and density of the system that tleap wrote."""
    from openmm import NonbondedForce, app, unit

    places = app.AmberInpcrdFile(str(folder / "system.inpcrd"))
    x, y, z = (v.value_in_unit(unit.nanometer) for v in places.boxVectors)
    made = app.AmberPrmtopFile(
        str(folder / "system.prmtop"), periodicBoxVectors=places.boxVectors
    )
    system = made.createSystem(nonbondedMethod=app.PME)
    forces = [f for f in system.getForces() if isinstance(f, NonbondedForce)]
    n = system.getNumParticles()
    charges = (forces[0].getParticleParameters(k)[0] for k in range(n))
    mass = sum(system.getParticleMass(k).value_in_unit(unit.dalton) for k in range(n))
    volume = x[0] * y[1] * z[2]  # the vectors are those of a triangle matrix
    return Box(
        charge=sum(c.value_in_unit(unit.elementary_charge) for c in charges),
        volume=volume,
        density=mass * GRAM_PER_CM3 / volume,
    )


def page(rows: list[Row], how: Preparation) -> Iterator[str]:
    """The table, with a count before it and the reasons after it."""
    good = [x for x in rows if x.facts is not None]
    share = 100 * len(good) / len(rows)
    yield "# Which complexes can be prepared for numerical MD"
    yield ""
    yield (
        "Written by `scripts/survey_md.py`: every complex of the shared data as\n"
        f"`neuralmd md --prepare-only --solvent {how.solvent}\n"
        f"--charges {how.charges}` builds it, with no other option."
    )
    yield ""
    yield f"**{len(good)} of {len(rows)} ({share:.0f} %) prepare without help.**"
    yield ""
    yield "## Not without help"
    yield ""
    for row in rows:
        if row.facts is None:
            yield f"- {row.name}: {row.problem}"
    if len(good) == len(rows):
        yield "None."
    yield ""
    yield "## Prepared, with a warning"
    yield ""
    for row in good:
        for warning in row.facts.warnings if row.facts else ():
            yield f"- {row.name}: {warning}"
    yield ""
    yield "## All"
    yield ""
    yield (
        "Energy: protein and ligand without water after 50 steps of minimisation,\n"
        "kJ/mol per atom."
    )
    yield ""
    boxes = [f"{x} | " for x in ("charge, e", "box, nm³", "g/cm³")]
    more = "".join(boxes) if how.solvent == "explicit" else ""
    columns = (
        f"complex | residues | atoms | waters | ions | {more}energy | what was done"
    )
    yield f"| {columns} | s |"
    yield "|---" * (columns.count("|") + 2) + "|"
    for row in rows:
        if row.facts is None:
            empty = "| " * (columns.count("|") - 1)
            yield f"| {row.name} {empty}| refused | {row.seconds:.0f} |"
            continue
        x = row.facts
        notes = " ".join(y for y in x.notes if "left out." not in y[-12:])
        energy = x.energy_kj / x.atoms
        box = ""
        if row.box is not None:
            # Charges in the topology are rounded; 0.0 and -0.0 are the same.
            charge = round(row.box.charge, 2) + 0.0
            box = f"{charge:.2f} | {row.box.volume:.0f} | {row.box.density:.2f} | "
        yield (
            f"| {row.name} | {x.residues} | {x.atoms} | {x.waters} | {x.ions} | "
            f"{box}{energy:.1f} | {notes} | {row.seconds:.0f} |"
        )
    yield ""


def main() -> None:
    """Survey all complexes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shared", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--solvent", default="explicit")
    parser.add_argument("--charges", default="gasteiger")
    parser.add_argument("--only", nargs="+", help="names of the complexes; else all")
    parser.add_argument("--jobs", type=int, default=1)
    arguments = parser.parse_args()
    how = Preparation(solvent=arguments.solvent, charges=arguments.charges)
    folders = sorted((arguments.shared / "data" / "complexes").iterdir())
    folders = [
        x for x in folders if x.is_dir() and x.name in (arguments.only or x.name)
    ]
    rows = []
    # The work is done by other programs, and by OpenMM: threads are enough.
    with ThreadPoolExecutor(max_workers=arguments.jobs) as pool:
        for row in pool.map(lambda x: prepared(x, how), folders):
            rows.append(row)
            print(f"{len(rows)} {row.name} {row.problem or 'ok'}", flush=True)
    arguments.output.write_text("\n".join(page(rows, how)))
    sys.exit(any(x.problem == BUG for x in rows))


if __name__ == "__main__":
    main()
