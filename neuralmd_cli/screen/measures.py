"""The numbers by which a pose is judged, and the rule that ranks them."""

import math
from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from neuralmd_cli.analysis.geometry import rmsd
from neuralmd_cli.analysis.summary import summarise
from neuralmd_cli.complex import Complex
from neuralmd_cli.run import with_start
from neuralmd_cli.screen.journal import Entry
from neuralmd_cli.screen.placing import TouchedResidues
from neuralmd_cli.structure.contacts import TOUCH
from neuralmd_cli.trajectory import Trajectory

CONTACTS_LOST = 50.0
"""Share of its contacts below which a pose counts as gone from where it was, %."""
RULE = (
    "Poses without a flag come before flagged ones; then the smaller rmsd_end_angstrom "
    "first, then the larger contacts_kept_percent, then the smaller "
    "rmsf_mean_angstrom, then the order of the input."
)
"""The ranking, in words."""
LIMITS = (
    "It says how well a pose holds in a rigid protein for a few nanoseconds of this "
    "model. It is not an affinity and cannot compare proteins, and a pose that the "
    "model hardly moves ranks high, right or wrong."
)
"""What the ranking does not mean, in words."""
FLAGS = {
    "bonds": "bonds stretched or squeezed by more than 25 % in some snapshot",
    "clash inside": "the ligand runs into itself in some snapshot",
    "clash": "the ligand runs into its surroundings in some snapshot, or did from the "
    "start",
    "contacts lost": f"less than {CONTACTS_LOST:g} % of the contacts of the start are "
    "kept at the end",
}
"""What is wrong with a trajectory, by the word in the table."""


def measure(
    trajectories: Sequence[Trajectory], complex_: Complex, touched: TouchedResidues
) -> dict[str, float]:
    """The columns of the table, over all replicas.

    `end` is the last tenth of the snapshots, at least one; means over replicas, except
    where the worst counts.
    """
    replicas = [with_start(x, complex_) for x in trajectories]
    checks = [{x.name: x.value for x in summarise(r, complex_)} for r in replicas]
    last = max(1, math.ceil(trajectories[0].n_frames / 10))
    ends = torch.stack([rmsd(x.positions)[-last:].mean() for x in replicas])
    kept = torch.stack([contacts_kept(x.positions[-last:], touched) for x in replicas])

    def over(name: str) -> Float[Tensor, " replicas"]:
        return torch.tensor([x[name] for x in checks], dtype=torch.float64)

    found = {
        "rmsd_end_angstrom": ends.mean(),
        "rmsd_end_sd_angstrom": ends.std(unbiased=True)
        if len(ends) > 1
        else ends.new_zeros(()),
        "rmsd_max_angstrom": over("rmsd_max").max(),
        "contacts_kept_percent": kept.mean(),
        "rmsf_mean_angstrom": over("rmsf_mean").mean(),
        "bonds_intact_percent": over("bonds_intact").min(),
        "clashing_inside_percent": over("frames_clashing_inside").max(),
    }
    if "contact_min" in checks[0]:
        found["clashing_percent"] = over("frames_clashing").max()
        found["contact_min_angstrom"] = over("contact_min").min()
    counts = {
        "heavy_atoms": complex_.ligand.n_atoms,
        "residues": complex_.protein.n_residues,
        "contacts_start": touched.count,
    }
    return {k: float(v) for k, v in (counts | found).items()}


def contacts_kept(
    positions: Float[Tensor, "frames atoms 3"], touched: TouchedResidues
) -> Float[Tensor, ""]:
    """Share of the residues touched at the start that are touched, %, mean of frames.

    100 where nothing was touched.
    """
    if not touched.count:
        return torch.tensor(100.0, dtype=torch.float64)
    shares = []
    for frame in positions:
        apart = torch.cdist(
            frame, touched.positions, compute_mode="donot_use_mm_for_euclid_dist"
        )
        near = (apart < TOUCH).any(dim=0)
        shares.append(len(torch.unique(touched.residues[near])) / touched.count)
    return 100 * torch.tensor(shares, dtype=torch.float64).mean()


def flags_of(measures: Mapping[str, float]) -> list[str]:
    """What is wrong with a trajectory; see `FLAGS`."""
    wrong = {
        "bonds": measures["bonds_intact_percent"] < 100,
        "clash inside": measures["clashing_inside_percent"] > 0,
        "clash": measures.get("clashing_percent", 0.0) > 0,
        "contacts lost": measures["contacts_kept_percent"] < CONTACTS_LOST,
    }
    return [name for name, is_wrong in wrong.items() if is_wrong]


def ranked(entries: Sequence[Entry]) -> list[Entry]:
    """Results, best first; see `RULE`."""

    def key(entry: Entry) -> tuple[bool, float, float, float, int]:
        m = entry.measures
        return (
            bool(entry.flags),
            m["rmsd_end_angstrom"],
            -m["contacts_kept_percent"],
            m["rmsf_mean_angstrom"],
            entry.number,
        )

    return sorted(entries, key=key)
