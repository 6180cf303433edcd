"""Write the Markdown page of a screen: a row per protein, the failures, the cost.

    PYTHONPATH=. python scripts/screen_table.py out docs/results/screen.md

`out` is the folder of a finished `neuralmd screen`; see docs/screen.md.
"""

import argparse
import csv
import json
import statistics
from collections import defaultdict
from pathlib import Path

from neuralmd_cli.screen.journal import Entry, read_entries


def rows(path: Path) -> list[dict[str, str]]:
    """A table as dictionaries."""
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def complex_of(path: str) -> str:
    """The folder of a protein file."""
    return Path(path).parent.name


def protein_table(results: list[dict[str, str]], entries: dict[str, Entry]) -> str:
    """Number of ligands, flags and medians per protein."""
    groups: dict[str, list[dict[str, str]]] = defaultdict(list)
    for row in results:
        groups[complex_of(row["protein"])].append(row)
    lines = [
        "| protein | residues | ligands | flagged | RMSD at the end, Å: median "
        "| largest | contacts kept, %: smallest | RMSF, Å: median | best pose "
        "| s a ligand |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, own in sorted(groups.items()):
        ends = [float(x["rmsd_end_angstrom"]) for x in own]
        kept = [float(x["contacts_kept_percent"]) for x in own]
        rmsf = [float(x["rmsf_mean_angstrom"]) for x in own]
        flagged = sum(1 for x in own if x["flags"])
        seconds = statistics.median(entries[x["id"]].seconds for x in own)
        lines.append(
            f"| {name} | {own[0]['residues']} | {len(own)} | {flagged} "
            f"| {statistics.median(ends):.3f} | {max(ends):.3f} | {min(kept):.0f} "
            f"| {statistics.median(rmsf):.3f} | {own[0]['id']} | {seconds:.1f} |"
        )
    return "\n".join(lines)


def failure_list(failures: list[dict[str, str]]) -> str:
    """Every failure with its reason."""
    if not failures:
        return "None."
    lines = ["| protein | molecule | title | reason |", "|---|---|---|---|"]
    for row in failures:
        reason = row["reason"].replace("|", "\\|")
        lines.append(
            f"| {complex_of(row['protein'])} | {row['record']} | {row['title']} "
            f"| {reason} |"
        )
    return "\n".join(lines)


def page(folder: Path) -> str:
    """The whole page."""
    results, failures = (rows(folder / x) for x in ("results.csv", "failures.csv"))
    record = json.loads((folder / "screen.json").read_text())
    entries = {x.name: x for x in read_entries(folder)}
    cost, settings = record["cost"], record["settings"]
    flags = defaultdict(int)
    for row in results:
        for flag in filter(None, row["flags"].split("; ")):
            flags[flag] += 1
    counted = ", ".join(f"{v} {k}" for k, v in sorted(flags.items())) or "none"
    return f"""# A screen of real complexes

Written by `scripts/screen_table.py` from the folder of

    python scripts/complexes_manifest.py ../shared/data/complexes manifest.csv
    neuralmd screen --manifest manifest.csv -o out --ns {settings["ns"]:g} --jobs 2

{record["ligands"]} ligands of
{len({x["protein"] for x in results})} proteins, {settings["ns"]:g} ns each with
{settings["model"]} ({record["model"]["name"]}), neuralmd {record["neuralmd_version"]}.

**{len(results)} simulated, {record["flagged"]} of them flagged ({counted}),
{len(failures)} failed.** Ranks compare poses of one protein; the table has a row for
each. A clash is most often one of the starting pose (column `warnings` of the results).

How far to trust it: {record["how_far_to_trust"]} What a rank means:
[screen.md](../screen.md).

Cost on {record["device"]}, two processes on two cores that other work kept busy:
{cost["seconds_per_ligand_median"]:.2f} s a ligand (median),
{cost["seconds_per_ligand_largest"]:.1f} s the longest; peak memory
{cost["peak_memory_mb_of_a_worker"]:.0f} MB in a process that computes.

## Proteins

{protein_table(results, entries)}

## Failures

{failure_list(failures)}
"""


def main() -> None:
    """Read the arguments, write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("page", type=Path)
    arguments = parser.parse_args()
    arguments.page.write_text(page(arguments.folder))


if __name__ == "__main__":
    main()
