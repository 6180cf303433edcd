"""A pocket holds its ligand: springs, settled poses, and what is shown of them."""

from dataclasses import replace

import pytest
import torch
from rdkit import Chem
from rdkit.Chem import AllChem, rdMolTransforms

from neuralmd_cli.analysis.validity import internal_clashes
from neuralmd_cli.bindingnet.config import BindingNetConfig
from neuralmd_cli.complex import collate
from neuralmd_cli.dynamics.elastic import ElasticLangevin, modes
from neuralmd_cli.dynamics.grid import walk
from neuralmd_cli.errors import InputError
from neuralmd_cli.graph import distances, rigid_pairs
from neuralmd_cli.models.neuralmd_ode.config import NeuralODEConfig
from neuralmd_cli.models.neuralmd_ode.system import NeuralODE
from neuralmd_cli.models.neuralmd_sde.config import NeuralSDEConfig
from neuralmd_cli.models.neuralmd_sde.system import NeuralSDE
from neuralmd_cli.models.pocket.clashes import CLASH_SHARE, SPARE
from neuralmd_cli.models.pocket.config import PocketConfig, SpringConstants
from neuralmd_cli.models.pocket.push import (
    N_COLUMNS,
    columns,
    relaxations,
    rigid_motions,
)
from neuralmd_cli.models.pocket.springs import RIGID, stiffness, swing
from neuralmd_cli.models.pocket.surroundings import surroundings
from neuralmd_cli.models.system import Objective, Settings, Start, Window
from tests.toy import random_motion, toy_complex

NET = BindingNetConfig(channels=16, radial_functions=8, force_scale=1e-3)
SPRINGS = SpringConstants()
COMMON = {
    "binding_net": NET,
    "step_ps": 4.0,
    "friction_per_ps": 1.3,
    "tether_per_ps2": 1 / 80**2,
    "thermal_speed": 0.3,
    "pocket": PocketConfig(),
}
TIMES = [4.0 * k for k in range(1, 6)]


def filled(model, seed=0):
    torch.manual_seed(seed)
    torch.nn.init.normal_(model.pocket.weights, std=0.02)
    return model.double().eval()


def ode(seed=0):
    torch.manual_seed(seed)
    return filled(NeuralODE(NeuralODEConfig(**COMMON)), seed)


def sde(seed=0):
    torch.manual_seed(seed)
    return filled(NeuralSDE(NeuralSDEConfig(noise_network=False, **COMMON)), seed)


def start_of(complexes, observed=None, spacing=None, seeds=None):
    seeds = seeds or range(len(complexes))
    return Start(
        batch=collate(complexes),
        generators=[torch.Generator().manual_seed(k) for k in seeds],
        observed=observed,
        spacing_ps=spacing,
    )


def path(model, start, times=TIMES, **settings):
    with torch.no_grad():
        settled = model.settled(Settings(**settings))
        return torch.stack([x for _, x in model.rollout(start, times, settled)])


def strained():
    """A chain with a bond and an angle that MMFF94s does not like, and its molecule."""
    molecule = Chem.AddHs(Chem.MolFromSmiles("CCOCCCCCO"))
    AllChem.EmbedMolecule(molecule, randomSeed=1)
    molecule = Chem.RemoveHs(molecule)
    x = torch.from_numpy(molecule.GetConformer().GetPositions()).double()
    x[0] += 0.15 * (x[0] - x[1]) / (x[0] - x[1]).norm()
    complex_ = toy_complex(19)
    bonds = [(b.GetBeginAtomIdx(), b.GetEndAtomIdx()) for b in molecule.GetBonds()]
    ligand = replace(
        complex_.ligand,
        positions=x - x.mean(dim=0) + complex_.ligand.positions.mean(dim=0),
        atomic_numbers=torch.tensor([a.GetAtomicNum() for a in molecule.GetAtoms()]),
        masses=torch.tensor([a.GetMass() for a in molecule.GetAtoms()]).double(),
        bonds=torch.tensor(bonds),
    )
    return replace(complex_, ligand=ligand), molecule


def around(complex_):
    return surroundings(collate([complex_]))[0]


