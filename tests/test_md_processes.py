"""Programs that `md` starts end with it, and what they started as well."""

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from neuralmd_cli.md import amber
from neuralmd_cli.md.manifest import Row, run_set

SIMULATION = """#!/bin/sh
for last; do [ "$before" = --name ] && name=$last; before=$last; done
echo $$ > {folder}/$name.pid
[ $name = FIRST ] && while ! [ -s {folder}/SECOND.pid ]; do sleep 0.05; done
[ $name = FIRST ] || exec sleep 60
"""
WITH_A_CHILD = """#!/bin/sh
sleep 60 &
echo $! > child.pid
wait
"""


def program(path, text):
    """Write something that can be started."""
    path.write_text(text)
    path.chmod(0o755)


def ends_soon(pid):
    """Whether a process is gone within seconds, or dead and waiting for init."""
    for _ in range(200):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        stat = Path(f"/proc/{pid}/stat")
        if stat.exists() and stat.read_text().rpartition(")")[2].split()[0] == "Z":
            return True
        time.sleep(0.05)
    return False


def test_an_interrupt_ends_what_runs_and_starts_nothing_more(tmp_path, monkeypatch):
    """As after Ctrl-C or SIGTERM to the command."""
    program(tmp_path / "python", SIMULATION.format(folder=tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    rows = [Row(name=x, options=()) for x in ("FIRST", "SECOND", "THIRD", "FOURTH")]

    def interrupted(done):
        assert (done.name, done.problem) == ("FIRST", "")
        raise KeyboardInterrupt

    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        run_set(rows, tmp_path / "set.hdf5", [], jobs=2, on_done=interrupted)
    assert time.monotonic() - start < 30
    assert not (tmp_path / "FOURTH.pid").exists()
    for name in ("FIRST", "SECOND"):
        assert ends_soon(int((tmp_path / f"{name}.pid").read_text()))


def test_what_a_program_of_ambertools_started_ends_with_it(tmp_path, monkeypatch):
    """Antechamber leaves its sqm running when it is ended itself."""
    program(tmp_path / "antechamber", WITH_A_CHILD)
    monkeypatch.setattr(amber, "_found", lambda name: tmp_path / name)
    pid = tmp_path / "child.pid"

    def press(number, frame):
        if pid.exists() and pid.read_text().strip():
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, press)
    signal.setitimer(signal.ITIMER_REAL, 0.1, 0.1)
    try:
        with pytest.raises(KeyboardInterrupt):
            amber.run_program("antechamber", [], tmp_path, what="Typing", hint="Wait.")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert ends_soon(int(pid.read_text()))
