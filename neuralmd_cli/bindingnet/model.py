"""BindingNet: the three encoders joined."""

from dataclasses import replace

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from neuralmd_cli.bindingnet.config import BindingNetConfig
from neuralmd_cli.bindingnet.interaction import Interaction
from neuralmd_cli.bindingnet.ligand import LigandEncoder
from neuralmd_cli.bindingnet.protein import EncodedProtein, ProteinEncoder
from neuralmd_cli.complex import Batch
from neuralmd_cli.graph import slots, take


class BindingNet(nn.Module):
    """Forces on a ligand in a rigid protein (paper, sections 4.1 and 4.2)."""

    def __init__(self, config: BindingNetConfig) -> None:
        super().__init__()
        self.config = config
        self.ligand = LigandEncoder(config)
        self.protein = ProteinEncoder(config)
        self.interaction = Interaction(config)

    def encode_protein(self, batch: Batch) -> EncodedProtein:
        """Represent the rigid proteins; do this once per rollout.

        A protein that several complexes share is encoded once.
        """
        if not batch.same_protein:
            encoded: EncodedProtein = self.protein(batch)
            return encoded
        alone, rows = _distinct_proteins(batch)
        encoded = self.protein(alone)
        return EncodedProtein(
            ca=batch.ca,
            features=take(encoded.features, rows),
            frames=take(encoded.frames, rows),
            slots=slots(batch.residue_complex, batch.n_complexes),
        )

    def forces(
        self,
        batch: Batch,
        positions: Float[Tensor, "atoms 3"],
        protein: EncodedProtein,
        condition: Float[Tensor, "atoms channels"] | None = None,
    ) -> Float[Tensor, "atoms 3"]:
        """Force on each ligand atom (eq. 9), amu Å per (time unit)².

        Args:
            batch: the complexes; its own ligand positions are not read.
            positions: where the ligand atoms are now, Å.
            protein: from `encode_protein(batch)`.
            condition: what else an atom should know, such as how noisy its position is.
        """
        atom_slots = slots(batch.atom_complex, batch.n_complexes)
        ligand = self.ligand(batch.atomic_numbers, positions, atom_slots, condition)
        force: Tensor = self.interaction(positions, atom_slots, ligand, protein)
        return force * self.config.force_scale


def _distinct_proteins(batch: Batch) -> tuple[Batch, Int[Tensor, " residues"]]:
    """The batch with each protein once, and where each of its residues is in there.

    The ligands stay as they are: the protein module does not look at them.
    """
    complex_ = batch.residue_complex
    counts = torch.bincount(complex_, minlength=batch.n_complexes)
    starts = counts.cumsum(0) - counts
    owner = torch.tensor(batch.same_protein, device=complex_.device)
    own = owner == torch.arange(batch.n_complexes, device=complex_.device)
    kept = own[complex_]
    twin = starts[owner[complex_]] + torch.arange(len(complex_), device=kept.device)
    rows = (kept.cumsum(0) - 1)[twin - starts[complex_]]
    alone = replace(
        batch,
        n=batch.n[kept],
        ca=batch.ca[kept],
        c=batch.c[kept],
        residue_types=batch.residue_types[kept],
        segments=batch.segments[kept],
        residue_complex=(own.cumsum(0) - 1)[complex_[kept]],
        n_complexes=int(own.sum()),
        same_protein=(),
    )
    return alone, rows
