"""A name for any file that libraries of C code can open."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def plain_path(path: Path) -> Iterator[Path]:
    """The file under a path of ASCII letters and a lower-case suffix.

    mdtraj opens no other. The path itself where it is one; else a way through a link
    in the system's folder for temporary files, gone after the block. A file that is
    yet to be written needs a plain name; its folder does not.
    """
    plain_name = path.name.isascii() and path.suffix.islower()
    if plain_name and str(path).isascii():
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="neuralmd-") as folder:
        if plain_name:
            link = Path(folder) / "folder"
            link.symlink_to(path.parent.resolve())
            yield link / path.name
        else:
            link = Path(folder) / ascii(path.name)[1:-1].replace("\\", "").lower()
            link.symlink_to(path.resolve())
            yield link
