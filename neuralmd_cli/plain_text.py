"""Text that others wrote, made safe to print and to open in a spreadsheet."""

import unicodedata

_HIDDEN = ("Cc", "Cf", "Cs", "Zl", "Zp")
"""Unicode's control and format characters, among them those that turn text around."""
_FORMULA = (*"=+-@\t\r\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What a spreadsheet takes for the beginning of a formula; the last are full-width."""


def printable(text: str) -> str:
    r"""The text with what would command a terminal written out, as \x1b.

    Line ends and tabs stay; a name that came from a file may hold anything else.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(_visible(x) for x in text)


def spreadsheet_cell(text: str) -> str:
    """The text as a spreadsheet shows it, with an apostrophe before what is a formula.

    Blanks before it do not help it. A number is a number, whatever its sign.
    """
    shown = printable(text)
    starts = text.startswith(_FORMULA) or text.lstrip().startswith(_FORMULA)
    return f"'{shown}" if starts and not _is_number(text) else shown


def _visible(letter: str) -> str:
    if letter in "\n\t" or unicodedata.category(letter) not in _HIDDEN:
        return letter
    return letter.encode("unicode_escape").decode("ascii")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return text == text.strip()
