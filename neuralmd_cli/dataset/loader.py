"""Batches of complexes of different sizes, with the ligand's recorded motion."""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from neuralmd_cli.complex import Batch, Complex, collate
from neuralmd_cli.dataset.recordings import Recordings
from neuralmd_cli.recording import Centring, Recording, Superposition

Collated = TypeVar("Collated")


@dataclass(frozen=True, kw_only=True)
class Window:
    """Consecutive snapshots of one complex, moved to their origin."""

    name: str
    start: int  # snapshot the window begins with
    spacing_ps: float
    complex: Complex  # as it is in the first snapshot of the window
    trajectory: Float[Tensor, "frames atoms 3"]  # Å; the first frame is the complex's
    origin: Float[Tensor, "3"]  # Å; where the origin was in the file's coordinates


@dataclass(frozen=True, kw_only=True)
class WindowBatch:
    """Windows laid end to end, as `batch` lays their complexes."""

    names: tuple[str, ...]
    starts: Int[Tensor, " complexes"]
    spacings_ps: Float[Tensor, " complexes"]
    batch: Batch
    trajectory: Float[Tensor, "frames atoms 3"]  # Å; frame 0 is batch.positions
    origins: Float[Tensor, "complexes 3"]  # Å


@dataclass(frozen=True, kw_only=True)
class LoaderConfig:
    """What a loader gives; the defaults see nothing of the future."""

    batch_complexes: int = 8
    frames: int | None = None  # of a window; None: all snapshots, from the first
    centring: Centring = "initial"
    superposition: Superposition = "none"
    shuffle: bool = True
    seed: int = 0
    workers: int = 0  # processes that read ahead


class Windows(Dataset[Any]):
    """One window per complex and epoch, drawn by seed, epoch and place in the list.

    The draw does not depend on the order of reading or on the number of processes.
    """

    def __init__(
        self, recordings: Recordings, names: Sequence[str], config: LoaderConfig
    ) -> None:
        self.recordings = recordings
        self.names = tuple(names)
        self.config = config

    def __len__(self) -> int:
        """Number of complexes."""
        return len(self.names)

    def __getitem__(self, key: tuple[int, int]) -> Window:
        """The window of a complex in an epoch.

        Args:
            key: epoch, and place in `names`.
        """
        epoch, index = key
        config = self.config
        recording = self.recordings.read(self.names[index], config.superposition)
        start = 0
        if config.frames is not None:
            generator = _generator(config.seed, epoch, index)
            last = max(0, recording.n_frames - config.frames)
            start = int(torch.randint(last + 1, (), generator=generator))
        return window(recording, start, config.frames, config.centring)


def window(
    recording: Recording,
    start: int = 0,
    frames: int | None = None,
    centring: Centring = "initial",
) -> Window:
    """Consecutive snapshots of a recording, moved to their origin.

    Args:
        recording: superposed as wanted.
        start: first snapshot.
        frames: how many at most; all that are left without it.
        centring: where the origin is.
    """
    complex_ = recording.complex_at(start)
    origin = complex_.centre()
    if centring == "trajectory":
        if recording.centres is None:
            raise ValueError("this recording does not know the mean of all its atoms")
        origin = recording.centres.double().mean(dim=0).to(origin.dtype)
    stop = None if frames is None else start + frames
    return Window(
        name=recording.name,
        start=start,
        spacing_ps=recording.spacing_ps,
        complex=complex_.moved(torch.eye(3), -origin),
        trajectory=recording.positions[start:stop] - origin,
        origin=origin,
    )


def shortest(windows: Sequence[Window]) -> list[Window]:
    """The windows, each with as many frames as the shortest of them."""
    frames = min(len(x.trajectory) for x in windows)
    return [replace(x, trajectory=x.trajectory[:frames]) for x in windows]


def collate_windows(windows: Sequence[Window]) -> WindowBatch:
    """Lay windows end to end; all get the frames of the shortest."""
    return WindowBatch(
        names=tuple(x.name for x in windows),
        starts=torch.tensor([x.start for x in windows]),
        spacings_ps=torch.tensor([x.spacing_ps for x in windows]),
        batch=collate([x.complex for x in windows]),
        trajectory=torch.cat([x.trajectory for x in shortest(windows)], dim=1),
        origins=torch.stack([x.origin for x in windows]),
    )


def _generator(*seeds: int) -> torch.Generator:
    """Random numbers of their own for each combination, the same on every machine."""
    mixed = random.Random(" ".join(map(str, seeds))).getrandbits(63)
    return torch.Generator().manual_seed(mixed)


class _Order(Sampler[list[tuple[int, int]]]):
    """Batches of (epoch, place), in an order of its own each epoch."""

    def __init__(self, n_complexes: int, config: LoaderConfig) -> None:
        self.n_complexes = n_complexes
        self.config = config
        self.epoch = 0

    def __len__(self) -> int:
        return -(-self.n_complexes // self.config.batch_complexes)

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        order = torch.arange(self.n_complexes)
        if self.config.shuffle:
            generator = _generator(self.config.seed, self.epoch)
            order = torch.randperm(self.n_complexes, generator=generator)
        epoch, size = self.epoch, self.config.batch_complexes
        self.epoch += 1
        for first in range(0, self.n_complexes, size):
            yield [(epoch, k) for k in order[first : first + size].tolist()]


def loader(
    recordings: Recordings, names: Sequence[str], config: LoaderConfig
) -> DataLoader[WindowBatch]:
    """Batches of windows, one window per complex each time it is gone through.

    Seeded: a new loader with the same arguments gives the same batches, whatever the
    number of processes; each pass has its own order and its own windows.

    Args:
        recordings: where to read.
        names: complexes, such as those of a split.
        config: what to give.
    """
    return batches(recordings, names, config, collate_windows)


def batches(
    recordings: Recordings,
    names: Sequence[str],
    config: LoaderConfig,
    collate_fn: Callable[[Sequence[Window]], Collated],
) -> DataLoader[Collated]:
    """As `loader`, with a way of one's own to make one batch of windows."""
    return DataLoader(
        Windows(recordings, names, config),
        batch_sampler=_Order(len(names), config),
        collate_fn=collate_fn,
        num_workers=config.workers,
        # Without one of its own, it would draw from the global generator.
        generator=torch.Generator().manual_seed(config.seed),
        # Workers stay for the next pass, with their files open.
        persistent_workers=config.workers > 0,
        multiprocessing_context="spawn" if config.workers else None,
    )
