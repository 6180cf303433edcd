"""Stop commands at random moments, run them again, and compare what they leave.

    python -m tests.interruption.campaign --kills 200 --seed 1 -o out/interrupt.json
    python -m tests.interruption.campaign --way full --kills 120 -o out/full.json

Each case is run once to its end; then again and again, in a fresh folder, stopped by
SIGKILL, SIGTERM or SIGINT at a moment drawn between its start and its end, or left
without its output folder (`lost`). With `--way full` its disk has too little room from
the start, or none from that moment on: one message is wanted then, and exit code 1.
What is there then must be whole, and the same command, run again, must end with the
same bytes. Processes are forked from one that has loaded the libraries, so that the
moments fall into the work. Exit code 1 if anything was found. A campaign that was
stopped goes on with the same command.
"""

import argparse
import importlib
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from neuralmd_cli.errors import NeuralMDError
from tests.interruption.cases import (
    CASES,
    Case,
    leftovers,
    missing_for_md,
    run_words,
    sha256,
)
from tests.interruption.small_disk import PAGE, Disk, with_own_mounts

WAYS = ("SIGKILL", "SIGTERM", "SIGINT", "lost")
FULL = "full"
LONGEST_S = 120.0
OFTEN = ("simulate", "prepare", "train", "fetch", "md")
OFTEN += ("data-fetch", "data-fetch-all", "md-store")
TURNS = OFTEN * 3 + ("screen",)
"""Screens start processes of their own, which takes longest."""

LATE = (
    "mdtraj",
    "openmm.app",
    "pandas",
    "pydantic",
    "scipy.optimize",
    "scipy.integrate",
    "torch._dynamo",
    "neuralmd_cli.analysis.summary",
    "neuralmd_cli.cli.data",
    "neuralmd_cli.cli.main",
    "neuralmd_cli.cli.screen",
    "neuralmd_cli.cli.simulate",
    "neuralmd_cli.cli.train",
    "neuralmd_cli.dataset.fetching.subset",
    "neuralmd_cli.dataset.fetching.whole",
    "neuralmd_cli.dataset.prepare",
    "neuralmd_cli.dataset.survey",
    "neuralmd_cli.md.files",
    "neuralmd_cli.md.store",
    "neuralmd_cli.run",
    "neuralmd_cli.screen.finish",
    "neuralmd_cli.screen.run",
    "neuralmd_cli.training.train",
    "neuralmd_cli.weights.download",
)
"""What the commands load, some of it late."""


def load() -> None:
    """Import it once, for all processes; what is not installed is left out."""
    import torch

    torch.set_num_threads(1)
    for name in LATE:
        with suppress(ImportError, NeuralMDError):
            importlib.import_module(name)


def begin(words: Sequence[str], said: Path) -> int:
    """A process that runs the command; its number."""
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child:
        return child
    code = 70
    try:
        with said.open("wb") as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
        for number in (signal.SIGINT, signal.SIGTERM):
            usual = number == signal.SIGINT
            signal.signal(
                number, signal.default_int_handler if usual else signal.SIG_DFL
            )
        run_words(list(words))
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except KeyboardInterrupt:
        code = 130
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def wait(child: int) -> int:
    """The exit code, negative for a signal."""
    late = time.monotonic() + LONGEST_S
    while time.monotonic() < late:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.005)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return 124


def worked_s(child: int) -> float:
    """Processor time of a process that may have ended but was not waited for, s."""
    text = Path(f"/proc/{child}/stat").read_text()
    user, system = text.rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def wait_until(child: int, seconds: float, *, by_clock: bool) -> None:
    """Let it work so long, by its processor time where that says how far it is."""
    began = time.monotonic()
    while time.monotonic() - began < LONGEST_S:
        info = os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        spent = time.monotonic() - began if by_clock else worked_s(child)
        if info is not None or spent >= seconds:
            return
        time.sleep(0.002)


