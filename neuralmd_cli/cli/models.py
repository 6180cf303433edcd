"""`neuralmd models`: what one can simulate with."""

import json
from typing import TYPE_CHECKING, Any

import typer

from neuralmd_cli.cli.console import print_table
from neuralmd_cli.cli.options import Json

if TYPE_CHECKING:
    from neuralmd_cli.models.system import System
    from neuralmd_cli.weights.registry import Registry


def models(as_json: Json = False) -> None:
    """List the models of `--model`: what each is, if it is random, its weights."""
    from neuralmd_cli.models.registry import SYSTEMS
    from neuralmd_cli.weights.registry import load_registry

    registry = load_registry()
    rows = [_facts(x, registry) for x in SYSTEMS.values()]
    if as_json:
        typer.echo(json.dumps(rows, indent=2, ensure_ascii=False))
    else:
        _print_table(rows)


def _facts(system: "type[System]", registry: "Registry") -> dict[str, Any]:
    from neuralmd_cli.models.names import DEFAULT_MODEL
    from neuralmd_cli.models.system import TrainableSystem
    from neuralmd_cli.weights.fetch import locate

    own = [x for x in registry.entries if x.model == system.name]
    return {
        "name": system.name,
        "summary": system.summary,
        "default": system.name == DEFAULT_MODEL,
        "needs_weights": issubclass(system, TrainableSystem),
        "random": system.draws or None,
        "simulates": not system.oracle,
        "weights": [
            {"name": x.name, "default": x.default, "where": locate(x, registry).where}
            for x in own
        ],
    }


def _print_table(rows: list[dict[str, Any]]) -> None:
    from rich.table import Column, Table

    name = Column("model", no_wrap=True)
    table = Table(name, "what it is", "random", "weights", box=None)
    for row in rows:
        default = " (default)" if row["default"] else ""
        scored = "" if row["simulates"] else " (only to be scored)"
        table.add_row(
            row["name"] + default,
            row["summary"] + scored,
            row["random"] or "no",
            _weights(row),
        )
    print_table(table)


def _weights(row: dict[str, Any]) -> str:
    """Those without which it does not run, or where to get some."""
    if not row["needs_weights"]:
        return "none needed"
    ready = [x["name"] for x in row["weights"] if x["where"] != "remote"]
    count = len(row["weights"]) - len(ready)
    if count:
        ready.append(f"{count} to fetch")
    return ", ".join(ready) or "none yet: train them"
