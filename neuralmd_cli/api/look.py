"""The commands that look at trajectories, as functions that give tables.

A trajectory is a file, ours or anybody's, or what `simulate` returned (`replica` then
says which of its trajectories); all other arguments have the names, meanings and
defaults of the command's options. All raise NeuralMDError with a hint.
"""

from pathlib import Path
from typing import Literal

from rdkit import Chem

from neuralmd_cli.api.simulation import Simulation
from neuralmd_cli.api.source import File, Source, opened, snapshots
from neuralmd_cli.api.table import Table
from neuralmd_cli.comparison.compare import compare as compare_loaded
from neuralmd_cli.comparison.matching import Match
from neuralmd_cli.figures.clusters import plot_clusters
from neuralmd_cli.figures.comparison import plot_comparison
from neuralmd_cli.figures.contacts import plot_contacts
from neuralmd_cli.figures.rmsf import plot_rmsf
from neuralmd_cli.figures.stability import plot_stability
from neuralmd_cli.figures.torsions import plot_torsions
from neuralmd_cli.inspection.fluctuation import fluctuation
from neuralmd_cli.inspection.interactions import check_prolif, frequent, interactions
from neuralmd_cli.inspection.poses import poses
from neuralmd_cli.inspection.stability import check_stability
from neuralmd_cli.inspection.turning import turning
from neuralmd_cli.inspection.verdicts import VERDICTS, first_of
from neuralmd_cli.readers import LoadedTrajectory


def rmsf(
    trajectory: Source,
    *,
    top: File | None = None,
    ligand_residue: str | None = None,
    superpose: Literal["pocket", "ligand", "none"] = "pocket",
    window: int = 5,
    replica: int = 1,
) -> Table:
    """How much each heavy atom fluctuates; `result` has it per window of snapshots."""
    loaded = snapshots(trajectory, top, ligand_residue, replica)
    found = fluctuation(loaded, superpose, window)
    heavy = loaded.heavy.nonzero()[:, 0].tolist()
    names = [loaded.atom_names[k] for k in heavy]
    numbers = loaded.atomic_numbers[heavy].tolist()
    elements = [Chem.GetPeriodicTable().GetElementSymbol(z) for z in numbers]
    title = f"RMSF of {_what(trajectory, loaded)}"

    def paint(path: Path) -> None:
        plot_rmsf(
            path, found, names=names, elements=elements, times=loaded.times, title=title
        )

    return Table(
        title=title,
        columns=("name", "element", "rmsf_angstrom"),
        rows=tuple(zip(names, elements, found.per_atom.tolist(), strict=True)),
        notes=loaded.notes,
        summary={"rmsf_angstrom": found.total},
        result=found,
        paint=paint,
    )


def stability(
    trajectory: Source,
    *,
    top: File | None = None,
    ligand_residue: str | None = None,
    ligand: File | None = None,
    smiles: str | None = None,
    protein: File | None = None,
    every: int = 1,
    reference: Source | None = None,
    reference_top: File | None = None,
    reference_ligand_residue: str | None = None,
    match: Match = "times",
    replica: int = 1,
) -> Table:
    """Each check, its worst value and its verdict; `result` has every snapshot's."""
    held = opened(
        trajectory,
        top=top,
        ligand_residue=ligand_residue,
        ligand=ligand,
        smiles=smiles,
        protein=protein,
        every=every,
        replica=replica,
        with_surroundings=True,
    )
    other = None
    if reference is not None:
        other = snapshots(reference, reference_top, reference_ligand_residue, 1)
    found = check_stability(held, other, match=match)

    def number(snapshot: int | None) -> int | None:
        return None if snapshot is None else snapshot * every + 1

    rows = [
        (
            *(x.name, x.unit, x.at_start, float(x.values[x.worst_snapshot])),
            *(number(x.worst_snapshot), x.worst, x.odd, x.broken),
            *(VERDICTS[x.overall], number(x.first("odd")), number(x.first("broken"))),
        )
        for x in found.checks
    ]
    title = f"Stability of {_what(trajectory, held.loaded)}"
    summary: dict[str, object] = {
        "first_odd_snapshot": number(first_of(found.checks, "odd")),
        "first_broken_snapshot": number(first_of(found.checks, "broken")),
        "not_judged": dict(found.not_judged),
    }
    notes = held.notes
    if found.agreement is not None:
        notes += found.agreement.notes
        summary["stability_percent"] = float(found.agreement.stability.mean())
        summary["matching_angstrom"] = float(found.agreement.matching.mean())
    return Table(
        title=title,
        columns=(
            *("check", "unit", "at_start", "worst", "worst_snapshot", "worst_atoms"),
            *("odd", "broken", "verdict", "first_odd_snapshot"),
            "first_broken_snapshot",
        ),
        rows=tuple(rows),
        notes=notes,
        summary=summary,
        result=found,
        paint=lambda path: plot_stability(path, found, title=title, every=every),
    )