class Trial:
    """One case with its inputs and its result when nobody stops it."""

    def __init__(self, case: Case, top: Path, servers: ExitStack) -> None:
        self.case, self.top = case, top / case.name
        self.inputs = self.top / "in"
        self.inputs.mkdir(parents=True)
        case.inputs(self.inputs)
        if case.server is not None:
            url = servers.enter_context(case.server(self.inputs))
            (self.inputs / "url").write_text(url)
        out = self._fresh()
        for _ in range(2):  # the first one loads what is loaded late
            shutil.rmtree(out)
            out.mkdir()
            began = time.monotonic()
            child = begin(case.words(self.inputs, out), self.top / "said")
            wait_until(child, LONGEST_S, by_clock=True)
            # A machine that others use as well takes its time, but not its work.
            clock = time.monotonic() - began
            self.seconds = clock if case.waits else worked_s(child)
            code = wait(child)
        self.needs = 0
        if code:
            raise RuntimeError((self.top / "said").read_text())
        self.finals = {x: sha256(out / x) for x in case.finals}
        self.usual = leftovers(out)

    def stopped(self, way: str, rng: random.Random) -> tuple[bool, str]:
        """Stop it in one way; whether it was stopped, and what is wrong, if anything.

        In the finals of a second run lies the proof.
        """
        out = self._fresh()
        said = self.top / "said"
        child = begin(self.case.words(self.inputs, out), said)
        moment = rng.uniform(0.0, self.seconds)
        wait_until(child, moment, by_clock=self.case.waits)
        if way == "lost":
            shutil.rmtree(out, ignore_errors=True)
        else:
            os.kill(child, signal.Signals[way])
        code = wait(child)
        problem = self._judged(way, code, out, said.read_text(errors="replace"))
        out.mkdir(exist_ok=True)
        return code != 0, problem or self._gone_on_with(out)

    def filled(self, rng: random.Random) -> tuple[bool, str]:
        """Let it run on a disk that is, or gets, full; the same two answers."""
        out = self._fresh()
        disk = Disk(out)
        try:
            self.case.first(self.inputs, out)
            if rng.random() < 0.5:
                disk.leave(int(rng.uniform(0, self._needs() - disk.used())))
                child = begin(self.case.words(self.inputs, out), self.top / "said")
            else:
                child = begin(self.case.words(self.inputs, out), self.top / "said")
                moment = rng.uniform(0.0, self.seconds)
                wait_until(child, moment, by_clock=self.case.waits)
                disk.leave(rng.choice((0, PAGE, 8 * PAGE)))
            code = wait(child)
            problem = self._judged_full(code, out)
            disk.free()
            return code != 0, problem or self._gone_on_with(out)
        finally:
            disk.end()

    def _needs(self) -> int:
        """Bytes on its disk at most, as far as looking often enough tells."""
        if self.needs:
            return self.needs
        out = self.top / "measured"
        out.mkdir()
        disk = Disk(out)
        child = begin(self.case.words(self.inputs, out), self.top / "said")
        while not os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            self.needs = max(self.needs, disk.used())
            time.sleep(0.001)
        self.needs = max(self.needs, disk.used())
        wait(child)
        disk.end()
        return self.needs

    def _gone_on_with(self, out: Path) -> str:
        """Run it again; what is wrong with what it leaves, if anything."""
        said = self.top / "said"
        again = wait(begin(self.case.again(self.inputs, out), said))
        if again:
            return f"again: {again}: {said.read_text()[-500:]}"
        different = [x for x, y in self.finals.items() if sha256(out / x) != y]
        if different:
            return f"another result: {different}"
        left = [x for x in leftovers(out) if x not in self.usual]
        return f"left behind: {left}" if left else ""

    def _judged_full(self, code: int, out: Path) -> str:
        said = (self.top / "said").read_text(errors="replace")
        if code == 124:
            return "it hangs"
        if code not in (0, 1):
            return f"exit code {code}: {said[-700:]}"
        if code == 0 and "Error" in said:
            return f"it succeeded, and said: {said[-300:]}"
        one = said.startswith("Error: ") and said.count("Error") == 1
        if code == 1 and not (one and "\nHint: " in said and "Traceback" not in said):
            return f"not one message: {said[-700:]}"
        gone_on_with = (".fetching", ".work", "/run/", "screen/")
        left = [x for x in leftovers(out) if not any(y in x for y in gone_on_with)]
        if left:
            return f"left behind: {left}"
        return "" if self.case.whole(out) else "what is there is not whole"

    def _judged(self, way: str, code: int, out: Path, said: str) -> str:
        if code == 124:
            return "it hangs"
        if "Traceback" in said:
            return said[-700:]
        if way == "lost":
            if code not in (0, 1):
                return f"exit code {code}: {said[-300:]}"
            return "" if code == 0 or "Error" in said else f"no word: {said[-300:]}"
        number = signal.Signals[way]
        if code not in (0, -number, 130 if way != "SIGKILL" else -number, 143):
            return f"exit code {code} after {way}: {said[-300:]}"
        return "" if self.case.whole(out) else "what is there is not whole"

    def _fresh(self) -> Path:
        out = self.top / "out"
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir()
        return out


