"""Worker processes that share the work, die with their parent and may die alone."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import (
    FIRST_COMPLETED,
    Future,
    ProcessPoolExecutor,
    wait,
)
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing.connection import Connection
from types import TracebackType

import torch
from jaxtyping import Float
from numpy import ndarray

from neuralmd_cli.screen.journal import Entry
from neuralmd_cli.screen.tasks import Task
from neuralmd_cli.screen.work import Assignment, blank
from neuralmd_cli.screen.worker import Posed, Worker

AHEAD = 3
"""Tasks handed out per process: one in work, and no wait for the next."""
_state: dict[str, Worker] = {}
"""The worker of this process, where it is one of a pool."""


class Workers:
    """A pool of processes with one thread each, started afresh.

    They compute on nothing but what they are sent, so it does not matter which of them
    does what. They hold the reading end of a pipe whose other end is the parent's: when
    that is closed, or the parent killed, they end at once.
    """

    def __init__(self, jobs: int, assignment: Assignment, *, computes: bool) -> None:
        context = multiprocessing.get_context("spawn")
        reader, self._lifeline = context.Pipe(duplex=False)
        self._reader = reader
        self.jobs = jobs
        self._executor = ProcessPoolExecutor(
            max_workers=jobs,
            mp_context=context,
            initializer=_start,
            initargs=(assignment, reader, computes),
        )

    def __enter__(self) -> "Workers":
        """Nothing is started before the first task."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End the processes: at once after an error, else when they are done."""
        if error is not None:
            self._lifeline.close()
        self._executor.shutdown(wait=True, cancel_futures=True)
        self._lifeline.close()
        self._reader.close()

    def simulate(self, task: Task) -> "Future[Entry]":
        """Have a ligand simulated."""
        with _not_interrupted():
            return self._executor.submit(_simulate, task)

    def check(self, task: Task) -> "Future[Posed | Entry]":
        """Have a ligand read."""
        with _not_interrupted():
            return self._executor.submit(_check, task)

    def finish(
        self,
        task: Task,
        positions: Float[ndarray, "replicas frames atoms 3"],
        seconds: float,
    ) -> "Future[Entry]":
        """Have a simulated ligand judged and written."""
        with _not_interrupted():
            return self._executor.submit(_finish, task, positions, seconds)


def simulate_on_cpu(
    tasks: Iterable[Task], assignment: Assignment, jobs: int
) -> Iterator[Entry]:
    """Simulate ligands on the CPU, each alone, and yield entries as they come.

    One thread computes a ligand however many processes there are, so that its result is
    the same to the last bit.

    Raises:
        OutputError: files cannot be written.
    """
    if jobs == 1:
        with _one_thread():
            worker = Worker(assignment, computes=True)
            for task in tasks:
                yield worker.simulate(task)
        return
    rest = iter(tasks)
    while True:
        suspects = yield from _until_broken(rest, assignment, jobs)
        if suspects is None:
            return
        # A process was killed. Whose task did it, each shows alone.
        for task in suspects:
            yield _alone(task, assignment)


def _until_broken(
    tasks: Iterator[Task], assignment: Assignment, jobs: int
) -> Generator[Entry, None, list[Task] | None]:
    """Yield entries; return the tasks in work when a process died, if one did."""
    waiting: dict[Future[Entry], Task] = {}
    lost: list[Task] = []
    with Workers(jobs, assignment, computes=True) as workers:
        more = True
        while more or waiting:
            while more and not lost and len(waiting) < AHEAD * jobs:
                task = next(tasks, None)
                if task is None:
                    more = False
                    break
                try:
                    waiting[workers.simulate(task)] = task
                except BrokenProcessPool:
                    lost.append(task)
            done, _ = wait(waiting, return_when=FIRST_COMPLETED)
            for future in done:
                task = waiting.pop(future)
                try:
                    entry = future.result()
                except BrokenProcessPool:
                    lost.append(task)
                else:
                    yield entry
            if lost and not waiting:
                break
    return sorted(lost, key=lambda x: x.number) if lost else None


def _alone(task: Task, assignment: Assignment) -> Entry:
    """A task in a process of its own, and what to say if that is killed."""
    try:
        with Workers(1, assignment, computes=True) as workers:
            return workers.simulate(task).result()
    except BrokenProcessPool:
        return replace(
            blank(task),
            failure="The process that simulated it was killed, twice: perhaps the "
            "machine ran out of memory.",
            hint="The same command tries it again; give it memory, or fewer --jobs.",
            retry=True,
        )


@contextmanager
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def _not_interrupted() -> Iterator[None]:
    """Processes started inside never see Ctrl-C, from their first moment on.

    A terminal sends it to all; the parent ends them in its own time. One that comes
    meanwhile is not lost.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _start(assignment: Assignment, lifeline: Connection, computes: bool) -> None:
    """Set up a process of the pool."""
    threading.Thread(target=_end_with, args=(lifeline,), daemon=True).start()
    torch.set_num_threads(1)
    _state["worker"] = Worker(assignment, computes=computes)


def _end_with(lifeline: Connection) -> None:
    """End this process when the other end of the pipe is closed."""
    try:
        lifeline.recv()
    except (EOFError, OSError):
        os._exit(1)


def _simulate(task: Task) -> Entry:
    return _state["worker"].simulate(task)


def _check(task: Task) -> Posed | Entry:
    return _state["worker"].check(task)


def _finish(
    task: Task, positions: Float[ndarray, "replicas frames atoms 3"], seconds: float
) -> Entry:
    return _state["worker"].finish(task, positions, seconds)
