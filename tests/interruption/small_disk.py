"""A disk of our own that can be made full at any moment.

It is a tmpfs, so that whoever writes, in whatever language, is told what a full disk
tells. Only a process with mounts of its own may have one: `with_own_mounts`.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

PAGE = os.sysconf("SC_PAGE_SIZE")
LARGE = 2**30
UNSHARE = ("unshare", "--mount", "--map-root-user")
MARK = "NEURALMD_TESTS_OWN_MOUNTS"


def lacking() -> str:
    """What keeps this machine from it; empty if nothing."""
    if shutil.which("unshare") is None or shutil.which("mount") is None:
        return "no unshare or no mount on this machine"
    words = [*UNSHARE, "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    return done.stderr.strip() if done.returncode else ""


def with_own_mounts() -> None:
    """Begin this program again where it may mount; no other process sees it there."""
    if MARK in os.environ:
        return
    missing = lacking()
    if missing:
        sys.exit(f"No disk can be made that gets full: {missing}")
    os.environ[MARK] = "1"
    os.execvp(UNSHARE[0], [*UNSHARE, *sys.orig_argv])


class Disk:
    """A folder with a disk of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        _run("mount", "-t", "tmpfs", "-o", f"size={LARGE}", "tmpfs", str(folder))

    def used(self) -> int:
        """Bytes that are taken."""
        found = os.statvfs(self.folder)
        return (found.f_blocks - found.f_bfree) * found.f_frsize

    def leave(self, room: int) -> None:
        """So many bytes are free from now on, up to a page."""
        for _ in range(9):  # who writes meanwhile may have taken them
            size = max(self.used() + room, PAGE)
            if self._resized(size) and (room or self._no_page_left()):
                return

    def free(self) -> None:
        """As large as it was."""
        (self.folder / "ballast").unlink(missing_ok=True)
        self._resized(LARGE)

    def end(self) -> None:
        """The folder is as it was without a disk."""
        _run("umount", "--lazy", str(self.folder))

    def _no_page_left(self) -> bool:
        """A tmpfs has one page at least."""
        if os.statvfs(self.folder).f_bfree:
            try:
                (self.folder / "ballast").write_bytes(bytes(PAGE))
            except OSError:
                return False
        return True

    def _resized(self, size: int) -> bool:
        words = ["mount", "-o", f"remount,size={size}", str(self.folder)]
        return subprocess.run(words, capture_output=True, check=False).returncode == 0


def _run(*words: str) -> None:
    subprocess.run(words, capture_output=True, check=True)
