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
    last_tenth,
    rmsd_section,
    torsions_section,
    windows_section,
)
from neuralmd_cli.report.numbers import span
from neuralmd_cli.report.page import Page, Tile, rendered
from neuralmd_cli.report.replicas import (
    Replica,
    Source,
    expanded,
    open_replicas,
    run_record,
)
from neuralmd_cli.report.scene import scene_section
from neuralmd_cli.report.section import Section
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
    looked = sum(x.looked.loaded.n_frames for x in replicas)
    on_start("checks", looked)
    stable = checked(replicas, lambda done: on_step("", done))
    on_start("contacts", looked)
    contacts, notes = contacts_section(replicas, lambda done: on_step("", done))
    notes = (*(note for x in replicas for note in x.looked.notes), *notes)
    found = atom_fluctuations(replicas)
    moved = [distances(x) for x in replicas]
    sections = [
        scene_section(replicas, moved),
        rmsd_section(replicas),
        atoms_section(replicas, found),
        windows_section(replicas),
        torsions_section(replicas),
        contacts,
        checks_section(replicas, stable),
    ]
    if other is not None:
        section, more = reference_section(replicas, other, match)
        sections.append(section)
        notes += more
    records = _records(paths, top)
    first = next(iter(records.values()), {})
    page = Page(
        title=title or _title(replicas[0]),
        lead=_lead(replicas, first),
        names=[x.name for x in replicas],
        tiles=_tiles(replicas, stable, sections),
        trust=str(first.get("trust") or ""),
        warnings=_texts(first.get("warnings")),
        sections=sections,
        drawing=drawing(replicas[0].whole, found.mean(dim=0)),
        legend=legend(found.mean(dim=0)),
        facts=_facts(replicas, first),
        notes=list(dict.fromkeys((*notes, *_texts(first.get("notes"))))),
        records=records,
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
            f"{x.title}: {x.missing} {x.hint}".strip() for x in sections if x.missing
        ),
        notes=tuple(dict.fromkeys(notes)),
    )


def _records(paths: Sequence[Path], top: Path | None) -> dict[str, dict[str, Any]]:
    """Run records by file name; replicas share one."""
    found = {}
    for path in paths:
        record = run_record(path, top)
        if record is not None:
            found[topology_path(path, top).with_suffix(".json").name] = record
    return found


def _title(replica: Replica) -> str:
    """The name of the ligand, and of what it is in."""
    opened = replica.looked
    named = opened.molecule is not None and opened.molecule.HasProp("_Name")
    name = opened.molecule.GetProp("_Name").strip() if named else ""
    where = "" if opened.around is None else f" in {Path(opened.around.source).stem}"
    return (name or opened.loaded.ligand) + where


def _lead(replicas: Sequence[Replica], record: dict[str, Any]) -> str:
    """What was simulated, in a sentence."""
    names = [x.name for x in replicas]
    files = names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"
    heavy = len(replicas[0].whole.start)
    model = _within(record, "dynamics", "system")
    by = f", predicted by {model}" if model else ""
    return f"{files}. A ligand of {heavy} heavy atoms{by}."


def _tiles(
    replicas: Sequence[Replica],
    stable: Sequence[Stability],
    sections: Sequence[Section],
) -> list[Tile]:
    """The few numbers to read first."""
    counts = [x.whole.loaded.n_frames for x in replicas]
    times = replicas[0].whole.loaded.times
    length = f"{float(times[-1]) / 1000:g} ns" if replicas[0].whole.loaded.timed else ""
    many = len(replicas) > 1
    ends = [last_tenth(distances(x)) for x in replicas]
    worst = worst_verdict(stable)
    words = {0: "nothing odd", 1: "something odd", 2: "something broken"}
    tiles = [
        Tile(
            label="Snapshots",
            value=f"{sum(counts):,}",
            more=" · ".join(
                x
                for x in (f"{len(replicas)} trajectories" if many else "", length)
                if x
            ),
        ),
        Tile(
            label="Stability checks",
            value=words[worst],
            more="possible, not proven right" if not worst else "see the checks below",
            tone=VERDICTS[worst],
        ),
        Tile(
            label="Distance from the start",
            value=span(ends, "Å"),
            more="RMSD, mean of the last tenth",
        ),
        Tile(
            label="Most mobile atom",
            value=f"{float(atom_fluctuations(replicas).mean(dim=0).max()):.2f} Å",
            more="RMSF" + (", mean of the trajectories" if many else ""),
        ),
    ]
    kept = [
        last_tenth(check.values)
        for x in stable
        for check in x.checks
        if check.name == "contacts_kept"
    ]
    if kept:
        tiles.append(
            Tile(
                label="Starting contacts kept",
                value=span(kept, "%", 0),
                more="residues touched, last tenth",
            )
        )
    return tiles


def _facts(
    replicas: Sequence[Replica], record: dict[str, Any]
) -> list[tuple[str, str]]:
    """The run in a few lines; the record has all."""
    around = replicas[0].looked.around
    facts = [("Trajectories", ", ".join(x.name for x in replicas))]
    if around is not None:
        facts.append(("Surroundings", around.source))
    if not record:
        return [*facts, ("Run record", "none: not simulated by neuralmd, or moved")]
    model = record.get("model")
    if isinstance(model, dict):
        name, digest = model.get("name"), str(model.get("sha256", ""))
        facts.append(("Weights", f"{name} (SHA-256 {digest[:12]}…)"))
    for label, *keys in (
        ("Model", "dynamics", "system"),
        ("Length, ns", "ns"),
        ("Interval, ps", "interval_ps"),
        ("Seed", "seed"),
        ("Device", "device"),
        ("Finished", "finished"),
        ("neuralmd", "neuralmd_version"),
    ):
        value = _within(record, *keys)
        if value is not None:
            facts.append((label, str(value)))
    inputs = record.get("inputs")
    for kind, file in inputs.items() if isinstance(inputs, dict) else ():
        digest = str(_within(file, "sha256") or "")[:12]
        facts.append((f"Input {kind}", f"{_within(file, 'file')} (SHA-256 {digest}…)"))
    command = record.get("command")
    if isinstance(command, list) and command:
        facts.append(("Command", " ".join(str(x) for x in command)))
    return facts


def _within(held: object, *keys: str) -> object:
    """A value of nested JSON; None where it is not there."""
    for key in keys:
        held = held.get(key) if isinstance(held, dict) else None
    return held


def _texts(held: object) -> list[str]:
    return [str(x) for x in held] if isinstance(held, list) else []
