"""Every golden of an imported checkpoint, computed as `simulate` would.

Shared by the tests and by scripts/golden_parity.py, which prints all of it.
"""

from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import numpy as np
import torch

from neuralmd_cli.bindingnet.config import BindingNetConfig, NeighbourCap
from neuralmd_cli.bindingnet.ligand import LigandEncoder
from neuralmd_cli.bindingnet.published import rename_published
from neuralmd_cli.graph import slots
from neuralmd_cli.models.system import Settings, Start, TrainableSystem
from neuralmd_cli.weights.model import load_model
from neuralmd_cli.weights.published import import_published
from tests.golden import SUFFIX, error, golden_batch, golden_state, golden_velocity
from tests.published import write_published

SYSTEMS = {
    "binding01_single": "neuralmd-ode",
    "binding01_multi": "neuralmd-ode",
    "binding02_multi": "neuralmd-sde",
    "binding04_single": "neuralmd-sde",
    "verletmd": "verletmd",
    "gnnmd": "gnnmd",
    "denoisingld": "denoisingld",
}
"""The models of the goldens, and what each is to us."""
SCHEMES = {  # step and scaling as training flags, and the solver
    "euler_h1": (1, 1, "euler"),
    "euler_h0.5": (0.5, 1, "euler"),
    "euler_h0.25": (0.25, 1, "euler"),
    "rk4_h1": (1, 1, "rk4"),
    "euler_h1_scaling100": (1, 100, "euler"),
    "": None,  # moves, not steps
}
HALVES = ("euler_h1", "euler_h0.5", "euler_h0.25")
ROLLOUTS = {
    "binding01_multi": (*HALVES, "rk4_h1"),
    "binding01_single": (*HALVES, "euler_h1_scaling100"),
    "binding02_multi": ("euler_h1",),
    "binding04_single": ("euler_h1_scaling100",),
    "verletmd": ("",),
    "gnnmd": ("",),
}
SNAPSHOT_PS = 80.0


def complexes_of(name: str) -> str:
    """The complexes that a model runs: binding04's noise belongs to the atoms of A."""
    return "A" if name.endswith("binding04_single") else "ABC"


def imported(folder: Path, goldens: Path, name: str, scheme: str) -> TrainableSystem:
    """Write a golden state dict as the authors' file, import it, load the result."""
    plain = name.removeprefix("tiny_")
    flags, system = "--seed=42", SYSTEMS[plain]
    if plain.startswith("binding"):
        step, scaling, method = SCHEMES[scheme] or (1, 1, "euler")
        flags = (
            f"--NeuralMD_step_size={step} --NeuralMD_scaling={scaling} "
            f"--ODE_method={method}"
        )
        if "01_multi" in plain:
            flags += " --NeuralMD_velocity_refined_value_coefficient=1"
    model, text = write_published(folder, golden_state(goldens, name), flags)
    output = folder / "imported.safetensors"
    made = import_published(
        model,
        output,
        hyperparameters=text,
        system=None if plain.startswith("binding") else system,
    )
    assert made.system == system
    return load_model(output).system


class Goldens:
    """The golden arrays of a model, full size or tiny."""

    def __init__(self, folder: Path, name: str, dtype: torch.dtype) -> None:
        self.plain = name.removeprefix("tiny_")
        self.dtype = dtype
        tiny = name.startswith("tiny_")
        files = ("tiny_golden", "tiny_rollouts") if tiny else GOLDEN_FILES
        self.arrays = {}
        for file in files:
            with closing(np.load(folder / f"{file}.npz")) as content:
                self.arrays |= {k: content[k] for k in content if self._is_mine(k)}

    def _is_mine(self, key: str) -> bool:
        modules = ("ligand.", "protein.", "complex.", "complex_energy.")
        return key.removeprefix("rollout.").startswith((f"{self.plain}.", *modules))

    def __getitem__(self, key: str) -> np.ndarray:
        return self.arrays[f"{key}.{SUFFIX[self.dtype]}"]

    def drawn(self, key: str) -> torch.Tensor:
        """The noise that the authors' code was given."""
        return torch.from_numpy(self.arrays[key]).to(self.dtype)


