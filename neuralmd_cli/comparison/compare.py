"""A predicted trajectory against a reference, by every metric."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from neuralmd_cli.analysis.corrected_metrics import position_rmsd, skill
from neuralmd_cli.analysis.geometry import pocket_residues, superpose_onto
from neuralmd_cli.analysis.metric_table import METRICS, Metric
from neuralmd_cli.analysis.published_metrics import binding_collision, published_scores
from neuralmd_cli.analysis.rmsf import rmsf_per_atom
from neuralmd_cli.analysis.scores import Obstacles, corrected_scores
from neuralmd_cli.analysis.symmetry import best_rmsd, equivalent_orders_of_graph
from neuralmd_cli.comparison.matched_ligand import matched_ligand
from neuralmd_cli.comparison.matching import (
    Match,
    Rows,
    match_atoms,
    match_frames,
    match_residues,
)
from neuralmd_cli.comparison.surroundings import Surroundings, rigid_surroundings
from neuralmd_cli.complex import Ligand
from neuralmd_cli.errors import InputError
from neuralmd_cli.readers import LoadedTrajectory

Superpose = Literal["pocket", "none"]

_SYMMETRY_TOLD = 0.02
"""Å by which RMSD must fall to be told of."""

_TIMED = {"fps", "snapshots_per_s"}


@dataclass(frozen=True, kw_only=True)
class Row:
    """One metric of the prediction, and of two poses that never move.

    NaN where the metric is undefined.
    """

    metric: Metric
    predicted: float
    frozen: float
    mean_pose: float


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What was compared, how, and the result."""

    heavy_atoms: int
    times: Float[Tensor, " frames"]  # ps, by the reference's clock
    frozen_at: float  # ps: the reference's snapshot that is the frozen ligand
    superposed: Superpose
    rows: tuple[Row, ...]
    rmsd: Mapping[str, Float[Tensor, " frames"]]  # Å, of each pose to the reference
    rmsf: Mapping[str, Float[Tensor, " atoms"]]  # Å, of prediction and reference
    atom_names: tuple[str, ...]  # of the reference, in the order of `rmsf`
    notes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class _Fit:
    """Residues to superpose on, as places among the CA atoms.

    Without those of the prediction it stays as it is, and only the reference is moved.
    """

    predicted: Int[Tensor, " residues"] | None
    reference: Int[Tensor, " residues"]


@dataclass(frozen=True, kw_only=True)
class _Scene:
    """Heavy atoms of both ligands in the compared snapshots, and what is around, Å."""

    predicted: Float[Tensor, "frames atoms 3"]
    target: Float[Tensor, "frames atoms 3"]
    start: Float[Tensor, "atoms 3"]  # of the reference
    around: Surroundings

    def poses(self) -> dict[str, Float[Tensor, "frames atoms 3"]]:
        """The prediction, and the two poses it is judged against."""
        return {
            "predicted": self.predicted,
            "frozen": self.start.expand_as(self.target),
            "mean_pose": self.target.mean(dim=0).expand_as(self.target),
        }


def compare(
    predicted: LoadedTrajectory,
    reference: LoadedTrajectory,
    *,
    superpose: Superpose | None = None,
    match: Match = "times",
) -> Comparison:
    """Score one trajectory of a ligand against another.

    Published metrics take coordinates as the files have them, as the paper does; the
    corrected ones see both from the pocket of the reference's start, if asked to. The
    start is the reference's last snapshot before the first compared one, or that one
    itself; held still, it is the frozen ligand. The mean pose is the reference's own
    mean. Collisions are those with the protein of the prediction's file, if it has one
    that does not move.

    Args:
        predicted, reference: of the same ligand.
        superpose: by default on the pocket if both files have the protein. On request
            also if only the reference has it: the prediction is then taken to be in
            the frame of the reference's start.
        match: which snapshots belong together.

    Raises:
        InputError: the ligands differ, no snapshot is common to both, or there is no
            protein to superpose on.
    """
    atoms = match_atoms(predicted, reference)
    frames = match_frames(predicted, reference, match)
    start = max(0, int(frames.reference[0]) - 1)
    raw = _Scene(
        predicted=predicted.positions[frames.predicted][:, atoms.predicted],
        target=reference.positions[frames.reference][:, atoms.reference],
        start=reference.positions[start, atoms.reference],
        around=rigid_surroundings(predicted),
    )
    fit, fit_notes = _fit(predicted, reference, superpose)
    seen = raw
    if fit is not None:
        seen = _in_pocket(raw, predicted, reference, frames, fit, start)
    ligand, ligand_notes = matched_ligand(raw.start, predicted, reference, atoms)
    notes = (*atoms.notes, *frames.notes, *fit_notes, *ligand_notes)
    if not len(raw.around.heavy.positions):
        notes += (
            f"collisions with a protein are undefined: {predicted.path.name} has none "
            "that stays where it is (simulate --with-protein writes one)",
        )
    notes += _symmetry_note(seen, ligand)
    if len(frames.reference) == 1:
        notes += ("only one snapshot is compared: nothing fluctuates in it",)
    return Comparison(
        heavy_atoms=ligand.n_atoms,
        times=reference.times[frames.reference],
        frozen_at=float(reference.times[start]),
        superposed="none" if fit is None else "pocket",
        rows=_rows(raw, seen, ligand),
        rmsd={k: position_rmsd(x, seen.target) for k, x in seen.poses().items()},
        rmsf={
            "predicted": rmsf_per_atom(seen.predicted),
            "reference": rmsf_per_atom(seen.target),
        },
        atom_names=tuple(reference.atom_names[k] for k in atoms.reference.tolist()),
        notes=tuple(dict.fromkeys((*predicted.notes, *reference.notes, *notes))),
    )


