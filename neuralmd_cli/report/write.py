"""Trajectories of one ligand in, one HTML file out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from neuralmd_cli.comparison.matching import Match
from neuralmd_cli.errors import InputError, OutputError
from neuralmd_cli.inspection.stability import Stability
from neuralmd_cli.inspection.verdicts import VERDICTS, Verdict
from neuralmd_cli.opening.opened import open_snapshots
from neuralmd_cli.readers import topology_path
from neuralmd_cli.report.against import reference_section
from neuralmd_cli.report.barcode import contacts_section
from neuralmd_cli.report.checks import checked, checks_section, worst_verdict
from neuralmd_cli.report.drawing import atoms_section, drawing, legend
from neuralmd_cli.report.motion import (
    atom_fluctuations,
    distances,
    rmsd_section,
    torsions_section,
    windows_section,
)
from neuralmd_cli.report.page import Page, rendered
from neuralmd_cli.report.replicas import (
    Replica,
    Source,
    expanded,
    open_replicas,
    run_record,
)
from neuralmd_cli.report.scene import scene_section
from neuralmd_cli.report.section import Section
from neuralmd_cli.report.summary import facts, heading, lead, texts, tiles
from neuralmd_cli.writers import atomic_path

SUFFIXES = (".html", ".htm")


@dataclass(frozen=True, kw_only=True)
class ReportWritten:
    """What was written."""

    path: Path
    n_bytes: int
    trajectories: int
    snapshots: int  # of all trajectories
    looked_at: int  # checked, searched for contacts, shown in 3-D
    verdict: Verdict  # the worst of all checks
    left_out: tuple[str, ...]  # sections that could not be made, and why
    notes: tuple[str, ...]


def check_report_path(output: Path, inputs: Sequence[Path] = ()) -> None:
    """Refuse before any work a page that could not, or should not, be written.

    Raises:
        OutputError: no .html, no folder, or over a file that is read.
    """
    if output.suffix.lower() not in SUFFIXES:
        raise OutputError(
            f"{output.name}: {output.suffix or 'no suffix'} is no web page.",
            hint="Write to a file that ends in .html.",
        )
    if not output.parent.is_dir():
        raise OutputError(
            f"{output.parent} is not a folder, so {output.name} cannot be written.",
            hint="Create it first.",
        )
    if output.exists() and any(x.exists() and x.samefile(output) for x in inputs):
        raise OutputError(
            f"The report would be written over {output.name}, which is an input.",
            hint="Choose another name.",
        )


def write_report(
    trajectories: Sequence[Path],
    output: Path,
    *,
    reference: Path | None = None,
    title: str | None = None,
    top: Path | None = None,
    ligand_residue: str | None = None,
    ligand: Path | None = None,
    smiles: str | None = None,
    protein: Path | None = None,
    reference_top: Path | None = None,
    reference_ligand_residue: str | None = None,
    match: Match = "times",
    on_start: Callable[[str, int], None] = lambda stage, total: None,
    on_step: Callable[[str, int], None] = lambda label, done: None,
) -> ReportWritten:
    """Analyse trajectories of one ligand and write the page about them.

    Our own files need no more arguments: topology, bond orders and run record lie
    beside them. What cannot be made (contacts without ProLIF, say) is said in the page
    and in `left_out`; the rest is there.

    Args:
        trajectories: at most 20, of one ligand: runs or replicas.
        output: the .html file; written whole or not at all.
        reference: a trajectory of the same ligand that all are scored against.
        title: heading of the page; by default the ligand's name.
        top, ligand_residue, ligand, smiles, protein: as for `open_trajectory`.
        reference_top, reference_ligand_residue: the same of the reference.
        match: which snapshots of the reference belong to which.
        on_start: told each stage of the work and its length.
        on_step: told how much of it is done.

    Raises:
        InputError: a file cannot be read, or the ligands are not the same.
        OutputError: the page cannot be written.
    """
    if output in trajectories or output == reference:
        raise OutputError(
            f"The report would be written over {output.name}, which is an input.",
            hint="Choose another name.",
        )
    check_report_path(output)
    paths = expanded(trajectories)
    source = Source(
        top=top,
        ligand_residue=ligand_residue,
        ligand=ligand,
        smiles=smiles,
        protein=protein,
    )
    if reference is None and (reference_top or reference_ligand_residue):
        raise InputError(
            "--reference-top and --reference-ligand-residue say nothing without a "
            "reference.",
            hint="Name it with --reference.",
        )
    other = None
    if reference is not None:
        other = open_snapshots(reference, reference_top, reference_ligand_residue)
    replicas = open_replicas(paths, source)
    inputs = [file for x in replicas for file in x.looked.inputs]
    check_report_path(output, inputs)
    # First, for it may find that the reference does not belong to the rest.
    compared: list[Section] = []
    more: tuple[str, ...] = ()
    if other is not None:
        section, more = reference_section(replicas, other, match)
        compared.append(section)
    looked = sum(x.looked.loaded.n_frames for x in replicas)
    on_start("checks", looked)
    stable = checked(replicas, lambda done: on_step("", done))
    on_start("contacts", looked)
    contacts, notes = contacts_section(replicas, lambda done: on_step("", done))
    notes = (*(note for x in replicas for note in x.looked.notes), *notes, *more)
    page = _page(
        replicas,
        stable,
        late=[contacts, checks_section(replicas, stable), *compared],
        records=_records(paths, top),
        notes=notes,
        title=title,
    )
    text = rendered(page)
    with atomic_path(output) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return ReportWritten(
        path=output,
        n_bytes=len(text.encode()),
        trajectories=len(replicas),
        snapshots=sum(x.whole.loaded.n_frames for x in replicas),
        looked_at=looked,
        verdict=VERDICTS[worst_verdict(stable)],
        left_out=tuple(
            f"{x.title}: {x.missing} {x.hint}".strip()
            for x in page.sections
            if x.missing
        ),
        notes=tuple(dict.fromkeys(notes)),
    )


def _page(
    replicas: Sequence[Replica],
    stable: Sequence[Stability],
    *,
    late: Sequence[Section],
    records: dict[str, dict[str, Any]],
    notes: Sequence[str],
    title: str | None,
) -> Page:
    """All that the page says.

    Args:
        late: the sections that come after those about motion.
    """
    fluctuations = atom_fluctuations(replicas)
    mean = fluctuations.mean(dim=0)
    moved = [distances(x) for x in replicas]
    record = next(iter(records.values()), {})
    return Page(
        title=title or heading(replicas[0]),
        lead=lead(replicas, record),
        names=[x.name for x in replicas],
        tiles=tiles(replicas, stable, moved, fluctuations),
        trust=str(record.get("trust") or ""),
        warnings=texts(record.get("warnings")),
        sections=[
            scene_section(replicas, moved),
            rmsd_section(replicas, moved),
            atoms_section(replicas, fluctuations),
            windows_section(replicas),
            torsions_section(replicas),
            *late,
        ],
        drawing=drawing(replicas[0].whole, mean),
        legend=legend(mean),
        facts=facts(replicas, record),
        notes=list(dict.fromkeys((*notes, *texts(record.get("notes"))))),
        records=records,
    )


def _records(paths: Sequence[Path], top: Path | None) -> dict[str, dict[str, Any]]:
    """Run records by file name; replicas share one."""
    found = {}
    for path in paths:
        record = run_record(path, top)
        if record is not None:
            found[topology_path(path, top).with_suffix(".json").name] = record
    return found