@pytest.mark.parametrize("of", [stiffness, swing])
def test_springs_are_stable_and_turn_with_the_complex(of):
    """Their matrix is positive definite, and R K Rᵀ for the turned complex."""
    complex_ = toy_complex(1)
    turn, shift = random_motion(2)
    matrix = of(around(complex_), SPRINGS)
    turned = of(around(complex_.moved(turn, shift)), SPRINGS)
    every = torch.block_diag(*[turn] * complex_.ligand.n_atoms)
    assert torch.linalg.eigvalsh(matrix).min() > 0
    torch.testing.assert_close(turned, every @ matrix @ every.T, atol=1e-7, rtol=1e-7)


def test_a_molecule_without_surroundings_feels_the_background_alone():
    """Shifts and turns of a free ligand strain none of its own springs."""
    complex_ = toy_complex(3)
    far = replace(complex_.protein, obstacle_positions=torch.full((28, 3), 99.0))
    alone = around(replace(complex_, protein=far))
    shift, turn = rigid_motions(alone.positions)
    for matrix in (stiffness(alone, SPRINGS), swing(alone, SPRINGS)):
        for move in (*shift.T, *turn.T):
            torch.testing.assert_close(matrix @ move, SPRINGS.background * move)


def test_what_is_stiff_does_not_swing():
    """Bond lengths and angles vary by no more than rigidity allows."""
    ligand = around(toy_complex(4))
    covariance = torch.linalg.inv(swing(ligand, SPRINGS))
    x = ligand.positions
    for a, b in ligand.stiff.pairs.tolist():
        along = torch.zeros_like(x)
        along[a] = (x[a] - x[b]) / (x[a] - x[b]).norm()
        along[b] = -along[a]
        along = along.flatten()
        assert along @ covariance @ along < 4 / RIGID


def test_rigid_motions_of_a_line_are_five():
    """Turning a line about itself is no motion."""
    line = torch.arange(4.0).double()[:, None] * torch.tensor([1.0, 2.0, 3.0]).double()
    shift, turn = rigid_motions(line)
    assert shift.shape[1] + turn.shape[1] == 5
    whole = torch.cat([shift, turn], dim=1)
    torch.testing.assert_close(whole.T @ whole, torch.eye(5).double())


def elastic(matrix, target, **options):
    atoms = len(matrix) // 3
    return ElasticLangevin(
        modes=modes([matrix], torch.zeros(atoms).long(), matrix),
        anchor=lambda time: target,
        pull=lambda time, x: torch.zeros_like(x),
        speed=0.3,
        friction_per_ps=1.3,
        **options,
    )


def test_steps_of_any_size_follow_one_path():
    """The motion among springs is solved exactly: four small steps are one large."""
    ligand = around(toy_complex(5))
    matrix = stiffness(ligand, SPRINGS)
    target = ligand.positions + 0.3
    start = (0.1 * torch.ones_like(target), ligand.positions)
    ends = []
    for step in (8.0, 2.0, 0.5):
        one = elastic(matrix, target)
        ends.append(list(walk(one.advance(step), start, [8.0], step))[0])
    for velocities, positions in ends[1:]:
        torch.testing.assert_close(velocities, ends[0][0], atol=1e-9, rtol=1e-7)
        torch.testing.assert_close(positions, ends[0][1], atol=1e-9, rtol=1e-7)


def test_without_noise_the_ligand_comes_to_rest_where_the_springs_do():
    """Whatever it starts with."""
    ligand = around(toy_complex(6))
    target = ligand.positions + 0.5
    one = elastic(stiffness(ligand, SPRINGS), target)
    start = (torch.ones_like(target), ligand.positions)
    *_, (velocities, positions) = walk(one.advance(40.0), start, [4e5], 40.0)
    torch.testing.assert_close(positions, target, atol=1e-6, rtol=0)
    torch.testing.assert_close(velocities, torch.zeros_like(target), atol=1e-6, rtol=0)


@pytest.mark.parametrize("step", [1.0, 7.0])
def test_the_swing_is_the_inverse_of_the_springs(step):
    """At any step the stationary covariance is temperature over stiffness."""
    matrix = torch.diag(torch.tensor([1.0, 4.0, 9.0, 2.0, 3.0, 5.0])).double()
    matrix[0, 1] = matrix[1, 0] = 1.0
    generator = torch.Generator().manual_seed(0)
    target = torch.zeros(2, 3).double()
    one = elastic(
        matrix,
        target,
        warmth=0.5,
        draw=lambda: torch.randn(2, 2, 3, generator=generator).double(),
    )
    times = [step * k for k in range(1, 12_001)]
    states = walk(one.advance(step), (target, target), times, step)
    x = torch.stack([x.flatten() for _, x in states])[100:]
    expected = 0.5 * torch.linalg.inv(matrix)
    torch.testing.assert_close(x.T @ x / len(x), expected, atol=0.04, rtol=0.08)


