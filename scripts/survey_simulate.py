"""Simulate every shared complex and structure and write a Markdown table of it.

    python scripts/survey_simulate.py ../shared docs/simulate_survey.md --weights W

Each row is one input, run as `neuralmd simulate --ns 0.8` would run it, and ends in the
numbers of its summary or in the one message a user would get. Exit code 1 if anything
but such a message stopped a run.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from neuralmd_cli.errors import NeuralMDError
from neuralmd_cli.run import Run, simulate_files

NS = 0.8
BUG = "BUG"
COLUMNS = (
    "input",
    "residues",
    "ligand heavy atoms",
    "outcome",
    "RMSD at end, Å",
    "bonds intact, %",
    "closest contact, Å",
    "warnings",
    "notes",
    "s",
)

# Ligands as named in the files' HETNAM records; run without the SMILES as well.
BY_NAME = {
    "pdb/1acj.pdb THA": "Nc1c2CCCCc2nc2ccccc12",
    "pdb/1aku.pdb FMN": "Cc1cc2nc3c(=O)[nH]c(=O)nc-3n(CC(O)C(O)C(O)COP(O)(O)=O)c2cc1C",
    "pdb/1ay8.pdb HCI": "OC(=O)CCc1ccccc1",
    "pdb/1bju.pdb GP6": "NC(=[NH2+])c1ccc(cc1)NC(=O)Nc1ccc(Cl)cc1",
    "pdb/1eve.pdb E20": "COc1cc2CC(CC3CC[NH+](CC3)Cc4ccccc4)C(=O)c2cc1OC",
    "pdb/1het.pdb.gz NAD:A": "NC(=O)c1ccc[n+](c1)C1OC(COP([O-])(=O)OP(O)(=O)OCC2OC("
    "C(O)C2O)n2cnc3c(N)ncnc32)C(O)C1O",
    "pdb/1hpx.pdb KNI": "CC(C)(C)NC(=O)C1CSCN1C(=O)C(O)C(Cc1ccccc1)NC(=O)C(CSC)NC(=O)"
    "COc1cccc2cnccc12",
    "pdb/1osn.pdb.gz BVP:A": "O=c1[nH]c(=O)n(cc1C=CBr)C1CC(O)C(COP(O)(O)=O)O1",
    "pdb/1p5e.pdb.gz TBS:A": "Brc1c(Br)c(Br)c2[nH]nnc2c1Br",
    "pdb/1vsn.pdb NFT": "CC(C)CC(C(=O)NCCN)NC(C(F)(F)F)c1ccc(cc1)-c1ccc(cc1)S(N)(=O)=O",
    "pdb/1xdn.pdb ATP": "Nc1ncnc2c1ncn2C1OC(COP(O)(=O)OP(O)(=O)OP(O)(O)=O)C(O)C1O",
    "pdb/2reg.pdb CHT:A": "C[N+](C)(C)CCO",
    "pdb/2w0s.pdb BVP:A": "O=c1[nH]c(=O)n(cc1C=CBr)C1CC(O)C(COP(O)(O)=O)O1",
    "pdb/2zoz.pdb ET": "CC[n+]1c(-c2ccccc2)c2cc(N)ccc2c2ccc(N)cc12",
    "pdb/3E8D.pdb.gz G98:A": "CCn1c(-c2nonc2N)nc2c(C#CC(C)(C)O)nc(OC(CCN)c3ccccc3)cc12",
    "pdb/3pxf.pdb 2AN:A:304": "OS(=O)(=O)c1cccc2cccc(Nc3ccccc3)c12",
    "pdb/3r0t.pdb FU9": "OC(=O)c1ccc2c(c1)nc(Nc1cccc(c1)C(F)(F)F)c1nc(NC3CC3)ncc12",
    "pdb/3shy.pdb 5FO": "CCCOc1ccc(cc1-c1nc(CC)c(F)c(=O)[nH]1)S(=O)(=O)N1CCN(C)CC1",
    "pdb/4agl.pdb P84:A": "CN(C1CCN(C)CC1)Cc1cc(I)cc(I)c1O",
    "pdb/4dst.pdb 9LI": "Cc1[nH]c2cc(Cl)cc(Cl)c2c1CCN",
    "pdb/4dst.pdb GCP": "Nc1nc2n(cnc2c(=O)[nH]1)C1OC(COP(O)(=O)OP(O)(=O)CP(O)(O)=O)"
    "C(O)C1O",
    "pdb/4qnb.pdb 1B0": "CN(c1ccccc1)C(=O)C(Cc1ccccc1)NC(=O)Cc1c(C)[nH]c2ccccc12",
    "pdb/4rao.pdb.gz 3L7:A": "OP(O)(=O)CCN(CCOC=CP(O)(O)=O)CCn1cnc2c(=O)[nH]cnc12",
    "mmcif/1GBT.cif GBS": "NC(=N)Nc1ccc(cc1)C(O)=O",
    "mmcif/4CUP.cif ZYB": "NC(=NO)c1ccc(F)cc1",
    "mmcif/7CFN.cif.gz CLR": "CC(C)CCCC(C)C1CCC2C3CC=C4CC(O)CCC4(C)C3CCC12C",
}

# Ligands of the folder sdf/ whose protein is among the complexes.
BY_FILE = {
    "1IA1_TQ3_ligand.sdf": "1ia1_dhfr",
    "7ZTL_BCN_ligand.sdf": "7ztl_bcn",
    "gnina_10gs_lig.sdf": "10gs_gst",
    "gnina_184l_lig.sdf": "184l_t4l",
    "gnina_noelem.sdf": "184l_t4l",
    "mol_2bm2_ligand.sdf": "2bm2_tryptase",
    "mol_calcium.sdf": "2bm2_tryptase",
}


@dataclass(frozen=True, kw_only=True)
class Case:
    """One input, as a user would name it."""

    name: str
    protein: Path
    ligand: Path | None = None
    ligand_id: str | None = None
    smiles: str | None = None


def complexes(data: Path) -> Iterator[Case]:
    """Every folder with a protein and its ligand."""
    for folder in sorted(x for x in (data / "complexes").iterdir() if x.is_dir()):
        protein, ligand = folder / "protein.pdb", folder / "ligand.sdf"
        yield Case(name=folder.name, protein=protein, ligand=ligand)


def ligand_files(data: Path) -> Iterator[Case]:
    """Loose ligand files with the protein they belong to, or do not."""
    for name, folder in BY_FILE.items():
        yield Case(
            name=f"{folder} + sdf/{name}",
            protein=data / "complexes" / folder / "protein.pdb",
            ligand=data / "structures" / "sdf" / name,
        )


def ligands_by_name(data: Path, *, with_smiles: bool) -> Iterator[Case]:
    """Ligands taken from the protein's own file, with and without bond orders."""
    for key, smiles in BY_NAME.items():
        file, ligand_id = key.split()
        yield Case(
            name=f"{file} --ligand-id {ligand_id}",
            protein=data / "structures" / file,
            ligand_id=ligand_id,
            smiles=smiles if with_smiles else None,
        )


