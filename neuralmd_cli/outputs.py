"""The files of one run: their names, whether they may be written, and all at once."""

import hashlib
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from neuralmd_cli.errors import OutputError
from neuralmd_cli.input_files import json_value

FORMATS = (".dcd", ".xtc")


def output_names(output: Path, replicas: int) -> list[str]:
    """Names of all files a run writes: trajectories, topology, ligand, record."""
    if replicas == 1:
        trajectories = [output.name]
    else:
        trajectories = [
            f"{output.stem}_r{k}{output.suffix}" for k in range(1, replicas + 1)
        ]
    return [*trajectories, *(f"{output.stem}.{x}" for x in ("pdb", "sdf", "json"))]


def check_output(output: Path, replicas: int, inputs: Sequence[Path]) -> None:
    """Refuse before the work what could not, or should not, be written after it.

    Raises:
        OutputError: no trajectory suffix, no folder, or a file in the way that is an
            input or comes from no earlier run.
    """
    if output.suffix.lower() not in FORMATS:
        raise OutputError(
            f"{output.name}: the suffix {output.suffix or '(none)'} names no "
            "trajectory format.",
            hint="Write to a file that ends in .dcd or .xtc.",
        )
    if not output.parent.is_dir():
        raise OutputError(
            f"{output.parent} is not a folder, so {output.name} cannot be written.",
            hint="Create it first.",
        )
    if not os.access(output.parent, os.W_OK | os.X_OK):
        raise OutputError(
            f"{output.parent} cannot be written to: permission denied.",
            hint="Choose a folder you may write to.",
        )
    files = [output.parent / name for name in output_names(output, replicas)]
    for path in inputs:
        for file in files:
            if os.path.exists(file) and path.exists() and file.samefile(path):
                raise OutputError(
                    f"The run would write {file.name} over its own input.",
                    hint="Choose another name with --output.",
                )
    # The trajectory's name is the user's own; these only follow from it.
    # A run that was killed while its files moved has left its record on the way.
    half = staging(files[0]) / files[-1].name
    for file in files[-3:]:
        known = [*_outputs_before(files[-1]), *_outputs_before(half)]
        if os.path.exists(file) and file.name not in known:
            raise OutputError(
                f"{file} is there already and comes from no earlier run, so the run "
                "would destroy it.",
                hint="Choose another name with --output, or move that file away.",
            )


def _outputs_before(record: Path) -> list[str]:
    """Files of an earlier run by its record; none where there is no such record."""
    try:
        outputs = json_value(record.read_text(encoding="utf-8"))["outputs"]
    except (OSError, ValueError, LookupError, TypeError):
        return []
    return outputs if isinstance(outputs, list) else []


@contextmanager
def claimed(output: Path, *, wait_s: float = 0.0) -> Iterator[None]:
    """Keep other processes from writing the same output while the block runs.

    A process may claim again what it has claimed. The claim ends with the process,
    however it ends.

    Args:
        output: what is to be written.
        wait_s: how long to wait for another process.

    Raises:
        OutputError: another process writes it, or its folder cannot be written to.
    """
    lock = staging(output).with_suffix(".lock")
    try:
        held = FileLock(lock, is_singleton=True)
        held.acquire(timeout=wait_s)
    except Timeout:
        raise OutputError(
            f"Another process is writing {output} right now.",
            hint="Wait for it, stop it, or choose another name with --output.",
        ) from None
    except NotImplementedError:  # a file system without locks
        yield
        return
    except OSError as error:
        raise _unwritable(output.parent, error) from error
    try:
        yield
    finally:
        if held.lock_counter == 1:
            # Before it is let go: another process that has it open looks again.
            with suppress(OSError):
                lock.unlink()
        held.release()


@contextmanager
def all_or_nothing(
    parent: Path, names: Sequence[str], *, scratch: Path | None = None
) -> Iterator[Path]:
    """A folder to write into; its files appear in `parent` when the body succeeds.

    The last file, the record, comes last, and an older one goes first: where there is
    a record, there is all that it speaks of.

    Args:
        parent: where the files go.
        names: of the files.
        scratch: where the folder is made, on the same disk; by default in `parent`.

    Raises:
        OutputError: no permission, no space, or another process is writing them.
    """
    folder = staging((scratch or parent) / names[0])
    with claimed((scratch or parent) / names[0]):
        try:
            # What a killed run has left is of no use.
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
        except OSError as error:
            raise _unwritable(parent, error) from error
        try:
            yield folder
            (parent / names[-1]).unlink(missing_ok=True)
            for name in names:
                (folder / name).replace(parent / name)
        except OSError as error:
            raise OutputError(
                f"{parent}: the results cannot be written: {error.strerror or error}.",
                hint="Check that the disk has space left and the folder is there.",
            ) from error
        except OutputError as error:
            # The files are known by the names they were to get.
            raise OutputError(
                error.message.replace(str(folder), str(parent)),
                hint=error.hint.replace(str(folder), str(parent)),
            ) from error
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def staging(output: Path) -> Path:
    """Where files wait to get their names; the same for the same output."""
    digest = hashlib.sha256(os.fsencode(output.name)).hexdigest()
    return output.with_name(f".neuralmd-{digest[:12]}")


def _unwritable(parent: Path, error: OSError) -> OutputError:
    return OutputError(
        f"{parent} cannot be written to: {error.strerror or error}.",
        hint="Choose a folder you may write to.",
    )
