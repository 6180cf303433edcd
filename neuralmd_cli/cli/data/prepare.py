"""`neuralmd data prepare`: a file in MISATO's layout to a compact store."""

import json
import os
import sys
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from neuralmd_cli.cli.console import EXIT_PROBLEM, snapshot_progress
from neuralmd_cli.cli.options import Json, Quiet
from neuralmd_cli.errors import InputError, OutputError
from neuralmd_cli.input_files import check_regular
from neuralmd_cli.plain_text import printable

if TYPE_CHECKING:
    from neuralmd_cli.dataset.prepare import Summary


def prepare(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="File in MISATO's layout, such as MD.hdf5."
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="The store to make, or to complete.",
            dir_okay=False,
        ),
    ],
    ids: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Take only these complexes: a text file with one id a line, - for "
            "standard input. Without it, all.",
            show_default=False,
        ),
    ] = None,
    exclude_flagged: Annotated[
        bool,
        typer.Option(
            "--exclude-flagged",
            help="Leave out complexes that are flagged; each is named with the reason.",
        ),
    ] = False,
    all_atom: Annotated[
        bool,
        typer.Option(
            "--all-atom",
            help="Keep all heavy atoms of the protein in every snapshot, not in the "
            "first only: some 40 times the size.",
        ),
    ] = False,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Processes that read; the store does not depend on it. Without it, "
            "one per CPU core.",
            show_default=False,
        ),
    ] = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Make a compact store from trajectories in MISATO's layout.

    An interrupted run goes on where it was. A complex that cannot be read is left out
    and named, and the exit code is 1.
    """
    from neuralmd_cli.dataset.prepare import prepare as make

    _check_output(output, file)
    with ExitStack() as bars:
        done = [0]
        show = [lambda count: None]

        def on_start(stage: str, total: int) -> None:
            bars.close()
            done[0] = 0
            show[0] = bars.enter_context(
                snapshot_progress(total, quiet=quiet, label=stage)
            )

        def on_entry() -> None:
            done[0] += 1
            show[0](done[0])

        summary = make(
            file,
            output,
            names=None if ids is None else _ids(ids),
            all_atom=all_atom,
            exclude_flagged=exclude_flagged,
            workers=workers or os.cpu_count() or 1,
            on_start=on_start,
            on_entry=on_entry,
        )
    if as_json:
        typer.echo(json.dumps(_facts(summary, output), indent=2))
    else:
        _tell(summary, output, quiet=quiet)
    if summary.failed:
        raise typer.Exit(EXIT_PROBLEM)


def _check_output(output: Path, source: Path) -> None:
    """Refuse before the work what could not be written after it."""
    if not output.parent.is_dir():
        raise OutputError(
            f"{output.parent} is not a folder, so {output.name} cannot be written.",
            hint="Create it first.",
        )
    if output.exists() and source.exists() and output.samefile(source):
        raise OutputError(
            f"The store would be written over {source.name} itself.",
            hint="Choose another --output.",
        )


def _ids(path: Path) -> list[str]:
    """The ids of a list, empty lines and comments left out."""
    check_regular(path)
    try:
        text = sys.stdin.read() if str(path) == "-" else path.read_text("utf-8")
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path}: the list of ids cannot be read ({error}).",
            hint="Give a text file with one id a line.",
        ) from error
    found = [line.split("#")[0].strip() for line in text.splitlines()]
    if not any(found):
        raise InputError(
            f"{path}: the list holds no id.", hint="Write one id on each line."
        )
    return list(dict.fromkeys(x for x in found if x))


def _facts(summary: "Summary", output: Path) -> dict[str, object]:
    facts = asdict(summary)
    manifest = facts.pop("manifest")
    return {
        "output": str(output),
        "complexes": len(manifest["sha256"]),
        "size_bytes": output.stat().st_size,
        "all_atom": manifest["all_atom"],
        "digest": manifest["digest"],
        **facts,
    }


def _tell(summary: "Summary", output: Path, *, quiet: bool) -> None:
    """Warnings to stderr, then one line of result."""
    for name, message in summary.failed.items():
        typer.echo(printable(f"Left out {name}: {message}"), err=True)
    for name, flags in summary.excluded.items():
        typer.echo(printable(f"Excluded {name}: {'; '.join(flags)}"), err=True)
    if quiet:
        return
    for name, flags in summary.flagged.items():
        typer.echo(printable(f"Flagged {name}: {'; '.join(flags)}"), err=True)
    count, size = len(summary.manifest.names), output.stat().st_size
    before = f", {len(summary.kept)} of them made before" if summary.kept else ""
    parts = [f"Wrote {output}: {count} complexes{before}, {size / 1e6:.1f} MB"]
    parts += [f"{len(summary.failed)} damaged and left out"] if summary.failed else []
    parts += [f"{len(summary.excluded)} excluded"] if summary.excluded else []
    parts += [f"{len(summary.flagged)} flagged"] if summary.flagged else []
    typer.echo("; ".join(parts) + ".")
