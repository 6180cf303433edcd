"""`neuralmd weights`: what trained models there are, and are they intact."""

import json
from collections.abc import Mapping
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from neuralmd_cli.cli import complete
from neuralmd_cli.cli.console import EXIT_PROBLEM, download_progress, print_table
from neuralmd_cli.cli.options import Json, Quiet, WeightsUrl
from neuralmd_cli.errors import WeightsError
from neuralmd_cli.plain_text import printable

if TYPE_CHECKING:
    from neuralmd_cli.weights.checkpoint import Checkpoint
    from neuralmd_cli.weights.registry import Registry

app = typer.Typer(
    help="List, fetch, inspect, verify and import trained weights.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Name = Annotated[
    str,
    typer.Argument(
        metavar="NAME",
        autocompletion=complete.weights,
        help="A registered name.",
    ),
]


@app.command("list")
def list_weights(as_json: Json = False) -> None:
    """List the published weights and where each one is now."""
    from neuralmd_cli.weights.fetch import cache_dir, locate
    from neuralmd_cli.weights.originals import pinned_sha256
    from neuralmd_cli.weights.registry import load_registry

    registry = load_registry()
    rows = [
        {
            "name": x.name,
            "model": x.model,
            "default": x.default,
            "where": locate(x, registry).where,
            "size_bytes": x.size,
            "sha256": pinned_sha256(x, cache_dir()) if x.original else x.sha256,
            "original": f"{x.url}/{x.original}" if x.original else None,
            "description": x.description,
            "card": str(registry.folder / x.card),
        }
        for x in registry.entries
    ]
    if as_json:
        _print_json(rows)
    elif not rows:
        typer.echo("No weights are published with this version of neuralmd.")
    else:
        _print_table(rows)


@app.command()
def fetch(name: Name, weights_url: WeightsUrl = None, quiet: Quiet = False) -> None:
    """Download weights to the cache and verify them; print where they are.

    Weights of others are converted. Where their SHA-256 is not known, the first one
    seen is pinned.
    """
    from neuralmd_cli.weights.fetch import resolve
    from neuralmd_cli.weights.registry import load_registry

    registry = load_registry()
    entry = registry.entry(name)
    with download_progress(entry.file, quiet=quiet) as progress:
        path = resolve(
            entry.name, url=weights_url, registry=registry, progress=progress
        )
    typer.echo(str(path))


@app.command()
def info(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME|PATH", help="A registered name, or a .safetensors file."
        ),
    ],
    as_json: Json = False,
    weights_url: WeightsUrl = None,
) -> None:
    """Show what a checkpoint says about itself; a name may need a download first."""
    from neuralmd_cli.weights.checkpoint import load_checkpoint
    from neuralmd_cli.weights.fetch import resolve

    with download_progress(name) as progress:
        path = resolve(name, url=weights_url, progress=progress)
    facts = {"path": str(path), **_facts(load_checkpoint(path))}
    if as_json:
        _print_json(facts)
    else:
        for key, value in _flat(facts):
            typer.echo(printable(f"{key}: {value}"))


