"""Molecules keep their bonds, angles, rings, flat groups and handedness."""

from dataclasses import replace

import pytest
import torch
from rdkit import Chem
from rdkit.Chem import AllChem

from neuralmd_cli.dynamics.constraints import shapes
from neuralmd_cli.dynamics.sde import Langevin
from neuralmd_cli.dynamics.stiff_parts import stiff_parts
from neuralmd_cli.graph import distances
from tests.toy import random_motion, toy_complex

SMILES = {
    "imatinib": "Cc1ccc(cc1Nc2nccc(n2)c3cccnc3)NC(=O)c4ccc(cc4)CN5CCN(CC5)C",
    "nitrile": "N#CCc1ccccc1C#N",
    "cage": "NC12CC3CC(C1)CC(C3)C2",
    "macrocycle": "O=C1CCCCCCCCCCN1",
    "sulfonamide": "NS(=O)(=O)c1ccc(F)cc1",
    "methane": "C",
}
FRICTION, STIFFNESS = 1 / 40.0, 1 / 80.0**2


class Molecule:
    """Heavy atoms of a molecule from SMILES."""

    def __init__(self, smiles):
        mol = Chem.AddHs(Chem.MolFromSmiles(smiles))
        AllChem.EmbedMolecule(mol, randomSeed=7)
        AllChem.MMFFOptimizeMolecule(mol)
        mol = Chem.RemoveHs(mol)
        self.mol = mol
        x = torch.from_numpy(mol.GetConformer().GetPositions())
        self.x = x - x.mean(dim=0)
        self.z = torch.tensor([a.GetAtomicNum() for a in mol.GetAtoms()])
        self.m = torch.tensor([a.GetMass() for a in mol.GetAtoms()]).double()
        self.bonds = (
            torch.tensor(
                [(b.GetBeginAtomIdx(), b.GetEndAtomIdx()) for b in mol.GetBonds()]
            )
            .reshape(-1, 2)
            .long()
        )

    def parts(self):
        return stiff_parts(self.x, self.z, self.bonds)

    def shape(self):
        return together([self])


def together(molecules):
    counts = torch.tensor([len(x.x) for x in molecules])
    return shapes(
        [x.parts() for x in molecules],
        torch.cat([x.x for x in molecules]),
        torch.cat([x.m for x in molecules]),
        torch.repeat_interleave(torch.arange(len(molecules)), counts),
    )


@pytest.fixture(scope="module")
def molecules():
    return {name: Molecule(smiles) for name, smiles in SMILES.items()}


def normal(*size, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*size, generator=generator, dtype=torch.float64)


def off(molecule, x):
    """Largest error of a stiff distance, Å."""
    pairs = molecule.parts().pairs
    return float((distances(x, pairs) - distances(molecule.x, pairs)).abs().max())


@pytest.mark.parametrize("name", [x for x in SMILES if x != "methane"])
def test_shaken_molecules_are_put_back_in_shape(molecules, name):
    """0.3 Å of noise on each coordinate: every stiff distance is right again."""
    molecule = molecules[name]
    for seed in range(5):
        shaken = molecule.x + 0.3 * normal(*molecule.x.shape, seed=seed)
        mended = molecule.shape().restored(shaken, molecule.x)
        assert off(molecule, shaken) > 0.2
        assert off(molecule, mended) < 1e-3
        assert (mended - shaken).norm(dim=-1).mean() < 0.8


@pytest.mark.parametrize("name", SMILES)
def test_projected_motion_changes_no_shape_to_first_order(molecules, name):
    """Moved along it by h, distances change by h²; projecting twice changes nothing."""
    molecule = molecules[name]
    shape = molecule.shape()
    v = shape.projected(molecule.x, normal(1, *molecule.x.shape))
    torch.testing.assert_close(shape.projected(molecule.x, v), v, rtol=0, atol=1e-5)
    if len(molecule.bonds):
        assert off(molecule, molecule.x + 1e-4 * v[0]) < 1e-6
    rest = normal(1, *molecule.x.shape) - v
    weighted = (molecule.m[:, None] * v * rest).sum()
    assert abs(float(weighted)) < 1e-5 * len(molecule.x)


def test_rigid_motion_is_left_alone(molecules):
    """A molecule that only moves or turns is in shape."""
    molecule = molecules["imatinib"]
    rotation, shift = random_motion(2)
    moved = molecule.x @ rotation.T + shift
    shape = molecule.shape()
    assert torch.equal(shape.restored(moved, molecule.x), moved)
    axis = normal(3)
    turning = torch.linalg.cross(axis.expand_as(molecule.x), molecule.x)
    velocities = torch.stack([turning, shift.expand_as(turning)])
    kept = shape.projected(molecule.x, velocities)
    torch.testing.assert_close(kept, velocities, rtol=0, atol=1e-6)