GOLDEN_FILES = ("golden_modules", "golden_rollouts")


def module_errors(
    model: TrainableSystem, goldens: Path, name: str, complex_name: str
) -> dict[str, float]:
    """Error of each module and derivative on one complex, by the golden's key."""
    dtype = next(model.parameters()).dtype
    golden = Goldens(goldens, name, dtype)
    with torch.no_grad():
        ours = dict(_outputs(model, golden, goldens, complex_name))
    return {key: error(value, golden[key]) for key, value in ours.items()}


def _outputs(
    model: TrainableSystem, golden: Goldens, goldens: Path, letter: str
) -> Iterator[tuple[str, torch.Tensor]]:
    dtype, key = golden.dtype, f"{golden.plain}.{letter}"
    batch = golden_batch(goldens, letter, dtype)
    rows = slots(batch.atom_complex, 1)
    net = model.binding_net
    ligand = net.ligand(batch.atomic_numbers, batch.positions, rows)
    protein = net.encode_protein(batch)
    yield f"ligand.{letter}.energy", net.ligand.energies(ligand, batch.atom_complex, 1)
    yield f"ligand.{letter}.forces", ligand.forces
    yield f"ligand.{letter}.repr", ligand.scalars
    yield f"protein.{letter}.repr", protein.features
    if golden.plain == "verletmd":
        yield from _verlet_outputs(model, golden, goldens, letter)
        return
    forces = net.forces(batch, batch.positions, protein)
    yield f"complex.{letter}.forces", forces
    if golden.plain == "gnnmd":
        first = walked(model, goldens, letter, 1)[0][1]
        yield f"{key}.delta", first - batch.positions
    elif golden.plain == "denoisingld":
        yield f"{key}.score", forces
    else:
        yield from _derivatives(model, golden, goldens, letter)


def _derivatives(
    model: TrainableSystem, golden: Goldens, goldens: Path, letter: str
) -> Iterator[tuple[str, torch.Tensor]]:
    dtype, key = golden.dtype, f"{golden.plain}.{letter}"
    batch, unit = golden_batch(goldens, letter, dtype), model.config.ps_per_time_unit
    displacement = golden_velocity(goldens, letter, dtype)
    if model.name == "neuralmd-sde":
        noise = golden.drawn(f"{key}.noise")
        equation = model.published_dynamics(batch, lambda: noise)
        yield f"{key}.sigma", equation.force_field.sigma(batch.positions)
    else:
        equation = model.dynamics(batch)
    time = torch.zeros((), dtype=dtype)
    state = (displacement / unit, batch.positions)
    acceleration, velocity = equation.derivative(time, state)
    yield f"{key}.acceleration", acceleration * unit**2
    yield f"{key}.velocity", velocity * unit
    # C's 42 displacements reach the neighbour cap: tests/bindingnet/test_neighbours.py.
    if golden.plain == "binding01_single" and letter != "C":
        start = start_of(goldens, letter, dtype)
        learned = model.initial_velocities(start, "learned")
        yield f"{key}.velocity_init", learned * unit


def _verlet_outputs(
    model: TrainableSystem, golden: Goldens, goldens: Path, letter: str
) -> Iterator[tuple[str, torch.Tensor]]:
    batch = golden_batch(goldens, letter, golden.dtype)
    unit, key = model.config.ps_per_time_unit, f"verletmd.{letter}"
    field = model.force_field(batch)
    atoms = model.binding_net.atom_scalars(batch, batch.positions, field.protein)
    yield f"complex_energy.{letter}.repr", atoms
    yield f"{key}.energy", field.energy(batch.positions)
    time = torch.zeros((), dtype=golden.dtype)
    yield f"{key}.force", field(time, batch.positions) * unit**2
    positions, velocities = walked(model, goldens, letter, 1)
    yield f"{key}.move_pos", positions[1]
    yield f"{key}.move_vel", velocities[1] * unit


