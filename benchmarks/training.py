"""Speed and memory of training on one trajectory, and what larger sets would take.

    python benchmarks/training.py [--device cuda] [--atoms 30] [--residues 300]

Prints JSON: epochs per second of a single-trajectory training (80 snapshots, batch 8)
with the protein encoded once per step, and the ratios to the same training on the
plain path (the equations as they are written, the protein once per step too), and
with every window's protein encoded again at every network evaluation, from rest and
with thermal velocities (from rest two evaluations are of the same positions, and the
engine makes one of them; the recipe draws either for each step); seconds per epoch and
peak memory at batch 8 with a protein of its own for every window, extrapolated to
MISATO's sets.
The trajectories are synthetic, with the density of a real complex.
"""

import argparse
import json
import os
import platform
import resource
import sys
import time
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace

import torch
from jaxtyping import Float
from rollout import synthetic_complex
from torch import Tensor

from neuralmd_cli.bindingnet.config import BindingNetConfig
from neuralmd_cli.bindingnet.model import BindingNet
from neuralmd_cli.bindingnet.protein import EncodedProtein
from neuralmd_cli.complex import Batch
from neuralmd_cli.graph import slots
from neuralmd_cli.models.neuralmd_ode.system import NeuralODE
from neuralmd_cli.models.system import VelocityRule
from neuralmd_cli.recording import Recording
from neuralmd_cli.training.group import Group
from neuralmd_cli.training.optimiser import make_optimiser
from neuralmd_cli.training.recipe import Recipe
from neuralmd_cli.training.statistics import statistics
from neuralmd_cli.training.step import gradient_step
from neuralmd_cli.training.windows import Place

RULES: tuple[VelocityRule, ...] = ("zero", "thermal")
WAYS = ("engine", "plain", "again")
TRAINING_COMPLEXES = {"misato-100": 80, "misato-1000": 800, "misato-all": 13066}
SNAPSHOTS, SPACING_PS = 80, 80.0


class AsWritten(BindingNet):
    """BindingNet on the plain path, which all but the class itself take."""


class EncodingAgain(BindingNet):
    """BindingNet as a plain translation of the equations: nothing is kept."""

    def encode_protein(self, batch: Batch) -> EncodedProtein:
        """Only look which proteins there are; `forces` encodes them."""
        self.proteins = replace(batch, same_protein=())
        nothing = batch.ca.new_zeros(0, 3)
        return EncodedProtein(
            ca=nothing,
            features=nothing.new_zeros(0, self.config.channels),
            frames=nothing.new_zeros(0, 3, 3),
            slots=slots(batch.residue_complex[:0], batch.n_complexes),
        )

    def forces(
        self,
        batch: Batch,
        positions: Float[Tensor, "atoms 3"],
        protein: EncodedProtein,
        condition: Float[Tensor, "atoms channels"] | None = None,
    ) -> Float[Tensor, "atoms 3"]:
        """Encode every protein of the batch, then evaluate."""
        encoded = super().encode_protein(self.proteins)
        return super().forces(batch, positions, encoded, condition)


def evaluated_by(kind: type[BindingNet], model: NeuralODE) -> NeuralODE:
    """The same model, its network another class with the same weights."""
    net = kind(model.config.binding_net)
    net.load_state_dict(model.binding_net.state_dict())
    other = deepcopy(model)
    other.binding_net = net
    return other


def synthetic_recording(atoms: int, residues: int) -> Recording:
    """The synthetic complex, its ligand shaking about its pose."""
    complex_ = synthetic_complex(atoms, residues)
    ligand, protein = complex_.ligand, complex_.protein
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(SNAPSHOTS, atoms, 3, generator=generator)
    backbone = torch.stack([protein.n, protein.ca, protein.c], dim=1)
    return Recording(
        name="SYNTHETIC",
        spacing_ps=SPACING_PS,
        atomic_numbers=ligand.atomic_numbers,
        bonds=ligand.bonds,
        positions=ligand.positions + 0.1 * noise,
        backbone=backbone.expand(SNAPSHOTS, -1, -1, -1),
        residue_types=protein.residue_types,
        segments=protein.segments,
        obstacle_positions=torch.zeros(SNAPSHOTS, 0, 3),
        obstacle_numbers=torch.zeros(0, dtype=torch.long),
    )


