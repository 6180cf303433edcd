"""Every measure of the default weights on one set of recordings.

    python scripts/score_defaults.py SET.hdf5 --ode W --sde W -o FILE [--stamp]
    python scripts/score_defaults.py SET.hdf5 --systems W [W ...]

Writes JSON, and prints the tables of the model cards. Scoring a test part and then
choosing by it spoils it. All scores are in the pocket's frame.

Single start: from snapshots 0, 10, 20, 30 and 40, everything later is scored. Observed:
20 snapshots seen, 80 scored, and 80 seen, 20 scored. Replicas: 32 from snapshot 0.
Of other systems each measure is one number, the mean over complexes, by 8 replicas;
--starts and --replicas make that quicker for slow ones.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean

import numpy as np
import torch
from rdkit import Chem
from torch import Tensor

from neuralmd_cli.analysis.validity import CLASH_SHARE
from neuralmd_cli.benchmark.starts import l1_error
from neuralmd_cli.complex import collate
from neuralmd_cli.dataset.recordings import Recordings, open_recordings
from neuralmd_cli.errors import NeuralMDError, SimulationError
from neuralmd_cli.models.registry import SYSTEMS
from neuralmd_cli.models.system import Settings, Start, System
from neuralmd_cli.recording import Recording
from neuralmd_cli.structure.recorded_molecule import recorded_molecule
from neuralmd_cli.units import PS_PER_NS
from neuralmd_cli.weights.checkpoint import load_checkpoint, save_checkpoint
from neuralmd_cli.weights.model import load_model

STARTS = (0, 10, 20, 30, 40)
REPLICAS = 32
FEWER_REPLICAS = 8
LOST = 100.0
"""Å of mean error, beyond which a rollout has lost the ligand."""
BOND_MARGIN, ANGLE_MARGIN = 0.05, 10.0
"""Å and degrees beyond the reference's own range."""
INTERVAL = (0.05, 0.95)


@dataclass(frozen=True, kw_only=True)
class Case:
    """A recording in the frame of its pocket, and its ligand with bond orders."""

    recording: Recording
    molecule: Chem.Mol


def read_case(file: Recordings, name: str) -> Case:
    """One recording of a file."""
    recording = file.read(name, "pocket")
    molecule = recorded_molecule(
        recording.atomic_numbers.numpy(),
        recording.positions[0].double().numpy(),
        smiles=str(recording.attributes["smiles"]),
        where=f"{file.path.name}: {name}",
    )
    return Case(recording=recording, molecule=molecule)


def predicted(
    system: System,
    case: Case,
    last: int,
    frames: int,
    *,
    seen: int = 1,
    replicas: int = 1,
    settings: Settings | None = None,
) -> Tensor:
    """Positions [replicas, frames, atoms, 3], Å, after snapshot `last`."""
    recording = case.recording
    complex_, centre = recording.complex_at(last).centred()
    x = recording.positions[last + 1 - seen : last + 1] - centre
    spacing = recording.spacing_ps
    start = Start(
        batch=collate([complex_] * replicas),
        generators=[torch.Generator().manual_seed(k) for k in range(replicas)],
        displacement=None if seen == 1 else (x[-1] - x[-2]).repeat(replicas, 1),
        spacing_ps=spacing,
        observed=x.repeat(1, replicas, 1),
        molecules=[case.molecule] * replicas,
    )
    times = [k * spacing for k in range(1, frames + 1)]
    with torch.no_grad():
        settled = system.settled(settings or Settings())
        states = list(system.rollout(start, times, settled))
    every = torch.stack([p for _, p in states]) + centre
    return every.reshape(frames, replicas, -1, 3).transpose(0, 1)


def errors(ours: Tensor, later: Tensor, last: Tensor) -> dict[str, float]:
    """L1 errors (Å) of a prediction, of standing still and of the later mean."""
    return {
        "model": l1_error(ours, later),
        "frozen": l1_error(last.expand_as(later), later),
        "mean_pose": l1_error(later.mean(dim=0).expand_as(later), later),
    }


def skill(values: dict[str, float], which: str = "model") -> float:
    """0 for standing still, 1 for the later mean."""
    gained = values["frozen"] - values[which]
    return gained / (values["frozen"] - values["mean_pose"])


