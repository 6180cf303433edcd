import builtins

import pytest
from rdkit import Chem

from neuralmd_cli.errors import NeuralMDError
from neuralmd_cli.inspection.interactions import (
    check_prolif,
    frequent,
    interactions,
)
from neuralmd_cli.opening.opened import open_trajectory
from neuralmd_cli.opening.surroundings import thinned
from tests.scenes import heavy_start, write_run


@pytest.fixture(scope="module")
def opened(shared, tmp_path_factory):
    """The example complex, held still for two snapshots."""
    pytest.importorskip("prolif")
    folder = shared / "data" / "example"
    ligand = Chem.MolFromMolFile(str(folder / "ligand_13v.sdf"), removeHs=False)
    frames = heavy_start(ligand).repeat(2, 1, 1)
    path = tmp_path_factory.mktemp("run")
    return open_trajectory(write_run(path, frames, ligand, protein=folder / "nik.pdb"))


def bonds(result):
    return {(x.residue.label, x.kind) for x in result.found if x.kind.startswith("HB")}


def test_the_hinge_and_its_hydrogen_bonds_are_found(opened):
    """A kinase inhibitor of heavy atoms alone, in a protein named by the record."""
    result = interactions(opened)
    assert ("GLU:A:122", "HBDonor") in bonds(result)
    assert all(x.share == 100 and x.at_start for x in result.found)
    assert result.rigid
    assert result.ligand_hydrogens == "added, carried rigidly"
    assert frequent(result, 50.0).found == result.found


def test_hydrogens_of_a_protein_without_any_are_added(opened):
    """The same hydrogen bonds, and a note that says what was assumed."""
    from dataclasses import replace

    around = opened.around
    bare = replace(opened, around=thinned(around, around.heavy))
    result = interactions(bare)
    assert bonds(result) == bonds(interactions(opened))
    assert "lacks hydrogens" in result.notes[0]


def test_missing_prolif_says_what_to_install(monkeypatch):
    """Without the extra the hint is the command that installs it."""
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name == "prolif":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(NeuralMDError, match="needs ProLIF") as caught:
        check_prolif()
    assert caught.value.hint == 'pip install "neuralmd[contacts]"'
