"""Is a snapshot still a ligand in its pocket? The first that is not ends the rollout.

These limits are far outside of what molecules do. What is merely doubtful, such as
bonds 25 % off, is for the analysis to say.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from neuralmd_cli.complex import Complex
from neuralmd_cli.trajectory import Broken

LONGEST_JUMP = 20.0
"""Å an atom may move between two snapshots; a ligand's own size is some 10 Å."""
STRETCHED, SQUEEZED = 1.75, 0.5
"""Share of its length at the start beyond which a bond is broken, or no bond."""
LONGEST_BOND = 2.2
"""Å; what is shorter may be a bond still, between atoms of some kind."""
IN_ONE_PLACE = 1.0
"""Å; a ligand atom this near a heavy atom of the protein lies in it: bonds have 1.2."""
FAR = 12.0
"""Å from the nearest atom of all that is rigid: past two layers of water, and past all
that the network sees, nothing holds the ligand any more."""


class Watch:
    """Looks at each snapshot of some replicas of one complex."""

    def __init__(
        self, complex_: Complex, replicas: int, *, free_shape: bool = False
    ) -> None:
        """Remember the start.

        Args:
            complex_: where the replicas start.
            replicas: how many.
            free_shape: bonds may have any length, as somebody wants to see them.
        """
        ligand, protein = complex_.ligand, complex_.protein
        self._obstacles = protein.obstacle_positions.float()
        self._bonds = ligand.bonds[:0] if free_shape else ligand.bonds
        start = ligand.positions.float()
        self._lengths = _lengths(start, self._bonds)
        # Where the start itself is beyond a limit, only going further breaks it.
        nearest = _nearest(start, self._obstacles)
        self._limits = min(IN_ONE_PLACE, nearest / 2), max(FAR, nearest + FAR)
        self._before = start.expand(replicas, *start.shape)
        self.broken: list[Broken | None] = [None] * replicas

    @property
    def is_over(self) -> bool:
        """True if no replica is left, or one broke down before any snapshot."""
        ends = [0 if x is None else x.snapshot for x in self.broken]
        return all(ends) or 1 in ends

    def look(
        self,
        positions: Float[Tensor, "replicas atoms 3"],
        snapshot: int,
        time_ps: float,
    ) -> None:
        """Note what broke in this snapshot, Å, in the coordinates of the complex."""
        now = positions.float()
        for k, why in enumerate(self._reasons(now)):
            if why and self.broken[k] is None:
                self.broken[k] = Broken(snapshot=snapshot, time_ps=time_ps, reason=why)
        self._before = now

    def _reasons(self, now: Float[Tensor, "replicas atoms 3"]) -> Sequence[str]:
        return [
            "" if self.broken[k] else self._reason(now[k], self._before[k])
            for k in range(len(now))
        ]

    def _reason(
        self, now: Float[Tensor, "atoms 3"], before: Float[Tensor, "atoms 3"]
    ) -> str:
        """What is impossible about a snapshot; empty if nothing is."""
        if not bool(torch.isfinite(now).all()):
            return "coordinates are not numbers"
        jump = (now - before).norm(dim=1)
        if float(jump.max()) > LONGEST_JUMP:
            return (
                f"ligand atom {int(jump.argmax()) + 1} jumped {float(jump.max()):.0f} Å"
            )
        if len(self._bonds):
            lengths = _lengths(now, self._bonds)
            share = lengths / self._lengths
            long = (share > STRETCHED) & (lengths > LONGEST_BOND)
            off = (long | (share < SQUEEZED)).float().argmax()
            if bool(long[off] | (share[off] < SQUEEZED)):
                a, b = (self._bonds[off] + 1).tolist()
                return (
                    f"the bond of ligand atoms {a} and {b} has "
                    f"{float(share[off]):.0%} of its length at the start"
                )
        if not len(self._obstacles):
            return ""
        nearest = _nearest(now, self._obstacles)
        if nearest < self._limits[0]:
            return f"the ligand lies in a protein atom ({nearest:.2f} Å apart)"
        if nearest > self._limits[1]:
            return f"the ligand is {nearest:.0f} Å away from the protein"
        return ""


def _nearest(
    ligand: Float[Tensor, "atoms 3"], obstacles: Float[Tensor, "obstacles 3"]
) -> float:
    """Å; infinite where there are no obstacles."""
    if not len(obstacles):
        return math.inf
    exact = "donot_use_mm_for_euclid_dist"
    return float(torch.cdist(ligand, obstacles, compute_mode=exact).min())


def broken_replicas(ends: Sequence[Broken | None]) -> list[dict[str, Any]]:
    """For the run record: which replicas broke down, from 1, when and why."""
    return [
        {"replica": k, **asdict(x)}
        for k, x in enumerate(ends, start=1)
        if x is not None
    ]


def breakdown(broken: Mapping[str, Any]) -> str:
    """One of these as a sentence."""
    return (
        f"Replica {broken['replica']} broke down at {broken['time_ps']:g} ps "
        f"(snapshot {broken['snapshot']}): {broken['reason']}. Its files end before "
        "that snapshot."
    )


def _lengths(
    positions: Float[Tensor, "atoms 3"], bonds: Tensor
) -> Float[Tensor, " bonds"]:
    arms = positions[bonds[:, 0]] - positions[bonds[:, 1]]
    lengths: Tensor = torch.linalg.vector_norm(arms, dim=1)
    return lengths.clamp(min=0.01)
