"""Several ligands as one batch, as large as memory allows and never skipping one."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import torch
from rdkit import Chem

from neuralmd_cli.device import forget_freed, is_out_of_memory
from neuralmd_cli.errors import NeuralMDError, SimulationError
from neuralmd_cli.models.system import Settings, System
from neuralmd_cli.screen.placing import Placed
from neuralmd_cli.screen.work import BREAKDOWNS, NoRoomError
from neuralmd_cli.simulation import simulate_each
from neuralmd_cli.trajectory import Trajectory

FIRST_BATCH = 16
"""Ligands of the first batch, by which the memory of the next is judged."""
MOST = 1024
"""Ligands of a batch at most: results should come now and then."""
SHARE = 0.6
"""Of the free memory that a batch is planned for; the rest is for its larger ones."""

KEPT_BYTES = 1 << 30
"""Of main memory for the snapshots of a batch, which stay there until it is done."""
_BYTES_PER_ATOM = 24
"""Of a snapshot: position and velocity."""

Outcome = list[Trajectory] | Exception


@dataclass(frozen=True, kw_only=True)
class Ready:
    """A ligand in its protein, about to be simulated."""

    placed: Placed
    molecule: Chem.Mol
    seeds: list[int]  # of the replicas


@dataclass(kw_only=True)
class Roller:
    """Rolls out batches on a device and learns how large they may be.

    Alone in its batch, as on a CPU, a ligand's result does not depend on any other by
    a single bit.
    """

    system: System  # on the device, in eval mode
    settings: Settings
    times: Sequence[float]
    device: torch.device
    most: int | None = None  # ligands at once; None: as many as fit
    on_smaller: Callable[[int], None] = lambda most: None
    _bytes_per_atom: float = field(default=0.0, init=False)

    def atoms_at_once(self) -> float:
        """Ligand atoms, replicas counted, that a batch may hold."""
        kept = KEPT_BYTES / (_BYTES_PER_ATOM * len(self.times))
        if self.device.type != "cuda" or not self._bytes_per_atom:
            return kept
        free, _ = torch.cuda.mem_get_info(self.device)
        held = torch.cuda.memory_reserved(self.device)
        in_use = torch.cuda.memory_allocated(self.device)
        return min(kept, SHARE * (free + held - in_use) / self._bytes_per_atom)

    def limit(self) -> int:
        """Ligands that a batch may hold."""
        if self.most is not None:
            return self.most
        if self.device.type != "cuda":
            return 1
        return MOST if self._bytes_per_atom else FIRST_BATCH

    def __call__(self, batch: Sequence[Ready]) -> list[Outcome]:
        """Simulate them all; of each its trajectories, or why there are none.

        What does not fit into memory is halved until it does; a batch that breaks down
        as a whole is taken apart to find the one that did it.
        """
        waiting = deque(_chunks(batch, self.limit(), self.atoms_at_once()))
        outcomes: list[Outcome] = []
        while waiting:
            chunk = waiting.popleft()
            tried = self._try(chunk)
            if isinstance(tried, list):
                outcomes += tried
            elif len(chunk) == 1:
                outcomes.append(_said(tried))
            else:
                half = (len(chunk) + 1) // 2
                if is_out_of_memory(tried):
                    self._shrink(half)
                waiting.extendleft([chunk[half:], chunk[:half]])
        return outcomes

    def _try(self, chunk: Sequence[Ready]) -> list[Outcome] | Exception:
        """One batch, or the error that stopped it, without what that holds on to."""
        measured = self.device.type == "cuda"
        if measured:
            torch.cuda.reset_peak_memory_stats(self.device)
            before = torch.cuda.memory_allocated(self.device)
        try:
            found = simulate_each(
                [x.placed.complex for x in chunk],
                self.system,
                times=self.times,
                settings=self.settings,
                seeds=[x.seeds for x in chunk],
                molecules=[x.molecule for x in chunk],
            )
        except (NeuralMDError, *BREAKDOWNS) as error:
            # Its traceback would keep every tensor of the failed batch alive.
            return error.with_traceback(None)
        if measured:
            peak = torch.cuda.max_memory_allocated(self.device) - before
            self._bytes_per_atom = max(self._bytes_per_atom, peak / _atoms(chunk))
        return [
            x if isinstance(x, SimulationError) else _in_file(x, ready.placed)
            for x, ready in zip(found, chunk, strict=True)
        ]

    def _shrink(self, most: int) -> None:
        forget_freed(self.device)
        self.most = most if self.most is None else min(most, self.most)
        self.on_smaller(self.most)


def _chunks(batch: Sequence[Ready], most: int, atoms: float) -> list[list[Ready]]:
    """In order, as many at once as may be."""
    chunks: list[list[Ready]] = []
    held = 0
    for each in batch:
        size = _atoms([each])
        if chunks and len(chunks[-1]) < most and held + size <= atoms:
            chunks[-1].append(each)
            held += size
        else:
            chunks.append([each])
            held = size
    return chunks


def _in_file(
    found: list[Trajectory], placed: Placed
) -> list[Trajectory] | SimulationError:
    """Trajectories in the coordinates of the files, or why they are none to rank."""
    for number, broken in ((k, x.broken) for k, x in enumerate(found, start=1)):
        if broken is not None:
            return SimulationError(
                f"Replica {number} broke down at {broken.time_ps:g} ps (snapshot "
                f"{broken.snapshot}): {broken.reason}.",
                hint="Try a smaller --step-ps, and check the starting pose.",
            )
    return [replace(x, positions=x.positions + placed.origin) for x in found]


def _atoms(chunk: Sequence[Ready]) -> int:
    return sum(x.placed.complex.ligand.n_atoms * len(x.seeds) for x in chunk)


def _said(error: Exception) -> Exception:
    """What to tell of a ligand that fails alone."""
    if is_out_of_memory(error):
        return NoRoomError(
            "This ligand alone does not fit into the memory of the device.",
            hint="Take fewer --replicas, another --device, or a smaller protein.",
        )
    return error
