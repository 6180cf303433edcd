"""A pocket is trained as it runs: same surroundings and chemistry, fitted anew."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from neuralmd_cli.complex import collate
from neuralmd_cli.dataset.own.add import add, place_for
from neuralmd_cli.dataset.own.rigid import read_rigid
from neuralmd_cli.dataset.own.system import OwnFiles
from neuralmd_cli.dataset.recordings import open_recordings
from neuralmd_cli.models.pocket.push import N_COLUMNS
from neuralmd_cli.models.pocket.refit import Ways
from neuralmd_cli.models.system import Settings
from neuralmd_cli.readers import read_topology
from neuralmd_cli.simulation import simulate
from neuralmd_cli.structure.ligand import read_ligand
from neuralmd_cli.structure.prepare import prepare
from neuralmd_cli.topology import ligand_topology
from neuralmd_cli.training.data import divided_in_time, load_trajectory
from neuralmd_cli.training.recipe import Recipe
from neuralmd_cli.training.refit import refitted
from neuralmd_cli.training.windows import Place, draw, make_window
from neuralmd_cli.weights.model import load_model
from neuralmd_cli.writers import write_topology_pdb, write_trajectory

ROOT = Path(__file__).resolve().parents[2]
PROTEIN = ROOT / "examples" / "nik" / "nik.pdb"
LIGAND = ROOT / "examples" / "nik" / "ligand_13v.sdf"
CPU = torch.device("cpu")
FRAMES = 30
PLAIN = Recipe(velocity_rules=("zero",), start_noise=0.0, starts="first")


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Path:
    """The example, then its ligand swinging about a place 0.4 Å to one side."""
    folder = tmp_path_factory.mktemp("own")
    ligand = read_ligand(LIGAND)
    start = ligand.ligand.positions
    noise = torch.randn(FRAMES, *start.shape, generator=torch.manual_seed(1))
    moved = start + 0.1 * noise + torch.tensor([0.4, 0.0, 0.0])
    moved[0] = start
    topology = ligand_topology(ligand.molecule, with_hydrogens=False)
    write_trajectory(
        folder / "ref.dcd", moved, 10.0 * torch.arange(1, FRAMES + 1), topology
    )
    write_topology_pdb(folder / "ref.pdb", start, topology)
    files = OwnFiles(protein=PROTEIN, ligand=LIGAND, trajectory=folder / "ref.dcd")
    reading, _ = read_rigid(
        files,
        read_topology(folder / "ref.pdb"),
        "ref.pdb",
        name="OWN",
        spacing_ps=10.0,
        frames=None,
        ligand_index=None,
    )
    place = place_for(folder / "own.h5", "OWN", all_atom=True)
    add(place, reading, source="ref.dcd")
    return folder / "own.h5"


@pytest.mark.parametrize("name", ["neuralmd-ode", "neuralmd-sde"])
def test_a_window_begins_as_simulate_does(store, name):
    """The first position of a window's rollout is that of the user's own files."""
    model = load_model(ROOT / "weights" / f"{name}.safetensors").system
    settled = model.settled(Settings(v0="zero"))
    if name == "neuralmd-sde":
        settled = replace(settled, temperature_k=0.0)
    prepared = prepare(PROTEIN, LIGAND)
    (user,) = simulate(
        prepared.complex,
        model,
        times=[4.0, 40.0],
        settings=settled,
        molecule=prepared.molecule,
        device=CPU,
    )
    recording = load_trajectory([store], "OWN", held=4, pocket=True).train[0]
    drawn = draw(recording, PLAIN, [4.0, 40.0], torch.Generator())
    place = Place(device=CPU, dtype=torch.float32)
    start = make_window([drawn], PLAIN, [4.0, 40.0], place).start
    with torch.no_grad():
        states = list(model.rollout(start, [4.0, 40.0], settled))
    centre = (recording.positions[0] - start.batch.positions)[0]
    trained = torch.stack([x for _, x in states]) + centre
    # The SDF says where hydrogens are, a SMILES does not: MMFF94s begins elsewhere,
    # and ends with other angles.
    torch.testing.assert_close(trained, user.positions, atol=3e-2, rtol=0)
    moves = (user.positions[-1] - prepared.complex.ligand.positions).norm(dim=-1)
    assert moves.max() > 0.05


def test_without_its_pocket_a_window_begins_elsewhere(store):
    """What a training without surroundings and chemistry would have trained on."""
    model = load_model(ROOT / "weights" / "neuralmd-ode.safetensors").system
    poses = []
    for pocket in (True, False):
        parts = load_trajectory([store], "OWN", held=4, pocket=pocket)
        drawn = draw(parts.train[0], PLAIN, [4.0], torch.Generator())
        place = Place(device=CPU, dtype=torch.float32)
        start = make_window([drawn], PLAIN, [4.0], place).start
        poses.append(model.pocket.settling(start).pose)
    assert (poses[0] - poses[1]).norm(dim=-1).max() > 0.05


def test_the_atoms_left_out_are_in_no_batch(store):
    """Far ones are dropped to save memory, and only those."""
    whole = open_recordings(store).read("OWN")
    (kept,) = load_trajectory([store], "OWN", held=0, pocket=True).train
    assert kept.obstacle_positions.shape[1] < whole.obstacle_positions.shape[1]
    for frame in (0, 7, 20):
        ours, all_ = (collate([x.complex_at(frame)]) for x in (kept, whole))
        assert ours.obstacles.equal(all_.obstacles)
        assert ours.obstacle_numbers.equal(all_.obstacle_numbers)


def test_the_push_learns_where_the_ligand_of_a_trajectory_sits(store):
    """Its settled pose is nearer to the snapshots that follow than before."""
    model = load_model(ROOT / "weights" / "neuralmd-ode.safetensors").system
    recording = load_trajectory([store], "OWN", held=0, pocket=True).train[0]
    parts = divided_in_time(recording, 5)
    tuned, changed = refitted(model, parts)
    assert changed
    drawn = draw(recording, PLAIN, [4.0], torch.Generator())
    place = Place(device=CPU, dtype=torch.float32)
    start = make_window([drawn], PLAIN, [4.0], place).start
    centre = recording.positions[0] - start.batch.positions
    there = recording.positions[1:].mean(dim=0) - centre
    before, after = (
        (x.pocket.settling(start).pose - there).norm(dim=-1).mean()
        for x in (model, tuned)
    )
    assert after < 0.7 * before


def test_a_push_that_validation_does_not_ask_for_stays(store):
    """Nothing to validate by, or a model without a pocket: the very same model."""
    model = load_model(ROOT / "weights" / "neuralmd-ode.safetensors").system
    recording = load_trajectory([store], "OWN", held=0, pocket=True).train[0]
    tuned, changed = refitted(model, divided_in_time(recording, 0))
    assert tuned is model
    assert not changed


@pytest.mark.parametrize("seed", range(3))
def test_the_ridge_leads_from_the_weights_before_to_those_that_fit(seed):
    """Without one, the weights that made the ways; with a large one, no change."""
    generator = torch.Generator().manual_seed(seed)

    def random(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    columns = random(9, 12, 3, N_COLUMNS)
    truth, before = random(N_COLUMNS), random(N_COLUMNS)
    ways = Ways(columns=columns, ways=columns @ truth)
    torch.testing.assert_close(ways.weights(before, 1e-12), truth)
    torch.testing.assert_close(ways.weights(before, 1e12), before)