def other_structures(data: Path) -> Iterator[Case]:
    """Every structure file for which no ligand is known here."""
    known = {key.split()[0] for key in BY_NAME}
    root = data / "structures"
    for folder in ("pdb", "mmcif", "edge_cases"):
        for path in sorted(x for x in (root / folder).iterdir() if x.is_file()):
            file = f"{folder}/{path.name}"
            if file not in known:
                name = f"{file} --ligand-id LIG"
                yield Case(name=name, protein=path, ligand_id="LIG")


def row(case: Case, weights: str | None) -> list[str]:
    """What a user would see of one run: the numbers, or message and hint."""
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        try:
            run = simulate_files(
                case.protein,
                case.ligand,
                output=Path(folder) / "traj.xtc",
                ns=NS,
                ligand_id=case.ligand_id,
                smiles=case.smiles,
                weights=weights,
                device="cpu",
            )
            cells = numbers(run)
        except NeuralMDError as error:
            cells = ["", "", f"{error.message} {error.hint}", *[""] * 5]
        except Exception as error:  # a survey goes on, and its row tells of the bug
            cells = ["", "", f"{BUG}: {type(error).__name__}: {error}", *[""] * 5]
    return [case.name, *cells, f"{time.perf_counter() - start:.1f}"]


def numbers(run: Run) -> list[str]:
    """The cells of a run that ended well."""
    record, checks = run.record, run.checks[0]
    value = {x.name: x.value for x in checks}
    at_end = [x.value for x in checks if x.name.startswith("rmsd_at_")][-1]
    return [
        str(record.system["residues"]),
        str(record.system["ligand_heavy_atoms"]),
        "ok",
        f"{at_end:.2f}",
        _share(value["bonds_intact"]),
        f"{value['contact_min']:.2f}",
        str(len(record.warnings)),
        str(len(record.notes)),
    ]


def _share(per_cent: float) -> str:
    """One decimal, and 100 only where it is just that."""
    return "100" if per_cent == 100 else f"{min(per_cent, 99.9):.1f}"


def table(title: str, cases: Iterator[Case], weights: str | None) -> list[str]:
    """Lines of one Markdown section."""
    lines = [f"## {title}", "", f"| {' | '.join(COLUMNS)} |", "|---" * 10 + "|"]
    for case in cases:
        cells = row(case, weights)
        print(f"{cells[0]}: {cells[3]}", file=sys.stderr)
        cells = [" ".join(x.split()).replace("|", "\\|") for x in cells]
        lines.append(f"| {' | '.join(cells)} |")
    return [*lines, ""]


def main() -> None:
    """Write the survey."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("shared", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--weights", help="name or path; default: the default weights")
    options = parser.parse_args()
    data, weights = options.shared / "data", options.weights
    torch.set_num_threads(1)  # systems this small gain little from more
    start = time.perf_counter()
    sections = [
        table("Complexes", complexes(data), weights),
        table("Loose ligand files", ligand_files(data), weights),
        table(
            "Ligands by name, with --smiles",
            ligands_by_name(data, with_smiles=True),
            weights,
        ),
        table(
            "Ligands by name, without --smiles",
            ligands_by_name(data, with_smiles=False),
            weights,
        ),
        table("Structures without a ligand to name", other_structures(data), weights),
    ]
    rows = [x for lines in sections for x in lines[4:-1]]
    ended_well = sum("| ok |" in x for x in rows)
    bugs = sum(f"| {BUG}: " in x for x in rows)
    lines = [
        "# What `neuralmd simulate` does with real files",
        "",
        f"Written by `scripts/survey_simulate.py`: {NS} ns of each input, one after",
        f"the other on one CPU thread ({time.perf_counter() - start:.0f} s in all).",
        f"Of {len(rows)} inputs {ended_well} were simulated, the others refused with",
        "the message shown.",
        "",
        *[x for lines in sections for x in lines],
    ]
    options.output.write_text("\n".join(lines), encoding="utf-8")
    if bugs:
        raise SystemExit(f"{bugs} of {len(rows)} runs ended in something unforeseen.")


if __name__ == "__main__":
    main()
