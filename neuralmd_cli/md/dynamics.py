"""Minimise, heat, equilibrate, produce: in pieces, each kept, so that a run goes on."""

import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from neuralmd_cli.errors import OutputError, SimulationError
from neuralmd_cli.md.frames import FrameFile
from neuralmd_cli.md.outcome import Measured, Outcome, Progress
from neuralmd_cli.md.plan import (
    MINIMISATION_ITERATIONS,
    STEP_PS,
    Plan,
    Stage,
)
from neuralmd_cli.md.platform import Place
from neuralmd_cli.md.system import SCALE, Simulated, check_relaxed
from neuralmd_cli.units import ANGSTROM_PER_NM

if TYPE_CHECKING:
    import openmm

FRICTION_PER_PS = 1.0
KEEP_SECONDS = 60.0
"""So much is computed again at most after a crash."""
_PIECE_SECONDS = 2.0
"""So often the numbers are looked at."""
_LARGEST_NM = 1e4
_MOLAR_GAS = 0.00831446261815324  # kJ/mol/K
_NAN_HINT = (
    "The same command goes on from the last good state with other random forces. If "
    "that breaks down too: look at the starting pose for clashes (`neuralmd "
    "stability`), and --restart with another --seed, or with --charges am1-bcc."
)


class Runner:
    """One simulation in a folder, from where it was left."""

    def __init__(
        self,
        simulated: Simulated,
        plan: Plan,
        folder: Path,
        place: Place,
        *,
        seed: int,
        keep_seconds: float = KEEP_SECONDS,
    ) -> None:
        self.simulated, self.plan, self.folder = simulated, plan, folder
        self.place, self.seed, self.keep_seconds = place, seed, keep_seconds
        self.frames = FrameFile(path=folder / "frames.f32", n_atoms=simulated.n_solute)
        self.step = 0
        self.measured: list[Measured] = []
        self.continued, self.exact, self.seconds = 0, True, 0.0
        self._stage: Stage | None = None
        self._piece = 50  # steps between two looks; grows to about `_PIECE_SECONDS`
        self._offsets = self._centres(simulated.positions)

    @property
    def _kept(self) -> Path:
        return self.folder / "progress.json"

    def run(
        self, on_progress: Callable[[Progress], None] = lambda progress: None
    ) -> Outcome:
        """Go on to the end.

        Raises:
            SimulationError: a coordinate stopped being a number.
            OutputError: snapshots that were kept are gone.
        """
        import openmm

        try:
            outcome = self._run(on_progress)
            self._check_frames()
            return outcome
        except openmm.OpenMMException as error:
            stage = self.plan.stage_at(self.step).name
            text = str(error)
            if "NaN" not in text and "nan" not in text:
                raise SimulationError(
                    f"OpenMM stopped during {stage}: {text}.",
                    hint="Run the same command again to go on; on a GPU that is out of "
                    "memory or busy, take another --platform.",
                ) from error
            raise self._broke_down(text) from error

    def _run(self, on_progress: Callable[[Progress], None]) -> Outcome:
        context = self._context()
        began, first = time.monotonic(), self.step
        # The first piece is kept at once: minimising a box takes long.
        kept_at = began - self.keep_seconds
        while self.step < self.plan.end:
            stage = self.plan.stage_at(self.step)
            self._enter(context, stage)
            piece = self._next_piece(stage)
            started = time.monotonic()
            context.getIntegrator().step(piece)
            self.step += piece
            pace = (time.monotonic() - started) / piece
            self._piece = max(10, min(2 * self._piece, round(_PIECE_SECONDS / pace)))
            if self.plan.frames_at(self.step) > self.frames.count():
                self._record(context)
            else:
                self._check(context)
            now = time.monotonic()
            finished = self.step >= self.plan.end
            if finished or now - kept_at >= self.keep_seconds:
                self._keep(context, self.seconds + now - began)
                kept_at = now
            done = (self.step - first) * STEP_PS
            on_progress(
                Progress(
                    stage=stage.name,
                    done_ps=self.step * STEP_PS,
                    total_ps=self.plan.end * STEP_PS,
                    ns_per_day=done / 1000 / max(now - began, 1e-9) * 86400,
                )
            )
        spent = time.monotonic() - began
        self.seconds += spent
        done = (self.step - first) * STEP_PS
        speed = self._speed_of_all() if not done else done / 1000 / spent * 86400
        return Outcome(
            measured=tuple(self.measured),
            continued=self.continued,
            exact=self.exact,
            seconds=self.seconds,
            ns_per_day=speed,
        )

    def _check_frames(self) -> None:
        """Refuse a file that lost snapshots; cutting it to length would add zeros."""
        there = self.frames.count()
        if there < len(self.measured):
            raise OutputError(
                f"{self.folder} should hold {len(self.measured)} snapshots and has "
                f"{there}: some were lost while it ran, or since.",
                hint="Begin anew with --restart.",
            )

    def _speed_of_all(self) -> float:
        return self.plan.end * STEP_PS / 1000 / max(self.seconds, 1e-9) * 86400

    @property
    def has_begun(self) -> bool:
        """True if the folder keeps a state to go on from."""
        return self._read_kept() is not None

    def _next_piece(self, stage: Stage) -> int:
        """Steps up to the next frame, the stage's end, or a look at the numbers."""
        begin = self.plan.production_begin
        limits = [self._piece, stage.end - self.step]
        if self.step >= begin:
            limits.append(self.plan.every - (self.step - begin) % self.plan.every)
        return max(1, min(limits))

    def _context(self) -> "openmm.Context":
        """A context that stands where the run was left, or at its start."""
        import openmm
        from openmm import unit

        integrator = openmm.LangevinMiddleIntegrator(
            self.plan.stages[0].temperature_k * unit.kelvin,
            FRICTION_PER_PS / unit.picosecond,
            STEP_PS * unit.picoseconds,
        )
        integrator.setConstraintTolerance(1e-6)
        # Not from the first seed again: that would repeat the same random forces.
        kept = self._read_kept()
        sessions = 0 if kept is None else int(kept["continued"]) + 1
        integrator.setRandomNumberSeed((self.seed + 1 + 7919 * sessions) % 2**31)
        context = openmm.Context(
            self.simulated.system,
            integrator,
            openmm.Platform.getPlatformByName(self.place.name),
            self.place.properties,
        )
        if self.simulated.box is not None:
            context.setPeriodicBoxVectors(*self.simulated.box)
        context.setPositions(self.simulated.positions)
        if kept is None:
            self._start(context)
        else:
            self._go_on(context, kept)
        return context

    def _start(self, context: "openmm.Context") -> None:
        import openmm
        from openmm import unit

        self.frames.cut(0)
        openmm.LocalEnergyMinimizer.minimize(
            context, maxIterations=MINIMISATION_ITERATIONS
        )
        _, places, energy = self._check(context)
        check_relaxed(energy, len(places))
        first = self.plan.stages[0]
        context.setVelocitiesToTemperature(
            first.temperature_k * unit.kelvin, self.seed + 1
        )

    def _go_on(self, context: "openmm.Context", kept: dict[str, Any]) -> None:
        """Take up the kept state; frames after it are computed again."""
        import openmm

        self.step = int(kept["step"])
        self.measured = [Measured(**x) for x in kept["measured"]]
        self.continued = int(kept["continued"]) + 1
        self.seconds = float(kept["seconds"])
        self.exact = bool(kept["exact"])
        self._check_frames()
        self.frames.cut(len(self.measured))
        if self.measured:
            last = self.frames.read()[-1] / ANGSTROM_PER_NM
            self._offsets = self._centres(last)
        exact = False
        if kept["platform"] == self._machine():
            try:
                data = (self.folder / kept["checkpoint"]).read_bytes()
                context.loadCheckpoint(data)
                exact = True
            except (OSError, openmm.OpenMMException):
                exact = False
        if not exact:
            text = (self.folder / kept["state"]).read_text()
            state = openmm.XmlSerializer.deserialize(text)
            box = state.getPeriodicBoxVectors()
            if self.simulated.box is not None:
                context.setPeriodicBoxVectors(*box)
            context.setPositions(state.getPositions())
            context.setVelocities(state.getVelocities())
        self.exact = self.exact and exact
        self._stage = None

    def _machine(self) -> str:
        """What a binary checkpoint depends on."""
        import openmm

        version = openmm.Platform.getOpenMMVersion()
        return f"{version} {self.place.name} {sorted(self.place.properties.items())}"

    def _enter(self, context: "openmm.Context", stage: Stage) -> None:
        """Set the temperature and restraints of a stage."""
        if stage is self._stage:
            return
        from openmm import unit

        self._stage = stage
        context.getIntegrator().setTemperature(stage.temperature_k * unit.kelvin)
        names = context.getParameters().keys()
        if SCALE in names:
            context.setParameter(SCALE, stage.restraint)
        if "MonteCarloTemperature" in names:
            context.setParameter("MonteCarloTemperature", stage.temperature_k)

    def _record(self, context: "openmm.Context") -> None:
        """Append a frame and what is measured at it."""
        from openmm import unit

        state, places, potential = self._check(context)
        kinetic = state.getKineticEnergy().value_in_unit(unit.kilojoule_per_mole)
        volume = None
        if self.simulated.box is not None:
            volume = state.getPeriodicBoxVolume().value_in_unit(unit.nanometer**3)
        self.frames.append(places[: self.simulated.n_solute] * ANGSTROM_PER_NM)
        freedom = self.simulated.degrees_of_freedom
        self.measured.append(
            Measured(
                time_ps=(len(self.measured) + 1) * self.plan.every * STEP_PS,
                temperature_k=2 * kinetic / (freedom * _MOLAR_GAS),
                potential_kj=potential,
                kinetic_kj=kinetic,
                volume_nm3=volume,
            )
        )

    def _check(
        self, context: "openmm.Context"
    ) -> tuple["openmm.State", Float[ndarray, "all_atoms 3"], float]:
        """The state, its places (nm, solute in one piece) and potential energy."""
        from openmm import unit

        state = context.getState(positions=True, energy=True)
        places = state.getPositions(asNumpy=True).value_in_unit(unit.nanometer)
        potential = state.getPotentialEnergy().value_in_unit(unit.kilojoule_per_mole)
        # Written so that NaN fails as well.
        if not math.isfinite(potential) or not (np.abs(places) < _LARGEST_NM).all():
            raise self._broke_down("an atom is nowhere")
        places = np.array(places)
        if self.simulated.box is not None:
            box = state.getPeriodicBoxVectors(asNumpy=True)
            self._gather(places, box.value_in_unit(unit.nanometer))
        return state, places, potential

    def _gather(
        self, places: Float[ndarray, "all_atoms 3"], box: Float[ndarray, "3 3"]
    ) -> None:
        """Bring each molecule of the solute, in place, to where it was last seen.

        Molecules leave the box as wholes; which image OpenMM gives is its own choice.
        """
        centres = self._centres(places)
        moved = (centres - centres[0]) - (self._offsets - self._offsets[0])
        for molecule, move in zip(self.simulated.molecules, moved, strict=True):
            shift = np.zeros(3)
            for axis in (2, 1, 0):
                count = round((move + shift)[axis] / box[axis, axis])
                shift -= count * box[axis]
            places[molecule] += shift
        self._offsets = self._centres(places)

    def _centres(
        self, places: Float[ndarray, "all_atoms 3"]
    ) -> Float[ndarray, "molecules 3"]:
        return np.array([places[x].mean(axis=0) for x in self.simulated.molecules])

    def _broke_down(self, why: str) -> SimulationError:
        stage = self.plan.stage_at(self.step).name
        at = max(0, self.step - self.plan.production_begin) * STEP_PS
        when = f"production, at {at:g} ps" if stage == "production" else stage
        return SimulationError(
            f"The simulation broke down during {when} ({why}). Nothing was written.",
            hint=_NAN_HINT,
        )

    def _read_kept(self) -> dict[str, Any] | None:
        """What the last keeping left, or None."""
        try:
            kept: dict[str, Any] = json.loads(self._kept.read_text())
        except (OSError, ValueError):
            return None
        return kept

    def _keep(self, context: "openmm.Context", seconds: float) -> None:
        """Keep the state; the old one stays until the new one is whole.

        The state's files have the step in their names, and `progress.json`, replaced
        in one go, says which of them count.
        """
        import openmm

        self._check_frames()
        old = self._read_kept()
        state = context.getState(positions=True, velocities=True)
        names = {"checkpoint": f"{self.step}.chk", "state": f"{self.step}.xml"}
        (self.folder / names["checkpoint"]).write_bytes(context.createCheckpoint())
        (self.folder / names["state"]).write_text(openmm.XmlSerializer.serialize(state))
        kept = {
            "step": self.step,
            **names,
            "platform": self._machine(),
            "continued": self.continued,
            "exact": self.exact,
            "seconds": seconds,
            "measured": [asdict(x) for x in self.measured],
        }
        part = self._kept.with_suffix(".part")
        part.write_text(json.dumps(kept))
        part.replace(self._kept)
        for name in () if old is None else (old["checkpoint"], old["state"]):
            if name not in names.values():
                (self.folder / name).unlink(missing_ok=True)
