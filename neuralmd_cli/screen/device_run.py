"""A screen on one GPU: batches there, reading and writing in processes beside it."""

import time
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from itertools import islice

import torch

from neuralmd_cli.errors import InputError
from neuralmd_cli.screen.journal import Entry
from neuralmd_cli.screen.placing import Placer
from neuralmd_cli.screen.pool import Workers
from neuralmd_cli.screen.rolling import Roller
from neuralmd_cli.screen.tasks import Task
from neuralmd_cli.screen.work import Assignment, failure
from neuralmd_cli.screen.worker import Posed, make_roller, ready_from


def simulate_on_device(
    tasks: Iterable[Task],
    assignment: Assignment,
    jobs: int,
    batch: int | None,
    roller: Roller | None = None,
) -> Iterator[Entry]:
    """Simulate ligands in batches and yield entries as they come.

    While one batch is computed, the next is read and the last is judged and written.
    At most a few batches are in memory.

    Args:
        tasks: to be done.
        assignment: of the screen.
        jobs: processes that read and write.
        batch: ligands at once; None: as many as fit.
        roller: with the system; made if not given.

    Raises:
        OutputError: files cannot be written.
    """
    roller = roller or make_roller(assignment.choice, most=batch)
    placer, rest = Placer(), iter(tasks)
    reading: deque[tuple[Task, Future[Posed | Entry]]] = deque()
    writing: deque[Future[Entry]] = deque()
    with Workers(jobs, assignment, computes=False) as workers:
        while True:
            for task in islice(rest, max(2 * roller.limit() - len(reading), 0)):
                reading.append((task, workers.check(task)))
            if not reading:
                break
            posed: list[Posed] = []
            while reading and len(posed) < roller.limit():
                _, future = reading.popleft()
                read = future.result()
                if isinstance(read, Entry):
                    yield read
                else:
                    posed.append(read)
            yield from _rolled(posed, placer, roller, assignment, workers, writing)
            # What was written while this batch was computed; at most one is left.
            while writing and (writing[0].done() or len(writing) > roller.limit()):
                yield writing.popleft().result()
        while writing:
            yield writing.popleft().result()


def _rolled(
    posed: list[Posed],
    placer: Placer,
    roller: Roller,
    assignment: Assignment,
    workers: Workers,
    writing: "deque[Future[Entry]]",
) -> Iterator[Entry]:
    """Simulate a batch, ligands of like size together; hand it on to be written."""
    posed = sorted(
        posed, key=lambda x: (str(x.task.protein), len(x.ligand["positions"]))
    )
    ready, tasks = [], []
    for each in posed:
        try:
            ready.append(ready_from(each, placer, assignment.choice, roller))
            tasks.append(each.task)
        except InputError as error:
            yield failure(each.task, error)
    started = time.perf_counter()
    outcomes = roller(ready)
    seconds = (time.perf_counter() - started) / max(len(ready), 1)
    for task, outcome in zip(tasks, outcomes, strict=True):
        if isinstance(outcome, Exception):
            yield failure(task, outcome)
        else:
            positions = torch.stack([x.positions for x in outcome]).numpy()
            writing.append(workers.finish(task, positions, seconds))
