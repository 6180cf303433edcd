"""One process that runs cases of one reader and says how each ended.

    python -m tests.fuzz.worker READER SEED FIRST LAST

One JSON object per line: when a case begins (so that a crash or a hang has a name) and
when it ends. Whoever started the process watches it, ends it when a case takes too
long, and goes on behind that case with a new one.
"""

import contextlib
import ctypes
import faulthandler
import gc
import json
import os
import random
import re
import resource
import shutil
import sys
import tempfile
import traceback
import warnings
from dataclasses import asdict, dataclass
from pathlib import Path

LIMIT_S = 10.0
"""Processor time that one case may take."""
WALL_S = 300.0
"""Time by the clock, for what waits; generous, as the machine may be busy."""
MEMORY_MB = 768
"""Resident memory that one case may add."""
ADDRESS_SPACE_MB = 4096
"""Address space that it may add, beyond which memory runs out."""


@dataclass(frozen=True)
class Outcome:
    """How a case ended: `accepted`, `refused`, or what was found."""

    case: int
    outcome: str
    what: str = ""
    seconds: float = 0.0
    memory_mb: float = 0.0


def case_random(seed: int, reader: str, case: int) -> random.Random:
    """The generator of one case; the same for the same three, everywhere."""
    return random.Random(f"{seed}/{reader}/{case}")


def run_case(reader: str, seed: int, case: int, keep: Path | None = None) -> Outcome:
    """Damage a file, have it read, and judge what came of it."""
    from tests.fuzz.targets import BY_NAME, damaged

    target = BY_NAME[reader]
    files = damaged(target, case_random(seed, reader, case))
    top = Path(tempfile.mkdtemp(prefix="fuzz-"))
    folder, scratch = top / "in", top / "tmp"
    folder.mkdir()
    scratch.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
        if keep is not None:
            (keep / name).write_bytes(content)
    before, temporary = Path.cwd(), os.environ.get("TMPDIR")
    os.chdir(scratch)
    os.environ["TMPDIR"] = tempfile.tempdir = str(scratch)
    try:
        found = _judged(target, folder, files, scratch)
    finally:
        tempfile.tempdir = None
        # What is run after this in the same process has temporary files of its own.
        if temporary is None:
            del os.environ["TMPDIR"]
        else:
            os.environ["TMPDIR"] = temporary
        os.chdir(before)
        shutil.rmtree(top, ignore_errors=True)
    return Outcome(case, *found)


def _judged(target, folder, files, scratch) -> tuple[str, str, float, float]:  # noqa: ANN001  a target is of no one type
    from time import process_time

    from neuralmd_cli.errors import NeuralMDError
    from tests.fuzz.targets import WrongResult

    gc.collect()  # quick: all that was there at the start is frozen
    _forget_peak()
    base, start = _peak_mb(), process_time()
    outcome, what = "accepted", ""
    with _outputs(scratch.parent) as spoken, warnings.catch_warnings():
        warnings.simplefilter("always")
        for unseen in (ResourceWarning, DeprecationWarning, ImportWarning):
            warnings.simplefilter("ignore", unseen)  # as Python does for users
        try:
            target.read(folder, dict(files))
        except NeuralMDError as error:
            outcome, what = "refused", error.message
            if not error.message or not error.hint:
                outcome = "no message or hint"
        except MemoryError:
            outcome, what = "memory", _place()
        except WrongResult as error:
            outcome, what = "wrong result", str(error)
        except Exception as error:  # noqa: BLE001 - this is what is looked for
            outcome, what = type(error).__name__, f"{error} at {_place()}"
    seconds, memory = process_time() - start, _peak_mb() - base
    good = outcome in ("accepted", "refused")
    if good and memory > MEMORY_MB:
        outcome, what = "memory", f"{memory:.0f} MB"
    elif good and spoken():
        outcome, what = "talk", spoken()[:300]
    elif good:
        left = _left(target, folder, files, scratch)
        if left:
            outcome, what = "left behind", left
    return outcome, what[:500], round(seconds, 3), round(memory, 1)


def _left(target, folder, files, scratch) -> str:  # noqa: ANN001  a target is of no one type
    """Files that nobody asked for, and seeds that were changed."""
    allowed = {*files, *target.leaves}
    extra = [x.name for x in folder.iterdir() if x.name not in allowed]
    caches = ("matplotlib", "torchinductor_")  # of libraries, not of a case
    extra += [x.name for x in scratch.iterdir() if not x.name.startswith(caches)]
    for name, content in files.items():
        path = folder / name
        if not path.is_file() or path.read_bytes() != content:
            extra.append(f"{name} (changed)")
    return ", ".join(sorted(extra)[:5])


@contextlib.contextmanager
def _outputs(folder: Path):  # noqa: ANN202  a target is of no one type
    """What the block writes to the process's stdout and stderr, libraries included."""
    path = folder / "spoken"
    libc = ctypes.CDLL(None)
    sys.stdout.flush()
    kept = os.dup(1), os.dup(2)
    with path.open("wb") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
        try:
            yield lambda: path.read_text(errors="replace")
        finally:
            libc.fflush(None)
            sys.stdout.flush()
            sys.stderr.flush()
            os.dup2(kept[0], 1)
            os.dup2(kept[1], 2)
            for x in kept:
                os.close(x)


def _place() -> str:
    """Where the exception came from: the last two lines of ours or a library's."""
    frames = traceback.extract_tb(sys.exc_info()[2])
    return " < ".join(f"{Path(x.filename).name}:{x.lineno}" for x in frames[:-4:-1])


def _forget_peak() -> None:
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def _peak_mb() -> float:
    """Peak of the resident memory since `_forget_peak`; 0 where it is not known."""
    with contextlib.suppress(OSError):
        text = Path("/proc/self/status").read_text()
        found = re.search(r"VmHWM:\s+(\d+) kB", text)
        return int(found[1]) / 1024 if found else 0.0
    return 0.0


def _limit_memory() -> None:
    with contextlib.suppress(OSError):
        text = Path("/proc/self/status").read_text()
        size = int(re.search(r"VmSize:\s+(\d+) kB", text)[1]) << 10
        limit = size + (ADDRESS_SPACE_MB << 20)
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def main(reader: str, seed: int, first: int, last: int) -> None:
    """Run the cases and say how each went."""
    import torch

    torch.set_num_threads(1)
    from tests.fuzz.targets import BY_NAME

    BY_NAME[reader].files()
    run_case(reader, seed, -1)  # what is imported late is not this case's memory
    say = os.fdopen(os.dup(1), "w", buffering=1)
    faulthandler.enable(os.fdopen(os.dup(2), "w"))
    _limit_memory()
    gc.collect()
    gc.freeze()
    for case in range(first, last):
        say.write(json.dumps({"begin": case}) + "\n")
        outcome = run_case(reader, seed, case)
        say.write(json.dumps(asdict(outcome)) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:5]))
