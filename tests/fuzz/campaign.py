"""Damage thousands of files and have every reader read them.

    python -m tests.fuzz.campaign --cases 20000 --seed 1 --jobs 2 -o out/fuzz.json
    python -m tests.fuzz.campaign --only protein:17 --keep FOLDER

The second runs one case again and keeps its files. Exit code 1 if anything was found.
"""

import argparse
import json
import math
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.fuzz.targets import TARGETS, cases_of
from tests.fuzz.worker import LIMIT_S, MEMORY_MB, WALL_S, run_case

FINE = ("accepted", "refused")
AT_ONCE = 1000
"""Cases per process, so that what one leaves in memory does not add up."""
ROUNDS = 4
"""Parts that every reader's cases are made in, in turn with the others'."""


def chunk(reader: str, seed: int, first: int, last: int) -> Iterator[dict[str, Any]]:
    """Outcomes of some cases, in as many processes as it takes."""
    while first < last:
        words = [sys.executable, "-m", "tests.fuzz.worker", reader, str(seed)]
        process = subprocess.Popen(
            [*words, str(first), str(last)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        begun, errors = None, list[str]()
        watch = _Watch(process)
        reading = threading.Thread(
            target=lambda p=process, e=errors: e.append(p.stderr.read())
        )
        reading.start()
        for line in process.stdout:
            said = json.loads(line)
            if "begin" in said:
                begun = said["begin"]
                watch.begin()
            else:
                yield {"reader": reader, **said}
                begun, first = None, said["case"] + 1
        code = process.wait()
        watch.stop()
        reading.join()
        if begun is None and code:
            raise RuntimeError(f"{reader}: {errors[0][-2000:]}")
        if begun is not None:
            lines = [x.strip() for x in errors[0].splitlines() if "File" in x]
            what = f"{code}: " + " / ".join(lines[:4]) if lines else errors[0][-300:]
            kind = "hang" if watch.ended_it else "crash"
            yield {"reader": reader, "case": begun, "outcome": kind, "what": what}
            first = begun + 1


class _Watch:
    """Ends a process, with its stack on stderr, when one case takes too long."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process, self.ended_it = process, False
        self._began: tuple[float, float] | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def begin(self) -> None:
        """A case begins."""
        self._began = time.monotonic(), self._processor_s()

    def stop(self) -> None:
        """The process has ended."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(0.5):
            if self._began is None:
                continue
            wall, processor = self._began
            late = time.monotonic() - wall > WALL_S
            if late or self._processor_s() - processor > LIMIT_S:
                self.ended_it = True
                self.process.send_signal(signal.SIGABRT)
                if self._stop.wait(20):
                    return
                self.process.kill()

    def _processor_s(self) -> float:
        try:
            text = Path(f"/proc/{self.process.pid}/stat").read_text()
        except OSError:
            return 0.0
        user, system = text.rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def turns(counts: dict[str, int]) -> list[tuple[str, int, int]]:
    """Reader, first and last case of each process, in the order they are run.

    Every reader gets a part of its cases in each round, the small ones first, so that
    a campaign that is stopped has tried them all.
    """
    found = []
    for name, count in counts.items():
        size = min(AT_ONCE, math.ceil(count / ROUNDS))
        for first in range(0, count, size):
            last = min(first + size, count)
            found.append((round(first / count, 2), count, name, first, last))
    return [(name, first, last) for _, _, name, first, last in sorted(found)]


def campaign(
    total: int, seed: int, jobs: int, readers: list[str], output: Path | None
) -> dict[str, Any]:
    """All cases; counts by reader and outcome, and what was found.

    Written often, so that a campaign that is stopped has its counts.
    """
    started = time.monotonic()
    wanted = {k: v for k, v in cases_of(total).items() if not readers or k in readers}
    tasks = turns(wanted)
    counts = {x.name: Counter[str]() for x in TARGETS}
    findings: list[dict[str, Any]] = []
    peaks = {"seconds": 0.0, "memory_mb": 0.0}

    def result() -> dict[str, Any]:
        return {
            "seed": seed,
            "cases": sum(sum(x.values()) for x in counts.values()),
            "limits": {"seconds": LIMIT_S, "memory_mb": MEMORY_MB},
            "minutes": round((time.monotonic() - started) / 60, 1),
            "slowest_s": peaks["seconds"],
            "largest_mb": peaks["memory_mb"],
            "readers": {k: dict(v) for k, v in counts.items() if v},
            "findings": sorted(findings, key=lambda x: (x["reader"], x["case"])),
        }

    def run(task: tuple[str, int, int]) -> None:
        name, first, last = task
        for found in chunk(name, seed, first, last):
            outcome = found["outcome"]
            counts[name][outcome if outcome in FINE else "found"] += 1
            for key, peak in peaks.items():
                peaks[key] = max(peak, found.get(key, 0.0))
            if outcome not in FINE:
                findings.append(found)
                text = f"{name}:{found['case']} {outcome}: {found['what'][:300]!r}"
                print(text, flush=True)
            if found["case"] % 25 == 0:
                keep()

    def keep() -> None:
        if output is not None:
            with lock:
                part = output.with_name(f"{output.name}.part")
                part.write_text(json.dumps(result(), indent=2) + "\n")
                part.replace(output)

    lock = threading.Lock()
    with ThreadPoolExecutor(jobs) as pool:
        list(pool.map(run, tasks))
    keep()
    return result()


def main() -> int:
    """Run, write, say."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--reader", action="append", default=[])
    parser.add_argument("--only", help="READER:CASE, run here and again")
    parser.add_argument("--keep", type=Path, help="folder for the files of --only")
    parser.add_argument("-o", "--output", type=Path)
    given = parser.parse_args()
    if given.only:
        name, _, case = given.only.partition(":")
        print(run_case(name, given.seed, int(case), given.keep))
        return 0
    if given.output:
        given.output.parent.mkdir(parents=True, exist_ok=True)
    result = campaign(given.cases, given.seed, given.jobs, given.reader, given.output)
    print(f"{result['cases']} inputs, {len(result['findings'])} findings, "
          f"{result['minutes']} minutes")  # fmt: skip
    for name, row in result["readers"].items():
        print(f"  {name:16}" + "".join(f"{k} {v}  " for k, v in sorted(row.items())))
    return 1 if result["findings"] else 0


if __name__ == "__main__":
    sys.exit(main())
