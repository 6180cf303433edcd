"""Small random complexes, so that most properties need no file."""

from typing import Any

import torch

from neuralmd_cli.bindingnet.config import BindingNetConfig
from neuralmd_cli.complex import Complex, Ligand, Protein, collate
from neuralmd_cli.graph import rigid_pairs
from neuralmd_cli.models.neuralmd_ode.config import NeuralODEConfig
from neuralmd_cli.models.neuralmd_ode.system import NeuralODE
from neuralmd_cli.models.system import Start, Statistics, TrainableSystem, Window


def random_motion(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """A proper rotation and a shift of some 10 Å."""
    generator = torch.Generator().manual_seed(seed)
    square = torch.randn(3, 3, generator=generator, dtype=torch.float64)
    q, r = torch.linalg.qr(square)
    q = q * r.diagonal().sign()
    if torch.linalg.det(q) < 0:
        q[:, 0] = -q[:, 0]
    shift = 10 * torch.randn(3, generator=generator, dtype=torch.float64)
    return q, shift


def toy_complex(
    seed: int = 0, atoms: int = 9, residues: int = 14, segments: int = 2
) -> Complex:
    """A ligand-like chain of atoms in a ring of residues, float64."""
    g = torch.Generator().manual_seed(seed)

    def randn(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=g, dtype=torch.float64)

    step = randn(atoms, 3)
    step = 1.4 * step / step.norm(dim=-1, keepdim=True)
    ligand = step.cumsum(0)
    ligand = ligand - ligand.mean(0)
    angle = torch.linspace(0, 5.5, residues, dtype=torch.float64)
    radius = 6.0 + 0.5 * randn(residues)
    ca = torch.stack([radius * angle.cos(), radius * angle.sin(), randn(residues)], 1)
    bonds = torch.stack([torch.arange(atoms - 1), torch.arange(1, atoms)], dim=1)
    numbers = torch.tensor([6, 7, 8, 6, 16, 6, 17, 6, 9])[torch.arange(atoms) % 9]
    return Complex(
        ligand=Ligand(
            positions=ligand,
            atomic_numbers=numbers,
            masses=2.0 * numbers.double(),
            bonds=bonds,
        ),
        protein=Protein(
            n=ca + 1.2 + 0.2 * randn(residues, 3),
            ca=ca,
            c=ca - 1.2 + 0.2 * randn(residues, 3),
            residue_types=torch.arange(residues) % 22,
            segments=torch.arange(residues) * segments // residues,
            obstacle_positions=torch.cat([ca, ca + 1.2]),
            obstacle_numbers=torch.full((2 * residues,), 6),
        ),
    )


def toy_model(variant: str = "equivariant", seed: int = 0, **options) -> NeuralODE:
    """A small model with forces of order one, float64, in eval mode."""
    torch.manual_seed(seed)
    config = NeuralODEConfig(
        binding_net=BindingNetConfig(
            variant=variant, channels=16, radial_functions=8, force_scale=100.0
        ),
        time_convention="published" if variant == "published" else "consistent",
        **options,
    )
    return NeuralODE(config).double().eval()


def toy_system(kind: type[TrainableSystem], seed: int = 0, **options) -> Any:
    """A small system of any kind but the ODE, float64, in eval mode.

    Its steps are of 4 ps and its moves of some 0.1 Å.
    """
    torch.manual_seed(seed)
    statistics = Statistics(
        elements=(6, 7, 8),
        fluctuation=0.25,
        displacement=0.3,
        spacing_ps=4.0,
        energy_mean=-40.0,
        energy_deviation=3.0,
    )
    sizes = BindingNetConfig(channels=16, radial_functions=8, ligand_layers=2)
    return kind.for_data(statistics, sizes, options).double().eval()


def toy_window(*complexes: Complex, seed: int = 0, steps: int = 2) -> Window:
    """A start and the snapshots after it, 4 ps apart, with energies; centred."""
    generator = torch.Generator().manual_seed(seed)
    start = toy_start(*complexes)
    x = start.batch.positions
    noise = torch.randn(steps, *x.shape, generator=generator, dtype=x.dtype)
    return Window(
        start=start,
        times=tuple(4.0 * k for k in range(1, steps + 1)),
        targets=x + 0.3 * noise,
        rigid_pairs=rigid_pairs(start.batch.bonds, len(x)),
        energies=torch.linspace(-45.0, -35.0, len(complexes), dtype=torch.float64),
    )


def toy_start(*complexes: Complex, seed: int = 0) -> Start:
    """Complexes as they are, each with a stream of random numbers of its own."""
    return Start(
        batch=collate(complexes),
        generators=[
            torch.Generator().manual_seed(seed + k) for k in range(len(complexes))
        ],
    )
