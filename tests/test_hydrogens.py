import pytest
import torch
from rdkit import Chem
from rdkit.Chem import AllChem

from neuralmd_cli.errors import InputError
from neuralmd_cli.hydrogens import carry_hydrogens

SMILES = {
    "methane": "C",
    "water": "O",
    "ethane": "CC",
    "methanol": "CO",
    "acetonitrile": "CC#N",
    "propyne": "CC#C",
    "butadiyne": "CC#CC#CC",
    "allene": "C=C=C",
    "benzene": "c1ccccc1",
    "isobutane": "CC(C)C",
    "salt": "C[NH3+].[Cl-]",
    "drug": "CC(C)(O)C#Cc1ccc2[nH]cnc2c1",
}


def embedded(smiles: str) -> Chem.Mol:
    molecule = Chem.AddHs(Chem.MolFromSmiles(smiles))
    assert AllChem.EmbedMolecule(molecule, randomSeed=7) == 0
    return molecule


def positions_of(molecule: Chem.Mol) -> torch.Tensor:
    return torch.tensor(molecule.GetConformer().GetPositions())


def heavy_of(molecule: Chem.Mol) -> torch.Tensor:
    return torch.tensor([a.GetAtomicNum() > 1 for a in molecule.GetAtoms()])


def rotation(seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    q, _ = torch.linalg.qr(torch.randn(3, 3, generator=generator, dtype=torch.double))
    return q * torch.linalg.det(q)


def jiggled(molecule: Chem.Mol, size: float, frames: int = 4) -> torch.Tensor:
    heavy = positions_of(molecule)[heavy_of(molecule)]
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(frames, *heavy.shape, generator=generator, dtype=torch.double)
    return heavy + size * noise


def xh_lengths(molecule: Chem.Mol, positions: torch.Tensor) -> torch.Tensor:
    pairs = [
        (b.GetBeginAtomIdx(), b.GetEndAtomIdx())
        for b in molecule.GetBonds()
        if 1 in (b.GetBeginAtom().GetAtomicNum(), b.GetEndAtom().GetAtomicNum())
    ]
    a, b = torch.tensor(pairs).T
    return (positions[..., a, :] - positions[..., b, :]).norm(dim=-1)


@pytest.fixture(params=SMILES.values(), ids=SMILES.keys())
def molecule(request):
    return embedded(request.param)


def test_start_gives_back_its_own_hydrogens(molecule):
    """Heavy atoms of the conformer carry exactly the conformer's hydrogens."""
    positions = positions_of(molecule)
    carried = carry_hydrogens(molecule, positions[heavy_of(molecule)][None])
    torch.testing.assert_close(carried[0], positions, atol=1e-6, rtol=0)


def test_hydrogen_bonds_keep_their_lengths(molecule):
    """Whatever the heavy atoms do, every X-H length is that of the conformer."""
    carried = carry_hydrogens(molecule, jiggled(molecule, 0.5))
    wanted = xh_lengths(molecule, positions_of(molecule)).expand(4, -1)
    torch.testing.assert_close(xh_lengths(molecule, carried), wanted)


def test_heavy_atoms_stay_where_they_were_put(molecule):
    """Carrying hydrogens does not touch a heavy atom."""
    heavy = jiggled(molecule, 0.3)
    carried = carry_hydrogens(molecule, heavy)
    assert torch.equal(carried[:, heavy_of(molecule)], heavy)


@pytest.mark.parametrize("seed", range(3))
def test_hydrogens_turn_with_conformer_and_frames(molecule, seed):
    """carry(M Rᵀ, x Rᵀ + t) == carry(M, x) Rᵀ + t, for every molecule."""
    turn = rotation(seed)
    heavy = jiggled(molecule, 0.2)
    turned = Chem.Mol(molecule)
    turned.GetConformer().SetPositions((positions_of(molecule) @ turn.T).numpy())
    carried = carry_hydrogens(turned, heavy @ turn.T + 5)
    wanted = carry_hydrogens(molecule, heavy) @ turn.T + 5
    torch.testing.assert_close(carried, wanted, atol=1e-6, rtol=0)


@pytest.mark.parametrize("smiles", ["c1ccccc1", "CC(C)C", SMILES["drug"]])
def test_hydrogens_turn_with_frames_alone(smiles):
    """A rigid turn of the frames turns the hydrogens, if heavy atoms span a plane."""
    molecule = embedded(smiles)
    turn = rotation(3)
    positions = positions_of(molecule)
    carried = carry_hydrogens(molecule, (positions[heavy_of(molecule)] @ turn.T)[None])
    torch.testing.assert_close(carried[0], positions @ turn.T, atol=1e-3, rtol=0)


def test_hydrogens_move_smoothly(molecule):
    """A step of 1e-4 Å of the heavy atoms moves no hydrogen by more than 0.01 Å."""
    heavy = jiggled(molecule, 0.1, frames=1)
    step = 1e-4 * torch.ones_like(heavy)
    step[:, 0] *= -1
    here, there = (carry_hydrogens(molecule, x) for x in (heavy, heavy + step))
    assert (there - here).norm(dim=-1).max() < 0.01


def test_hydrogens_are_finite_for_coincident_atoms(molecule):
    """All heavy atoms in one point, or mirrored, still give finite hydrogens."""
    heavy = jiggled(molecule, 0.0)
    for degenerate in (torch.zeros_like(heavy), -heavy):
        assert torch.isfinite(carry_hydrogens(molecule, degenerate)).all()


def test_loose_proton_is_refused():
    """A hydrogen bonded to nothing has nothing to ride on."""
    molecule = Chem.AddHs(Chem.MolFromSmiles("C.[H+]"))
    AllChem.EmbedMolecule(molecule, randomSeed=1)
    with pytest.raises(InputError, match="hydrogen atom 2 is bonded to no heavy atom"):
        carry_hydrogens(molecule, torch.zeros(1, 1, 3))


def test_real_ligands_keep_start_and_lengths(shared):
    """Start and X-H lengths hold for every ligand of the shared complexes."""
    files = sorted((shared / "data" / "complexes").glob("*/ligand.sdf"))
    carried_any = 0
    for file in files:
        molecule = next(iter(Chem.SDMolSupplier(str(file), removeHs=False)))
        if molecule is None or heavy_of(molecule).all():
            continue
        positions = positions_of(molecule)
        heavy = jiggled(molecule, 0.3, frames=2)
        heavy[0] = positions[heavy_of(molecule)]
        carried = carry_hydrogens(molecule, heavy)
        torch.testing.assert_close(carried[0], positions, atol=1e-6, rtol=0)
        wanted = xh_lengths(molecule, positions).expand(2, -1)
        torch.testing.assert_close(xh_lengths(molecule, carried), wanted)
        carried_any += 1
    assert carried_any > 10
