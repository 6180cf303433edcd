"""`--config FILE.toml`: a file that holds options, for every command alike.

Keys are option names without dashes. Those at the top of the file are of whatever
command is run with it, those in a table named after a command ([simulate],
[data.prepare]) of that one. The command line goes before the file, and a table before
the top. Paths are relative to the file.
"""

import difflib
import inspect
import math
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import typer
import typer.main

from neuralmd_cli.errors import InputError
from neuralmd_cli.input_files import check_regular, toml_tables

HELP = "TOML file that holds options of this command; the command line goes first."


def add_config(command: Any) -> None:  # noqa: ANN401  its type is private to typer
    """Give a command, or each command of a group, the option `--config`."""
    for inner in getattr(command, "commands", {}).values():
        add_config(inner)
    if not hasattr(command, "commands"):
        command.params.append(_option())


def _option() -> Any:  # noqa: ANN401  its type is private to typer
    """The option itself, made by typer in the one way that is public."""
    maker = typer.Typer(add_completion=False)

    @maker.command()
    def command(
        config: Annotated[
            Path | None,
            typer.Option(
                "--config",
                metavar="FILE",
                help=HELP,
                # Without types: the context's own is private to typer.
                callback=lambda context, path: _read(context, path),
                is_eager=True,  # so that the others can look up what it read
                expose_value=False,
                show_default=False,
            ),
        ] = None,
    ) -> None:
        pass

    return typer.main.get_command(maker).params[0]


def _read(context: Any, path: Path | None) -> None:  # noqa: ANN401  typer's own, or TOML's
    """Make what the file says the defaults of the command."""
    if path is None or context.resilient_parsing:
        return
    command = context.command
    known = _known(command)
    hints = get_type_hints(inspect.unwrap(command.callback), include_extras=True)
    # A list: a command's table may say again what the top of the file says.
    defaults = dict(context.default_map or {})
    for key, value in _options(path, context):
        name = key.replace("_", "-")
        if name not in known:
            raise InputError(
                f"{path.name}: {key} is no option of `{context.command_path}`.",
                hint=_nearest(name, known),
            )
        param = known[name]
        defaults[param.name] = _value(path, key, value, hints[param.name], param)
    context.default_map = defaults


def _known(command: Any) -> dict[str, Any]:  # noqa: ANN401  private to typer
    """Each parameter of a command by its names without dashes."""
    known = {}
    for param in command.params:
        if param.name in ("help", "config"):
            continue
        if param.param_type_name == "argument":
            known[param.name.replace("_", "-")] = param
    for param in command.params:
        if param.param_type_name == "option" and param.name not in ("help", "config"):
            longs = [x for x in param.opts if x.startswith("--")]
            known |= {x.removeprefix("--"): param for x in longs}
    return known


def _options(path: Path, context: Any) -> list[tuple[str, Any]]:  # noqa: ANN401  typer's own, or TOML's
    """Keys and values for this command: the top of the file, then its own table."""
    try:
        check_regular(path)
        held = toml_tables(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(
            f"--config {path}: the file cannot be read: {error.strerror}.",
            hint="Check the path for a typing error.",
        ) from None
    except ValueError as error:  # of TOML, or of its encoding
        raise InputError(f"{path.name} is no TOML file: {error}.") from None
    root = context.find_root().command
    _check_tables(path, held, root)
    found = _plain(held)
    for word in _words(context):
        held = held.get(word, {})
        if not isinstance(held, dict):
            return found
        found += _plain(held)
    return found


def _words(context: Any) -> list[str]:  # noqa: ANN401  typer's own, or TOML's
    """The command by its words: ["data", "prepare"]."""
    words: list[str] = []
    while context.parent is not None:
        words.insert(0, context.info_name)
        context = context.parent
    return words


def _plain(table: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """What a table says itself."""
    return [(k, v) for k, v in table.items() if not isinstance(v, dict)]


def _check_tables(path: Path, table: Mapping[str, Any], group: Any) -> None:  # noqa: ANN401  typer's own, or TOML's
    """A table must be named after a command, so that no typing error goes unseen."""
    commands = getattr(group, "commands", {})
    for key, value in table.items():
        if isinstance(value, dict):
            if key not in commands:
                raise InputError(
                    f"{path.name}: [{key}] is no command.",
                    hint=_nearest(key, commands),
                )
            _check_tables(path, value, commands[key])


def _nearest(name: str, known: Mapping[str, Any]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    if close:
        return f"Did you mean {close[0]}?"
    return f"There are {', '.join(sorted(known))}." if known else ""


def _value(path: Path, key: str, value: Any, hint: Any, param: Any) -> Any:  # noqa: ANN401  typer's own, or TOML's
    """The value as the command line would have it, or what is wrong with it."""
    kind, many = _kind(hint)
    values = value if many and isinstance(value, list) else [value]
    for each in values:
        wanted = _wanted(kind, each)
        if wanted:
            raise InputError(
                f"{path.name}: {key} must be {wanted}, not {_shown(each)}."
            )
    folder = path.absolute().parent
    taken = [_from_folder(folder, kind, x, param) for x in values]
    return taken if many else taken[0]


def _kind(hint: Any) -> tuple[Any, bool]:  # noqa: ANN401  typer's own, or TOML's
    """The type of one value, and whether there may be several."""
    many = False
    while True:
        origin = get_origin(hint)
        if origin is Annotated:
            hint = get_args(hint)[0]
        elif origin in (Union, UnionType):
            hint = next(x for x in get_args(hint) if x is not type(None))
        elif origin is list:
            hint, many = get_args(hint)[0], True
        else:
            return hint, many


def _wanted(kind: Any, value: Any) -> str:  # noqa: ANN401  typer's own, or TOML's
    """What the value should have been; empty if it is."""
    words: tuple[str, ...] = ()
    if get_origin(kind) is Literal:
        words = get_args(kind)
    elif isinstance(kind, type) and issubclass(kind, Enum):
        words = tuple(str(x.value) for x in kind)
    if words:
        return "" if value in words else f"one of {', '.join(words)}"
    if kind is bool:
        return "" if isinstance(value, bool) else "true or false"
    if kind is int:
        return "" if type(value) is int else "a whole number"
    if kind is float:
        number = type(value) in (int, float) and not math.isnan(value)
        return "" if number else "a number"
    return "" if isinstance(value, str) else "text in quotes"


def _from_folder(folder: Path, kind: Any, value: Any, param: Any) -> Any:  # noqa: ANN401  typer's own, or TOML's
    """A path as seen from the file; a name that may be a path, if such a file is."""
    if kind is Path:
        return str(folder / Path(value).expanduser())
    if kind is str and "PATH" in (param.metavar or "") and (folder / value).exists():
        return str(folder / value)
    return value


def _shown(value: Any) -> str:  # noqa: ANN401  typer's own, or TOML's
    """As TOML has it."""
    if isinstance(value, bool):
        return str(value).lower()
    return repr(value) if isinstance(value, str | int | float) else "that"
