"""A ligand to GAFF2 parameters with charges, by antechamber and parmchk2."""

from dataclasses import dataclass
from pathlib import Path

from rdkit import Chem

from neuralmd_cli.errors import InputError, SimulationError
from neuralmd_cli.md.amber import failed, run_program

RESIDUE = "MOL"
"""MISATO's name of the ligand, residue code 0."""
_GAFF2 = frozenset("H C N O F P S Cl Br I".split())
_METHODS = {"am1-bcc": "bcc", "gasteiger": "gas"}
CHARGES = tuple(_METHODS)
_CHARGE_TOLERANCE = 0.05


@dataclass(frozen=True, kw_only=True)
class LigandParameters:
    """Files that leap reads."""

    mol2: Path
    frcmod: Path


def check_typeable(molecule: Chem.Mol, where: str) -> None:
    """Refuse what GAFF2 has no types for.

    Raises:
        InputError: naming the atom.
    """
    for atom in molecule.GetAtoms():
        name = f"atom {atom.GetIdx() + 1} ({atom.GetSymbol()})"
        if atom.GetSymbol() not in _GAFF2:
            raise InputError(
                f"{where}: {name} cannot be simulated by MD: GAFF2 has no parameters "
                f"for {atom.GetSymbol()}.",
                hint="GAFF2 knows H, C, N, O, F, P, S, Cl, Br and I. `neuralmd "
                "simulate` may still take this ligand.",
            )
        if atom.GetNumRadicalElectrons():
            raise InputError(
                f"{where}: {name} has an unpaired electron, for which GAFF2 has no "
                "parameters.",
                hint="Correct bond orders, formal charges and hydrogens of the ligand.",
            )


def parametrise(
    molecule: Chem.Mol, folder: Path, *, charges: str, where: str
) -> LigandParameters:
    """Type a ligand with all its hydrogens.

    Args:
        molecule: with every hydrogen, in the pose of the complex.
        folder: to work in.
        charges: am1-bcc, gasteiger, or the path of a mol2 file with charges of the
            same atoms in the same order.
        where: file of the ligand, to begin messages with.

    Raises:
        InputError: GAFF2 has no types for it, or the charge file does not fit.
        SimulationError: antechamber or parmchk2 failed.
    """
    check_typeable(molecule, where)
    Chem.MolToMolFile(molecule, str(folder / "ligand.sdf"))
    charge = Chem.GetFormalCharge(molecule)
    method = ["-c", _METHODS.get(charges, "rc")]
    if charges not in _METHODS:
        values = mol2_charges(Path(charges), molecule)
        # antechamber reads at most eight numbers a line.
        rows = [values[k : k + 8] for k in range(0, len(values), 8)]
        lines = ["".join(f"{q:10.6f}" for q in row) for row in rows]
        (folder / "charges.txt").write_text("\n".join(lines) + "\n")
        method += ["-cf", "charges.txt"]
        total = sum(values)
        if abs(total - charge) > _CHARGE_TOLERANCE:
            raise InputError(
                f"{Path(charges).name}: the charges add up to {total:.3f}, the "
                f"ligand's formal charges to {charge}.",
                hint="Give charges of this protonation state.",
            )
    mol2 = folder / "ligand.mol2"
    text = run_program(
        "antechamber",
        [
            *("-i", "ligand.sdf", "-fi", "sdf", "-o", mol2.name, "-fo", "mol2"),
            *(*method, "-at", "gaff2", "-nc", str(charge), "-rn", RESIDUE),
            *("-pf", "y", "-dr", "n"),
        ],
        folder,
        what=f"{where}: the ligand cannot be typed",
        hint="Check its bond orders, hydrogens and charge; --charges gasteiger needs "
        "no quantum chemistry.",
    )
    if not mol2.is_file():
        raise failed(
            "antechamber",
            text,
            what=f"{where}: the ligand cannot be typed",
            hint="Check its bond orders, hydrogens and charge.",
        )
    _check_types(mol2, where)
    frcmod = folder / "ligand.frcmod"
    run_program(
        "parmchk2",
        ["-i", mol2.name, "-f", "mol2", "-o", frcmod.name, "-s", "gaff2"],
        folder,
        what=f"{where}: the ligand cannot be parametrised",
        hint="Check its bond orders and hydrogens.",
    )
    wanting = [x for x in frcmod.read_text().splitlines() if "ATTN" in x]
    if wanting:
        shown = "; ".join(" ".join(x.split()[:1]) for x in wanting[:4])
        raise SimulationError(
            f"{where}: GAFF2 has no parameters for {len(wanting)} terms of the ligand "
            f"({shown}).",
            hint="Check its bond orders and hydrogens: most often they are wrong.",
        )
    return LigandParameters(mol2=mol2, frcmod=frcmod)


def mol2_charges(path: Path, molecule: Chem.Mol) -> list[float]:
    """Charges of a mol2 file, one for each atom of the molecule.

    Raises:
        InputError: no such file, no mol2, or other atoms.
    """
    try:
        lines = path.read_text(errors="replace").splitlines()
    except OSError as error:
        raise InputError(
            f"--charges {path}: {error.strerror or error}.",
            hint="Give am1-bcc, gasteiger or a mol2 file with charges.",
        ) from error
    rows: list[list[str]] = []
    inside = False
    for line in lines:
        if line.startswith("@<TRIPOS>"):
            if rows:
                break
            inside = line.strip() == "@<TRIPOS>ATOM"
        elif inside and line.strip():
            rows.append(line.split())
    elements = [a.GetSymbol() for a in molecule.GetAtoms()]
    if not rows or any(len(x) < 9 for x in rows):
        raise InputError(
            f"{path.name} holds no mol2 atoms with charges.",
            hint="Give am1-bcc, gasteiger or a mol2 file with charges.",
        )
    found = [x[5].partition(".")[0].capitalize() for x in rows]
    same = len(found) == len(elements) and all(
        # Amber's types in a mol2 begin with the element as well.
        f == e or f[:1] == e[:1]
        for f, e in zip(found, elements, strict=True)
    )
    if not same:
        raise InputError(
            f"{path.name} holds {len(rows)} atoms ({''.join(found[:6])}...), not the "
            f"{len(elements)} of the ligand in their order "
            f"({''.join(elements[:6])}...).",
            hint="Write the mol2 from the same molecule, hydrogens included.",
        )
    try:
        return [float(x[8]) for x in rows]
    except ValueError:
        raise InputError(
            f"{path.name}: a charge is not a number.", hint="Write the file again."
        ) from None


def _check_types(mol2: Path, where: str) -> None:
    """Refuse atoms that antechamber left untyped (DU)."""
    inside = False
    for line in mol2.read_text().splitlines():
        if line.startswith("@<TRIPOS>"):
            inside = line.strip() == "@<TRIPOS>ATOM"
        elif inside and line.split()[5:6] == ["DU"]:
            raise InputError(
                f"{where}: GAFF2 has no type for atom {line.split()[0]} "
                f"({line.split()[1]}).",
                hint="Check the ligand's bond orders and hydrogens.",
            )