def test_the_path_turns_with_the_complex():
    """Positions of the turned and shifted complex are the turned positions."""
    complex_ = toy_complex(7)
    turn, shift = random_motion(8)
    model = ode()
    here = path(model, start_of([complex_]))
    there = path(model, start_of([complex_.moved(turn, shift)]))
    torch.testing.assert_close(there, here @ turn.T + shift, atol=1e-6, rtol=0)


@pytest.mark.parametrize("make", [ode, sde])
def test_a_complex_moves_in_a_batch_as_it_does_alone(make):
    """Whatever else is in the batch, and however many replicas."""
    first, second = toy_complex(9), toy_complex(10, atoms=6)
    model = make()
    alone = path(model, start_of([second], seeds=[5]))
    both = path(model, start_of([first, second, second], seeds=[4, 5, 5]))
    torch.testing.assert_close(both[:, -6:], alone, atol=1e-9, rtol=0)
    torch.testing.assert_close(both[:, -12:-6], alone, atol=1e-9, rtol=0)


def test_without_weights_and_network_a_ligand_settles_where_it_starts():
    """Nothing pushes it."""
    complex_ = toy_complex(11)
    model = ode()
    torch.nn.init.zeros_(model.pocket.weights)
    start = start_of([complex_])
    torch.testing.assert_close(
        model.pocket.settling(start).pose, complex_.ligand.positions
    )


def test_no_atom_settles_farther_off_than_allowed():
    """However large the weights."""
    complex_ = toy_complex(12)
    model = ode()
    torch.nn.init.normal_(model.pocket.weights, std=1e3)
    pose = model.pocket.settling(start_of([complex_])).pose
    moved = (pose - complex_.ligand.positions).norm(dim=-1)
    assert moved.max() <= model.config.pocket.farthest
    assert moved.max() > 0.5 * model.config.pocket.farthest


def test_shapes_are_kept_and_nothing_is_entered():
    """Bonds and angles as at rest; no atom nearer than the start's own."""
    complex_, _ = strained()
    model = sde()
    start = start_of([complex_])
    whole = model.pocket.settling(start).whole
    pairs = rigid_pairs(start.batch.bonds, len(whole))
    table = Chem.GetPeriodicTable()
    radii = [table.GetRvdw(z) for z in complex_.ligand.atomic_numbers.tolist()]
    limit = (CLASH_SHARE + SPARE) * (torch.tensor(radii)[:, None] + table.GetRvdw(6))
    around = complex_.protein.obstacle_positions
    least = torch.minimum(limit, 0.99 * torch.cdist(complex_.ligand.positions, around))
    moved = path(model, start, [20.0 * k for k in range(1, 30)])
    assert (moved - complex_.ligand.positions).norm(dim=-1).max() > 0.3
    for x in moved:
        change = distances(x, pairs) - distances(whole, pairs)
        assert change.abs().max() < 0.021
        assert (torch.cdist(x, around) >= least - 1e-9).all()


@pytest.mark.parametrize("make", [ode, sde])
def test_a_free_shape_is_the_same_motion_unmended(make):
    """Bonds change; put in shape and clear of the pocket, frames are the kept ones."""
    complex_ = toy_complex(13)
    model, start = make(), start_of([complex_])
    model.pocket.weights.data.mul_(20.0)
    pairs = rigid_pairs(complex_.ligand.bonds, complex_.ligand.n_atoms)

    def run(keep_shape):
        fresh = start_of([complex_])
        settled = model.settled(Settings(keep_shape=keep_shape))
        with torch.no_grad():
            return list(model.rollout(fresh, TIMES, settled))

    unasked, kept, free = run(None), run(True), run(False)
    settling = model.pocket.settling(start)
    for ours, same, loose in zip(unasked, kept, free, strict=True):
        assert torch.equal(ours[1], same[1])
        assert torch.equal(ours[0], loose[0])
        change = distances(loose[1], pairs) - distances(settling.pose, pairs)
        assert change.abs().max() > 0.02
        torch.testing.assert_close(settling.shown(loose)[1], ours[1])


