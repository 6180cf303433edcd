"""The weights on this machine, and the folder that downloads go to."""

import os
import shutil
from pathlib import Path

from neuralmd_cli.doctor.finding import Finding
from neuralmd_cli.errors import WeightsError
from neuralmd_cli.weights.fetch import CACHE_VARIABLE, cache_dir, check, locate
from neuralmd_cli.weights.registry import load_registry

_GB = 1e9
_LEAST = 0.1
"""Gigabytes that must be free for a download of weights to be sure to fit."""


def weights() -> list[Finding]:
    """Each set of weights that is here, by its hash; the rest only counted."""
    try:
        registry = load_registry()
    except WeightsError as error:
        return [_broken("registry", error)]
    found, remote = [], 0
    for entry in registry.entries:
        location = locate(entry, registry)
        if location.path is None:
            remote += 1
            continue
        try:
            check(location.path, entry)
        except WeightsError as error:
            found.append(_broken(entry.name, error))
        else:
            value = f"{location.where}, SHA-256 as registered"
            found.append(Finding(section="weights", name=entry.name, value=value))
    if remote:
        value = f"{remote} not here (neuralmd weights list)"
        found.append(Finding(section="weights", name="to fetch", value=value))
    return found


def cache() -> list[Finding]:
    """Whether the cache folder can be written, and what space is left."""
    folder = cache_dir()
    there = _first_existing(folder)
    free = shutil.disk_usage(there).free / _GB
    value = f"{folder}, {free:.1f} GB free"
    problem = ""
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        problem = f"{there} cannot be written"
    elif free < _LEAST:
        problem = "hardly any space left"
    return [
        Finding(
            section="cache",
            name="folder",
            value=f"{value}: {problem}" if problem else value,
            state="broken" if problem else "ok",
            hint=f"Set {CACHE_VARIABLE} to another folder." if problem else "",
        )
    ]


def _first_existing(folder: Path) -> Path:
    """The folder, or what of its path is there: it is made when it is needed."""
    for path in (folder, *folder.absolute().parents):
        if path.exists():
            return path
    return Path("/")


def _broken(name: str, error: WeightsError) -> Finding:
    return Finding(
        section="weights",
        name=name,
        value=error.message,
        state="broken",
        hint=error.hint,
    )