class Timed:
    """A training that can be timed step by step."""

    def __init__(
        self,
        model: NeuralODE,
        batch: Sequence[Recording],
        recipe: Recipe,
        place: Place,
    ) -> None:
        self.model = model.to(place.device, place.dtype)
        self.batch, self.recipe, self.place = batch, recipe, place
        self.optimiser = make_optimiser(recipe, self.model.parameters())
        self.generator = torch.Generator().manual_seed(0)
        self.best = float("inf")

    def step(self) -> None:
        """One more step; the quickest counts.

        CPU seconds on a CPU: other work on the machine does not count then.
        """
        on_gpu = self.place.device.type == "cuda"
        clock = time.perf_counter if on_gpu else time.process_time
        started = clock()
        gradient_step(
            self.model,
            self.optimiser,
            self.batch,
            recipe=self.recipe,
            pull=False,
            generator=self.generator,
            place=self.place,
            group=Group(),
        )
        if on_gpu:
            torch.cuda.synchronize()
        self.best = min(self.best, clock() - started)


def peak_mb(device: torch.device) -> int:
    """Peak memory of the process, or of the GPU, in MB."""
    if device.type == "cuda":
        return round(torch.cuda.max_memory_allocated() / 2**20)
    scale = 1 if sys.platform == "darwin" else 1024
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale / 2**20)


def epochs(engine: Timed, plain: Timed, again: Timed, steps: int) -> dict[str, float]:
    """Seconds of an epoch each way."""
    return {
        "seconds_per_epoch_of_80_windows": round(engine.best * steps, 2),
        "seconds_on_the_plain_path": round(plain.best * steps, 2),
        "seconds_with_protein_encoded_every_time": round(again.best * steps, 2),
        "ratio_to_plain_path": round(plain.best / engine.best, 2),
        "ratio_to_protein_encoded_every_time": round(again.best / engine.best, 2),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--atoms", type=int, default=30)
    parser.add_argument("--residues", type=int, default=300)
    parser.add_argument("--steps", type=int, default=4, help="of the solver")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--precision", default="float32", choices=["float32", "bf16"])
    options = parser.parse_args()
    place = Place(device=torch.device(options.device), dtype=torch.float32)
    recording = synthetic_recording(options.atoms, options.residues)
    recipe = Recipe(
        window=float(options.steps),
        streams="each",
        precision=options.precision,
    )
    batch = [recording] * recipe.batch_complexes
    torch.manual_seed(0)
    model = NeuralODE.for_data(statistics([recording]), BindingNetConfig(), {})
    own = Timed(model, batch, replace(recipe, velocity_rules=("thermal",)), place)
    own.step()
    memory = peak_mb(place.device)
    timed = {"own": own}
    for rule in RULES:
        one = replace(recipe, protein="first", velocity_rules=(rule,))
        timed[f"{rule} engine"] = Timed(deepcopy(model), batch, one, place)
        for name, kind in {"plain": AsWritten, "again": EncodingAgain}.items():
            other = evaluated_by(kind, model)
            timed[f"{rule} {name}"] = Timed(other, batch, one, place)
    for _ in range(options.rounds):
        for each in timed.values():
            each.step()
    multi = own.best
    steps = -(-SNAPSHOTS // recipe.batch_complexes)
    print(
        json.dumps(
            {
                "machine": platform.processor() or platform.machine(),
                "device": str(place.device),
                "precision": options.precision,
                "threads": torch.get_num_threads(),
                "torch": torch.__version__,
                "atoms": options.atoms,
                "residues": options.residues,
                "batch": recipe.batch_complexes,
                "evaluations_per_window": options.steps,
                "load": round(os.getloadavg()[0], 1),
                "single_trajectory": {
                    rule: epochs(*(timed[f"{rule} {x}"] for x in WAYS), steps)
                    for rule in RULES
                },
                "multi_trajectory": {
                    "seconds_per_step": round(multi, 3),
                    "peak_memory_mb": memory,
                    "seconds_per_epoch_of_one_window_each": {
                        name: round(multi * n / recipe.batch_complexes, 1)
                        for name, n in TRAINING_COMPLEXES.items()
                    },
                },
            },
            indent=2,
        )
    )


if __name__ == "__main__":
    main()
