"""The libraries that neuralmd needs, and those that an extra would add."""

import platform
import re
import sys
import tomllib
from importlib import import_module, metadata
from pathlib import Path

from packaging.requirements import Requirement

import neuralmd_cli
from neuralmd_cli.doctor.finding import Finding, State
from neuralmd_cli.version import VERSION

_IMPORTED = ("torch", "gemmi", "rdkit", "mdtraj", "scipy", "torchdiffeq", "safetensors")
"""What a simulation cannot do without: that it is installed is not all."""


def versions() -> list[Finding]:
    """neuralmd, Python, and each library that neuralmd needs."""
    found = [
        Finding(section="versions", name="neuralmd", value=VERSION),
        Finding(
            section="versions",
            name="python",
            value=f"{platform.python_version()} at {sys.executable}",
        ),
        Finding(section="versions", name="platform", value=platform.platform()),
    ]
    for requirement in _requirements():
        if _extra(requirement) is None:
            found.append(_needed(requirement))
    return found


def extras() -> list[Finding]:
    """Each optional extra: installed, or the command that adds it."""
    by_name: dict[str, list[Requirement]] = {}
    for requirement in _requirements():
        extra = _extra(requirement)
        if extra is not None and extra != "dev":
            by_name.setdefault(extra, []).append(requirement)
    found = []
    for name, requirements in sorted(by_name.items()):
        held = {x.name: _version(x.name) for x in requirements}
        lacking = sorted(k for k, v in held.items() if v is None)
        old = [x for x in requirements if (v := held[x.name]) and v not in x.specifier]
        state: State = "missing" if lacking or old else "ok"
        value = ", ".join(f"{k} {v}" for k, v in held.items() if v)
        if lacking:
            value = f"not installed: {', '.join(lacking)}"
        elif old:
            value += f", too old: needs {', '.join(map(str, old))}"
        hint = "" if state == "ok" else f'pip install "neuralmd[{name}]"'
        found.append(
            Finding(section="extras", name=name, value=value, state=state, hint=hint)
        )
    return found


def _needed(requirement: Requirement) -> Finding:
    """A library without which nothing works."""
    name, version = requirement.name, _version(requirement.name)
    problem = ""
    if version is None:
        problem = "not installed"
    elif version.split("+")[0] not in requirement.specifier:
        problem = f"{version}, but neuralmd needs {requirement.specifier}"
    elif name in _IMPORTED:
        try:
            import_module(name)
        except (ImportError, OSError) as error:  # OSError: a library of its own is gone
            problem = f"{version}, but cannot be imported: {error}"
    return Finding(
        section="versions",
        name=name,
        value=problem or str(version),
        state="broken" if problem else "ok",
        hint=f'pip install "{name}{requirement.specifier}"' if problem else "",
    )


def _version(name: str) -> str | None:
    """The installed version; None: not installed."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _extra(requirement: Requirement) -> str | None:
    """The extra a requirement is of."""
    found = re.search(r"extra == ['\"]([\w-]+)['\"]", str(requirement.marker or ""))
    return found[1] if found else None


def _requirements() -> list[Requirement]:
    """What the installed package says it needs, or the checkout it runs from."""
    try:
        lines = metadata.requires("neuralmd") or []
    except metadata.PackageNotFoundError:
        lines = _from_checkout(Path(neuralmd_cli.__file__).parents[1])
    return [Requirement(line) for line in lines]


def _from_checkout(folder: Path) -> list[str]:
    path = folder / "pyproject.toml"
    if not path.is_file():
        return []
    project = tomllib.loads(path.read_text(encoding="utf-8"))["project"]
    return [
        *project["dependencies"],
        *(
            f'{line}; extra == "{name}"'
            for name, lines in project["optional-dependencies"].items()
            for line in lines
        ),
    ]
