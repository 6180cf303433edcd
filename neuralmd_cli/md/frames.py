"""Frames written so far, in a file that grows and can be cut back to a known length."""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float
from numpy import ndarray


@dataclass(frozen=True, kw_only=True)
class FrameFile:
    """Positions (Å, float32) of the solute, frame after frame, without a header."""

    path: Path
    n_atoms: int

    @property
    def bytes_per_frame(self) -> int:
        """Size of one frame."""
        return 12 * self.n_atoms

    def count(self) -> int:
        """Whole frames in the file."""
        if not self.path.exists():
            return 0
        return self.path.stat().st_size // self.bytes_per_frame

    def cut(self, n_frames: int) -> None:
        """Keep the first frames only."""
        self.path.touch()
        os.truncate(self.path, n_frames * self.bytes_per_frame)

    def append(self, positions: Float[ndarray, "atoms 3"]) -> None:
        """Add one frame, on the disk before this returns."""
        with self.path.open("ab") as file:
            file.write(np.ascontiguousarray(positions, dtype="<f4").tobytes())
            file.flush()
            os.fsync(file.fileno())

    def read(self) -> Float[ndarray, "frames atoms 3"]:
        """All whole frames."""
        if not self.count():
            return np.zeros((0, self.n_atoms, 3), dtype=np.float32)
        data = np.fromfile(
            self.path, dtype="<f4", count=3 * self.n_atoms * self.count()
        )
        return data.reshape(-1, self.n_atoms, 3)