def _fit(
    predicted: LoadedTrajectory,
    reference: LoadedTrajectory,
    superpose: Superpose | None,
) -> tuple[_Fit | None, tuple[str, ...]]:
    """What to superpose on, if anything, and notes on what was done for want of it."""
    have = [x.ca_positions.shape[1] > 0 for x in (predicted, reference)]
    if superpose == "none" or (superpose is None and not any(have)):
        return None, ()
    if have == [False, True]:
        if superpose == "pocket":
            everything = torch.arange(reference.ca_positions.shape[1])
            return _Fit(predicted=None, reference=everything), (
                f"{predicted.path.name} has no protein: its coordinates were taken to "
                "be those of the reference's start",
            )
        return None, (
            f"{predicted.path.name} has no protein, so nothing was superposed; "
            "--superpose pocket would take the protein's motion out of the reference",
        )
    residues = match_residues(predicted, reference) if all(have) else None
    if residues is not None:
        fit = _Fit(predicted=residues.predicted, reference=residues.reference)
        return fit, residues.notes
    missing = "the proteins have too few residues in common"
    if not all(have):
        missing = f"{reference.path.name} has no protein"
    if superpose == "pocket":
        raise InputError(
            f"There is no pocket to superpose on: {missing}.",
            hint="Use --superpose none if both are in the same coordinates.",
        )
    return None, (f"nothing was superposed: {missing}",)


def _in_pocket(
    raw: _Scene,
    predicted: LoadedTrajectory,
    reference: LoadedTrajectory,
    frames: Rows,
    fit: _Fit,
    start: int,
) -> _Scene:
    """The scene as seen from the pocket of the reference's start."""
    near = pocket_residues(reference.ca_positions[start, fit.reference], raw.start)
    ca = reference.ca_positions[:, fit.reference[near]]
    onto = ca[start].expand(len(frames.reference), -1, -1)
    target = superpose_onto(raw.target, ca[frames.reference], onto)
    if fit.predicted is None:
        return replace(raw, target=target)
    own = predicted.ca_positions[frames.predicted][:, fit.predicted[near]]

    def moved(obstacles: Obstacles) -> Obstacles:
        at = superpose_onto(obstacles.positions[None], own[:1], onto[:1])[0]
        return replace(obstacles, positions=at)

    return _Scene(
        predicted=superpose_onto(raw.predicted, own, onto),
        target=target,
        start=raw.start,
        around=Surroundings(
            heavy=moved(raw.around.heavy), backbone=moved(raw.around.backbone)
        ),
    )


def _rows(raw: _Scene, seen: _Scene, ligand: Ligand) -> tuple[Row, ...]:
    """Each metric of the table but the timed ones, for all three poses."""
    raw_poses, scores = raw.poses(), {}
    for name, pose in seen.poses().items():
        scores[name] = _published(raw_poses[name], raw.target, ligand)
        # Seen from the pocket, the other two poses meet the prediction's protein.
        spine = seen.around.backbone
        scores[name]["binding_collision"] = float(
            binding_collision(
                pose, ligand.atomic_numbers, spine.positions, spine.atomic_numbers
            ).mean()
        )
        scores[name] |= corrected_scores(pose, seen.target, ligand, seen.around.heavy)
    errors = {name: values["position_rmsd"] for name, values in scores.items()}
    for name, values in scores.items():
        values["skill"] = skill(errors[name], errors["frozen"], errors["mean_pose"])
    return tuple(
        Row(metric=m, **{name: values[m.name] for name, values in scores.items()})
        for m in METRICS
        if m.name not in _TIMED
    )


def _symmetry_note(seen: _Scene, ligand: Ligand) -> tuple[str, ...]:
    """Where equivalent atoms have changed places, what RMSD remains if they may."""
    orders = equivalent_orders_of_graph(ligand.atomic_numbers, ligand.bonds)
    plain = float(position_rmsd(seen.predicted, seen.target).mean())
    best = float(best_rmsd(seen.predicted, seen.target, orders).mean())
    if not plain - best > _SYMMETRY_TOLD:
        return ()
    return (
        f"equivalent atoms have changed places (a turned ring, or names given the "
        f"other way round): with these exchanged the RMSD is {best:.3f} Å instead of "
        f"{plain:.3f} Å; all metrics follow each atom by its name",
    )


def _published(
    pose: Float[Tensor, "frames atoms 3"],
    target: Float[Tensor, "frames atoms 3"],
    ligand: Ligand,
) -> dict[str, float]:
    """The published metrics that need no protein."""
    nothing = pose.new_zeros(0, 3)
    none = ligand.atomic_numbers[:0]
    scores = published_scores(pose, target, ligand.atomic_numbers, nothing, none)
    return {
        name: getattr(scores, name)
        for name in ("mae", "rmse", "matching", "stability", "ligand_collision")
    }
