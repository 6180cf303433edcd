"""What an input means does not change with where it lies and how it is written."""

import gzip
from pathlib import Path

import numpy as np
import pytest
import torch
from rdkit import Chem

from neuralmd_cli.errors import InputError
from neuralmd_cli.structure.ligand import read_ligand
from neuralmd_cli.structure.prepare import PreparedComplex, prepare
from neuralmd_cli.structure.protein import read_protein
from tests.fuzz.seeds import complexes, shared_data

CASES = [{k: v.decode("latin-1") for k, v in x.items()} for x in complexes()]
ATOM = ("ATOM", "HETATM")


def prepared(folder: Path, pdb: str | bytes, sdf: str | bytes) -> PreparedComplex:
    """The complex in two texts."""
    paths = folder / "p.pdb", folder / "l.sdf"
    for path, text in zip(paths, (pdb, sdf), strict=True):
        path.write_bytes(text if isinstance(text, bytes) else text.encode("latin-1"))
    return prepare(*paths)


def same(one: PreparedComplex, other: PreparedComplex, move=lambda x: x) -> None:
    """All of it, up to a motion; numbers in files have three or four decimals."""
    for part in ("ligand", "protein"):
        ours, theirs = (
            vars(getattr(one.complex, part)),
            vars(getattr(other.complex, part)),
        )
        for key, value in ours.items():
            if value.is_floating_point() and value.ndim == 2:
                torch.testing.assert_close(move(value), theirs[key], atol=2e-3, rtol=0)
            else:
                assert torch.equal(value, theirs[key]), key
    assert Chem.MolToSmiles(one.molecule) == Chem.MolToSmiles(other.molecule)


def with_atoms(text: str, change) -> str:
    """A PDB text with its atom lines changed."""
    lines = [change(x) if x.startswith(ATOM) else x for x in text.splitlines()]
    return "\n".join(lines) + "\n"


@pytest.fixture(params=range(len(CASES)))
def case(request) -> dict[str, str]:
    """A pocket and its ligand."""
    return CASES[request.param]


@pytest.mark.parametrize("seed", [1, 2])
def test_a_moved_complex_is_the_same_complex_moved(tmp_path, case, seed):
    """Rotation and translation of both files."""
    rng = np.random.default_rng(seed)
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    turn *= np.sign(np.linalg.det(turn))
    shift = rng.uniform(-50, 50, 3)

    def moved(x, width, decimals):
        return "".join(f"{v:{width}.{decimals}f}" for v in turn @ x + shift)

    def in_pdb(line):
        xyz = np.array([float(line[k : k + 8]) for k in (30, 38, 46)])
        return line[:30] + moved(xyz, 8, 3) + line[54:]

    lines = case["ligand.sdf"].splitlines()
    for k in range(4, 4 + int(lines[3][:3])):
        xyz = np.array([float(lines[k][j : j + 10]) for j in (0, 10, 20)])
        lines[k] = moved(xyz, 10, 4) + lines[k][30:]
    before = prepared(tmp_path, case["protein.pdb"], case["ligand.sdf"])
    after = prepared(
        tmp_path, with_atoms(case["protein.pdb"], in_pdb), "\n".join(lines) + "\n"
    )
    r, t = torch.tensor(turn), torch.tensor(shift)
    same(before, after, lambda x: (x.double() @ r.T + t).float())


WAYS = {
    "crlf": lambda x: x.replace("\n", "\r\n").encode("latin-1"),
    "old Mac": lambda x: x.replace("\n", "\r").encode("latin-1"),
    "gzip": lambda x: gzip.compress(x.encode("latin-1")),
    "gzip in two parts": lambda x: (
        gzip.compress(x[:999].encode("latin-1"))
        + gzip.compress(x[999:].encode("latin-1"))
    ),
    "mark": lambda x: b"\xef\xbb\xbf" + x.encode("latin-1"),
    "blank lines": lambda x: (x + "\n\n\n").encode("latin-1"),
}


@pytest.mark.parametrize("way", WAYS)
def test_how_a_file_is_written_changes_nothing(tmp_path, case, way):
    """Line ends, compression, a byte order mark, blank lines at the end."""
    before = prepared(tmp_path, case["protein.pdb"], case["ligand.sdf"])
    change = WAYS[way]
    same(
        before,
        prepared(tmp_path, change(case["protein.pdb"]), change(case["ligand.sdf"])),
    )