def single(
    system: System, case: Case, starts: Sequence[int] = STARTS
) -> dict[str, float]:
    """Errors from one snapshot, mean over the starts."""
    x, rows = case.recording.positions, []
    for last in starts:
        later = x[last + 1 :]
        ours = predicted(system, case, last, len(later))[0]
        rows.append(errors(ours, later, x[last]))
    return {k: float(np.mean([r[k] for r in rows])) for k in rows[0]}


def observed(system: System, case: Case, seen: int) -> dict[str, float]:
    """Errors after several snapshots, the plain mean of them beside."""
    x = case.recording.positions
    later = x[seen:]
    ours = predicted(system, case, seen - 1, len(later), seen=seen)[0]
    mean = x[:seen].mean(dim=0).expand_as(later)
    return errors(ours, later, x[seen - 1]) | {"observed_mean": l1_error(mean, later)}


def fluctuation(
    system: System, case: Case, replicas: int = REPLICAS
) -> dict[str, float]:
    """What replicas from the first snapshot say of the motion of the recording."""
    x = case.recording.positions
    ours = predicted(system, case, 0, len(x) - 1, replicas=replicas)
    md = rmsf(x[None])
    model = rmsf(ours)
    moved = (ours - x[0]).norm(dim=-1)
    # All times together: 32 replicas alone tell little of their own 5 % tails.
    low, high = np.quantile(moved.flatten(0, 1).numpy(), INTERVAL, axis=0)
    real = (x[1:] - x[0]).norm(dim=-1).numpy()
    return {
        "rmsf_md": float(md.mean()),
        "rmsf_model": float(model.mean()),
        "rmsf_correlation": float(torch.corrcoef(torch.stack([md, model]))[0, 1]),
        "coverage_percent": 100 * float(((real >= low) & (real <= high)).mean()),
        **geometry(ours.flatten(0, 1), case),
    }


def rmsf(positions: Tensor) -> Tensor:
    """Per atom, Å, about each replica's own mean."""
    x = positions.double()
    about = x - x.mean(dim=1, keepdim=True)
    return about.square().sum(dim=-1).mean(dim=(0, 1)).sqrt()


def geometry(positions: Tensor, case: Case) -> dict[str, float]:
    """Share of snapshots (%) in which the ligand is the molecule it was."""
    recording, molecule = case.recording, case.molecule
    table = Chem.GetPeriodicTable()

    def bonds(x: Tensor) -> Tensor:
        first, second = recording.bonds.unbind(dim=1)
        return (x[:, first] - x[:, second]).norm(dim=-1)

    triples = torch.tensor(
        molecule.GetSubstructMatches(Chem.MolFromSmarts("*~*~*"), maxMatches=100_000)
    )

    def angles(x: Tensor) -> Tensor:
        a, b, c = (x[:, triples[:, k]] for k in range(3))
        u, v = a - b, c - b
        cosine = (u * v).sum(dim=-1) / (u.norm(dim=-1) * v.norm(dim=-1))
        return cosine.clamp(-1, 1).arccos().rad2deg()

    def inside(ours: Tensor, reference: Tensor, margin: float) -> Tensor:
        low = reference.amin(dim=0) - margin
        high = reference.amax(dim=0) + margin
        return ((ours >= low) & (ours <= high)).all(dim=1)

    x = recording.positions
    whole = inside(bonds(positions), bonds(x), BOND_MARGIN)
    whole &= inside(angles(positions), angles(x), ANGLE_MARGIN)
    handed = torch.tensor([same_hand(molecule, one) for one in positions[::10]])
    around, numbers = recording.obstacle_positions[0], recording.obstacle_numbers
    radii = [table.GetRvdw(int(z)) for z in recording.atomic_numbers]
    others = [table.GetRvdw(int(z)) for z in numbers]
    closest = CLASH_SHARE * (torch.tensor(radii)[:, None] + torch.tensor(others))
    clear = torch.tensor(
        [bool((torch.cdist(one, around) >= closest).all()) for one in positions]
    )
    return {
        "shape_percent": 100 * float(whole.double().mean()),
        "chirality_percent": 100 * float(handed.double().mean()),
        "clear_percent": 100 * float(clear.double().mean()),
        "sound_percent": 100 * float((whole & clear).double().mean()),
    }