def start_of(goldens: Path, letter: str, dtype: torch.dtype) -> Start:
    """Complex A, B or C with the displacement that came before, 80 ps apart."""
    return Start(
        batch=golden_batch(goldens, letter, dtype),
        generators=[torch.Generator()],
        displacement=golden_velocity(goldens, letter, dtype),
        spacing_ps=SNAPSHOT_PS,
    )


def walked(
    model: TrainableSystem, goldens: Path, letter: str, moves: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Positions and velocities at 0, 80, ... ps, by the checkpoint's own rollout."""
    start = start_of(goldens, letter, next(model.parameters()).dtype)
    times = [SNAPSHOT_PS * k for k in range(moves + 1)]
    rule = Settings(v0=_rule(model))
    with torch.no_grad():
        states = list(model.rollout(start, times, rule))
    return torch.stack([x for _, x in states]), torch.stack([v for v, _ in states])


def _rule(model: TrainableSystem) -> str | None:
    """As the authors start: by the velocity network where there is one."""
    if "v0" not in model.adjustable:
        return None
    learned = getattr(model.config, "initial_velocity_network", False)
    return "learned" if learned else "displacement"


def rollout_errors(
    model: TrainableSystem, goldens: Path, name: str, scheme: str
) -> dict[str, float]:
    """Error of positions and velocities over a golden rollout of complex A."""
    dtype = next(model.parameters()).dtype
    golden = Goldens(goldens, name, dtype)
    key = f"rollout.{golden.plain}.A" + (f".{scheme}" if scheme else "")
    moves = len(golden[f"{key}.pos"]) - 1
    if model.name == "neuralmd-sde":
        draws = iter(golden.drawn(f"{key}.noise"))
        positions, velocities = _noisy(model, goldens, moves, partial(next, draws))
    else:
        positions, velocities = walked(model, goldens, "A", moves)
    found = {"pos": positions}
    if f"{key}.vel.f64" in golden.arrays:
        found["vel"] = velocities * model.config.ps_per_time_unit
    return {
        f"{key}.{what}": error(x, golden[f"{key}.{what}"]) for what, x in found.items()
    }


def own_rounding(goldens: Path, name: str) -> dict[str, float]:
    """How far the authors' float32 run is from their float64 one, by golden key.

    Every move of gnnmd and verletmd with these random weights multiplies a rounding
    error some tenfold, so no other float32 program can be closer than about this.
    """
    arrays = Goldens(goldens, name, torch.float64).arrays
    return {
        key.removesuffix(".f64"): error(
            torch.from_numpy(arrays[key.replace(".f64", ".f32")]), arrays[key]
        )
        for key in arrays
        if key.endswith(".f64")
    }


def _noisy(
    model: TrainableSystem,
    goldens: Path,
    moves: int,
    draw: Callable[[], torch.Tensor],
) -> tuple[torch.Tensor, torch.Tensor]:
    start = start_of(goldens, "A", next(model.parameters()).dtype)
    velocities = model.initial_velocities(start, _rule(model))
    times = [SNAPSHOT_PS * k for k in range(moves + 1)]
    with torch.no_grad():
        states = list(model.solve_published(start.batch, velocities, times, draw=draw))
    return torch.stack([x for _, x in states]), torch.stack([v for v, _ in states])


def velocity_network(
    goldens: Path, name: str, rule: NeighbourCap | None, dtype: torch.dtype
) -> LigandEncoder:
    """The network for the initial velocity, alone, under a rule of the cap."""
    state = {
        k: v
        for k, v in golden_state(goldens, name).items()
        if k.startswith("velocity_model.")
    }
    renamed = {
        k.removeprefix("initial_velocity."): v.to(dtype)
        for k, v in rename_published(state).items()
    }
    channels = renamed["elements.weight"].shape[1]
    config = BindingNetConfig(
        variant="published",
        channels=channels,
        radial_functions=len(renamed["radial_basis.means"]),
        ligand_layers=len({k.split(".")[1] for k in renamed if "messages." in k}),
        neighbour_cap=rule,
    )
    network = LigandEncoder(config).to(dtype)
    network.load_state_dict(renamed)
    return network.eval()
