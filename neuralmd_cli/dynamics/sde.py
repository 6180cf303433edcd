"""Langevin dynamics of the ligand with steps of any size (eq. 34)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from neuralmd_cli.dynamics.grid import State
from neuralmd_cli.dynamics.ode import ForceField


@runtime_checkable
class Constraint(Protocol):
    """What keeps molecules in shape while they are pushed about."""

    def projected(
        self,
        positions: Float[Tensor, "atoms 3"],
        vectors: Float[Tensor, "vectors atoms 3"],
    ) -> Float[Tensor, "vectors atoms 3"]:
        """The part of velocities that changes no shape."""
        ...

    def restored(
        self,
        positions: Float[Tensor, "atoms 3"],
        before: Float[Tensor, "atoms 3"],
    ) -> Float[Tensor, "atoms 3"]:
        """The nearest positions in shape; `before` where there are none."""
        ...


@dataclass(frozen=True, kw_only=True)
class Responses:
    """What damped springs do in one step, and the noise they gather meanwhile.

    With acceleration a = f - k x at the start, f constant over the step:
    x' = x + B v + Q a + L11 n1 and v' = D v + B a + L21 n1 + L22 n2.
    """

    impulse: Float[Tensor, "*springs"]  # B, ps
    push: Float[Tensor, "*springs"]  # Q, ps²
    memory: Float[Tensor, "*springs"]  # D
    noise_x: Float[Tensor, "*springs"]  # L11, ps; the noises are for kT/m = 1
    noise_vx: Float[Tensor, "*springs"]  # L21
    noise_vv: Float[Tensor, "*springs"]  # L22


@dataclass(frozen=True, kw_only=True)
class Response:
    """`Responses` of one spring, as numbers."""

    impulse: float
    push: float
    memory: float
    noise_x: float
    noise_vx: float
    noise_vv: float


def response(
    friction_per_ps: float, stiffness_per_ps2: float, step_ps: float
) -> Response:
    """Exact response of one spring, in float64; see `responses`."""
    spring = torch.tensor(stiffness_per_ps2, dtype=torch.float64)
    found = responses(friction_per_ps, spring, step_ps)
    return Response(**{k: float(v) for k, v in vars(found).items()})


def responses(
    friction_per_ps: float,
    stiffness_per_ps2: Float[Tensor, "*springs"],
    step_ps: float,
) -> Responses:
    """Exact response of dv = (f - k x - γ v) dt + sqrt(2 γ kT/m) dW over one step.

    G, the answer to a unit impulse, obeys G'' + γ G' + k G = 0; B = G(h), D = G'(h)
    and Q is the integral of G. The noise's covariance follows from the stationary
    one, diag(1/k, 1), by what the step forgets of it. Holds for k = 0 too, and at,
    above or below critical damping. Computed in float64.

    Raises:
        ValueError: a step that is not positive, or a constant below 0.
    """
    if (
        not step_ps > 0
        or friction_per_ps < 0
        or not bool((stiffness_per_ps2 >= 0).all())
    ):
        raise ValueError(
            "the step must be positive, friction and stiffness not below 0"
        )
    k = stiffness_per_ps2.detach().cpu().double()
    generator = torch.zeros(*k.shape, 3, 3, dtype=torch.float64)
    generator[..., 0, 1] = generator[..., 1, 2] = 1.0
    generator[..., 2, 1], generator[..., 2, 2] = -k, -friction_per_ps
    column = torch.linalg.matrix_exp(generator * step_ps)[..., 2]
    push, impulse, memory = column.unbind(dim=-1)
    variance_x = (2 * push - k * push**2 - impulse**2).clamp(min=0.0)
    variance_v = (1 - k * impulse**2 - memory**2).clamp(min=0.0)
    covariance = friction_per_ps * impulse**2
    noise_x = variance_x.sqrt()
    noise_vx = torch.where(noise_x > 0, covariance / noise_x, 0.0)
    noise_vv = (variance_v - noise_vx**2).clamp(min=0.0).sqrt()
    found = (impulse, push, memory, noise_x, noise_vx, noise_vv)
    names = Responses.__dataclass_fields__
    like = {k: v.to(stiffness_per_ps2) for k, v in zip(names, found, strict=True)}
    return Responses(**like)


@dataclass(frozen=True, kw_only=True)
class Langevin:
    """dv = (F(x)/m - k (x - x₀) - γ v) dt + a(x) sqrt(2 γ kT/m) dW, dx = v dt.

    Tether, friction and noise are solved exactly, whatever the step. The force is
    held over a step at its value in the middle, where friction alone would bring the
    atom: second order, exact for a constant force, and at rest where the equation is.
    """

    force_field: ForceField  # F, without the tether
    reference: Float[Tensor, "atoms 3"]  # x₀, Å
    masses: Float[Tensor, " atoms"]  # amu
    friction_per_ps: float
    stiffness_per_ps2: float  # k, per mass; 0: no tether
    thermal_energies: Float[Tensor, " atoms"]  # kT, amu Å² ps⁻²
    draw: Callable[[], Float[Tensor, "2 atoms 3"]]  # standard normal numbers
    amplitude: Callable[[Tensor], Float[Tensor, " atoms"]] | None = None  # a; None: 1
    constraint: Constraint | None = None

    def advance(self, step_ps: float) -> Callable[[State, int], State]:
        """One step of this size, as `grid.walk` takes it."""
        whole = response(self.friction_per_ps, self.stiffness_per_ps2, step_ps)
        half = response(self.friction_per_ps, 0.0, step_ps / 2)

        def step(state: State, done: int) -> State:
            return self._step(state, whole, half.impulse, done * step_ps)

        return step

    def in_shape(self, state: State) -> State:
        """A state as it should be shown: between two steps, and its velocities."""
        if self.constraint is None:
            return state
        positions = self.constraint.restored(state[1], state[1])
        return self._projected(positions, state[0][None])[0], positions

    def thermal_velocities(self) -> Float[Tensor, "atoms 3"]:
        """A draw of velocities (Å/ps) at this temperature, in shape to first order."""
        drawn = self._noise(self.reference)[:1]
        return self._projected(self.reference, drawn)[0]

    def _step(
        self, state: State, whole: Response, coasting: float, now: float
    ) -> State:
        velocities, positions = state
        noise = self._noise(positions)
        time = positions.new_tensor(now)
        force = self.force_field(time, positions + coasting * velocities)
        acceleration = force / self.masses[:, None]
        acceleration = acceleration - self.stiffness_per_ps2 * (
            positions - self.reference
        )
        v, a, n1, n2 = self._projected(
            positions, torch.stack([velocities, acceleration, *noise])
        )
        moved = positions + whole.impulse * v + whole.push * a + whole.noise_x * n1
        v = whole.memory * v + whole.impulse * a
        v = v + whole.noise_vx * n1 + whole.noise_vv * n2
        if self.constraint is not None:
            # The next step begins with making these velocities fit the new shape.
            moved = self.constraint.restored(moved, positions)
        return v, moved

    def _noise(self, positions: Float[Tensor, "atoms 3"]) -> Float[Tensor, "2 atoms 3"]:
        """Noise of standard deviation a sqrt(kT/m), Å/ps."""
        size = (self.thermal_energies / self.masses).sqrt()
        if self.amplitude is not None:
            size = size * self.amplitude(positions)
        return self.draw() * size[:, None]

    def _projected(
        self,
        positions: Float[Tensor, "atoms 3"],
        vectors: Float[Tensor, "vectors atoms 3"],
    ) -> Float[Tensor, "vectors atoms 3"]:
        if self.constraint is None:
            return vectors
        return self.constraint.projected(positions, vectors)
