"""Text of a structure file, gzipped or not, and what kind of file it looks like."""

import re
import zlib
from pathlib import Path

from neuralmd_cli.errors import InputError
from neuralmd_cli.input_files import check_regular, check_size, unzipped

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")
"""What is no text: names with it would command the terminal they are printed on."""
_CIF_START = re.compile(r"(?:\s*(?:#[^\n]*)?\n)*+data_", re.IGNORECASE)
_MOL_FILES = (".sdf", ".sd", ".mol", ".mdl")
_COORDINATE_FILES = (".pdb", ".ent", ".cif", ".mmcif", ".pdbx")


def read_text(path: Path) -> str:
    """The file's text; gzip is told by its first bytes, not by the name.

    Raises:
        InputError: the file is missing, unreadable, cut short or binary.
    """
    check_regular(path)
    try:
        check_size(path)
        data = path.read_bytes()
    except FileNotFoundError:
        raise InputError(
            f"{path}: there is no such file.", hint="Check the path for a typing error."
        ) from None
    except IsADirectoryError:
        raise InputError(
            f"{path} is a folder.", hint="Name one file inside it."
        ) from None
    except OSError as error:
        raise InputError(
            f"{path} cannot be read: {error.strerror}.",
            hint="Check that you may read this file.",
        ) from error
    if data[:2] == b"\x1f\x8b":
        try:
            data = unzipped(data, path)
        except (EOFError, zlib.error) as error:
            raise InputError(
                f"{path.name}: the gzip data is damaged or cut short ({error}).",
                hint="Fetch or compress the file again.",
            ) from error
    if b"\0" in data:
        raise InputError(
            f"{path.name} is a binary file, not text.",
            hint="Give a PDB, mmCIF or SDF file, plain or gzipped.",
        )
    # Authors' names in REMARK lines come in any encoding; coordinates are ASCII.
    text = data.decode("utf-8-sig", errors="replace").replace("\r\n", "\n")
    return _CONTROL.sub("?", text.replace("\r", "\n"))


def ascii_columns(text: str) -> str:
    """The text with one ? for each letter beyond ASCII.

    Libraries count the columns of PDB and SDF files in bytes: two bytes for one letter
    would shift the numbers behind it.
    """
    return text if text.isascii() else text.encode("ascii", "replace").decode("ascii")


def suffix(path: Path) -> str:
    """The file's suffix in lower case, looking through `.gz`."""
    name = path.name.lower().removesuffix(".gz")
    return Path(name).suffix


def is_mol_file(path: Path, text: str) -> bool:
    """True for an SDF or MOL file, by name or by its counts line."""
    return suffix(path) in _MOL_FILES or any(
        line.rstrip().endswith(("V2000", "V3000")) for line in text.split("\n", 4)[:4]
    )


def is_coordinate_file(path: Path, text: str) -> bool:
    """True for a PDB or mmCIF file, by name or by its records."""
    return suffix(path) in _COORDINATE_FILES or is_mmcif(text) or has_pdb_atoms(text)


def is_mmcif(text: str) -> bool:
    """True if the first line that is no comment opens a CIF data block."""
    return _CIF_START.match(text) is not None


def has_pdb_atoms(text: str) -> bool:
    """True if the text holds at least one ATOM or HETATM record."""
    return text.startswith(("ATOM  ", "HETATM")) or (
        "\nATOM  " in text or "\nHETATM" in text
    )
