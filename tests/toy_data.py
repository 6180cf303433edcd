"""Small recordings, and files in MISATO's layout that hold them."""

from pathlib import Path

import h5py
import numpy as np
import torch

from neuralmd_cli.bindingnet.config import BindingNetConfig
from neuralmd_cli.models.neuralmd_ode.config import NeuralODEConfig
from neuralmd_cli.models.neuralmd_ode.system import NeuralODE
from neuralmd_cli.recording import Recording
from neuralmd_cli.training.data import Parts
from tests.toy import toy_complex


def recording(seed: int, frames: int = 30, atoms: int = 9) -> Recording:
    """A ligand that shakes about a mean pose, 10 ps a snapshot, float64."""
    pocket = toy_complex(seed, atoms=atoms)
    generator = torch.Generator().manual_seed(seed)
    protein = pocket.protein
    shape = (frames, *pocket.ligand.positions.shape)
    noise = 0.3 * torch.randn(shape, generator=generator, dtype=torch.float64)
    backbone = torch.stack([protein.n, protein.ca, protein.c], dim=1)
    return Recording(
        name=f"TOY{seed}",
        spacing_ps=10.0,
        atomic_numbers=pocket.ligand.atomic_numbers,
        bonds=pocket.ligand.bonds,
        positions=pocket.ligand.positions + noise,
        backbone=backbone.expand(frames, -1, -1, -1),
        residue_types=protein.residue_types,
        segments=protein.segments,
        obstacle_positions=protein.obstacle_positions.expand(frames, -1, -1),
        obstacle_numbers=protein.obstacle_numbers,
    )


def tiny_model(**options) -> NeuralODE:
    """The quickest model that has every part, float64."""
    torch.manual_seed(0)
    net = BindingNetConfig(
        channels=8, radial_functions=4, ligand_layers=1, force_scale=0.002
    )
    return NeuralODE(NeuralODEConfig(binding_net=net, **options)).double()


def toy_parts(**changes) -> Parts:
    """Two recordings to train on, one for validation, short."""
    parts = {
        "train": [recording(0, frames=16), recording(1, frames=16, atoms=7)],
        "validation": [recording(2, frames=6)],
        "test_names": (),
    }
    return Parts(**(parts | changes))


def write_set(path: Path, names: list[str], frames: int = 20) -> None:
    """A file in MISATO's layout with a toy complex under each name, float32."""
    with h5py.File(path, "w") as file:
        for seed, name in enumerate(names):
            one = recording(seed, frames, atoms=9 - seed % 3)
            residues = len(one.residue_types)
            protein = one.backbone.reshape(frames, -1, 3)
            xyz = torch.cat([protein, one.positions], dim=1).numpy()
            ligand = one.atomic_numbers.numpy()
            codes = np.repeat(one.residue_types.numpy() + 1, 3)
            group = file.create_group(name)
            group["atoms_number"] = np.r_[np.tile([7, 6, 6], residues), ligand]
            group["atoms_type"] = np.r_[np.tile([24, 14, 3], residues), ligand + 50]
            group["atoms_residue"] = np.r_[codes, np.zeros(len(ligand), dtype=int)]
            group["molecules_begin_atom_index"] = np.array([0, 3 * residues])
            group["trajectory_coordinates"] = xyz.astype(np.float32)
            group.attrs["spacing_ps"] = 10.0


SPLIT = 'train = ["AAA1", "AAA2"]\nvalidation = ["BBB1"]\ntest = ["CCC1"]\n'
TINY = (
    "network.channels=8",
    "network.radial_functions=4",
    "network.ligand_layers=1",
    "pull_epochs=1",
    "epochs=2",
    "starts_per_epoch=4",
    "batch_complexes=2",
    "window=2",
    "validation_starts=0",
    "target_window_ps=40",
)
"""Settings of a training that takes a second."""


def write_toy_set(folder: Path) -> tuple[Path, Path]:
    """A data file and a split of four complexes."""
    data, split = folder / "toy.hdf5", folder / "split.toml"
    write_set(data, ["AAA1", "AAA2", "BBB1", "CCC1"])
    split.write_text(SPLIT)
    return data, split
