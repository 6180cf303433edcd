"""`relaxed` ends in a minimum of what its page says, in any frame."""

from pathlib import Path

import numpy as np
import pytest
import torch
from rdkit import Chem
from rdkit.Chem import rdDistGeom, rdForceFieldHelpers

from neuralmd_cli.complex import collate
from neuralmd_cli.errors import InputError
from neuralmd_cli.graph import distances
from neuralmd_cli.models.baselines.relaxed import TETHER, Relaxed, own_frame, relaxed
from neuralmd_cli.models.system import Settings, Start
from neuralmd_cli.structure.ligand import ligand_file, read_ligand
from neuralmd_cli.structure.molecule import heavy_atoms
from tests.toy import random_motion, toy_complex

LIGAND = Path(__file__).parents[2] / "examples" / "nik" / "ligand_13v.sdf"


@pytest.fixture(scope="module")
def molecule() -> Chem.Mol:
    """A real ligand of 27 heavy atoms, with its hydrogens."""
    return read_ligand(LIGAND).molecule


def embedded(smiles) -> Chem.Mol:
    molecule = Chem.AddHs(Chem.MolFromSmiles(smiles))
    assert rdDistGeom.EmbedMolecule(molecule, randomSeed=1) == 0
    return molecule


def heavy_positions(molecule) -> torch.Tensor:
    positions = molecule.GetConformer().GetPositions()[list(heavy_atoms(molecule))]
    return torch.from_numpy(positions)


def field_of(molecule, heavy):
    """Energy and gradient, heavy atoms there and hydrogens at rest; MMFF94s."""
    whole = Chem.Mol(molecule)
    positions = whole.GetConformer().GetPositions()
    index = list(heavy_atoms(whole))
    positions[index] = heavy.numpy()
    whole.GetConformer().SetPositions(positions)
    properties = rdForceFieldHelpers.MMFFGetMoleculeProperties(whole, "MMFF94s")
    fixed = rdForceFieldHelpers.MMFFGetMoleculeForceField(whole, properties)
    for atom in index:
        fixed.AddFixedPoint(atom)
    fixed.Minimize(maxIts=5000, forceTol=1e-6, energyTol=1e-10)
    field = rdForceFieldHelpers.MMFFGetMoleculeForceField(whole, properties)
    gradient = np.array(field.CalcGrad()).reshape(-1, 3)[index]
    return field.CalcEnergy(), gradient


def test_the_pull_of_the_force_field_balances_the_tether(molecule):
    """At the minimum dE/dx = -k (x - x0) on every heavy atom, k = 10 kcal/mol/Å²."""
    before = heavy_positions(molecule)
    after = relaxed(molecule, before)
    _, gradient = field_of(molecule, after)
    pull = TETHER * (after - before).numpy()
    assert np.abs(pull).max() > 0.5
    np.testing.assert_allclose(gradient, -pull, atol=2e-2)


def test_relaxing_lowers_the_energy_more_than_it_stretches_the_tether(molecule):
    """Else the start would have been better."""
    before = heavy_positions(molecule)
    after = relaxed(molecule, before)
    tether = TETHER / 2 * float((after - before).square().sum())
    gain = field_of(molecule, before)[0] - field_of(molecule, after)[0]
    assert gain > tether > 0


@pytest.mark.parametrize("seed", range(3))
def test_the_relaxed_pose_turns_and_shifts_with_the_ligand(molecule, seed):
    """Up to the tolerance of the minimiser; with hydrogens added, too."""
    rotation, shift = random_motion(seed)
    for ligand in (molecule, Chem.RemoveHs(molecule)):
        before = heavy_positions(ligand)
        turned = relaxed(ligand, before @ rotation.T + shift)
        expected = relaxed(ligand, before) @ rotation.T + shift
        torch.testing.assert_close(turned, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("seed", range(3))
def test_shaken_bonds_come_back_to_length(molecule, seed):
    """Noise of 0.1 Å bends bonds by as much; the force field undoes most of it."""
    ligand = ligand_file(molecule, "x").ligand
    before = heavy_positions(molecule)
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(before.shape, generator=generator, dtype=torch.float64)
    shaken = before + 0.1 * noise

    def strain(positions):
        change = distances(positions, ligand.bonds) - distances(before, ligand.bonds)
        return float(change.square().mean().sqrt())

    assert strain(shaken) > 0.08
    assert strain(relaxed(molecule, shaken)) < 0.04


def test_the_same_pose_relaxes_to_the_same_bits(molecule):
    """Nothing is drawn."""
    positions = heavy_positions(molecule)
    assert torch.equal(relaxed(molecule, positions), relaxed(molecule, positions))


def test_a_batch_relaxes_each_ligand_as_if_alone(molecule):
    """Two ligands, one of three atoms in a row; the pose is held for all times."""
    molecules = [molecule, embedded("CC#N")]
    complexes = []
    for index, each in enumerate(molecules):
        ligand = ligand_file(each, "x").ligand
        base = toy_complex(index)
        complexes.append(type(base)(ligand=ligand, protein=base.protein))
    batch = collate(complexes)
    start = Start(batch=batch, generators=[torch.Generator()] * 2, molecules=molecules)
    states = list(Relaxed().rollout(start, (1.0, 2.0), Settings()))
    alone = [
        relaxed(m, x.ligand.positions)
        for m, x in zip(molecules, complexes, strict=True)
    ]
    for velocities, positions in states:
        assert not velocities.any()
        assert torch.equal(positions, torch.cat(alone))
        assert positions.dtype == batch.positions.dtype


def test_the_frame_of_any_atoms_is_right_handed():
    """Three axes at right angles, for two atoms as for many."""
    for atoms in (2, 3, 10):
        positions = np.random.default_rng(atoms).normal(size=(atoms, 3))
        frame, origin = own_frame(positions)
        np.testing.assert_allclose(frame.T @ frame, np.eye(3), atol=1e-12)
        assert np.linalg.det(frame) > 0
        assert (origin == positions[0]).all()


def test_what_the_force_field_does_not_know_is_named():
    """Boron, and why; the bond orders, where there are none."""
    boronic = embedded("OB(O)c1ccccc1")
    with pytest.raises(InputError, match="no parameters .* which holds B"):
        relaxed(boronic, heavy_positions(boronic))
    start = Start(batch=collate([toy_complex()]), generators=[torch.Generator()])
    with pytest.raises(InputError, match="needs the bond orders"):
        Relaxed().rollout(start, (1.0,), Settings())
