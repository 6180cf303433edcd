"""An option whose value was forgotten, before it takes the next option for one."""

from collections.abc import Sequence
from typing import Any

import typer


def check_values(command: Any, words: Sequence[str]) -> None:  # noqa: ANN401  of typer
    """Refuse `--report --protein P.pdb`, where `--protein` would be the report's name.

    Args:
        command: a command, or a group of them.
        words: what follows its name on the command line.

    Raises:
        BadParameter: an option is followed by the name of another, not by a value.
    """
    words = list(words)
    while words and hasattr(command, "commands"):
        # Options of a group are switches; a name it does not have is told elsewhere.
        command = command.commands.get(words.pop(0), command)
    options = {name: x for x in command.params for name in x.opts}
    for word, following in zip(words, words[1:], strict=False):
        if word == "--":
            return
        option = options.get(word)
        takes = option is not None and not (option.is_flag or option.count)
        if takes and following in options:
            raise typer.BadParameter(f"{word} needs a value, but {following} follows.")
