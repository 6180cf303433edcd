"""Where a ligand that was watched for a while will be, by how long it remembers.

Of an atom's variance about its place, a share is forgotten slowly and the rest at once.
The mean is not known: ordinary kriging (Matheron, Economic Geology 58, 1246, 1963).
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Kriged:
    """The best linear guess for a time: limit + e^(−time / lifetime) lead."""

    limit: Float[Tensor, "atoms 3"]  # Å; after a long time
    lead: Float[Tensor, "atoms 3"]  # Å; at the last snapshot
    independent: float  # snapshots that would tell the mean as well


def kriged(
    seen: Float[Tensor, "snapshots atoms 3"], share: float, lifetime: float
) -> Kriged:
    """Weigh evenly spaced snapshots, the last of them the latest.

    With k(s, t) = share e^(−|s − t| / lifetime) the covariance of two snapshots and
    K = k + (1 − share) 1, a guess for time t is Σ a_s x_s with

        a = K⁻¹ (k_t + 1 (1 − 1ᵀ K⁻¹ k_t) / 1ᵀ K⁻¹ 1)

    Args:
        seen: positions, Å.
        share: of the variance that is forgotten slowly, below 1.
        lifetime: in which that falls by a factor e, in snapshots.
    """
    when = torch.arange(len(seen), dtype=torch.float64)
    slow = share * (-(when[:, None] - when).abs() / lifetime).exp()
    inverse = torch.linalg.inv(slow + (1 - share) * torch.eye(len(seen)).double())
    total = inverse.sum()
    even = inverse.sum(dim=1) / total
    last = inverse @ slow[-1]
    lead = last - even * last.sum()
    limit, ahead = (torch.einsum("s,sab->ab", x.to(seen), seen) for x in (even, lead))
    return Kriged(limit=limit, lead=ahead, independent=float(total))