def same_hand(molecule: Chem.Mol, positions: Tensor) -> bool:
    """True if the stereocentres are what they were."""
    found = Chem.Mol(molecule)
    before = Chem.Mol(molecule)
    found.GetConformer().SetPositions(positions.double().numpy())
    for one in (found, before):
        Chem.AssignStereochemistryFrom3D(one)
    return Chem.MolToSmiles(found) == Chem.MolToSmiles(before)


def interval(values: Sequence[float]) -> tuple[float, float]:
    """Bootstrap 95 % interval of the mean over complexes."""
    drawn = np.random.default_rng(0).choice(values, (10_000, len(values)))
    low, high = np.quantile(drawn.mean(axis=1), [0.025, 0.975])
    return float(low), float(high)


def row(name: str, values: Sequence[float]) -> str:
    """A line of a table."""
    return f"| {name} | " + " | ".join(f"{x:.2f}" for x in values) + " |"


def print_tables(scores: dict[str, dict[str, dict[str, float]]]) -> None:
    """Per complex, and means with intervals."""
    heads = ["skill", "relaxed", "20 to 80", "its mean", "80 to 20", "its mean"]
    heads += ["RMSF r", "RMSF ratio", "coverage, %", "shape, %", "clear, %"]
    print("| complex | " + " | ".join(heads) + " |")
    print("|---" * (len(heads) + 1) + "|")
    table = []
    for name, one in scores.items():
        values = [skill(one["single"]), skill(one["relaxed"])]
        for seen in ("observed_20", "observed_80"):
            values += [skill(one[seen]), skill(one[seen], "observed_mean")]
        swing = one["replicas"]
        values += [
            swing["rmsf_correlation"],
            swing["rmsf_model"] / swing["rmsf_md"],
            swing["coverage_percent"],
            swing["shape_percent"],
            swing["clear_percent"],
        ]
        table.append(values)
        print(row(name, values))
    print(row("mean", np.mean(table, axis=0)))
    every = np.array(table)
    for label, column in (
        ("skill", every[:, 0]),
        ("skill less relaxed", every[:, 0] - every[:, 1]),
        ("20 to 80, less observed mean", every[:, 2] - every[:, 3]),
        ("80 to 20, less observed mean", every[:, 4] - every[:, 5]),
        ("RMSF r", every[:, 6]),
    ):
        low, high = interval(column)
        print(f"{label}: {column.mean():.3f} ({low:.3f} to {high:.3f})")


def print_systems(
    paths: Sequence[Path],
    cases: Sequence[Case],
    starts: Sequence[int],
    replicas: int,
) -> None:
    """One line per checkpoint; a complex whose ligand it loses is in no mean."""
    heads = ["skill", "20 to 80, less its mean", "80 to 20, likewise", "RMSF r"]
    heads += ["RMSF ratio", "coverage, %", "shape, %", "clear, %"]
    print("| system | failed | " + " | ".join(heads) + " |")
    print("|---" * (len(heads) + 2) + "|")
    for path in paths:
        system, rows = load_model(path).system, []
        for case in cases:
            try:
                rows.append(measures(system, case, starts, replicas))
            except NeuralMDError as error:
                print(f"{path}: {case.recording.name}: {error}", file=sys.stderr)
        columns = [[r[k] for r in rows if np.isfinite(r[k])] for k in range(len(heads))]
        cells = [f"{fmean(x):.2f}" if x else "-" for x in columns]
        failed = len(cases) - len(rows)
        print(f"| {system.name} | {failed} | " + " | ".join(cells) + " |", flush=True)


def measures(
    system: System, case: Case, starts: Sequence[int], replicas: int
) -> list[float]:
    """The columns of one complex; NaN where there is nothing to measure.

    Raises:
        SimulationError: the ligand is lost.
    """
    one = single(system, case, starts)
    if not one["model"] < LOST:
        raise SimulationError("The ligand is lost.", hint="Train it for longer.")
    seen = [observed(system, case, k) for k in (20, 80)]
    leads = [skill(x) - skill(x, "observed_mean") for x in seen]
    swing = fluctuation(system, case, replicas)
    ratio = swing["rmsf_model"] / swing["rmsf_md"]
    kept = ("coverage_percent", "shape_percent", "clear_percent")
    moves = [swing["rmsf_correlation"], ratio, *(swing[x] for x in kept)]
    return [skill(one), *leads, *moves]


