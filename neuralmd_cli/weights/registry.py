"""The list of published weights: their files, sizes and hashes."""

import difflib
import hashlib
import tomllib
from dataclasses import dataclass, fields
from pathlib import Path, PurePath, PurePosixPath
from typing import Any

import neuralmd_cli
from neuralmd_cli.errors import WeightsError
from neuralmd_cli.input_files import toml_tables
from neuralmd_cli.models.names import DEFAULT_MODEL

REGISTRY_FILE = "registry.toml"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One published checkpoint."""

    name: str
    model: str  # what it is of, as `--model` names it
    file: str  # its name in the weights folder, the cache and at the download address
    size: int  # bytes, of the original if there is one, else of the file
    description: str
    card: str  # file name of the model card
    sha256: str = ""  # of the same; only an original may be without
    default: bool = False  # of its model
    bundled: bool = False  # comes with neuralmd, so it needs no download
    url: str = ""  # download address, where one is public
    original: str = ""  # path at the address of a file of others, to be converted

    def __post_init__(self) -> None:
        for x in fields(self):
            if type(getattr(self, x.name)) is not x.type:
                raise TypeError(f"{x.name} is not of type {x.type}")
        for name in (self.file, self.card):
            if PurePath(name).name != name or name in ("", ".."):
                raise ValueError(f"{name!r} is not a plain file name")
        wrong = len(self.sha256) != 64 or set(self.sha256) - set("0123456789abcdef")
        if wrong and (self.sha256 or not self.original):
            raise ValueError("sha256 is not 64 lower-case hexadecimal digits")
        path = PurePosixPath(self.original)
        if path.is_absolute() or ".." in path.parts:
            raise ValueError(f"{self.original!r} is not a path below an address")
        if self.original and self.bundled:
            raise ValueError("the files of others are not bundled")
        if self.original and not self.url:
            raise ValueError(f"{self.original!r} has no url")


@dataclass(frozen=True, kw_only=True)
class Registry:
    """The published weights, and the folder where the bundled ones lie."""

    folder: Path
    entries: tuple[Entry, ...]

    def __post_init__(self) -> None:
        names = [x.name for x in self.entries]
        if len(set(names)) < len(names):
            raise ValueError("a name stands there twice")
        models = [x.model for x in self.entries if x.default]
        if len(set(models)) < len(models):
            raise ValueError("there is more than one default of a model")

    def entry(self, name: str) -> Entry:
        """The entry of that name.

        Raises:
            WeightsError: there is none; the message lists the names.
        """
        known = {x.name: x for x in self.entries}
        if name in known:
            return known[name]
        listed = ", ".join(sorted(known)) or "none"
        close = difflib.get_close_matches(name, known, n=1)
        instead = "Use one of these names, or give a .safetensors file."
        hint = f"Did you mean {close[0]}?" if close else instead
        raise WeightsError(
            f"There are no weights named {name}; known names: {listed}.", hint=hint
        )

    def default(self, model: str = DEFAULT_MODEL) -> Entry:
        """The weights of a model used where none are named.

        Raises:
            WeightsError: the registry names no default.
        """
        own = [x for x in self.entries if x.model == model]
        for entry in own:
            if entry.default:
                return entry
        train = f"train some with `neuralmd train --model {model}` and give them with "
        raise WeightsError(
            f"neuralmd comes without default weights of the model {model}.",
            hint=f"Choose --weights {' or '.join(x.name for x in own)}, or {train}"
            "--weights FILE.safetensors."
            if own
            else f"{train.capitalize()}--weights FILE.safetensors.",
        )


def weights_dir() -> Path:
    """The folder with the registry and the bundled weights.

    In an installed wheel it lies in the package, in a source checkout beside it.

    Raises:
        WeightsError: neither is there.
    """
    package = Path(neuralmd_cli.__file__).parent
    for folder in (package / "bundled_weights", package.parent / "weights"):
        if (folder / REGISTRY_FILE).is_file():
            return folder
    raise WeightsError(
        f"The weights registry is missing from {package}.",
        hint="The installation is incomplete: install neuralmd again.",
    )


def load_registry(folder: Path | None = None) -> Registry:
    """Read `registry.toml` of a folder, by default `weights_dir()`.

    Raises:
        WeightsError: it cannot be read, or an entry is not as it should be.
    """
    folder = folder or weights_dir()
    path = folder / REGISTRY_FILE
    try:
        content = toml_tables(path.read_text(encoding="utf-8"))
        return Registry(folder=folder, entries=_entries(content))
    except (OSError, tomllib.TOMLDecodeError, TypeError, ValueError) as error:
        raise WeightsError(
            f"{path}: the weights registry cannot be used ({error}).",
            hint="The installation is damaged: install neuralmd again.",
        ) from None


def _entries(content: dict[str, Any]) -> tuple[Entry, ...]:
    unknown = set(content) - {"weights"}
    if unknown:
        raise ValueError(f"unknown table {min(unknown)}")
    return tuple(Entry(**x) for x in content.get("weights", []))


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, as lower-case hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_file(path: Path, entry: Entry) -> None:
    """Compare a file with its registry entry.

    Raises:
        WeightsError: it cannot be read, has another size, or another SHA-256.
    """
    compare(path, entry.name, size=entry.size, sha256=entry.sha256)


def compare(
    path: Path, name: str, *, size: int | None = None, sha256: str | None
) -> None:
    """Compare a file with the size and SHA-256 that the weights `name` should have.

    Raises:
        WeightsError: it cannot be read, is another file, or no SHA-256 is known.
    """
    try:
        found, digest = path.stat().st_size, file_sha256(path)
    except OSError as error:
        raise WeightsError(
            f"{path}: the weights cannot be read ({error.strerror}).",
            hint="Check the permissions of the file.",
        ) from None
    if size is not None and found != size:
        problem = f"it has {found} bytes instead of {size}"
    elif sha256 is None:
        problem = "there is no record of its SHA-256"
    elif digest != sha256:
        problem = f"its SHA-256 is {digest} instead of {sha256}"
    else:
        return
    raise WeightsError(
        f"{path} is not the registered {name}: {problem}. It was not used.",
        hint=f"Delete it and run `neuralmd weights fetch {name}`, or install neuralmd "
        "again if it came with it.",
    )
