"""A run that goes on from snapshots seen before: where it begins, and what it uses."""

from pathlib import Path

import mdtraj
import numpy as np
import pytest
import torch
from rdkit import Chem

from neuralmd_cli.complex import collate
from neuralmd_cli.errors import InputError
from neuralmd_cli.models.system import Settings, Start
from neuralmd_cli.replay.again import replay
from neuralmd_cli.run import simulate_complex, simulate_files
from neuralmd_cli.run_inputs import get_ready
from neuralmd_cli.simulation import replica_seeds

EXAMPLE = Path(__file__).parents[1] / "examples" / "nik"
PROTEIN, LIGAND = EXAMPLE / "nik.pdb", EXAMPLE / "ligand_13v.sdf"
SPACING_PS = 20.0


@pytest.fixture(scope="module")
def seen(tmp_path_factory) -> Path:
    """Twelve snapshots of a ligand that swings."""
    output = tmp_path_factory.mktemp("seen") / "seen.dcd"
    options = {"model": "neuralmd-sde", "ns": 0.24, "interval_ps": SPACING_PS}
    simulate_files(PROTEIN, LIGAND, output=output, **options)
    return output


def positions(trajectory: Path) -> np.ndarray:
    """Å."""
    return (
        mdtraj.load(str(trajectory), top=str(trajectory.with_suffix(".pdb"))).xyz * 10
    )


def on_from(observed: Path, **options) -> torch.Tensor:
    """Positions of a run of 0.24 ns that goes on from a trajectory."""
    run = simulate_complex(PROTEIN, LIGAND, observed=observed, ns=0.24, **options)
    return torch.stack([x.positions for x in run.trajectories])


def test_a_frozen_ligand_stays_where_it_was_seen_last(seen):
    """And not where the file has it."""
    ours = on_from(seen, model="frozen")[0]
    torch.testing.assert_close(
        ours, torch.from_numpy(positions(seen)[-1]).expand_as(ours), rtol=0, atol=1e-4
    )


def test_the_mean_is_of_all_that_was_seen(seen):
    """The baseline that any model has to beat here, and no longer the frozen one."""
    run = simulate_complex(
        PROTEIN, LIGAND, observed=seen, model="observed-mean", ns=0.08
    )
    mean = torch.from_numpy(positions(seen).mean(axis=0))
    torch.testing.assert_close(
        run.trajectories[0].positions[0], mean, rtol=0, atol=1e-4
    )
    assert not any("frozen" in x for x in run.record.warnings)


@pytest.mark.parametrize("model", ["neuralmd-ode", "neuralmd-sde"])
def test_the_model_is_told_every_snapshot(seen, model):
    """As `eval` tells it: the same as its rollout from them, one like several."""
    ready = get_ready(PROTEIN, LIGAND, model=model, observed=seen, ns=0.24)
    moved, centre = ready.prepared.complex.centred()
    x = torch.from_numpy(positions(seen)) - centre
    start = Start(
        batch=collate([moved]),
        generators=[torch.Generator().manual_seed(replica_seeds(0, 1)[0])],
        displacement=x[-1] - x[-2],
        spacing_ps=SPACING_PS,
        observed=x,
        molecules=[ready.prepared.molecule],
    )
    settings = ready.system.settled(Settings())
    with torch.no_grad():
        states = list(ready.system.rollout(start, ready.times, settings))
    alone = torch.stack([p for _, p in states]) + centre
    both = on_from(seen, model=model, replicas=2)
    torch.testing.assert_close(both[0], alone, rtol=0, atol=1e-3)
    blind = simulate_complex(PROTEIN, LIGAND, model=model, ns=0.24).trajectories[0]
    assert (blind.positions - alone).abs().max() > 0.05


def test_files_begin_at_the_last_snapshot(seen, tmp_path):
    """Topology and SDF with hydrogens that fit it; the record leads back to all."""
    output = tmp_path / "more.dcd"
    words = {"observed": seen, "model": "frozen", "ns": 0.16, "hydrogens": True}
    run = simulate_files(PROTEIN, LIGAND, output=output, **words)
    molecule = Chem.MolFromMolFile(str(tmp_path / "more.sdf"), removeHs=False)
    heavy = [a.GetIdx() for a in molecule.GetAtoms() if a.GetAtomicNum() > 1]
    places = molecule.GetConformer().GetPositions()
    np.testing.assert_allclose(places[heavy], positions(seen)[-1], atol=1e-3)
    for bond in molecule.GetBonds():
        ends = bond.GetBeginAtom(), bond.GetEndAtom()
        if 1 in [a.GetAtomicNum() for a in ends]:
            length = np.linalg.norm(np.subtract(*(places[a.GetIdx()] for a in ends)))
            assert 0.9 < length < 1.15
    assert run.record.inputs["observed"].file == "seen.dcd"
    assert any("last of the 12 snapshots" in x for x in run.record.notes)
    assert replay(tmp_path / "more.json").same


def of_one_frame(folder: Path, seen: Path) -> Path:
    """A trajectory in which nothing moves."""
    whole = mdtraj.load(str(seen), top=str(seen.with_suffix(".pdb")))
    whole[:1].save_dcd(str(folder / "one.dcd"))
    whole[:1].save_pdb(str(folder / "one.pdb"))
    return folder / "one.dcd"


def with_the_protein(folder: Path, seen: Path) -> Path:
    """What `--with-protein` writes."""
    output = folder / "whole.dcd"
    options = {"model": "frozen", "ns": 0.16, "with_protein": True}
    simulate_files(PROTEIN, LIGAND, output=output, **options)
    return output


def without_times(folder: Path, seen: Path) -> Path:
    """A DCD by a program that does not fill in its header."""
    whole = mdtraj.load(str(seen), top=str(seen.with_suffix(".pdb")))
    whole.save_dcd(str(folder / "timeless.dcd"))
    whole[:1].save_pdb(str(folder / "timeless.pdb"))
    return folder / "timeless.dcd"


def laid_elsewhere(folder: Path, seen: Path) -> Path:
    """In the coordinates of another structure."""
    whole = mdtraj.load(str(seen), top=str(seen.with_suffix(".pdb")))
    whole.xyz = whole.xyz + 3.0
    whole.time = SPACING_PS * np.arange(1, len(whole) + 1)
    whole.save_xtc(str(folder / "far.xtc"))
    whole[:1].save_pdb(str(folder / "far.pdb"))
    return folder / "far.xtc"


@pytest.mark.parametrize(
    ("made", "message", "hint"),
    [
        (laid_elsewhere, "far.xtc: the ligand begins 52 Å from its pose", "Lay the"),
        (of_one_frame, "one.dcd: 1 frame", "two frames"),
        (with_the_protein, "whole.dcd holds more than the ligand", "--with-protein"),
        (without_times, "does not say when", "neuralmd md"),
    ],
)
def test_what_cannot_be_gone_on_from_is_refused(tmp_path, seen, made, message, hint):
    """With a way out that this command has."""
    with pytest.raises(InputError, match=message) as caught:
        on_from(made(tmp_path, seen), model="frozen")
    assert hint in caught.value.hint
    assert "--spacing-ps" not in caught.value.hint


def test_a_group_of_the_protein_file_has_no_file_to_read_a_trajectory_by(seen):
    """It is said which option is missing."""
    with pytest.raises(InputError, match="--observed"):
        get_ready(PROTEIN, None, ligand_id="13V", smiles="C", observed=seen)
