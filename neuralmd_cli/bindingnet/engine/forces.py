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
from neuralmd_cli.bindingnet.engine.cores import Cores
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
from neuralmd_cli.bindingnet.engine.replay import Replays, cuda_graph
from neuralmd_cli.bindingnet.model import BindingNet
from neuralmd_cli.bindingnet.protein import EncodedProtein
from neuralmd_cli.complex import Batch
from neuralmd_cli.graph import slots, take

CHUNK_ATOMS = 128
"""Ligand atoms that a CPU works on at a time, so that their pairs stay in its cache."""


@dataclass(frozen=True, kw_only=True)
class Chunk:
    """Some complexes of a batch, computed together; rows count from their first."""

    rows: slice  # of the ligand atoms in the batch
    ligand: Candidates
    pocket: Candidates  # residues count in the whole pocket


@dataclass(frozen=True, kw_only=True)
class Last:
    """An evaluation whose positions do not depend on the weights."""

    positions: Float[Tensor, "atoms 3"]  # Å, a copy
    forces: Float[Tensor, "atoms 3"]  # model units
    with_gradients: bool

    def serves(self, positions: Float[Tensor, "atoms 3"]) -> bool:
        """True if the forces at these positions are the same, in value and slope."""
        return (
            not positions.requires_grad
            and self.with_gradients == torch.is_grad_enabled()
            and torch.equal(positions, self.positions)
        )


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What holds until an atom has moved by more than the margin."""

    reference: Float[Tensor, "atoms 3"]  # where the ligand was, Å
    chunks: tuple[Chunk, ...]
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
        self.every = batch.positions.device.type != "cpu"
        self.rows = _chunks(batch)
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
        self._mixing: dict[int, PairMixing] = {}
        self._last: Last | None = None
        self.cores = Cores(on_cpu=not self.every)
        on_cuda = batch.positions.device.type == "cuda"
        self.replays = Replays(cuda_graph if on_cuda else None)

    def __call__(
        self,
        positions: Float[Tensor, "atoms 3"],
        condition: Float[Tensor, "atoms channels"] | None = None,
    ) -> Float[Tensor, "atoms 3"]:
        """Force on each ligand atom (eq. 9), amu Å per (time unit)².

        Args:
            positions: where the ligand atoms are now, Å.
            condition: what else an atom should know, as in `BindingNet.forces`.
        """
        scale = self.binding_net.config.force_scale
        if condition is not None:
            ligand = self.ligand.told(condition)
            return self._by_chunks(ligand, self._around(positions), positions) * scale
        # A ligand at rest is where it was when Euler's second step begins.
        if self._last is not None and self._last.serves(positions):
            return self._last.forces * scale
        forces = self._evaluated(positions)
        self._last = None
        if not self.every and not positions.requires_grad:
            self._last = Last(
                positions=positions.clone(),
                forces=forces,
                with_gradients=torch.is_grad_enabled(),
            )
        return forces * scale

    def _evaluated(
        self, positions: Float[Tensor, "atoms 3"]
    ) -> Float[Tensor, "atoms 3"]:
        around = self._around(positions)
        return self.replays.evaluated(
            lambda x: self._by_chunks(self.ligand, around, x), positions, around
        )

    def _by_chunks(
        self,
        ligand: LigandEngine,
        around: Surroundings,
        positions: Float[Tensor, "atoms 3"],
    ) -> Float[Tensor, "atoms 3"]:
        def of_chunk(index: int) -> Tensor:
            own = positions[around.chunks[index].rows]
            return self._of_chunk(index, ligand, around, own)

        parts = self.cores.each(of_chunk, len(around.chunks))
        return parts[0] if len(parts) == 1 else torch.cat(parts)

    def _of_chunk(
        self,
        index: int,
        ligand: LigandEngine,
        around: Surroundings,
        positions: Float[Tensor, "atoms 3"],
    ) -> Float[Tensor, "atoms 3"]:
        config, every = self.binding_net.config, self.every
        chunk, pocket = around.chunks[index], around.engine
        inner = near(chunk.ligand, positions, positions, config.cutoff, every=every)
        features, self._mixing[index] = ligand(
            inner, chunk.rows, self._mixing.get(index)
        )
        outer = near(
            chunk.pocket,
            positions,
            pocket.protein.ca,
            config.pair_cutoff,
            every=every,
        )
        return pocket(outer, features)

    def _around(self, positions: Float[Tensor, "atoms 3"]) -> Surroundings:
        around = self._surroundings
        if around is None or has_drifted(positions, around.reference, self.margin):
            around = self._surroundings = self._looked_for(positions.detach())
        return around

    def _looked_for(self, positions: Float[Tensor, "atoms 3"]) -> Surroundings:
        net, batch = self.binding_net, self.batch
        protein = self._protein(reached_residues(batch, positions, net.config))
        cutoffs, margin = net.config, self.margin
        ligand = ligand_candidates(positions, self.atom_slots, cutoffs.cutoff, margin)
        pocket = pocket_candidates(
            protein.ca,
            protein.slots,
            positions,
            self.atom_slots,
            cutoffs.pair_cutoff,
            margin,
        )
        chunks = tuple(
            Chunk(
                rows=rows,
                ligand=_part(ligand, rows, both=True),
                pocket=_part(pocket, rows, both=False),
            )
            for rows in self.rows
        )
        engine = pocket_engine(net.interaction, protein, self._series)
        return Surroundings(reference=positions, chunks=chunks, engine=engine)

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


def _chunks(batch: Batch) -> tuple[slice, ...]:
    """Rows of the atoms of complexes that are computed together."""
    counts = torch.bincount(batch.atom_complex, minlength=batch.n_complexes)
    if batch.positions.device.type != "cpu":
        return (slice(0, len(batch.positions)),)
    found, first, last = [], 0, 0
    for count in counts.tolist():
        if last > first and last + count - first > CHUNK_ATOMS:
            found.append(slice(first, last))
            first = last
        last += count
    return (*found, slice(first, last))


def _part(pairs: Candidates, rows: slice, *, both: bool) -> Candidates:
    """The pairs of some atoms, counted from the first of these."""
    own = (pairs.first >= rows.start) & (pairs.first < rows.stop)
    first, second = pairs.first[own] - rows.start, pairs.second[own]
    return Candidates(first=first, second=second - rows.start if both else second)