def test_torsions_stay_free(molecules):
    """What is left of imatinib: rigid motion and its turning bonds, not its amide."""
    freedom, shares = molecules["imatinib"].shape().freedom(molecules["imatinib"].x)
    assert float(freedom) == pytest.approx(6 + 7, abs=0.1)
    assert 0 < float(shares.min())
    assert float(shares.max()) < 1


def test_one_atom_is_free(molecules):
    """Nothing holds a single atom."""
    shape = molecules["methane"].shape()
    freedom, _ = shape.freedom(molecules["methane"].x)
    assert float(freedom) == pytest.approx(3)


@pytest.mark.parametrize("seed", range(3))
def test_shapes_turn_with_the_molecule(molecules, seed):
    """Projection and mending of a turned molecule are the turned ones."""
    molecule = molecules["imatinib"]
    rotation, shift = random_motion(seed)
    turned = Molecule.__new__(Molecule)
    turned.__dict__ = molecule.__dict__ | {"x": molecule.x @ rotation.T + shift}
    noise = normal(1, *molecule.x.shape, seed=seed)
    shape, shape_turned = molecule.shape(), turned.shape()
    v = shape.projected(molecule.x, noise)
    v_turned = shape_turned.projected(turned.x, noise @ rotation.T)
    torch.testing.assert_close(v_turned, v @ rotation.T, rtol=0, atol=1e-8)
    x = shape.restored(molecule.x + 0.2 * noise[0], molecule.x)
    x_turned = shape_turned.restored(turned.x + 0.2 * noise[0] @ rotation.T, turned.x)
    torch.testing.assert_close(x_turned, x @ rotation.T + shift, rtol=0, atol=1e-7)


def test_a_molecule_in_a_batch_is_mended_as_alone(molecules):
    """Padding and the needs of others change nothing."""
    all_ = list(molecules.values())
    counts = [len(x.x) for x in all_]
    x = torch.cat([m.x for m in all_])
    noise = normal(2, len(x), 3)
    shaken = x + 0.2 * noise[0]
    shape = together(all_)
    mended = shape.restored(shaken, x).split(counts)
    kept = shape.projected(x, noise).split(counts, dim=1)
    pieces = zip(all_, shaken.split(counts), noise.split(counts, dim=1), strict=True)
    for k, (molecule, start, draw) in enumerate(pieces):
        alone = molecule.shape()
        torch.testing.assert_close(
            mended[k], alone.restored(start, molecule.x), rtol=0, atol=1e-9
        )
        torch.testing.assert_close(
            kept[k], alone.projected(molecule.x, draw), rtol=0, atol=1e-9
        )


def test_what_cannot_be_mended_stays_where_it_was(molecules):
    """Not a number in, the last good positions out; others are not touched by it."""
    pair = [molecules["imatinib"], molecules["cage"]]
    x = torch.cat([m.x for m in pair])
    broken = x.clone()
    broken[3] = torch.nan
    mended = together(pair).restored(broken, x)
    torch.testing.assert_close(mended, x, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    "positions",
    [
        [[0.0, 0, 0], [1.2, 0, 0], [2.4, 0, 0], [3.6, 0, 0]],
        [[0.0, 0, 0], [0.0, 0, 0], [1.4, 0, 0], [1.4, 1.0, 0]],
    ],
    ids=["on a line", "two on one point"],
)
def test_degenerate_shapes_stay_finite(positions):
    """Rank-deficient constraints give numbers."""
    x = torch.tensor(positions, dtype=torch.float64)
    z, bonds = torch.full((4,), 6), torch.tensor([[0, 1], [1, 2], [2, 3]])
    shape = shapes(
        [stiff_parts(x, z, bonds)],
        x,
        torch.full((4,), 12.0, dtype=torch.float64),
        torch.zeros(4, dtype=torch.long),
    )
    assert torch.isfinite(shape.projected(x, normal(2, 4, 3))).all()
    assert torch.isfinite(shape.restored(x + 0.2 * normal(4, 3), x)).all()


def _improper_volume(x, centre, around):
    a, b, c = (x[..., k, :] - x[..., centre, :] for k in around)
    return (a * torch.linalg.cross(b, c)).sum(dim=-1)


