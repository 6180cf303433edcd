"""Batches: memory that runs out, ligands that break down, proteins met before."""

from dataclasses import replace

import pytest
import torch
from rdkit import Chem

from neuralmd_cli.bindingnet.protein import ProteinEncoder
from neuralmd_cli.device import is_out_of_memory
from neuralmd_cli.errors import SimulationError
from neuralmd_cli.models.neuralmd_sde.system import NeuralSDE
from neuralmd_cli.screen import rolling
from neuralmd_cli.screen.placing import Placed, Placer
from neuralmd_cli.screen.randomness import ligand_seed
from neuralmd_cli.screen.remembering import remember_proteins
from neuralmd_cli.screen.rolling import Ready, Roller
from neuralmd_cli.screen.work import NoRoomError
from neuralmd_cli.simulation import simulate_each
from tests.toy import toy_complex, toy_system

TIMES = (4.0, 8.0)


def roller(**options) -> Roller:
    system = toy_system(NeuralSDE)
    return Roller(
        system=system,
        settings=system.defaults,
        times=TIMES,
        device=torch.device("cpu"),
        **options,
    )


def ready(seed: int, atoms: int = 9) -> Ready:
    complex_ = toy_complex(seed, atoms=atoms)
    placed = Placed(complex=complex_, origin=torch.zeros(3, dtype=torch.float64))
    return Ready(placed=placed, molecule=Chem.Mol(), seeds=[seed, seed + 100])


@pytest.fixture
def alone() -> list[torch.Tensor]:
    """What five ligands do one by one."""
    roll = roller(most=1)
    return [roll([ready(k)])[0][1].positions for k in range(5)]


def out_of_memory_above(most: int, sizes: list[int], monkeypatch) -> None:
    def simulate(complexes, *arguments, **options):
        sizes.append(len(complexes))
        if len(complexes) > most:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate a lot")
        return simulate_each(complexes, *arguments, **options)

    monkeypatch.setattr(rolling, "simulate_each", simulate)


def test_a_batch_that_does_not_fit_is_halved_and_nobody_skipped(monkeypatch, alone):
    """Five at once, room for two: all five come back, in order; it stays at two."""
    sizes, told = [], []
    out_of_memory_above(2, sizes, monkeypatch)
    roll = roller(most=5, on_smaller=told.append)
    outcomes = roll([ready(k) for k in range(5)])
    assert sizes == [5, 3, 2, 1, 2]
    assert told == [3, 2]
    assert roll.limit() == 2
    for found, expected in zip(outcomes, alone, strict=True):
        torch.testing.assert_close(found[1].positions, expected, rtol=0, atol=1e-9)
    sizes.clear()
    assert len(roll([ready(k) for k in range(5)])) == 5
    assert sizes == [2, 2, 1]


def test_a_ligand_with_no_room_at_all_is_said_and_tried_again_later(monkeypatch):
    """The others are not its victims."""
    out_of_memory_above(0, [], monkeypatch)
    outcomes = roller(most=2)([ready(0), ready(1)])
    assert [type(x) for x in outcomes] == [NoRoomError, NoRoomError]
    assert "does not fit" in str(outcomes[0])


