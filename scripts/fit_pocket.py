"""Fit what a pocket does to its ligand, and make the two default checkpoints.

    python scripts/fit_pocket.py SET.hdf5 [SET.hdf5] --binding-net BINDINGNET \
        --ode weights/neuralmd-ode.safetensors --sde weights/neuralmd-sde.safetensors

On the training part of runs/pocket_split.toml: a seeded search for the constants of
the springs (how their RMSF correlates with MD's, atom by atom), then ridge regression
of the way to the mean pose. Prints what cross-validation over protein families says of
it, springs and ridge given; the test part is not read.
"""

import argparse
import json
import math
import random
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from statistics import fmean, pstdev

import torch
from jaxtyping import Float
from rdkit import Chem
from torch import Tensor

from neuralmd_cli.benchmark.starts import l1_error
from neuralmd_cli.complex import collate
from neuralmd_cli.dataset.recordings import Recordings, open_recordings
from neuralmd_cli.dynamics.constraints import shapes
from neuralmd_cli.models.neuralmd_ode.config import NeuralODEConfig
from neuralmd_cli.models.neuralmd_sde.config import NeuralSDEConfig
from neuralmd_cli.models.pocket.config import PocketConfig, SpringConstants
from neuralmd_cli.models.pocket.push import (
    N_COLUMNS,
    SHAPELY,
    columns,
    relaxations,
    settled_move,
)
from neuralmd_cli.models.pocket.seen import Seen, burial
from neuralmd_cli.models.pocket.springs import swing
from neuralmd_cli.models.pocket.surroundings import Surroundings, surroundings
from neuralmd_cli.recording import Recording
from neuralmd_cli.structure.recorded_molecule import recorded_molecule
from neuralmd_cli.weights.checkpoint import (
    Checkpoint,
    CheckpointMetadata,
    load_checkpoint,
    save_checkpoint,
)
from neuralmd_cli.weights.registry import file_sha256

