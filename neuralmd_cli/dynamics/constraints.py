"""Keep molecules in the shape they start with: bonds, angles, rings, flat groups.

First-order projection alone does not: over a step of 40 ps an atom moves some tenths
of an Å, and what is straight to first order is then off by its square.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from neuralmd_cli.dynamics.stiff_parts import StiffParts
from neuralmd_cli.graph import Slots, slots

DAMPING = 1e-10
"""Of the normal equations, whose other eigenvalues are of order one."""
MOST_ITERATIONS = 20
TOLERANCE = 1e-4
"""Å by which a distance may be off."""
ACCEPTED = 0.02
"""Å that may be left when the iterations end; else the atoms stay where they were."""
LONGEST_MOVE = 0.5
"""Å an atom is moved by one iteration."""
LEAST_STRAIN = 1e-3
"""Of the largest; what strains less than this is free."""
LEAST_AREA = 0.3
"""Å²; a volume is measured as a height above this much area at least."""
Table = Float[Tensor, "complexes slots 3"]


@dataclass(frozen=True, kw_only=True)
class Shapes:
    """What stays of the shapes of a batch of molecules; a `sde.Constraint`.

    Everything is a table with one line per complex, so that a complex gets in a batch
    what it gets alone. All of it turns with the molecules and ignores where they are.
    Computed in float64 where the device has it; gradients do not pass.
    """

    table: Slots
    root_masses: Float[Tensor, "complexes slots"]  # sqrt(m / mean m); 1 in empty slots
    pairs: Int[Tensor, "complexes pairs 2"]  # slots
    lengths: Float[Tensor, "complexes pairs"]  # Å
    pair_used: Bool[Tensor, "complexes pairs"]
    quadruples: Int[Tensor, "complexes quadruples 4"]  # slots
    areas: Float[Tensor, "complexes quadruples"]  # Å²
    heights: Float[Tensor, "complexes quadruples"]  # Å, volume per area
    quadruple_used: Bool[Tensor, "complexes quadruples"]

    def projected(
        self,
        positions: Float[Tensor, "atoms 3"],
        vectors: Float[Tensor, "vectors atoms 3"],
    ) -> Float[Tensor, "vectors atoms 3"]:
        """The part of velocities that changes no shape, split off by mass."""
        with torch.no_grad():
            _, jacobian = self._strain(self._spread(positions))
            columns = torch.stack([self._spread(x) for x in vectors], dim=-1)
            columns = columns * self.root_masses[:, :, None, None]
            flat = columns.flatten(1, 2)
            flat = flat - _least_change(jacobian, jacobian @ flat)
            kept = flat.reshape(columns.shape) / self.root_masses[:, :, None, None]
            return torch.stack([self._gather(x, vectors) for x in kept.unbind(-1)])

    def restored(
        self,
        positions: Float[Tensor, "atoms 3"],
        before: Float[Tensor, "atoms 3"],
    ) -> Float[Tensor, "atoms 3"]:
        """Positions with the shapes of the start, as near as may be in the mass metric.

        Damped Gauss-Newton steps, each complex until it is within tolerance.

        Args:
            positions: out of shape, Å.
            before: in shape; a complex that cannot be mended goes back to them.
        """
        with torch.no_grad():
            x = self._spread(positions)
            strain, jacobian = self._strain(x)
            if not strain.shape[1]:
                return positions
            for _ in range(MOST_ITERATIONS):
                worst = strain.abs().amax(dim=1)
                if not bool((worst > TOLERANCE).any()):
                    break
                step = _least_change(jacobian, strain[:, :, None])
                step = step.reshape(x.shape) / self.root_masses[:, :, None]
                longest = step.square().sum(dim=-1).amax(dim=1).sqrt()
                step = (
                    step
                    * (LONGEST_MOVE / longest.clamp(min=LONGEST_MOVE))[:, None, None]
                )
                # One that is done must not depend on what the others still need.
                open_ = (worst > TOLERANCE)[:, None, None]
                x = torch.where(open_, x - step, x)
                strain, jacobian = self._strain(x)
            failed = ~(strain.abs().amax(dim=1) <= ACCEPTED)
            x = torch.where(failed[:, None, None], self._spread(before), x)
            return self._gather(x, positions)

    def free_directions(
        self, positions: Float[Tensor, "atoms 3"]
    ) -> list[Float[Tensor, "_ _"]]:
        """Orthonormal mass-weighted moves of each complex that strain nothing.

        Whole-body moves and turns about bonds: what is left of 3 n coordinates.
        """
        with torch.no_grad():
            _, jacobian = self._strain(self._spread(positions))
            sizes = 3 * self.table.filled.sum(dim=1)
            found = []
            for strains, size in zip(jacobian, sizes.tolist(), strict=True):
                _, strength, rows = torch.linalg.svd(strains[:, :size])
                stiff = int((strength > LEAST_STRAIN * strength.max()).sum())
                found.append(rows[stiff:].T)
            return found

    def freedom(
        self, positions: Float[Tensor, "atoms 3"]
    ) -> tuple[Float[Tensor, " complexes"], Float[Tensor, " atoms"]]:
        """How many directions are left to each complex, and each atom's share of 3.

        The share is the mean square of a component of an atom's projected velocity,
        relative to that of the free atom.
        """
        with torch.no_grad():
            _, jacobian = self._strain(self._spread(positions))
            kept = DAMPING * torch.cholesky_inverse(_factorised(jacobian))
            diagonal = kept.diagonal(dim1=1, dim2=2)
            share = diagonal.reshape(len(jacobian), -1, 3).mean(dim=-1)
            share = torch.where(self.table.filled, share, 0.0)
            return 3 * share.sum(dim=1), share[self.table.filled]

    def _strain(
        self, x: Table
    ) -> tuple[
        Float[Tensor, "complexes strains"],
        Float[Tensor, "complexes strains coordinates"],
    ]:
        """How far each distance and height is off (Å), and its derivative.

        The derivative is by mass-weighted coordinates, sqrt(m / mean m) x.
        """
        complexes, atoms = x.shape[:2]
        line = torch.arange(complexes, device=x.device)[:, None]
        n_pairs = self.pairs.shape[1]
        strains = n_pairs + self.quadruples.shape[1]
        jacobian = x.new_zeros(complexes, strains, atoms, 3)

        first, second = self.pairs.unbind(dim=-1)
        difference = x[line, first] - x[line, second]
        distance = torch.linalg.vector_norm(difference, dim=-1)
        direction = difference / distance.clamp(min=1e-6)[..., None]
        row = torch.arange(n_pairs, device=x.device)
        jacobian[line, row, first] = direction
        jacobian[line, row, second] = -direction
        stretch = torch.where(self.pair_used, distance - self.lengths, 0.0)

        a, b, c, d = self.quadruples.unbind(dim=-1)
        origin = x[line, a]
        u, v, w = x[line, b] - origin, x[line, c] - origin, x[line, d] - origin
        normals = torch.stack(
            [
                torch.linalg.cross(v, w),
                torch.linalg.cross(w, u),
                torch.linalg.cross(u, v),
            ]
        )
        normals = torch.where(self.quadruple_used[..., None], normals, 0.0)
        normals = normals / self.areas[..., None]
        row = torch.arange(n_pairs, strains, device=x.device)
        jacobian[line, row, a] = -normals.sum(dim=0)
        for atom, normal in zip((b, c, d), normals, strict=True):
            jacobian[line, row, atom] += normal
        height = (u * normals[0]).sum(dim=-1)
        lift = torch.where(self.quadruple_used, height - self.heights, 0.0)

        weighted = jacobian / self.root_masses[:, None, :, None]
        return torch.cat([stretch, lift], dim=1), weighted.flatten(2)

    def _spread(self, values: Float[Tensor, "atoms 3"]) -> Table:
        """Per-atom vectors as a table, 0 in empty slots."""
        rows = values.to(self.lengths.dtype)[self.table.rows]
        return torch.where(self.table.filled[..., None], rows, 0.0)

    def _gather(
        self, table: Table, like: Float[Tensor, "... atoms 3"]
    ) -> Float[Tensor, "atoms 3"]:
        """A table as per-atom vectors, in the precision of the caller."""
        return table[self.table.filled].to(like.dtype)


def shapes(
    parts: Sequence[StiffParts],
    positions: Float[Tensor, "atoms 3"],
    masses: Float[Tensor, " atoms"],
    atom_complex: Int[Tensor, " atoms"],
) -> Shapes:
    """The shapes that molecules have now.

    Args:
        parts: what is stiff in each, by the atoms of that molecule.
        positions: of all of them, end to end, Å.
        masses: amu.
        atom_complex: which molecule each atom belongs to.
    """
    table = slots(atom_complex, len(parts))
    device = positions.device
    dtype = torch.float32 if device.type == "mps" else torch.float64  # MPS has no f64
    pairs, pair_used = _padded([x.pairs for x in parts], device)
    quadruples, quadruple_used = _padded([x.quadruples for x in parts], device)
    heavy = torch.where(table.filled, masses.to(dtype)[table.rows], 0.0)
    mean = heavy.sum(dim=1) / table.filled.sum(dim=1)
    root = torch.where(table.filled, (heavy / mean[:, None]).sqrt(), 1.0)
    x = positions.detach().to(dtype)[table.rows]
    line = torch.arange(len(parts), device=device)[:, None]
    lengths = (x[line, pairs[..., 0]] - x[line, pairs[..., 1]]).norm(dim=-1)
    a, b, c, d = (x[line, quadruples[..., k]] for k in range(4))
    # The largest of the four faces: what the height is measured on.
    faces = [(b, c, d), (a, c, d), (a, b, d), (a, b, c)]
    areas = torch.stack(
        [torch.linalg.cross(q - p, r - p).norm(dim=-1) for p, q, r in faces]
    ).amax(dim=0)
    areas = areas.clamp(min=LEAST_AREA)
    volumes = ((b - a) * torch.linalg.cross(c - a, d - a)).sum(dim=-1)
    return Shapes(
        table=table,
        root_masses=root,
        pairs=pairs,
        lengths=lengths,
        pair_used=pair_used,
        quadruples=quadruples,
        areas=areas,
        heights=volumes / areas,
        quadruple_used=quadruple_used,
    )


def _padded(
    parts: Sequence[Int[Tensor, "_ columns"]], device: torch.device
) -> tuple[Int[Tensor, "complexes width columns"], Bool[Tensor, "complexes width"]]:
    """Tables end to end in a new first axis; what is filled in, and where."""
    width = max(len(x) for x in parts)
    table = torch.zeros(len(parts), width, parts[0].shape[1], dtype=torch.long)
    used = torch.zeros(len(parts), width, dtype=torch.bool)
    for line, part in enumerate(parts):
        table[line, : len(part)] = part
        used[line, : len(part)] = True
    return table.to(device), used.to(device)


def _least_change(
    jacobian: Float[Tensor, "complexes strains coordinates"],
    strain: Float[Tensor, "complexes strains vectors"],
) -> Float[Tensor, "complexes coordinates vectors"]:
    """The smallest change of coordinates that makes these strains, damped.

    A change that strains nothing would come out as rounding over damping; the last
    product keeps that out, so that the answer turns with the molecules to rounding.
    """
    factor = _factorised(jacobian)
    change = torch.cholesky_solve(jacobian.mT @ strain, factor)
    change = torch.cholesky_solve(change, factor)
    strained: Tensor = jacobian.mT @ (jacobian @ change)
    return strained


def _factorised(
    jacobian: Float[Tensor, "complexes strains coordinates"],
) -> Float[Tensor, "complexes coordinates coordinates"]:
    """Cholesky factor of the damped normal equations."""
    normal = jacobian.mT @ jacobian
    size = normal.shape[-1]
    damping = DAMPING * torch.eye(size, dtype=normal.dtype, device=normal.device)
    factor: Tensor = torch.linalg.cholesky(normal + damping)
    return factor