@pytest.mark.parametrize(
    ("error", "meant"),
    [
        (torch.OutOfMemoryError("x"), True),
        (MemoryError(), True),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"), True),
        (RuntimeError("MPS backend out of memory"), True),
        (RuntimeError("The size of tensor a must match"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_memory_that_ran_out_is_told_from_other_trouble(error, meant):
    """By type, or by what libraries say."""
    assert is_out_of_memory(error) is meant


def test_one_that_breaks_down_takes_nobody_with_it(monkeypatch, alone):
    """A solver that raises for a batch is asked for each alone."""

    def simulate(complexes, *arguments, **options):
        if any(x.ligand.n_atoms == 7 for x in complexes):
            raise AssertionError("underflow in dt 0.0")
        return simulate_each(complexes, *arguments, **options)

    monkeypatch.setattr(rolling, "simulate_each", simulate)
    outcomes = roller(most=3)([ready(0), ready(9, atoms=7), ready(1)])
    assert isinstance(outcomes[1], AssertionError)
    for k, found in ((0, outcomes[0]), (1, outcomes[2])):
        torch.testing.assert_close(found[1].positions, alone[k], rtol=0, atol=1e-9)


def test_one_that_flies_off_is_a_failure_of_its_own(monkeypatch, alone):
    """In one batch with a ligand that stays within the limit."""
    starts = [toy_complex(k).ligand.positions for k in range(5)]
    moved = [
        float(torch.cat([s[None], x]).diff(dim=0).norm(dim=-1).max())
        for x, s in zip(alone, starts, strict=True)
    ]
    stays, goes = moved.index(min(moved)), moved.index(max(moved))
    limit = (min(moved) + max(moved)) / 2
    monkeypatch.setattr("neuralmd_cli.sanity.LONGEST_JUMP", limit)
    batch = [one_replica(ready(stays)), one_replica(ready(goes))]
    outcomes = roller(most=2)(batch)
    assert isinstance(outcomes[1], SimulationError)
    assert "jumped" in outcomes[1].message
    torch.testing.assert_close(
        outcomes[0][0].positions, alone[stays], rtol=0, atol=1e-9
    )


def one_replica(pose: Ready) -> Ready:
    return replace(pose, seeds=pose.seeds[1:])


def test_the_protein_is_encoded_once_for_all_ligands(monkeypatch):
    """And the answer from memory is the answer of a fresh encoder, to the bit."""
    system = toy_system(NeuralSDE)
    (encoder,) = remember_proteins(system)
    plain = toy_system(NeuralSDE)
    complex_ = toy_complex(0)
    others = [toy_complex(k).ligand for k in range(4)]
    placer = Placer()
    for ligand in others:
        both = []
        for each in (system, plain):
            placed = placer.place(
                type(complex_)(ligand=ligand, protein=complex_.protein),
                each,
                torch.device("cpu"),
            )
            (found,) = simulate_each(
                [placed.complex],
                each,
                times=TIMES,
                settings=each.defaults,
                seeds=[[1, 2]],
            )
            both.append(found[0].positions)
        assert torch.equal(*both)
    assert encoder.encoded == 1
    assert isinstance(encoder, ProteinEncoder)


def test_another_protein_is_not_taken_for_the_last():
    """One residue moved by a hair is another protein."""
    system = toy_system(NeuralSDE)
    (encoder,) = remember_proteins(system)
    roll = Roller(
        system=system,
        settings=system.defaults,
        times=TIMES,
        device=torch.device("cpu"),
    )
    for seed in (0, 0, 1, 0):
        roll([ready(seed)])
    assert encoder.encoded == 3


def test_draws_belong_to_the_ligand():
    """The same pose has the same seed; another pose, bond or screen another."""
    ligand, other = toy_complex(0).ligand, toy_complex(1).ligand
    assert ligand_seed(5, ligand) == ligand_seed(5, toy_complex(0).ligand)
    assert ligand_seed(5, ligand) != ligand_seed(5, other)
    assert ligand_seed(5, ligand) != ligand_seed(6, ligand)
    fewer = type(ligand)(**(vars(ligand) | {"bonds": ligand.bonds[1:]}))
    assert ligand_seed(5, ligand) != ligand_seed(5, fewer)
    assert 0 <= ligand_seed(5, ligand) < 2**63


def test_long_simulations_share_smaller_batches(monkeypatch):
    """Snapshots wait in main memory until their batch is done, which is bounded."""
    system, sizes = toy_system(NeuralSDE), []
    simulate = rolling.simulate_each

    def counted(complexes, *arguments, **options):
        sizes.append(len(complexes))
        return simulate(complexes, *arguments, **options)

    monkeypatch.setattr(rolling, "simulate_each", counted)
    poses = [ready(k) for k in range(4)]
    atoms = 2 * poses[0].placed.complex.ligand.n_atoms * len(poses[0].seeds)
    monkeypatch.setattr(rolling, "KEPT_BYTES", 24 * len(TIMES) * atoms)
    roll = Roller(
        system=system,
        settings=system.defaults,
        times=TIMES,
        device=torch.device("cpu"),
        most=4,
    )
    assert len(roll(poses)) == 4
    assert sizes == [2, 2]
