"""Langevin dynamics among springs, solved exactly mode by mode (eq. 34).

The springs of a ligand in its pocket are one matrix; along its eigenvectors the motion
is that of independent damped oscillators, for which any step is exact.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from neuralmd_cli.dynamics.grid import State
from neuralmd_cli.dynamics.sde import Responses, responses
from neuralmd_cli.graph import Slots, slots

Coordinates = Float[Tensor, "complexes _ columns"]


@dataclass(frozen=True, kw_only=True)
class Modes:
    """Eigenvectors and stiffnesses of the springs of each complex of a batch."""

    table: Slots
    vectors: Float[Tensor, "complexes coordinates modes"]
    stiffness: Float[Tensor, "complexes modes"]  # kT/Å² at 300 K

    def along(self, columns: Sequence[Float[Tensor, "atoms 3"]]) -> Coordinates:
        """Components of per-atom vectors along the modes."""
        rows = torch.stack(list(columns), dim=-1)[self.table.rows]
        filled = self.table.filled[:, :, None, None]
        flat = torch.where(filled, rows, 0.0).flatten(1, 2)
        found: Tensor = self.vectors.mT @ flat.to(self.vectors.dtype)
        return found

    def back(self, components: Coordinates) -> list[Float[Tensor, "_ 3"]]:
        """Per-atom vectors from components along the modes."""
        flat = self.vectors @ components
        lines, _, columns = flat.shape
        spread = flat.reshape(lines, -1, 3, columns)[self.table.filled]
        return list(spread.unbind(dim=-1))


def modes(
    stiffness: Sequence[Float[Tensor, "_ _"]],
    atom_complex: Int[Tensor, " atoms"],
    like: Tensor,
) -> Modes:
    """Modes of springs, one matrix (kT/Å², positive definite) per complex.

    Matrices that are the same object are diagonalised once.

    Args:
        stiffness: on the CPU, float64.
        atom_complex: which complex an atom belongs to.
        like: what the modes will work on: device and precision.
    """
    width = max(len(x) for x in stiffness)
    vectors = torch.zeros(len(stiffness), width, width, dtype=torch.float64)
    values = torch.ones(len(stiffness), width, dtype=torch.float64)
    done: dict[int, tuple[Tensor, Tensor]] = {}
    for line, matrix in enumerate(stiffness):
        if id(matrix) not in done:
            done[id(matrix)] = torch.linalg.eigh(matrix)
        found, directions = done[id(matrix)]
        values[line, : len(matrix)] = found
        vectors[line, : len(matrix), : len(matrix)] = directions
    return Modes(
        table=slots(atom_complex, len(stiffness)),
        vectors=vectors.to(like),
        stiffness=values.to(like),
    )


@dataclass(frozen=True, kw_only=True)
class ElasticLangevin:
    """dv = (s² K (c(t) + p(x) - x) - γ v) dt + s sqrt(2 γ τ) dW, dx = v dt.

    K are the springs in kT/Å², c is where they rest and p how far a learned force
    moves that place. The stationary covariance of x is τ / K, whatever s and γ, and τ
    is the temperature over 300 K. Springs, friction and noise are solved exactly;
    c and p are held over a step, p over several.
    """

    modes: Modes
    anchor: Callable[[float], Float[Tensor, "atoms 3"]]  # c, Å, of time in ps
    pull: Callable[[Tensor, Tensor], Tensor]  # p, Å, of time (ps) and positions (Å)
    speed: float  # s, Å/ps
    friction_per_ps: float  # γ
    warmth: float = 0.0  # τ
    draw: Callable[[], Float[Tensor, "2 atoms 3"]] | None = None  # standard normal
    pull_steps: int = 1  # steps for which a pull is kept

    def advance(self, step_ps: float) -> Callable[[State, int], State]:
        """Steps of this size, one after the other, as `grid.walk` takes them."""
        squares = self.speed**2 * self.modes.stiffness
        answer = responses(self.friction_per_ps, squares, step_ps)
        held: list[Tensor] = []

        def step(state: State, done: int) -> State:
            if done % self.pull_steps == 0:
                now = state[1].new_tensor(done * step_ps)
                held[:] = [self.pull(now, state[1])]
            target = self.anchor((done + 0.5) * step_ps) + held[0]
            return self._step(state, target, squares, answer)

        return step

    def _step(
        self, state: State, target: Tensor, squares: Tensor, answer: Responses
    ) -> State:
        velocities, positions = state
        columns = [velocities, target - positions]
        warm = self.draw is not None and self.warmth > 0
        if self.draw is not None and warm:
            columns += list(self.draw() * (self.speed * self.warmth**0.5))
        v, off, *noise = self.modes.along(columns).unbind(dim=-1)
        acceleration = squares * off
        moved = answer.impulse * v + answer.push * acceleration
        v = answer.memory * v + answer.impulse * acceleration
        if noise:
            moved = moved + answer.noise_x * noise[0]
            v = v + answer.noise_vx * noise[0] + answer.noise_vv * noise[1]
        change, velocities = self.modes.back(torch.stack([moved, v], dim=-1))
        return velocities.to(positions), positions + change.to(positions)