def torsions(
    trajectory: Source,
    *,
    top: File | None = None,
    ligand_residue: str | None = None,
    ligand: File | None = None,
    smiles: str | None = None,
    every: int = 1,
    replica: int = 1,
) -> Table:
    """How each rotatable bond turns; `result` has the angle of every snapshot."""
    held = opened(
        trajectory,
        top=top,
        ligand_residue=ligand_residue,
        ligand=ligand,
        smiles=smiles,
        every=every,
        replica=replica,
    )
    found = turning(held)
    x = found.summary
    values = (x.start, x.mean, x.spread, x.largest_turn, x.turned)
    title = f"Torsions of {_what(trajectory, held.loaded)}"

    def paint(path: Path) -> None:
        times, names = held.loaded.times, found.names
        plot_torsions(path, x, names=names, times=times, title=title, every=every)

    return Table(
        title=title,
        columns=(
            *("atoms", "start_degrees", "mean_degrees", "spread_degrees"),
            *("largest_turn_degrees", "turned_percent"),
        ),
        rows=tuple(zip(found.names, *(v.tolist() for v in values), strict=True)),
        notes=(*held.notes, *found.notes),
        summary={},
        result=x,
        paint=paint,
    )


def contacts(
    trajectory: Source,
    *,
    top: File | None = None,
    ligand_residue: str | None = None,
    ligand: File | None = None,
    smiles: str | None = None,
    protein: File | None = None,
    every: int = 1,
    least_percent: float = 5.0,
    replica: int = 1,
) -> Table:
    """Which residues the ligand interacts with, and in how many snapshots (ProLIF)."""
    check_prolif()
    held = opened(
        trajectory,
        top=top,
        ligand_residue=ligand_residue,
        ligand=ligand,
        smiles=smiles,
        protein=protein,
        every=every,
        replica=replica,
        with_surroundings=True,
    )
    found = interactions(held)
    shown = frequent(found, least_percent)
    title = f"Interactions of {_what(trajectory, held.loaded)}"
    return Table(
        title=title,
        columns=("residue", "interaction", "at_start", "percent"),
        rows=tuple((x.residue.label, x.kind, x.at_start, x.share) for x in shown.found),
        notes=(*held.notes, *found.notes),
        summary={
            "protein": found.source,
            "protein_moves": not found.rigid,
            "ligand_hydrogens": found.ligand_hydrogens,
        },
        result=found,
        paint=lambda path: plot_contacts(path, shown, title=title, every=every),
    )


def cluster(
    trajectory: Source,
    *,
    top: File | None = None,
    ligand_residue: str | None = None,
    ligand: File | None = None,
    smiles: str | None = None,
    superpose: Literal["pocket", "ligand"] = "pocket",
    every: int = 1,
    cutoff_angstrom: float = 1.0,
    replica: int = 1,
) -> Table:
    """Clusters of like poses, largest first; `result` has that of every snapshot."""
    held = opened(
        trajectory,
        top=top,
        ligand_residue=ligand_residue,
        ligand=ligand,
        smiles=smiles,
        every=every,
        replica=replica,
    )
    found = poses(held, cutoff_angstrom, superpose, every=every)
    times = held.loaded.times
    total = len(found.of_snapshot)
    title = f"Poses of {_what(trajectory, held.loaded)}"

    def paint(path: Path) -> None:
        plot_clusters(path, found, times=times, title=title, every=every)

    columns = (found.sizes, found.spread, found.medoids)
    each = zip(*(x.tolist() for x in columns), strict=True)
    return Table(
        title=title,
        columns=(
            *("cluster", "size", "share_percent", "spread_angstrom"),
            *("representative_snapshot", "representative_ps"),
        ),
        rows=tuple(
            (
                *(k, size, 100 * size / total, spread),
                *(medoid * every + 1, float(times[medoid])),
            )
            for k, (size, spread, medoid) in enumerate(each, start=1)
        ),
        notes=held.notes,
        summary={"snapshots": total, "cutoff_angstrom": cutoff_angstrom},
        result=found,
        paint=paint,
    )


def compare(
    predicted: Source,
    reference: Source,
    *,
    top: File | None = None,
    reference_top: File | None = None,
    ligand_residue: str | None = None,
    reference_ligand_residue: str | None = None,
    match: Match = "times",
    superpose: Literal["pocket", "none"] | None = None,
    replica: int = 1,
) -> Table:
    """A trajectory scored against another of the same ligand, by every metric."""
    ours = snapshots(predicted, top, ligand_residue, replica)
    theirs = snapshots(reference, reference_top, reference_ligand_residue, 1)
    found = compare_loaded(ours, theirs, superpose=superpose, match=match)
    title = f"{_what(predicted, ours)} against {_name(reference, theirs)}"
    return Table(
        title=title,
        columns=(
            *("metric", "definition", "unit", "better"),
            *("predicted", "frozen", "mean_pose"),
        ),
        rows=tuple(
            (
                *(x.metric.name, x.metric.definition, x.metric.unit, x.metric.better),
                *(x.predicted, x.frozen, x.mean_pose),
            )
            for x in found.rows
        ),
        notes=found.notes,
        summary={"snapshots": len(found.times), "superposed": found.superposed},
        result=found,
        paint=lambda path: plot_comparison(path, found, title=title),
    )


def _what(source: Source, loaded: LoadedTrajectory) -> str:
    return f"{loaded.ligand} in {_name(source, loaded)}"


def _name(source: Source, loaded: LoadedTrajectory) -> str:
    """The file's name; that of a simulation's own file would say nothing."""
    return "this simulation" if isinstance(source, Simulation) else loaded.path.name
