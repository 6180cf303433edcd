"""A rollout small enough to take a moment, whose result is known.

Made of formulas, not of files or random numbers, so that only the code and the
libraries below it decide what comes out.
"""

import time

import torch
from torch import Tensor

from neuralmd_cli.bindingnet.config import BindingNetConfig
from neuralmd_cli.complex import Complex, Ligand, Protein
from neuralmd_cli.doctor.finding import Finding
from neuralmd_cli.errors import NeuralMDError
from neuralmd_cli.models.neuralmd_ode.config import NeuralODEConfig
from neuralmd_cli.models.neuralmd_ode.system import NeuralODE
from neuralmd_cli.simulation import simulate

EXPECTED = 0.069049456
"""Å that the ligand moves; a change of the model's equations changes it."""
TOLERANCE = 1e-5
"""Å; float64 and float32 agree much better than this."""

_ATOMS, _RESIDUES = 8, 12


def self_test() -> list[Finding]:
    """The rollout on the CPU, and on each CUDA device."""
    names = ["cpu", *(f"cuda:{k}" for k in range(torch.cuda.device_count()))]
    return [_on(name) for name in names]


def _on(name: str) -> Finding:
    begun = time.perf_counter()
    try:
        moved = tiny_rollout(torch.device(name))
    except (NeuralMDError, RuntimeError) as error:  # RuntimeError: PyTorch's own
        value = f"the tiny rollout failed: {error}"
        return _broken(name, value)
    spent = time.perf_counter() - begun
    if not abs(moved - EXPECTED) < TOLERANCE:
        return _broken(
            name, f"the tiny rollout moved {moved:.6f} Å instead of {EXPECTED:.6f} Å"
        )
    value = f"a tiny rollout moved {moved:.6f} Å, as it should ({spent:.2f} s)"
    return Finding(section="self-test", name=name, value=value)


def _broken(name: str, value: str) -> Finding:
    return Finding(
        section="self-test",
        name=name,
        value=value,
        state="broken",
        hint="Install PyTorch again; on a GPU, try --device cpu meanwhile.",
    )


def tiny_rollout(device: torch.device) -> float:
    """RMSD of a small ligand to its start after five snapshots, Å."""
    scene = _scene()
    times = [4.0 * k for k in range(1, 6)]
    (found,) = simulate(scene, _system(), times=times, device=device)
    moved = found.positions[-1].double() - scene.ligand.positions
    return float(moved.square().sum(dim=1).mean().sqrt())


def _waves(*shape: int, step: float) -> Tensor:
    """Numbers between -1 and 1 that neither repeat nor are random."""
    count = int(torch.tensor(shape).prod())
    return torch.sin(step * torch.arange(1, count + 1, dtype=torch.double)).reshape(
        shape
    )


def _system() -> NeuralODE:
    config = NeuralODEConfig(
        binding_net=BindingNetConfig(channels=16, radial_functions=8, force_scale=1.0),
        solver="rk4",
        step_ps=1.0,
        friction_per_ps=0.1,
    )
    system = NeuralODE(config).double()
    with torch.no_grad():
        for k, parameter in enumerate(system.parameters()):
            scale = max(parameter.shape[-1:], default=1) ** -0.5
            parameter.copy_(scale * _waves(*parameter.shape, step=1.3 + 0.1 * (k % 7)))
    return system.eval()


def _scene() -> Complex:
    """A zigzag of atoms in a ring of residues."""
    count = torch.arange(_ATOMS, dtype=torch.double)
    ligand = torch.stack([1.2 * count - 4.2, 0.4 * (-1) ** count, 0.2 * count], dim=1)
    turn = torch.linspace(0, 5.5, _RESIDUES, dtype=torch.double)
    ca = torch.stack([7 * turn.cos(), 7 * turn.sin(), torch.zeros_like(turn)], dim=1)
    bonds = torch.stack([torch.arange(_ATOMS - 1), torch.arange(1, _ATOMS)], dim=1)
    off = 0.3 * _waves(_RESIDUES, 3, step=2.1)
    return Complex(
        ligand=Ligand(
            positions=ligand,
            atomic_numbers=torch.tensor([6, 7, 8, 6, 16, 6, 17, 6]),
            masses=torch.full((_ATOMS,), 12.0, dtype=torch.double),
            bonds=bonds,
        ),
        protein=Protein(
            n=ca + 0.8 + off,
            ca=ca,
            c=ca - 0.8 + off.flip(0),
            residue_types=torch.arange(_RESIDUES),
            segments=torch.zeros(_RESIDUES, dtype=torch.long),
            obstacle_positions=ca,
            obstacle_numbers=torch.full((_RESIDUES,), 6),
        ),
    )
