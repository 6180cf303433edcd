"""Write a manifest for `neuralmd screen` of a folder of complexes.

    python scripts/complexes_manifest.py ../shared/data/complexes out/manifest.csv

One line per folder that holds `protein.pdb`: its series of ligands if there is one,
else its `ligand.sdf`, which is a member of the series. Paths are relative to the
manifest.
"""

import argparse
import csv
import os
from pathlib import Path

SERIES, SINGLE = "ligand_series_am1bcc.sdf", "ligand.sdf"


def lines(complexes: Path, beside: Path) -> list[dict[str, str]]:
    """Protein, ligands and name of each complex, in order of name."""
    found = []
    for folder in sorted(x.parent for x in complexes.glob("*/protein.pdb")):
        series = folder / SERIES
        ligand = series if series.exists() else folder / SINGLE
        paths = {"protein": folder / "protein.pdb", "ligand": ligand}
        relative = {k: os.path.relpath(v, beside) for k, v in paths.items()}
        found.append(relative | {"name": folder.name})
    return found


def main() -> None:
    """Read the arguments, write the manifest."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("complexes", type=Path)
    parser.add_argument("manifest", type=Path)
    arguments = parser.parse_args()
    arguments.manifest.parent.mkdir(parents=True, exist_ok=True)
    with arguments.manifest.open("w", newline="") as file:
        writer = csv.DictWriter(file, ("protein", "ligand", "name"))
        writer.writeheader()
        writer.writerows(lines(arguments.complexes, arguments.manifest.parent))


if __name__ == "__main__":
    main()
