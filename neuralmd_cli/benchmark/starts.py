"""A system from several snapshots of one recording: quick scores for validation."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from neuralmd_cli.complex import collate
from neuralmd_cli.graph import distances
from neuralmd_cli.models.system import Settings, Start, System
from neuralmd_cli.recording import Recording


@dataclass(frozen=True, kw_only=True)
class StartScore:
    """Errors of one rollout from one snapshot, mean per-atom L1 distance in Å."""

    name: str
    start: int
    model: float
    frozen: float
    mean_pose: float  # the reference's own mean: the best a fixed pose can do
    bonds_kept: float  # share of bonds within 25 % of their length at the start
    bond_change: float  # largest change of any bond's length, Å

    @property
    def skill(self) -> float:
        """1 for the reference's own mean pose, 0 for a ligand that never moves."""
        return (self.frozen - self.model) / (self.frozen - self.mean_pose)


def score_starts(
    system: System,
    recording: Recording,
    starts: Sequence[int],
    *,
    settings: Settings | None = None,
    seed: int = 0,
) -> list[StartScore]:
    """Roll out from several snapshots of one recording to its end and score each.

    The system sees ligand and protein of the starting snapshot and nothing else. All
    later snapshots are scored, in the recording's coordinates (superposed on the
    protein in our own data).

    Args:
        system: in eval mode.
        recording: the reference.
        starts: snapshots to start from.
        settings: of the rollouts.
        seed: of what is drawn.
    """
    at_start = [recording.complex_at(s) for s in starts]
    moved, centres = zip(*(x.centred() for x in at_start), strict=True)
    start = Start(
        batch=collate(moved),
        generators=[torch.Generator().manual_seed(seed + s) for s in starts],
    )
    span = recording.n_frames - 1 - min(starts)
    times = [k * recording.spacing_ps for k in range(1, span + 1)]
    with torch.no_grad():
        settled = system.settled(settings or Settings())
        states = list(system.rollout(start, times, settled))
    predicted = torch.stack([x for _, x in states])
    predicted = predicted.reshape(span, len(starts), -1, 3)
    scores = []
    for index, first in enumerate(starts):
        target = recording.positions[first + 1 :]
        ours = predicted[: len(target), index] + centres[index]
        scores.append(
            StartScore(
                name=recording.name,
                start=first,
                model=l1_error(ours, target),
                frozen=l1_error(recording.positions[first].expand_as(target), target),
                mean_pose=l1_error(target.mean(dim=0).expand_as(target), target),
                **_bond_scores(ours, recording.positions[first], recording.bonds),
            )
        )
    return scores


def l1_error(
    predicted: Float[Tensor, "frames atoms 3"], target: Float[Tensor, "frames atoms 3"]
) -> float:
    """Mean over atoms and frames of |dx| + |dy| + |dz|, Å (the paper's MAE)."""
    return float((predicted - target).abs().sum(dim=-1).mean())


def _bond_scores(positions: Tensor, start: Tensor, bonds: Tensor) -> dict[str, float]:
    before = distances(start, bonds)
    change = (distances(positions, bonds) - before).abs()
    kept = (change / before < 0.25).float().mean()
    return {"bonds_kept": float(kept), "bond_change": float(change.max())}