@pytest.mark.parametrize("make", [ode, sde])
def test_a_free_shape_is_warned_of(make):
    """It is by default kept, and a user who lets it go is told what may happen."""
    model = make()
    assert model.settled(Settings()).keep_shape is True
    assert model.remarks(model.settled(Settings()), 1) == []
    (remark,) = model.remarks(model.settled(Settings(keep_shape=False)), 1)
    assert "bonds, angles and rings of the ligand may stretch" in remark


@pytest.mark.parametrize("keep_shape", [True, False])
def test_without_a_pocket_the_ode_keeps_no_shape(keep_shape):
    """So neither word means anything to it."""
    bare = NeuralODE(NeuralODEConfig(**{**COMMON, "pocket": None}))
    assert bare.settled(Settings()).keep_shape is None
    with pytest.raises(InputError, match="these weights keep no shape"):
        bare.settled(Settings(keep_shape=keep_shape))


def test_at_zero_kelvin_nothing_is_drawn():
    """The SDE is then the ODE of the same weights."""
    complex_ = toy_complex(14)
    cold, still = sde(), ode()
    still.load_state_dict(cold.state_dict())
    start = start_of([complex_])
    settings = Settings(temperature_k=0.0)
    assert not cold.is_random(settings)
    for rule in ("zero", "thermal"):
        torch.testing.assert_close(
            path(cold, start, temperature_k=0.0, v0=rule), path(still, start, v0="zero")
        )


def test_replicas_settle_in_different_places():
    """The start is one draw of the swing, so its mean pose is not known."""
    complex_ = toy_complex(15)
    times = [4.0 * k for k in range(1, 200)]
    x = path(sde(), start_of([complex_] * 8), times).unflatten(1, (8, -1))
    means = x.mean(dim=0)
    between = means.std(dim=0).mean()
    within = x.std(dim=0).mean() / (len(times) / 5) ** 0.5
    assert between > 3 * within


def test_what_was_seen_is_where_it_settles():
    """After many snapshots, near their mean; the latest count more at first."""
    complex_ = toy_complex(16)
    x = complex_.ligand.positions
    g = torch.Generator().manual_seed(0)
    seen = x + 0.1 * torch.randn(40, *x.shape, generator=g, dtype=x.dtype)
    seen[-5:] += 0.4
    start = start_of([replace(complex_, ligand=replace(complex_.ligand, positions=x))])
    start = replace(start, observed=seen, spacing_ps=4.0)
    settling = ode().pocket.settling(start)
    middle, recent = seen[:-5].mean(dim=0), seen[-5:].mean(dim=0)
    early, late = settling.at(0.0), settling.at(4000.0)
    assert (late - middle).norm() < 0.3 * (recent - middle).norm()
    assert (early - recent).norm() < (late - recent).norm()


@pytest.mark.parametrize("make", [ode, sde])
def test_frames_have_the_bonds_of_the_relaxed_ligand(make):
    """A bond that the start stretches is shown at its length at rest."""
    complex_, molecule = strained()
    start = replace(start_of([complex_]), molecules=[molecule])
    stretched, *others = distances(complex_.ligand.positions, start.batch.bonds)
    for x in path(make(), start):
        now, *rest = distances(x, start.batch.bonds)
        assert now < stretched - 0.1
        for length, before in zip(rest, others, strict=True):
            assert abs(length - before) < 0.08


def test_a_ligand_does_not_run_into_itself():
    """A chain that has curled up onto itself is shown on the way there."""
    complex_, molecule = strained()
    ligand, start = complex_.ligand, start_of([complex_])
    settling = ode().pocket.settling(start)
    curled = Chem.Mol(molecule).GetConformer()
    for first in range(6):
        rdMolTransforms.SetDihedralDeg(curled, *range(first, first + 4), 20.0)
    folded = torch.from_numpy(curled.GetPositions())
    folded = folded - folded.mean(dim=0) + ligand.positions.mean(dim=0)
    velocities = torch.zeros_like(folded)
    _, shown = settling.shown((velocities, folded))

    def hits(x):
        return internal_clashes(x[None], ligand.atomic_numbers, ligand.bonds)[0]

    assert hits(settling.shape.restored(folded, settling.whole)) > 0
    assert hits(shown) == 0


