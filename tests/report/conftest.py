"""A report of two short runs whose every name tries to become part of the page."""

import json
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from rdkit import Chem

from neuralmd_cli.report.write import ReportWritten, write_report
from tests.scenes import heavy_start, write_run

EXAMPLE = Path(__file__).parents[2] / "examples" / "nik"
HOSTILE = "</script><script>window.hacked=1</script><img src=x onerror=hacked=2>"


@dataclass(frozen=True, kw_only=True)
class Made:
    """The page, what the writer said of it, and the runs it is about."""

    page: Path
    written: ReportWritten
    runs: list[Path]

    @property
    def text(self) -> str:
        return self.page.read_text(encoding="utf-8")


def nik_run(folder: Path, name: str, shift: float, n: int = 8) -> Path:
    """The example's ligand, wandering off by `shift` Å a snapshot."""
    ligand = Chem.MolFromMolFile(str(EXAMPLE / "ligand_13v.sdf"), removeHs=False)
    ligand.SetProp("_Name", HOSTILE)
    frames = heavy_start(ligand).repeat(n, 1, 1)
    wander = torch.tensor([1.0, 0.2, -0.4]) * shift
    frames += wander * torch.arange(n).sqrt()[:, None, None]
    path = write_run(folder, frames, ligand, protein=EXAMPLE / "nik.pdb", name=name)
    record = path.with_suffix(".json")
    held = json.loads(record.read_text())
    held |= {"warnings": [HOSTILE], "trust": HOSTILE, "notes": [HOSTILE]}
    record.write_text(json.dumps(held))
    return path


@pytest.fixture(scope="session")
def made(tmp_path_factory) -> Made:
    """Two runs, the first also the reference."""
    folder = tmp_path_factory.mktemp("report")
    runs = [
        nik_run(folder, "still<b>1", 0.01),
        nik_run(folder, "gone&amp;'2\"", 0.3),
    ]
    page = folder / "page.html"
    written = write_report(runs, page, reference=runs[0])
    return Made(page=page, written=written, runs=runs)
