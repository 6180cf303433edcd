"""Calls to mdtraj, kept from talking to the user and from ending the program."""

import ctypes
import faulthandler
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import mdtraj

from neuralmd_cli.errors import InputError
from neuralmd_cli.plain_path import plain_path


@contextmanager
def quiet_mdtraj() -> Iterator[None]:
    """Keep mdtraj from talking to the user while it reads.

    Its DCD plugin prints on C's stdout, where a command's JSON goes, its XTC reader on
    stderr what the error says anyway; its warnings are about its own optional packages
    and about serial numbers nothing here depends on.
    """
    with _unheard(1, 2), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        yield


@contextmanager
def quiet_writing() -> Iterator[None]:
    """Keep its DCD plugin from printing on stdout that the disk is full.

    Progress, on stderr, goes on.
    """
    with _unheard(1):
        yield


@contextmanager
def _unheard(*streams: int) -> Iterator[None]:
    """What goes to these file descriptors, also from C, goes nowhere."""
    libc = ctypes.CDLL(None)
    sys.stdout.flush()
    sys.stderr.flush()
    libc.fflush(None)
    kept = {x: os.dup(x) for x in streams}
    with open(os.devnull, "w") as nowhere:
        for stream in streams:
            os.dup2(nowhere.fileno(), stream)
    try:
        yield
    finally:
        libc.fflush(None)
        for stream, copy in kept.items():
            os.dup2(copy, stream)
            os.close(copy)


def check_unpacking(path: Path, step: int) -> None:
    """Unpack an XTC file in a process of its own first, which damaged data can end.

    The format has no checksum, and mdtraj's C code writes where bad bits tell it to.

    Raises:
        InputError: the process was ended by a signal.
    """
    if sys.platform != "linux":
        return  # elsewhere a fork does not survive what the libraries have opened
    with plain_path(path) as plain, warnings.catch_warnings():
        # The child does nothing that another thread of ours could hold a lock on.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
        if not child:
            faulthandler.disable()  # its end is a finding, not a fault to report
            try:
                with mdtraj.open(str(plain)) as file:
                    while len(file.read(n_frames=step)[0]):
                        pass
            finally:
                os._exit(0)
        _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        raise InputError(
            f"{path.name} is damaged: its packed coordinates cannot be unpacked.",
            hint="Write or copy the file again.",
        )
