"""The few numbers a run is summarised by, gathered while it runs."""

import torch
from jaxtyping import Float
from torch import Tensor

from neuralmd_cli.analysis.geometry import rmsd
from neuralmd_cli.analysis.validity import Surroundings, bond_lengths, internal_clashes
from neuralmd_cli.complex import Complex
from neuralmd_cli.trajectory import Check, Trajectory

Row = tuple[str, Tensor, str, str]


def summarise(trajectory: Trajectory, complex_: Complex) -> list[Check]:
    """Motion, validity and contact of a simulated ligand, in the pocket's frame.

    Args:
        trajectory: the start, then one frame or more; RMSF leaves the start out, as
            the trajectory file does.
        complex_: the same ligand as it starts, its bonds, and what it can hit, in the
            coordinates of the trajectory.
    """
    summary = Summary(complex_, trajectory.positions[0])
    for times, positions in trajectory.blocks(first=1):
        summary.add(times, positions)
    return summary.checks()


class Summary:
    """`summarise` for snapshots that come in blocks; none of them is kept.

    Of each snapshot its time and its RMSD stay, 16 bytes.
    """

    def __init__(self, complex_: Complex, start: Float[Tensor, "atoms 3"]) -> None:
        """Begin with a pose of the ligand, at 0 ps.

        Args:
            complex_: as for `summarise`.
            start: Å.
        """
        protein = complex_.protein
        self._start, self._ligand = start[None], complex_.ligand
        self._surroundings = (
            Surroundings(protein.obstacle_positions, protein.obstacle_numbers)
            if len(protein.obstacle_positions)
            else None
        )
        self._times = [torch.zeros(1, dtype=torch.double)]
        self._moved = [torch.zeros(1, dtype=torch.double)]
        self._spread = _Spread()
        # Sums over snapshots, the start among them.
        self._intact, self._inside, self._clashing = 0.0, 0, 0
        self._largest_change = 0.0
        self._closest, self._closest_ps = float("inf"), 0.0
        self._look(self._times[0], self._start, skip=0)

    def add(
        self,
        times: Float[Tensor, " frames"],
        positions: Float[Tensor, "frames atoms 3"],
    ) -> None:
        """Take the next snapshots, ps and Å."""
        after_start = torch.cat([self._start.to(positions), positions])
        self._times.append(times.double())
        self._moved.append(rmsd(after_start)[1:])
        self._spread.add(positions)
        self._look(times, after_start, skip=1)

    def checks(self) -> list[Check]:
        """What is to be said, once there was a snapshot."""
        moved, times = torch.cat(self._moved), torch.cat(self._times)
        shaken, count = self._spread.rmsf(), len(moved)
        rows: list[Row] = [
            *_over_time(moved, times),
            ("rmsd_mean", moved[1:].mean(), "Å", "ligand RMSD to the start, mean"),
            ("rmsd_max", moved.max(), "Å", "ligand RMSD to the start, largest"),
            ("rmsf_mean", shaken.mean(), "Å", "RMSF, mean over heavy atoms"),
            ("rmsf_max", shaken.max(), "Å", "RMSF of the most mobile atom"),
        ]
        found = [
            Check(name=name, value=float(value), unit=unit, meaning=meaning)
            for name, value, unit, meaning in rows
        ]
        found += self._validity(count)
        return found if self._surroundings is None else found + self._contacts(count)

    def _validity(self, count: int) -> list[Check]:
        return [
            Check(
                name="bonds_intact",
                value=100 * self._intact / count,
                unit="%",
                meaning="bonds within 25 % of their starting length",
            ),
            Check(
                name="bond_change_max",
                value=self._largest_change,
                unit="Å",
                meaning="largest change of any bond length",
            ),
            Check(
                name="frames_clashing_inside",
                value=100 * self._inside / count,
                unit="%",
                meaning="frames in which the ligand runs into itself",
            ),
        ]

    def _contacts(self, count: int) -> list[Check]:
        """The closest contact with the surroundings, and how often it is a clash."""
        return [
            Check(
                name="contact_min",
                value=self._closest,
                unit="Å",
                meaning=f"closest contact of heavy atoms, at {self._closest_ps:g} ps",
            ),
            Check(
                name="frames_clashing",
                value=100 * self._clashing / count,
                unit="%",
                meaning="frames that clash (below 0.75 of the vdW distance)",
            ),
        ]

    def _look(
        self, times: Tensor, positions: Float[Tensor, "frames atoms 3"], *, skip: int
    ) -> None:
        """Bonds and contacts; the first `skip` frames are there to compare with."""
        ligand = self._ligand
        bonds = bond_lengths(positions, ligand.bonds)
        self._intact += float(bonds.intact[skip:].sum())
        self._largest_change = max(
            self._largest_change, float(bonds.largest_change.max())
        )
        now = positions[skip:]
        inside = internal_clashes(now, ligand.atomic_numbers, ligand.bonds)
        self._inside += int((inside > 0).sum())
        if self._surroundings is None:
            return
        touch = self._surroundings.contacts(now, ligand.atomic_numbers)
        self._clashing += int((touch.clashing_atoms > 0).sum())
        nearest = int(touch.distances.argmin())
        if float(touch.distances[nearest]) < self._closest:
            self._closest = float(touch.distances[nearest])
            self._closest_ps = float(times[nearest])


class _Spread:
    """Mean square distance of each atom from its mean, block by block (Chan et al.)."""

    def __init__(self) -> None:
        self._count = 0
        self._mean: Tensor | float = 0.0
        self._squares: Tensor | float = 0.0

    def add(self, positions: Float[Tensor, "frames atoms 3"]) -> None:
        # float32 would lose the fluctuation of an atom far from the origin
        some = positions.double()
        count = self._count + len(some)
        mean = some.mean(dim=0)
        away = mean - self._mean
        share = len(some) / count
        self._squares = (
            self._squares
            + (some - mean).square().sum(dim=0)
            + away**2 * (self._count * share)
        )
        self._mean = self._mean + away * share
        self._count = count

    def rmsf(self) -> Float[Tensor, " atoms"]:
        """RMSF of each atom, Å, as `rmsf_per_atom` has it."""
        spread = torch.as_tensor(self._squares) / self._count
        root: Tensor = spread.sum(dim=-1).sqrt()
        return root


def _over_time(moved: Tensor, times: Tensor) -> list[Row]:
    """RMSD after each quarter of the simulated time."""
    last = len(times) - 1
    frames = sorted({max(1, round(last * k / 4)) for k in (1, 2, 3, 4)})
    at = [(k, float(times[k])) for k in frames]
    return [
        (f"rmsd_at_{ps:g}_ps", moved[k], "Å", f"ligand RMSD to the start at {ps:g} ps")
        for k, ps in at
    ]
