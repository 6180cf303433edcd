"""A pocket that holds its ligand: what both default systems share."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from neuralmd_cli.dynamics.constraints import Shapes, shapes
from neuralmd_cli.dynamics.elastic import ElasticLangevin, Modes, modes
from neuralmd_cli.dynamics.grid import GRID_TOLERANCE, State, walk
from neuralmd_cli.models.pocket.clashes import Clearance, clearance
from neuralmd_cli.models.pocket.config import PocketConfig
from neuralmd_cli.models.pocket.kriging import kriged
from neuralmd_cli.models.pocket.push import (
    N_COLUMNS,
    SHAPELY,
    columns,
    relaxations,
    settled_move,
)
from neuralmd_cli.models.pocket.springs import swing
from neuralmd_cli.models.pocket.surroundings import Surroundings, surroundings
from neuralmd_cli.models.system import Start

Made = TypeVar("Made")
DRAWS = 8
"""Settled poses that are drawn for a replica; the first without a clash is taken."""
PUSHED = 10
"""Of the snapshots seen, so many are pushed at most."""


@dataclass(frozen=True, kw_only=True)
class Settling:
    """Where the ligands of a batch settle, and among which springs."""

    modes: Modes
    pose: Float[Tensor, "atoms 3"]  # Å; the settled pose
    lead: Float[Tensor, "atoms 3"]  # Å; of what was seen last, which fades
    fading_ps: float
    whole: Float[Tensor, "atoms 3"]  # Å; in shape
    shape: Shapes
    clearance: Clearance
    known: float  # independent snapshots the pose was taken from

    def at(self, time_ps: float) -> Float[Tensor, "atoms 3"]:
        """Where the springs rest at a time after the start, Å."""
        return self.pose + math.exp(-time_ps / self.fading_ps) * self.lead

    def shown(self, state: State) -> State:
        """A state with its shape kept, and clear of the pocket."""
        velocities, positions = state
        whole = self.shape.restored(positions, self.whole)
        return velocities, self.clearance.cleared(whole, self.shape)


@dataclass(frozen=True, kw_only=True)
class Motion:
    """What a system says about how its ligands move among the springs."""

    pull: Callable[[Tensor, Tensor], Tensor]  # of the network, Å
    step_ps: float  # of the springs and the noise
    speed: float  # coarse-grained thermal speed, Å/ps
    friction_per_ps: float
    warmth: float = 0.0  # temperature over 300 K
    draw: Callable[[], Tensor] | None = None  # standard normal, [2, atoms, 3]

    @property
    def is_warm(self) -> bool:
        """True if anything is drawn."""
        return self.draw is not None and self.warmth > 0

    def drawn(self) -> Float[Tensor, "2 atoms 3"]:
        """The next random numbers.

        Raises:
            ValueError: nothing is drawn.
        """
        if self.draw is None:
            raise ValueError("this motion draws nothing")
        return self.draw()


class Pocket(nn.Module):
    """Springs, and learned weights of what pushes a ligand to its settled pose."""

    def __init__(self, config: PocketConfig) -> None:
        super().__init__()
        self.config = config
        self.weights = nn.Parameter(torch.zeros(N_COLUMNS))

    def settling(self, start: Start, *, warm: bool = False) -> Settling:
        """Where these ligands settle; computed on the CPU in float64, once.

        What is shown has the shape of the start at rest. Without noise, after several
        snapshots, it is their mean instead, bonds shortened by it.
        """
        batch, config = start.batch, self.config
        around = surroundings(batch, start.molecules)
        swings = _each_once(around, lambda x, k: swing(x, config.springs))
        resting = relaxed_poses(start, around)
        guess = kriged(start.snapshots, config.slow_share, config.slow)
        pose = guess.limit + self._move(start, around, resting)
        parts = [x.stiff for x in around]
        spacing = start.spacing_ps or 1.0
        n = len(start.snapshots)
        at_rest = torch.cat([x[SHAPELY] for x in resting]).to(batch.positions)
        whole = at_rest if warm or n == 1 else pose
        shape = shapes(parts, whole, batch.masses, batch.atom_complex)
        home = shape.restored(batch.positions, whole)
        return Settling(
            modes=modes(swings, batch.atom_complex, batch.positions),
            pose=pose,
            lead=guess.lead,
            whole=whole,
            fading_ps=config.slow * spacing,
            shape=shape,
            clearance=clearance(around, batch, home),
            known=guess.independent,
        )

    def columns(
        self,
        around: Sequence[Surroundings],
        resting: Sequence[Float[Tensor, "_ _ 3"]],
    ) -> list[Float[Tensor, "_ 3 _"]]:
        """What is weighted; see `push.columns`."""
        return _each_once(around, lambda x, k: columns(x, resting[k], self.config))

    def _move(
        self,
        start: Start,
        around: Sequence[Surroundings],
        resting: Sequence[Float[Tensor, "_ _ 3"]],
    ) -> Float[Tensor, "atoms 3"]:
        """How far (Å) the push moves the ligands from the mean of what was seen.

        Of many snapshots some are pushed, evenly spaced, all in the one pocket.
        """
        seen = start.snapshots
        moves = [self._pushed(around, resting)]
        chosen = torch.linspace(0, len(seen) - 1, min(len(seen), PUSHED)).round()
        for index in chosen[:-1].long().tolist():
            earlier = replace(start, batch=replace(start.batch, positions=seen[index]))
            there = surroundings(earlier.batch, start.molecules)
            moves.append(self._pushed(there, relaxed_poses(earlier, there)))
        return torch.stack(moves).mean(dim=0).to(seen) / math.sqrt(len(seen))

    def _pushed(
        self,
        around: Sequence[Surroundings],
        resting: Sequence[Float[Tensor, "_ _ 3"]],
    ) -> Float[Tensor, "atoms 3"]:
        found = self.columns(around, resting)
        return torch.cat(settled_move(found, self.weights, self.config.farthest))

    def rollout(
        self,
        start: Start,
        velocities: Float[Tensor, "atoms 3"],
        times: Sequence[float],
        motion: Motion,
        *,
        free: bool = False,
    ) -> Iterator[State]:
        """Yield velocities (Å/ps) and positions (Å) at each of `times` (ps).

        Args:
            start: the complexes.
            velocities: of the start, Å/ps.
            times: increasing.
            motion: of the system.
            free: as the springs have it, shapes and clashes unmended; gradients pass.
        """
        settling = self.settling(start, warm=motion.is_warm)
        if motion.is_warm:
            settling = self._drawn(settling, motion)

        step_ps, pull_steps = motion.step_ps, self.config.force_steps
        still = not motion.is_warm and len(start.snapshots) == 1
        if still and _on_grid(times, step_ps * pull_steps):
            # Without noise or a fading lead every step is exact: take the longest.
            step_ps, pull_steps = step_ps * pull_steps, 1
        langevin = ElasticLangevin(
            modes=settling.modes,
            anchor=settling.at,
            pull=motion.pull,
            speed=motion.speed,
            friction_per_ps=motion.friction_per_ps,
            warmth=motion.warmth,
            draw=motion.draw,
            pull_steps=pull_steps,
        )
        state = (velocities, start.batch.positions)
        states = walk(langevin.advance(step_ps), state, times, step_ps)
        return states if free else map(settling.shown, states)

    def _drawn(self, settling: Settling, motion: Motion) -> Settling:
        """Settled poses, each drawn about where the ligand should settle.

        The start is itself a draw of the swing about the mean pose, so its mean pose
        lies about as far off as the ligand swings, and not within the protein: a draw
        that clashes is another's turn.
        """
        found, clear = settling.modes, settling.clearance
        drawn, more = torch.stack([motion.drawn() for _ in range(DRAWS)]).unbind(dim=1)
        components = found.along(list(drawn)) * found.stiffness.rsqrt()[..., None]
        size = self.config.anchor_spread * (motion.warmth / settling.known) ** 0.5
        # How far the springs are off is not known: Student's t, three degrees.
        firsts = torch.searchsorted(
            clear.atom_complex,
            torch.arange(len(clear.obstacles)).to(clear.atom_complex),
        )
        tails = (3 / more[:, firsts].square().sum(dim=-1)).sqrt()[:, clear.atom_complex]
        every = [
            settling.pose + tail[:, None] * x.to(drawn)
            for tail, x in zip(tails, found.back(components * size), strict=True)
        ]
        settled, home = settling.pose, clear.home
        open_ = torch.ones(len(clear.obstacles), dtype=torch.bool, device=home.device)
        for pose in (*every, settling.pose):
            trial = settling.shape.restored(pose, settling.whole)
            good = open_ & ~clear.clashing(trial)
            chosen = good[clear.atom_complex, None]
            settled = torch.where(chosen, pose, settled)
            home = torch.where(chosen, trial, home)
            open_ = open_ & ~good
            if not bool(open_.any()):
                break
        return replace(settling, pose=settled, clearance=replace(clear, home=home))


def _on_grid(times: Sequence[float], step_ps: float) -> bool:
    """True if every time is a whole number of steps."""
    places = [x / step_ps for x in times]
    return all(abs(x - round(x)) < GRID_TOLERANCE * max(1.0, x) for x in places)


def relaxed_poses(
    start: Start, around: Sequence[Surroundings]
) -> list[Float[Tensor, "_ _ 3"]]:
    """`push.relaxations` of each ligand."""
    known = start.molecules
    molecules = [None] * len(around) if known is None else list(known)
    return _each_once(around, lambda x, k: relaxations(x, molecules[k]))


def _each_once(
    around: Sequence[Surroundings], make: Callable[[Surroundings, int], Made]
) -> list[Made]:
    """One answer per complex, shared by those that share their surroundings."""
    made: dict[int, Made] = {}
    return [
        made[id(x)] if id(x) in made else made.setdefault(id(x), make(x, k))
        for k, x in enumerate(around)
    ]