def test_names_and_numbers_of_residues_change_nothing(tmp_path, case):
    """Other chains, other numbers, other serial numbers."""

    def renamed(line):
        chain = {"A": "Q", "B": "R"}.get(line[21], line[21])
        number = int(line[22:26]) + 1000
        return f"{line[:6]}    1{line[11:21]}{chain}{number:4d}{line[26:]}"

    before = prepared(tmp_path, case["protein.pdb"], case["ligand.sdf"])
    text = with_atoms(case["protein.pdb"], renamed)
    text = "\n".join(x for x in text.splitlines() if x.startswith((*ATOM, "TER")))
    same(before, prepared(tmp_path, text + "\n", case["ligand.sdf"]))


def test_the_order_of_atoms_in_a_residue_changes_no_backbone(tmp_path, case):
    """Each residue's lines backwards."""
    groups: dict[str, list[str]] = {}
    for line in case["protein.pdb"].splitlines():
        if line.startswith(ATOM):
            groups.setdefault(line[17:27], []).append(line)
    text = "".join(x + "\n" for g in groups.values() for x in reversed(g))
    before = prepared(tmp_path, case["protein.pdb"], case["ligand.sdf"]).complex
    after = prepared(tmp_path, text, case["ligand.sdf"]).complex
    for key in ("n", "ca", "c", "residue_types", "segments"):
        assert torch.equal(getattr(before.protein, key), getattr(after.protein, key))
    both = [x.protein.obstacle_positions.double().sum(0) for x in (before, after)]
    torch.testing.assert_close(*both)


def test_ligand_atoms_follow_the_order_of_the_file(tmp_path, case):
    """And the molecule is the same in any order."""
    molecule = read_file(tmp_path, case["ligand.sdf"])
    order = list(reversed(range(molecule.GetNumAtoms())))
    turned = Chem.MolToMolBlock(Chem.RenumberAtoms(molecule, order)) + "$$$$\n"
    before = prepared(tmp_path, case["protein.pdb"], case["ligand.sdf"])
    after = prepared(tmp_path, case["protein.pdb"], turned)
    heavy = [order.index(k) for k in before.heavy_atoms]
    assert sorted(heavy, reverse=True) == heavy
    torch.testing.assert_close(
        before.complex.ligand.positions.flip(0), after.complex.ligand.positions
    )
    assert Chem.MolToSmiles(before.molecule) == Chem.MolToSmiles(after.molecule)


def read_file(folder: Path, sdf: str) -> Chem.Mol:
    path = folder / "read.sdf"
    path.write_text(sdf)
    return read_ligand(path).molecule


def test_alternate_locations_may_come_in_any_order(tmp_path):
    """The more occupied one is taken, wherever it stands."""
    lines = CASES[0]["protein.pdb"].splitlines()
    k = next(i for i, x in enumerate(lines) if x.startswith("ATOM") and " CB " in x)
    first = lines[k][:16] + "A" + lines[k][17:54] + "  0.70" + lines[k][60:]
    other = lines[k][:16] + "B" + lines[k][17:30] + "   1.000   1.000   1.000"
    other += "  0.30" + lines[k][60:]
    both = [
        [*lines[:k], *pair, *lines[k + 1 :]]
        for pair in ((first, other), (other, first))
    ]
    found = [
        prepared(tmp_path, "\n".join(x) + "\n", CASES[0]["ligand.sdf"]) for x in both
    ]
    same(*found)
    whole = prepared(tmp_path, CASES[0]["protein.pdb"], CASES[0]["ligand.sdf"])
    same(whole, found[0])


def first_atom(text: str) -> str:
    return next(x for x in text.splitlines() if x.startswith("ATOM"))


def lost(line: str) -> str:
    """A coordinate short of a digit, so that all behind it moves up."""
    return line[:35] + line[36:]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda x: lost(x), "columns elsewhere"),
        (lambda x: x[:53], "columns elsewhere|valid PDB"),
        (lambda x: x[:30] + x[38:46] + "     NaN" + x[46:], "no coordinates"),
        (lambda x: x[:30] + "    1e30" + x[38:], "no coordinates|elsewhere"),
        (lambda x: x[:29] + x[30:] + " ", "columns elsewhere|no coordinates"),
    ],
)
def test_one_damaged_line_of_a_protein_is_never_taken(tmp_path, change, says):
    """Nor read as other coordinates than the file's."""
    text = CASES[0]["protein.pdb"]
    line = first_atom(text)
    path = tmp_path / "p.pdb"
    path.write_text(text.replace(line, change(line), 1))
    with pytest.raises(InputError, match=says):
        read_protein(path)