SPLIT = Path(__file__).resolve().parents[1] / "runs" / "pocket_split.toml"
FAMILIES = (
    ("JAK1", "JAK2", "TYK2"),
    ("BRD4", "TAF12"),
    ("THROMBIN", "UROKINASE"),
    ("CDK2", "CDK8"),
)
"""Left out together in cross-validation; every other target is alone."""
STRIDE = 2
"""Every so many snapshots one start: neighbours are alike in the slow motions."""
SCORED = 6
"""Every so many starts one is scored in cross-validation."""
GAP = 2
"""Snapshots nearer to the start than this do not count to its mean pose."""
PROPOSALS = 250
RIDGE = 0.2
"""In units of the mean square of a scaled column; chosen by cross-validation."""
RIDGES = (0.1, 0.2, 0.4)
LEAST_WAY = 0.02
"""Å²; an atom whose mean squared way is less counts no more than one with this."""
SEARCHED = {
    "torsion": (0.02, 40.0),
    "contact_cutoff": (5.0, 14.0),
    "polar": (0.3, 20.0),
    "isotropy": (0.02, 1.0),
    "background": (0.005, 30.0),
}
"""Ranges of the search, even in the logarithm; `contact` is the unit until the end."""
FIRST = SpringConstants(
    bond=100.0,
    angle=40.0,
    stiff_part=20.0,
    torsion=1.0,
    contact=1.0,
    contact_cutoff=12.0,
    polar=3.0,
    isotropy=0.4,
    background=0.5,
)
SHOWN = 0.92
"""Share of a swing that is left once frames are put in shape and out of clashes: a
choice between what was tried (docs/experiments.md)."""
CAGE = 20.0
"""kT/Å²."""
SPEED, FRICTION = 0.3, 1.3
"""Å/ps and 1/ps: swings of average size are forgotten within some 5 ps, as in MD."""
STEP_PS = 4.0


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One training recording, and its starts."""

    recording: Recording
    molecule: Chem.Mol
    family: str
    starts: tuple[int, ...]
    around: tuple[Surroundings, ...]  # of each start

    @property
    def positions(self) -> Tensor:
        """Of all snapshots, Å."""
        return self.recording.positions

    @property
    def fluctuation(self) -> Tensor:
        """RMSF of each atom, Å."""
        x = self.positions.double()
        return (x - x.mean(dim=0)).square().sum(dim=-1).mean(dim=0).sqrt()

    @cached_property
    def ways(self) -> Float[Tensor, "starts atoms 3"]:
        """From each start to its mean pose, Å."""
        x = self.positions.double()
        return torch.stack(
            [self.later(s).double().mean(dim=0) - x[s] for s in self.starts]
        )

    @cached_property
    def counts(self) -> Float[Tensor, " atoms"]:
        """What each atom counts, 1/Å²: those that hardly move are known better."""
        squares = self.ways.square().sum(dim=-1).mean(dim=0)
        return 1 / squares.clamp(min=LEAST_WAY)

    def later(self, start: int) -> Tensor:
        """The snapshots that a start is fitted to: all others, in both directions."""
        near = torch.arange(len(self.positions)) - start
        return self.positions[near.abs() >= GAP]


def read_sample(file: Recordings, name: str, family: str) -> Sample:
    """A recording and what is around its ligand at each start."""
    recording = file.read(name, "pocket")
    molecule = recorded_molecule(
        recording.atomic_numbers.numpy(),
        recording.positions[0].double().numpy(),
        smiles=str(recording.attributes["smiles"]),
        where=recording.name,
    )
    starts = tuple(range(0, recording.n_frames, STRIDE))
    around = [
        surroundings(collate([recording.complex_at(s)]), [molecule])[0] for s in starts
    ]
    return Sample(
        recording=recording,
        molecule=molecule,
        family=family,
        starts=starts,
        around=tuple(around),
    )


def swings(sample: Sample, constants: SpringConstants) -> Tensor:
    """RMSF of each atom among the springs, mean of two starts, Å."""
    found = []
    for around in (sample.around[0], sample.around[len(sample.around) // 2]):
        covariance = torch.linalg.inv(swing(around, constants))
        found.append(covariance.diagonal().reshape(-1, 3).sum(dim=1))
    return torch.stack(found).mean(dim=0).sqrt()


def agreement(
    samples: Sequence[Sample], constants: SpringConstants
) -> tuple[list[float], list[float]]:
    """Correlation over atoms, and ratio of means, of each recording."""
    correlations, ratios = [], []
    for sample in samples:
        ours, md = swings(sample, constants), sample.fluctuation
        correlations.append(float(torch.corrcoef(torch.stack([ours, md]))[0, 1]))
        ratios.append(float(ours.mean() / md.mean()))
    return correlations, ratios


def search(samples: Sequence[Sample], seed: int) -> SpringConstants:
    """Constants with the best agreement that a random walk finds, then their scale."""
    draw = random.Random(seed)
    best, found = -math.inf, FIRST
    for number in range(PROPOSALS):
        trial = found if not number else proposed(found, draw)
        correlations, ratios = agreement(samples, trial)
        even = pstdev(ratios) / fmean(ratios)
        if fmean(correlations) - 0.3 * even > best:
            best, found = fmean(correlations) - 0.3 * even, trial
    _, ratios = agreement(samples, found)
    scale = (fmean(ratios) * SHOWN) ** 2
    stiff = ("bond", "angle", "stiff_part", "torsion", "contact", "background")
    return replace(found, **{k: round(getattr(found, k) * scale, 4) for k in stiff})


def proposed(constants: SpringConstants, draw: random.Random) -> SpringConstants:
    """The constants with one to three drawn anew."""
    chosen = draw.sample(list(SEARCHED), draw.choice([1, 2, 3]))
    values = {k: math.exp(draw.uniform(*map(math.log, SEARCHED[k]))) for k in chosen}
    return replace(constants, **values)


@dataclass(frozen=True, kw_only=True)
class Regression:
    """Normal equations of the way to the mean pose, atoms by what they count."""

    samples: Sequence[Sample]
    columns: Sequence[Tensor]  # of each sample, [starts, atoms, 3, columns]
    resting: Sequence[Tensor]  # of each sample, [starts, atoms, 3], Å
    scale: Tensor  # of each column

    def weights(self, chosen: Sequence[int], ridge: float) -> Tensor:
        """Weights of the columns that fit these samples, each counting as much."""
        normal = torch.zeros(N_COLUMNS, N_COLUMNS, dtype=torch.float64)
        right = torch.zeros(N_COLUMNS, dtype=torch.float64)
        for k in chosen:
            sample = self.samples[k]
            root = sample.counts.sqrt()[:, None]
            a = (self.columns[k] / self.scale * root[..., None]).reshape(-1, N_COLUMNS)
            y = (sample.ways * root).reshape(-1)
            normal += a.T @ a / len(y) / len(chosen)
            right += a.T @ y / len(y) / len(chosen)
        normal += ridge * torch.eye(N_COLUMNS, dtype=torch.float64)
        solved: Tensor = torch.linalg.solve(normal, right) / self.scale
        return solved

    def skill(self, k: int, weights: Tensor, farthest: float) -> float:
        """Skill of the settled poses, mean over the starts of a sample."""
        sample, values = self.samples[k], []
        moves = settled_move(list(self.columns[k]), weights, farthest)
        for number in range(0, len(sample.starts), SCORED):
            start = sample.starts[number]
            later, x = sample.later(start), sample.positions[start]
            pose = self.whole(k, number, x + moves[number].to(x))
            frozen = l1_error(x.expand_as(later), later)
            best = l1_error(later.mean(dim=0).expand_as(later), later)
            ours = l1_error(pose.expand_as(later), later)
            values.append([frozen - ours, frozen - best])
        gained, possible = (fmean(x) for x in zip(*values, strict=True))
        return gained / possible

    def whole(self, k: int, number: int, pose: Tensor) -> Tensor:
        """A pose with the shape of the start at rest, as it is shown."""
        around, resting = self.samples[k].around[number], self.resting[k][number]
        one = torch.zeros(len(pose), dtype=torch.long)
        shape = shapes([around.stiff], resting, torch.ones(len(pose)), one)
        return shape.restored(pose, resting.to(pose))


def regression(samples: Sequence[Sample], config: PocketConfig) -> Regression:
    """Columns of every start of every sample."""
    every, resting = [], []
    for sample in samples:
        relaxed = [relaxations(x, sample.molecule) for x in sample.around]
        found = [
            columns(x, poses, config)
            for x, poses in zip(sample.around, relaxed, strict=True)
        ]
        every.append(torch.stack(found))
        resting.append(torch.stack([x[SHAPELY] for x in relaxed]))
    squares = [
        (x.square() * sample.counts[:, None, None]).reshape(-1, N_COLUMNS).mean(dim=0)
        for x, sample in zip(every, samples, strict=True)
    ]
    scale = torch.stack(squares).mean(dim=0).sqrt()
    return Regression(samples=samples, columns=every, resting=resting, scale=scale)


def seen(samples: Sequence[Sample]) -> Seen:
    """Ligands and burials of the samples."""
    burials = [burial(x.recording.complex_at(0)) for x in samples]
    return Seen(
        smiles=tuple(str(x.recording.attributes["smiles"]) for x in samples),
        atoms_around=(round(min(burials), 2), round(max(burials), 2)),
    )


def cross_validate(model: Regression, farthest: float) -> dict[str, object]:
    """Skill of each family by weights that never saw it, for several ridges."""
    families = [x.family for x in model.samples]
    rows: dict[str, object] = {}
    for ridge in RIDGES:
        skills = {}
        for family in dict.fromkeys(families):
            seen = [k for k, x in enumerate(families) if x != family]
            weights = model.weights(seen, ridge)
            for k, name in enumerate(families):
                if name == family:
                    skill = model.skill(k, weights, farthest)
                    skills[model.samples[k].recording.name] = round(skill, 3)
        rows[f"ridge {ridge:g}"] = {
            "mean": round(fmean(skills.values()), 4),
            "least": min(skills.values()),
            "each": skills,
        }
    return rows


def checkpoints(
    source: Checkpoint, config: PocketConfig, weights: Tensor
) -> Mapping[str, tuple[dict[str, object], dict[str, Tensor]]]:
    """Config and tensors of both systems, around one BindingNet."""
    ode = NeuralODEConfig.from_dict(dict(source.metadata.config))
    ode = replace(
        ode,
        step_ps=STEP_PS,
        friction_per_ps=FRICTION,
        thermal_speed=SPEED,
        pocket=config,
    )
    sde = NeuralSDEConfig(
        binding_net=ode.binding_net,
        step_ps=STEP_PS,
        velocity_rule="thermal",
        friction_per_ps=FRICTION,
        tether_per_ps2=ode.tether_per_ps2,
        reach=ode.reach,
        thermal_speed=SPEED,
        noise_network=False,
        trained_elements=ode.trained_elements,
        pocket=config,
    )
    tensors = {k: v for k, v in source.tensors.items() if k.startswith("binding_net.")}
    tensors["pocket.weights"] = weights.float()
    return {
        "neuralmd-ode": (ode.to_dict(), tensors),
        "neuralmd-sde": (sde.to_dict(), tensors),
    }


def main() -> None:
    """Fit and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--binding-net", type=Path, required=True)
    parser.add_argument("--ode", type=Path, required=True)
    parser.add_argument("--sde", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(1)
    source = load_checkpoint(options.binding_net)
    opened = [open_recordings(x) for x in options.files]
    places = {name: x for x in opened for name in x.names}
    split = tomllib.loads(SPLIT.read_text())
    families = {x: family for family in FAMILIES for x in family}
    samples = [
        read_sample(places[x], x, "/".join(families.get(x, (x,))))
        for x in split["train"]
    ]
    halves = [sorted({x.family for x in samples})[k::2] for k in (0, 1)]
    for half in halves:
        inside = [x for x in samples if x.family in half]
        outside = [x for x in samples if x.family not in half]
        found = search(inside, options.seed)
        for label, part in (("fitted", inside), ("held out", outside)):
            correlations, ratios = agreement(part, found)
            row = {"r": fmean(correlations), "ratio": fmean(ratios)}
            print(json.dumps({"springs, half of the families": label, **row}))
    springs = search(samples, options.seed)
    correlations, ratios = agreement(samples, springs)
    print(json.dumps({"springs": asdict(springs), "r": fmean(correlations)}))
    config = PocketConfig(springs=springs, cage=CAGE, seen=seen(samples))
    model = regression(samples, config)
    validated = cross_validate(model, config.farthest)
    print(json.dumps(validated))
    weights = model.weights(range(len(samples)), RIDGE)
    for name, (described, tensors) in checkpoints(source, config, weights).items():
        output = options.ode if name == "neuralmd-ode" else options.sde
        metadata = CheckpointMetadata(
            name=name,
            model=name,
            config=described,
            training_data={x.name: file_sha256(x) for x in options.files}
            | {options.binding_net.name: source.sha256},
            training_command="python scripts/fit_pocket.py",
            training_seed=options.seed,
            metrics={
                "cross_validated_skill": validated[f"ridge {RIDGE:g}"]["mean"],
                "training_rmsf_correlation": round(fmean(correlations), 4),
            },
        )
        print(output, save_checkpoint(output, tensors, metadata))


if __name__ == "__main__":
    main()
