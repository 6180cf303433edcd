"""Root mean square fluctuation (RMSF): how much atoms oscillate about their means."""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

WINDOW = 5
"""Snapshots in a window of the paper."""


@dataclass(frozen=True, kw_only=True)
class Rmsf:
    """RMSF of a ligand per atom, per window of snapshots, and as one number.

    Window k holds snapshots k to k + window - 1, counted from 0.
    """

    per_atom: Float[Tensor, " atoms"]  # Å
    per_window: Float[Tensor, " windows"]  # Å
    total: float  # Å
    window: int


def rmsf_per_atom(
    positions: Float[Tensor, "frames atoms 3"],
) -> Float[Tensor, " atoms"]:
    """Root of each atom's mean squared distance from its mean position, Å."""
    # float32 would lose the fluctuation of an atom far from the origin
    spread: Tensor = positions.double().var(dim=0, unbiased=False).sum(dim=1)
    return spread.sqrt()


def rmsf(positions: Float[Tensor, "frames atoms 3"], window: int = WINDOW) -> Rmsf:
    """RMSF over the whole trajectory and over each window sliding by one snapshot.

    A window's is that of all atoms together, about their means within the window:
    equation 2 of the paper, sqrt(E_t[1/N Σ_i |r_i,t - <r_i>|²]).

    Args:
        positions: Å, in the frame motion is to be seen in.
        window: at least two snapshots, at most all.
    """
    if not 2 <= window <= len(positions):
        raise ValueError(f"a window of {window} in {len(positions)} snapshots")
    per_atom = rmsf_per_atom(positions)
    windows = positions.double().unfold(0, window, 1).var(dim=-1, unbiased=False)
    return Rmsf(
        per_atom=per_atom,
        per_window=windows.sum(dim=2).mean(dim=1).sqrt(),
        total=float(per_atom.square().mean().sqrt()),
        window=window,
    )