def test_a_protein_in_nanometres_is_refused(tmp_path):
    """Its residues have no backbone of bonds."""

    def tenth(line):
        xyz = [float(line[k : k + 8]) / 10 for k in (30, 38, 46)]
        return line[:30] + "".join(f"{x:8.3f}" for x in xyz) + line[54:]

    path = tmp_path / "p.pdb"
    path.write_text(with_atoms(CASES[0]["protein.pdb"], tenth))
    with pytest.raises(InputError, match=r"N-CA 0\.1\d Å"):
        read_protein(path)


def test_a_residue_whose_atoms_are_apart_is_left_out_and_named(tmp_path):
    """Swapped coordinates of one atom make no local frame."""
    text = CASES[0]["protein.pdb"]
    line = next(x for x in text.splitlines() if x.startswith("ATOM") and " CA " in x)
    swapped = line[:30] + line[38:46] + line[30:38] + line[46:]
    path = tmp_path / "p.pdb"
    path.write_text(text.replace(line, swapped, 1))
    found = read_protein(path)
    assert any("want of a whole backbone" in x and "N-CA" in x for x in found.notes)


def test_letters_beyond_ascii_shift_no_columns(tmp_path):
    """Two bytes for one letter would move the coordinates that a library reads."""
    text = CASES[0]["protein.pdb"]
    line = first_atom(text)
    path = tmp_path / "p.pdb"
    path.write_text(text)
    before = read_protein(path).protein
    path.write_text(text.replace(line, line[:12] + "\u00e9" + line[13:], 1), "utf-8")
    assert torch.equal(
        before.obstacle_positions, read_protein(path).protein.obstacle_positions
    )


def test_atoms_after_end_are_told(tmp_path):
    """Two files joined: a chain that is not read is not passed over in silence."""
    text = CASES[0]["protein.pdb"].replace("\nEND", "\nREMARK")
    found = prepared(tmp_path, f"{text}END\n{text}", CASES[0]["ligand.sdf"])
    assert any("after its END line" in x for x in found.notes)


def edited(case: dict[str, str], change) -> str:
    """The ligand's text with its lines changed."""
    lines = case["ligand.sdf"].splitlines()
    change(lines)
    return "\n".join(lines) + "\n"


def _fewer_bonds(lines):
    lines[3] = lines[3][:3] + f"{int(lines[3][3:6]) - 1:3d}" + lines[3][6:]


def _twice(lines):
    end = next(k for k, x in enumerate(lines) if x.startswith("M  END"))
    lines[end + 1 :] = lines[: end + 1] + ["$$$$"]


def _duplicate(lines):
    n, m = int(lines[3][:3]), int(lines[3][3:6])
    lines[3] = f"{n + 1:3d}{m + 1:3d}" + lines[3][6:]
    lines.insert(4 + n + m, f"{1:3d}{n + 1:3d}  1  0")
    lines.insert(4 + n, lines[4])


def _nanometres(lines):
    for k in range(4, 4 + int(lines[3][:3])):
        xyz = [float(lines[k][j : j + 10]) / 10 for j in (0, 10, 20)]
        lines[k] = "".join(f"{x:10.4f}" for x in xyz) + lines[k][30:]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (_fewer_bonds, "one more than the"),
        (_twice, "second molecule"),
        (_duplicate, "in one place|bonds of total order|Å long"),
        (_nanometres, "Å long"),
    ],
)
def test_a_ligand_that_would_be_another_is_refused(tmp_path, case, change, says):
    """Bonds not counted, a lost $$$$, an atom twice, another unit."""
    path = tmp_path / "l.sdf"
    path.write_text(edited(case, change))
    with pytest.raises(InputError, match=says):
        read_ligand(path)


def test_chains_may_come_in_any_order(tmp_path):
    """The residues follow the file, and are the same."""
    data = shared_data()
    if data is None:
        pytest.skip("the shared data folder is not here")
    text = (data / "structures/pdb/1hpx.pdb").read_text()
    lines = [x for x in text.splitlines() if x.startswith("ATOM")]
    found = []
    for order in ("AB", "BA"):
        path = tmp_path / f"{order}.pdb"
        path.write_text("".join(f"{x}\n" for c in order for x in lines if x[21] == c))
        file = read_protein(path)
        found.append(
            dict(zip(file.residue_labels, file.protein.ca.tolist(), strict=True))
        )
    assert found[0] == found[1]
    assert list(found[0]) != list(found[1])
