"""Systems made to look at what they are given, and to break down."""

from collections.abc import Iterator, Sequence
from typing import ClassVar

import torch

from neuralmd_cli.dynamics.grid import State
from neuralmd_cli.errors import SimulationError
from neuralmd_cli.models.baselines.baseline import Baseline, at_rest
from neuralmd_cli.models.system import Settings, Start


class Spy(Baseline):
    """Stays, and keeps what it was started with."""

    name: ClassVar[str] = "spy"

    def rollout(
        self, start: Start, times: Sequence[float], settings: Settings
    ) -> Iterator[State]:
        self.seen = start
        return at_rest(start.batch.positions, times)


class Wanderer(Baseline):
    """Draws each move."""

    name: ClassVar[str] = "wanderer"

    def is_random(self, settings: Settings) -> bool:
        return True

    def rollout(
        self, start: Start, times: Sequence[float], settings: Settings
    ) -> Iterator[State]:
        x, batch = start.batch.positions, start.batch
        for _ in times:
            moves = [
                torch.randn(int((batch.atom_complex == k).sum()), 3, generator=g)
                for k, g in enumerate(start.generators)
            ]
            x = x + 0.05 * torch.cat(moves)
            yield torch.zeros_like(x), x


class Fragile(Baseline):
    """Loses the complexes of one size: its positions are no numbers from time 3 on."""

    name: ClassVar[str] = "fragile"
    atoms = 8

    def rollout(
        self, start: Start, times: Sequence[float], settings: Settings
    ) -> Iterator[State]:
        x, rows = start.batch.positions, start.batch.atom_complex
        lost = rows.bincount()[rows] == self.atoms
        for step, _ in enumerate(times):
            gone = torch.where(lost[:, None], torch.nan, x)
            yield torch.zeros_like(x), gone if step > 1 else x


class Brittle(Fragile):
    """Stops as a whole if such a complex is among the batch."""

    name: ClassVar[str] = "brittle"

    def rollout(
        self, start: Start, times: Sequence[float], settings: Settings
    ) -> Iterator[State]:
        if self.atoms in start.batch.atom_complex.bincount().tolist():
            raise SimulationError("the solver gave up")
        return at_rest(start.batch.positions, times)