def langevin_frames(molecule, *, rmsf, steps, replicas=2):
    """Frames [steps, replicas, atoms, 3] of a warm molecule on its tether."""
    many = [molecule] * replicas
    x0 = torch.cat([m.x for m in many])
    shape = together(many)
    freedom, _ = shape.freedom(x0)
    gain = 3 * len(molecule.x) / float(freedom[0])
    kt = float(molecule.m.mean()) * rmsf**2 * STIFFNESS * gain
    generator = torch.Generator().manual_seed(0)
    langevin = Langevin(
        force_field=lambda t, x: torch.zeros_like(x),
        reference=x0,
        masses=torch.cat([m.m for m in many]),
        friction_per_ps=FRICTION,
        stiffness_per_ps2=STIFFNESS,
        thermal_energies=torch.full((len(x0),), kt, dtype=torch.float64),
        draw=lambda: torch.randn(
            2, len(x0), 3, generator=generator, dtype=torch.float64
        ),
        constraint=shape,
    )
    advance = langevin.advance(40.0)
    state = (langevin.thermal_velocities(), x0)
    frames = []
    for k in range(steps):
        state = advance(state, k)
        frames.append(state[1].reshape(replicas, -1, 3))
    return torch.stack(frames)


def test_a_warm_molecule_keeps_bonds_flat_rings_and_handedness(molecules):
    """2 ns of imatinib at twice the swing of MD: bonds, planes and stereo stand."""
    molecule = molecules["imatinib"]
    x = langevin_frames(molecule, rmsf=0.5, steps=50)
    change = distances(x, molecule.bonds) - distances(molecule.x, molecule.bonds)
    assert change.abs().max() < 1e-3
    for a in molecule.mol.GetAtoms():
        if a.GetDegree() == 3:
            around = [n.GetIdx() for n in a.GetNeighbors()]
            before = _improper_volume(molecule.x, a.GetIdx(), around)
            after = _improper_volume(x, a.GetIdx(), around)
            assert (after - before).abs().max() < 1e-2
    swing = (x - x.mean(dim=0)).square().sum(dim=-1).mean(dim=0).sqrt()
    assert 0.4 < float(swing.mean()) < 1.2


def test_swing_of_the_whole_is_that_of_the_temperature(molecules):
    """Mass-weighted variance of a small swing: kT/k for each free direction."""
    molecule = molecules["sulfonamide"]
    rmsf = 0.1
    x = langevin_frames(molecule, rmsf=rmsf, steps=120, replicas=12)[20:]
    about = (x - molecule.x).square().sum(dim=-1)
    variance = float((about * molecule.m).mean() / molecule.m.mean() / 3)
    assert variance == pytest.approx(rmsf**2, rel=0.15)


def test_stiff_parts_are_found():
    """Benzamide: its ring is whole and its amide flat; biphenyl's middle bond turns."""
    benzamide, biphenyl = Molecule("CNC(=O)c1ccccc1"), Molecule("c1ccccc1-c1ccccc1")
    parts = benzamide.parts()
    pairs = {tuple(x) for x in parts.pairs.tolist()}
    assert {(0, 3), (4, 7), (5, 8), (6, 9)} <= pairs
    volumes = [set(x) for x in parts.quadruples.tolist()]
    assert {0, 1, 2, 3} in volumes
    freedom, _ = biphenyl.shape().freedom(biphenyl.x)
    assert float(freedom) == pytest.approx(7, abs=0.01)


def test_a_pyramid_does_not_turn_inside_out():
    """A carbon with three neighbours keeps its side under strong shaking."""
    ligand = toy_complex(1).ligand
    x = torch.tensor(
        [[0.0, 0, 0.5], [1.4, 0, 0], [-0.7, 1.2, 0], [-0.7, -1.2, 0]]
    ).double()
    star = replace(
        ligand,
        positions=x,
        atomic_numbers=torch.full((4,), 6),
        masses=torch.full((4,), 12.0, dtype=torch.float64),
        bonds=torch.tensor([[0, 1], [0, 2], [0, 3]]),
    )
    shape = shapes(
        [stiff_parts(x, star.atomic_numbers, star.bonds)],
        x,
        star.masses,
        torch.zeros(4, dtype=torch.long),
    )
    before = _improper_volume(x, 0, (1, 2, 3))
    for seed in range(20):
        mended = shape.restored(x + 0.3 * normal(4, 3, seed=seed), x)
        after = _improper_volume(mended, 0, (1, 2, 3))
        torch.testing.assert_close(after, before, rtol=1e-2, atol=0)