def test_a_solver_is_refused():
    """The springs bring their own."""
    with pytest.raises(InputError, match="--solver"):
        ode().settled(Settings(solver="rk4"))


@pytest.mark.parametrize("kind", [NeuralODEConfig, NeuralSDEConfig])
def test_a_config_survives_json(kind):
    """With and without a pocket."""
    extra = {} if kind is NeuralODEConfig else {"noise_network": False}
    config = kind(**COMMON, **extra)
    assert kind.from_dict(config.to_dict()) == config
    bare = replace(config, pocket=None)
    assert kind.from_dict(bare.to_dict()) == bare


@pytest.mark.parametrize(
    "wrong",
    [
        {"springs": SpringConstants(), "slow": 0.0},
        {"cage": -1.0},
        {"force_steps": 0},
    ],
)
def test_impossible_pockets_are_refused(wrong):
    """Before anything is computed with them."""
    with pytest.raises(ValueError, match="is"):
        PocketConfig(**wrong)


@pytest.mark.parametrize(
    "wrong", [{"bond": float("nan")}, {"background": 0.0}, {"contact_cutoff": 99.0}]
)
def test_impossible_springs_are_refused(wrong):
    """Such as those that leave the ligand free, or reach what a batch does not hold."""
    with pytest.raises(ValueError, match=r"is|free"):
        SpringConstants(**wrong)


def test_the_push_has_a_weight_for_every_column():
    """As many as the forces of contacts and strain, in three parts."""
    model = ode()
    start = start_of([toy_complex(17)])
    around = surroundings(start.batch)
    at_rest = relaxations(around[0], None)
    found = columns(around[0], at_rest, model.config.pocket)
    assert found.shape == (9, 3, N_COLUMNS)
    assert found.isfinite().all()


@pytest.mark.parametrize("seen", [4, 25])
def test_the_more_was_seen_the_less_of_the_push_is_left(seen):
    """Of n snapshots that are all alike, the part 1/√n."""
    complex_, model = toy_complex(22), ode()
    x = complex_.ligand.positions
    start = start_of([complex_])
    same = replace(start, observed=x.expand(seen, -1, -1), spacing_ps=4.0)
    with torch.no_grad():
        alone = model.pocket.settling(start).pose - x
        after = model.pocket.settling(same).pose - x
    assert alone.abs().max() > 1e-3
    torch.testing.assert_close(after, alone / seen**0.5, atol=1e-9, rtol=1e-9)


@pytest.mark.parametrize("make", [ode, sde])
def test_both_the_network_and_the_push_can_be_fitted(make):
    """A loss along the path, and one at the start, have gradients of both."""
    complex_ = toy_complex(18)
    model = make()
    start = start_of([complex_])
    window = Window(
        start=start,
        times=(4.0, 8.0),
        targets=complex_.ligand.positions.expand(2, -1, -1) + 0.3,
        rigid_pairs=rigid_pairs(start.batch.bonds, 9),
    )
    objective = Objective(error="mse")
    for loss in (
        model.loss(window, objective, torch.Generator().manual_seed(0)),
        model.pull_loss(window, objective, 1.0),
    ):
        model.zero_grad()
        loss.backward()
        assert model.pocket.weights.grad.abs().max() > 0
        grads = [p.grad for p in model.binding_net.parameters() if p.grad is not None]
        assert max(float(g.abs().max()) for g in grads) > 0


@pytest.mark.parametrize("seen", [1, 5])
def test_without_noise_more_snapshots_show_the_same_path(seen):
    """Whichever step is taken for them, also while what was seen last still fades."""
    complex_ = toy_complex(19)
    x = complex_.ligand.positions
    model, start = ode(), start_of([complex_])
    if seen > 1:
        drift = 0.1 * torch.arange(seen - 1, -1, -1).double()[:, None, None]
        start = replace(start, observed=x - drift, spacing_ps=4.0)
    few = path(model, start, [40.0, 80.0, 120.0])
    many = path(model, start, [4.0 * k for k in range(1, 31)])
    torch.testing.assert_close(many[9::10], few, atol=1e-6, rtol=0)