def campaign(
    kills: int,
    seed: int,
    names: Sequence[str] = (),
    output: Path | None = None,
    only: int | None = None,
    ways: Sequence[str] = WAYS,
) -> dict[str, Any]:
    """Counts by case and way, and what was found; of one kill, if only that is meant.

    Written after each, so that a campaign that is stopped goes on where it was; each
    draws from a stream of its own.
    """
    load()
    turns = [x for x in TURNS if not names or x in names]
    lacking = missing_for_md() if {"md", "md-store"} & set(turns) else ""
    if lacking:
        sys.stderr.write(f"without md: {lacking}\n")
        turns = [x for x in turns if not x.startswith("md")]
    found = _begun(seed, turns, ways, output)
    before, started = found["minutes"], time.monotonic()
    with tempfile.TemporaryDirectory() as top, ExitStack() as servers:
        wanted = turns if only is None else [turns[only % len(turns)]]
        trials = {x: Trial(CASES[x], Path(top), servers) for x in dict.fromkeys(wanted)}
        found["seconds"] = {k: round(x.seconds, 2) for k, x in trials.items()}
        for k in range(found["tried"], kills) if only is None else [only]:
            rng = random.Random(f"{seed}:{k}")
            trial, way = trials[turns[k % len(turns)]], rng.choice(ways)
            tried = trial.filled(rng) if way == FULL else trial.stopped(way, rng)
            stopped, problem = tried
            row = found["cases"].setdefault(trial.case.name, {})
            what = way if stopped else "ended before"
            row[what] = row.get(what, 0) + 1
            found["tried"] = k + 1
            if problem:
                one = {"case": trial.case.name, "way": way, "problem": problem}
                found["findings"].append({"number": k, **one})
                sys.stderr.write(f"{one}\n")
            minutes = before + (time.monotonic() - started) / 60
            found["minutes"] = round(minutes, 1)
            if output:
                output.write_text(json.dumps(found, indent=2) + "\n")
    return found


def _begun(
    seed: int, turns: Sequence[str], ways: Sequence[str], output: Path | None
) -> dict[str, Any]:
    """Counts to go on with: of an unfinished campaign of the same kind, or none."""
    kind = {"seed": seed, "turns": list(turns), "ways": list(ways)}
    fresh: dict[str, Any] = kind | {
        "tried": 0,
        "minutes": 0.0,
        "cases": {},
        "findings": [],
    }
    if output is None or not output.exists():
        return fresh
    held: dict[str, Any] = json.loads(output.read_text())
    return held if all(held.get(k) == v for k, v in kind.items()) else fresh


def main() -> int:
    """Run, write, say."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--case", action="append", default=[], choices=list(CASES))
    parser.add_argument("--way", action="append", choices=[*WAYS, FULL])
    parser.add_argument("--only", type=int, metavar="NUMBER", help="one kill again")
    parser.add_argument("-o", "--output", type=Path)
    given = parser.parse_args()
    ways = given.way or WAYS
    if FULL in ways:
        with_own_mounts()
    if given.output:
        given.output.parent.mkdir(parents=True, exist_ok=True)
    found = campaign(
        given.kills, given.seed, given.case, given.output, given.only, ways
    )
    sys.stdout.write(json.dumps(found, indent=2) + "\n")
    return 1 if found["findings"] else 0


if __name__ == "__main__":
    sys.exit(main())
