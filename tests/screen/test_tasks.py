"""Manifests and files to tasks; what is wrong with a line is that line's alone."""

from pathlib import Path

import pytest

from neuralmd_cli.errors import InputError
from neuralmd_cli.screen.tasks import Inputs, Task, check_inputs
from tests.screen.poses import PROTEIN, block, write_poses


def manifest(folder: Path, *lines: str, head: str = "protein,ligand,ligand_index,name"):
    path = folder / "pairs.csv"
    path.write_text("\n".join([head, *lines]) + "\n", encoding="utf-8")
    return Inputs(protein=None, ligands=(), manifest=path)


def tasks(inputs: Inputs) -> list[Task]:
    return list(inputs.tasks())


def test_a_line_without_an_index_means_every_molecule(tmp_path):
    """One with an index that one; numbers count through; names are put together."""
    write_poses(tmp_path / "a.sdf", 3)
    found = tasks(manifest(tmp_path, "p.pdb,a.sdf,,first", "p.pdb,a.sdf,2,second"))
    assert [(x.number, x.record, x.title) for x in found] == [
        (1, 1, "first pose 0"),
        (2, 2, "first pose 1"),
        (3, 3, "first pose 2"),
        (4, 2, "second"),
    ]
    assert found[0].protein == tmp_path / "p.pdb"
    assert found[0].source_named == "a.sdf"
    assert found[3].text == found[1].text


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("p.pdb,b.sdf,,x", "there is no such file"),
        ("p.pdb,a.sdf,9,x", "a.sdf has no molecule 9; it has 3."),
        ("p.pdb,a.sdf,two,x", "'two' is no number"),
        ("p.pdb,a.sdf,-1,x", "'-1' is no number"),
        ("p.pdb,a.sdf,²,x", "is no number"),
        (",a.sdf,,x", "line 3 names no protein"),
        ("p.pdb,,,x", "either a ligand or a ligand_id"),
        ("p.pdb,a.sdf,1,x,y,z", "more cells than columns"),
        ("p.pdb", "either a ligand or a ligand_id"),
        ("p.pdb,p.pdb,,x", "structure file"),
    ],
)
def test_a_bad_line_is_its_own_problem(tmp_path, line, problem):
    """The lines around it give their ligands."""
    write_poses(tmp_path / "a.sdf", 3)
    (tmp_path / "p.pdb").write_text(PROTEIN.read_text()[:2000])
    found = tasks(manifest(tmp_path, "p.pdb,a.sdf,1,one", line, "p.pdb,a.sdf,3,last"))
    assert [bool(x.problem) for x in found] == [False, True, False]
    assert problem in found[1].problem
    assert found[1].hint
    assert [x.number for x in found] == [1, 2, 3]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a,b\n1,2\n", "names the columns a, b"),
        (b"", r"names the columns \(none\)"),
        (b"protein,ligand,ligand\nx,y,z\n", "names the columns"),
        (b"protein,ligand\n", "names no ligand"),
        (b"protein,ligand\n\xff\xfe,\n", "no table in CSV"),
        (b'protein,ligand\n"p.pdb,a.sdf\n', "no table in CSV"),
    ],
)
def test_what_is_no_manifest_is_refused(tmp_path, content, message):
    """Before any work."""
    path = tmp_path / "pairs.csv"
    path.write_bytes(content)
    inputs = Inputs(protein=None, ligands=(), manifest=path)
    with pytest.raises(InputError, match=message):
        read_all(inputs)


def read_all(inputs: Inputs) -> None:
    check_inputs(inputs)
    for _ in inputs.tasks():
        pass


def test_a_group_of_the_protein_can_be_meant(tmp_path):
    """By ligand_id and smiles."""
    head = "protein,ligand_id,smiles"
    (task,) = tasks(manifest(tmp_path, "1eve.pdb,E20,CCO", head=head))
    assert (task.record, task.ligand_id, task.smiles) == (0, "E20", "CCO")
    assert task.source == task.protein


def test_there_is_one_way_to_name_the_inputs(tmp_path):
    """A protein with ligands, or a manifest."""
    poses = write_poses(tmp_path / "a.sdf", 1)
    with_both = Inputs(protein=PROTEIN, ligands=(poses,), manifest=tmp_path / "x.csv")
    for wrong, message in (
        (with_both, "names proteins and ligands itself"),
        (Inputs(protein=PROTEIN, ligands=(), manifest=None), "needs a protein and lig"),
        (Inputs(protein=None, ligands=(poses,), manifest=None), "needs a protein and"),
    ):
        with pytest.raises(InputError, match=message):
            check_inputs(wrong)


def test_long_titles_are_cut(tmp_path):
    """A title of a megabyte makes no row of one."""
    path = tmp_path / "a.sdf"
    path.write_text(block("t" * 1_000_000))
    (task,) = Inputs(protein=PROTEIN, ligands=(path,), manifest=None).tasks()
    assert len(task.title) == 200