@app.command()
def verify(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME]...",
            help="Registered names; without any, all that are bundled or cached.",
            show_default=False,
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Compare weights on disk with their registered size and SHA-256."""
    from neuralmd_cli.weights.registry import load_registry

    rows = _verified(load_registry(), names or [])
    if as_json:
        _print_json(rows)
    else:
        for row in rows:
            typer.echo(f"{row['name']}: {row['problem'] or 'ok'}")
        if not rows:
            typer.echo("There are no weights on this machine to verify.")
    if any(row["problem"] for row in rows):
        raise typer.Exit(EXIT_PROBLEM)


@app.command("import")
def import_weights(
    model: Annotated[
        Path,
        typer.Argument(
            metavar="MODEL.PTH",
            help="Checkpoint of the authors' public release. Its code is never run.",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="The .safetensors file to write.",
            dir_okay=False,
        ),
    ],
    hyperparameters: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="The hyperparameter.txt that lies beside the checkpoint.",
            show_default=False,
        ),
    ] = None,
    model_name: Annotated[
        str | None,
        typer.Option(
            "--model",
            metavar="NAME",
            help="gnnmd, denoisingld or neuralmd-ode: which of these it is. Their "
            "tensors are the same, and only training flags may tell.",
            show_default=False,
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(
            help="What the checkpoint calls itself; by default as the file.",
            show_default=False,
        ),
    ] = None,
    step: Annotated[
        float | None,
        typer.Option(
            help="Snapshots (of 80 ps) per solver step, before the file's.",
            show_default=False,
        ),
    ] = None,
    scaling: Annotated[
        float | None,
        typer.Option(
            help="Snapshots per unit of model time, before the file's.",
            show_default=False,
        ),
    ] = None,
    velocity_refinement: Annotated[
        float | None,
        typer.Option(
            help="Coefficient of the velocity refinement, before the file's.",
            show_default=False,
        ),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Convert a checkpoint of the NeuralMD authors' for --weights."""
    from neuralmd_cli.weights.published import import_published

    made = import_published(
        model,
        output,
        hyperparameters=hyperparameters,
        system=model_name,
        name=name,
        step=step,
        scaling=scaling,
        velocity_refinement=velocity_refinement,
    )
    for note in made.notes:
        typer.echo(f"Note: {note}", err=True)
    if not quiet:
        typer.echo(f"Wrote {output}: {made.summary}.")


def _verified(registry: "Registry", names: list[str]) -> list[dict[str, Any]]:
    from neuralmd_cli.weights.fetch import check, locate

    rows = []
    entries = [registry.entry(x) for x in names] if names else registry.entries
    for entry in entries:
        path = locate(entry, registry).path
        problem = None
        if path is not None:
            try:
                check(path, entry)
            except WeightsError as error:
                problem = error.message
        elif names:
            problem = "not on this machine; `neuralmd weights fetch` gets it"
        else:
            continue
        row = {"name": entry.name, "path": path and str(path), "problem": problem}
        rows.append(row)
    return rows


def _facts(checkpoint: "Checkpoint") -> dict[str, Any]:
    metadata = checkpoint.metadata
    return {
        "sha256": checkpoint.sha256,
        "parameters": checkpoint.n_parameters,
        "name": metadata.name,
        "model": metadata.model,
        "units": metadata.units,
        "config": dict(metadata.config),
        "training_data": dict(metadata.training_data),
        "training_command": metadata.training_command,
        "training_seed": metadata.training_seed,
        "version": metadata.version,
        "metrics": dict(metadata.metrics),
    }


def _flat(facts: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    """Nested dicts as dotted keys, one line each."""
    lines: list[tuple[str, Any]] = []
    for key, value in facts.items():
        if isinstance(value, Mapping):
            lines += _flat(value, f"{prefix}{key}.")
        else:
            lines.append((f"{prefix}{key}", value))
    return lines


def _print_json(content: object) -> None:
    typer.echo(json.dumps(content, indent=2, ensure_ascii=False))


def _print_table(rows: list[dict[str, Any]]) -> None:
    from rich.table import Column, Table

    shown = set[str]()
    # A name is there to be copied, so it is never cut short.
    name = Column("name", no_wrap=True)
    table = Table(name, "size", "where", "description", box=None)
    for row in sorted(rows, key=itemgetter("model")):
        if row["model"] not in shown:
            shown.add(row["model"])
            table.add_row(f"of {row['model']}:", style="bold")
        default = " (default)" if row["default"] else ""
        size = f"{row['size_bytes'] / 1e6:.1f} MB"
        cells = (size, row["where"], row["description"])
        table.add_row(f"  {row['name']}{default}", *cells)
    print_table(table)