def ode_metrics(scores: dict[str, dict[str, dict[str, float]]]) -> dict[str, float]:
    """What a run says about how far to trust it."""
    single = [x["single"] for x in scores.values()]
    skills = [skill(x) for x in single]
    low, high = interval(skills)
    return {
        "test_skill": fmean(skills),
        "test_skill_low": low,
        "test_skill_high": high,
        "test_complexes": float(len(skills)),
        "test_mae_angstrom": fmean(x["model"] for x in single),
        "test_mae_frozen_angstrom": fmean(x["frozen"] for x in single),
        "test_mae_mean_pose_angstrom": fmean(x["mean_pose"] for x in single),
        "test_skill_relaxed": fmean(skill(x["relaxed"]) for x in scores.values()),
    }


def sde_metrics(scores: dict[str, dict[str, dict[str, float]]]) -> dict[str, float]:
    """How well its motion has the size and the places of the reference's."""
    every = [x["replicas"] for x in scores.values()]
    return {
        "test_rmsf_complexes": float(len(every)),
        "test_rmsf_correlation": fmean(x["rmsf_correlation"] for x in every),
        "test_rmsf_ratio": fmean(x["rmsf_model"] / x["rmsf_md"] for x in every),
        "test_coverage_percent": fmean(x["coverage_percent"] for x in every),
        "test_sound_percent": fmean(x["sound_percent"] for x in every),
    }


def stamp(path: Path, metrics: dict[str, float]) -> None:
    """Write scores into a checkpoint; tensors and config stay."""
    checkpoint = load_checkpoint(path)
    rounded = {k: round(v, 4) for k, v in metrics.items()}
    kept = dict(checkpoint.metadata.metrics) | rounded
    metadata = replace(checkpoint.metadata, metrics=kept)
    print(path, save_checkpoint(path, checkpoint.tensors, metadata))


def main() -> None:
    """Score and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--names", nargs="*", help="only these")
    parser.add_argument("--ode", type=Path)
    parser.add_argument("--sde", type=Path)
    parser.add_argument("--systems", type=Path, nargs="+", help="others, by the means")
    parser.add_argument("--starts", type=int, nargs="+", default=STARTS)
    parser.add_argument("--replicas", type=int, default=FEWER_REPLICAS)
    parser.add_argument("-o", "--output", type=Path)
    parser.add_argument(
        "--stamp", action="store_true", help="write the means into both checkpoints"
    )
    options = parser.parse_args()
    torch.set_num_threads(1)
    opened = [open_recordings(x) for x in options.files]
    places = [(x, name) for x in opened for name in x.names]
    if options.systems:
        cases = [read_case(*x) for x in places]
        print_systems(options.systems, cases, options.starts, options.replicas)
        return
    ode, sde = load_model(options.ode), load_model(options.sde)
    relaxed = SYSTEMS["relaxed"].from_config({})
    scores, lengths = {}, []
    for file, name in places:
        if options.names and name not in options.names:
            continue
        case = read_case(file, name)
        lengths.append(case.recording.n_frames * case.recording.spacing_ps / PS_PER_NS)
        scores[name] = {
            "single": single(ode.system, case),
            "relaxed": single(relaxed, case),
            "observed_20": observed(ode.system, case, 20),
            "observed_80": observed(ode.system, case, 80),
            "replicas": fluctuation(sde.system, case),
        }
    print_tables(scores)
    if options.output is not None:
        hashes = {"ode": ode.sha256, "sde": sde.sha256}
        options.output.write_text(
            json.dumps({"weights": hashes, "scores": scores}, indent=1) + "\n"
        )
    if options.stamp:
        length = {"test_ns": fmean(lengths)}
        stamp(options.ode, ode_metrics(scores) | length)
        stamp(options.sde, sde_metrics(scores) | length)


if __name__ == "__main__":
    main()
