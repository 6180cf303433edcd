"""Write the registry entry of a checkpoint: its size, its hash, and what it is for.

Replaces the entry of the same name, or appends one.
"""

import argparse
import json
import sys
from dataclasses import asdict, replace
from pathlib import Path

from neuralmd_cli.errors import NeuralMDError
from neuralmd_cli.weights.checkpoint import load_checkpoint
from neuralmd_cli.weights.registry import (
    REGISTRY_FILE,
    Entry,
    Registry,
    load_registry,
)


def parse_arguments() -> argparse.Namespace:
    """The options of the script."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path, help="a .safetensors checkpoint")
    parser.add_argument("--name", required=True)
    parser.add_argument("--description", required=True, help="one line")
    parser.add_argument("--card", required=True, help="file name of the model card")
    parser.add_argument(
        "--default", action="store_true", help="use it by default for its model"
    )
    parser.add_argument(
        "--remote", action="store_true", help="not bundled: users download it"
    )
    return parser.parse_args()


def registered(registry: Registry, entry: Entry) -> Registry:
    """The registry with the entry in it; a new default replaces its model's old one."""
    others = [x for x in registry.entries if x.name != entry.name]
    if entry.default:
        others = [
            replace(x, default=x.default and x.model != entry.model) for x in others
        ]
    return replace(registry, entries=(*others, entry))


def to_toml(entry: Entry) -> str:
    """The entry as a TOML table; JSON's texts and numbers are TOML's as well."""
    lines = [f"{k} = {json.dumps(v)}" for k, v in asdict(entry).items() if v != ""]
    return "\n".join(["[[weights]]", *lines, ""])


def write(registry: Registry) -> None:
    """Rewrite the registry file; the comment on its top stays."""
    path = registry.folder / REGISTRY_FILE
    old = path.read_text(encoding="utf-8").splitlines()
    comment = [x for x in old if x.startswith("#")]
    tables = [to_toml(x) for x in registry.entries]
    path.write_text("\n".join(["\n".join(comment), "", *tables]), encoding="utf-8")


def main() -> None:
    """Check the checkpoint and its card, then write the entry."""
    options = parse_arguments()
    folder = options.file.parent
    try:
        checkpoint = load_checkpoint(options.file)
        if not (folder / options.card).is_file():
            sys.exit(f"Error: there is no model card {folder / options.card}.")
        entry = Entry(
            name=options.name,
            model=checkpoint.metadata.model,
            file=options.file.name,
            sha256=checkpoint.sha256,
            size=options.file.stat().st_size,
            description=options.description,
            card=options.card,
            default=options.default,
            bundled=not options.remote,
        )
        write(registered(load_registry(folder), entry))
        load_registry(folder)
    except NeuralMDError as error:
        sys.exit(f"Error: {error.message}\nHint: {error.hint}")
    print(f"Registered {entry.name}: {entry.size} bytes, SHA-256 {entry.sha256}")


if __name__ == "__main__":
    main()
