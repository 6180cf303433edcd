"""Recordings by name, from a store or a file in MISATO's layout alike."""

from pathlib import Path

from neuralmd_cli.dataset.entry import recording_of
from neuralmd_cli.dataset.store import Store, is_store
from neuralmd_cli.misato import read_recording, recording_names
from neuralmd_cli.recording import Recording, Superposition


class Recordings:
    """The complexes of a file; each is read when asked for.

    From MISATO's layout and from an all-atom store the protein moves; from a compact
    store it is that of the first snapshot.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._store = Store(path) if is_store(path) else None
        names = self._store.manifest.names if self._store else recording_names(path)
        self.names: tuple[str, ...] = tuple(names)

    def __len__(self) -> int:
        """Number of complexes."""
        return len(self.names)

    @property
    def is_store(self) -> bool:
        """True if the file is a store."""
        return self._store is not None

    def read(self, name: str, superposition: Superposition = "none") -> Recording:
        """Read one complex.

        Args:
            name: as in `names`.
            superposition: what the snapshots are laid on.

        Raises:
            InputError: there is no such complex, or it is damaged.
        """
        if self._store is None:
            return read_recording(self.path, name).superposed(superposition)
        return recording_of(self._store.entry(name)).superposed(superposition)


def open_recordings(path: Path) -> Recordings:
    """Open a store or a file in MISATO's layout; its content tells which.

    Raises:
        InputError: it is no HDF5 file, or a damaged store.
    """
    return Recordings(path)
