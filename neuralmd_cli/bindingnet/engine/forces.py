"""Forces of BindingNet on the ligands of one batch, again and again.

The same parameters, and results equal to `BindingNet.forces` but for rounding; that is
the reference, and this is what rollouts and training go through. Both are made of
differentiable operations.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from neuralmd_cli.bindingnet.config import BindingNetConfig
from neuralmd_cli.bindingnet.engine.candidates import (
    MARGIN,
    Candidates,
    has_drifted,
    ligand_candidates,
    near,
    pocket_candidates,
)
from neuralmd_cli.bindingnet.engine.ligand import LigandEngine, ligand_engine
from neuralmd_cli.bindingnet.engine.mixing import PairMixing
from neuralmd_cli.bindingnet.engine.pocket import (
    PocketEngine,
    mixer_series,
    pocket_engine,
)
from neuralmd_cli.bindingnet.engine.reach import (
    part,
    reached_residues,
    rows_of,
    surroundings,
)
from neuralmd_cli.bindingnet.model import BindingNet
from neuralmd_cli.bindingnet.protein import EncodedProtein
from neuralmd_cli.complex import Batch
from neuralmd_cli.graph import slots, take


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What holds until an atom has moved by more than the margin."""

    reference: Float[Tensor, "atoms 3"]  # where the ligand was, Å
    ligand: Candidates
    pocket: Candidates
    engine: PocketEngine


def is_covered(config: BindingNetConfig) -> bool:
    """True if the engine computes this variant."""
    return not config.is_published


class EngineForces:
    """A `BindingNet` prepared for the complexes of a batch.

    Args:
        binding_net: of a variant that `is_covered`.
        batch: the complexes; its own ligand positions are not read.
        exact: no polynomial in place of a perceptron. By default in double precision
            and on a GPU, where exponentials are cheap.
        margin: Å an atom may move before the pocket is looked for again.
    """

    def __init__(
        self,
        binding_net: BindingNet,
        batch: Batch,
        *,
        exact: bool | None = None,
        margin: float = MARGIN,
    ) -> None:
        self.binding_net = binding_net
        self.batch = batch
        self.margin = margin
        if exact is None:
            on_cpu = batch.positions.device.type == "cpu"
            exact = not on_cpu or batch.positions.dtype != torch.float32
        self.exact = exact
        self.atom_slots = slots(batch.atom_complex, batch.n_complexes)
        self.ligand: LigandEngine = ligand_engine(
            binding_net.ligand, batch.atomic_numbers, exact=exact
        )
        layers = binding_net.interaction.layers
        self._series = (
            tuple(() for _ in layers)
            if exact
            else mixer_series(binding_net.interaction)
        )
        self._surroundings: Surroundings | None = None
        self._mixing: PairMixing | None = None

    def __call__(
        self, positions: Float[Tensor, "atoms 3"]
    ) -> Float[Tensor, "atoms 3"]:
        """Force on each ligand atom (eq. 9), amu Å per (time unit)².

        Args:
            positions: where the ligand atoms are now, Å.
        """
        config = self.binding_net.config
        around = self._around(positions)
        inner = near(around.ligand, positions, positions, config.cutoff)
        features, self._mixing = self.ligand(inner, self._mixing)
        pocket = around.engine
        outer = near(
            around.pocket, positions, pocket.protein.ca, config.pair_cutoff
        )
        return pocket(outer, features) * config.force_scale

    def _around(self, positions: Float[Tensor, "atoms 3"]) -> Surroundings:
        around = self._surroundings
        if around is None or has_drifted(positions, around.reference, self.margin):
            around = self._surroundings = self._looked_for(positions.detach())
        return around

    def _looked_for(self, positions: Float[Tensor, "atoms 3"]) -> Surroundings:
        net, batch = self.binding_net, self.batch
        protein = self._protein(reached_residues(batch, positions, net.config))
        return Surroundings(
            reference=positions,
            ligand=ligand_candidates(
                positions, self.atom_slots, net.config.cutoff, self.margin
            ),
            pocket=pocket_candidates(
                protein.ca,
                protein.slots,
                positions,
                self.atom_slots,
                net.config.pair_cutoff,
                self.margin,
            ),
            engine=pocket_engine(net.interaction, protein, self._series),
        )

    def _protein(self, wanted: Tensor) -> EncodedProtein:
        """The wanted residues, encoded with all around them that matters."""
        batch = self.batch
        kept = surroundings(batch, wanted, self.binding_net.config)
        encoded = self.binding_net.encode_protein(part(batch, kept))
        rows: Int[Tensor, " wanted"] = rows_of(wanted, kept)
        return EncodedProtein(
            ca=batch.ca[wanted],
            features=take(encoded.features, rows),
            frames=take(encoded.frames, rows),
            slots=slots(batch.residue_complex[wanted], batch.n_complexes),
        )
