"""Small random complexes, so that most properties need no file."""

import torch

from neuralmd_cli.bindingnet.config import BindingNetConfig
from neuralmd_cli.complex import Complex, Ligand, Protein
from neuralmd_cli.models.neuralmd_ode.config import NeuralODEConfig
from neuralmd_cli.models.neuralmd_ode.system import NeuralODE


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
