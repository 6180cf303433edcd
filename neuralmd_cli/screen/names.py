"""Names that are safe as file names, whatever a ligand is called."""

import re
import unicodedata

LONGEST = 40
"""Letters of a title that go into a name."""


def screen_name(number: int, title: str) -> str:
    """A name of letters, digits, dot, dash and underscore that no other ligand has.

    The number makes it unique and keeps it from being a reserved or hidden name; what
    the title has beyond ASCII is left out.

    Args:
        number: of the ligand in the screen, from 1.
        title: as in the file; may hold anything.
    """
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode()
    clean = re.sub(r"[^A-Za-z0-9.-]+", "_", plain)
    # No "..", and nothing that would be left hanging after the cut.
    clean = re.sub(r"\.{2,}", ".", clean)[:LONGEST].strip("._-")
    return f"{number:06d}_{clean}" if clean else f"{number:06d}"


def shelf(number: int) -> str:
    """The folder of a ligand's files, a thousand ligands to each."""
    return f"{number // 1000:03d}"
