"""What a split needs of MISATO, from the web to a local file, and no more."""

from collections.abc import Callable
from pathlib import Path

from neuralmd_cli.dataset.fetching.request import requested
from neuralmd_cli.dataset.fetching.source import MISATO, Fetched, data_url
from neuralmd_cli.dataset.fetching.whole import fetch_whole
from neuralmd_cli.dataset.splits import Part
from neuralmd_cli.errors import NeuralMDError
from neuralmd_cli.outputs import claimed
from neuralmd_cli.transfer import Progress

WHOLE = "misato-all"
WHOLE_FILE = "MD.hdf5"


def fetch(
    target: str,
    output: Path | None = None,
    *,
    part: Part | None = None,
    url: str | None = None,
    progress: Progress | None = None,
    report: Callable[[int, int, int], None] = lambda done, total, n_bytes: None,
    notify: Callable[[str], None] = lambda text: None,
) -> Fetched:
    """Fetch `misato-all`, another split or a part of one, or single complexes.

    Single complexes are read out of the remote file by range requests; only all of it
    is downloaded as a file. An interrupted call is continued by the next one.

    Args:
        target: a split's name, a file with a split, or ids with commas between.
        output: by default named after the target, in the working directory.
        part: of the split.
        url: of the HDF5 file, before `NEURALMD_DATA_URL` and MISATO's own.
        progress: told of the download of the whole file.
        report: told complexes done, complexes in all and bytes read, where single
            complexes are fetched; from any thread.
        notify: told what takes long and shows no progress.

    Raises:
        InputError: no such split, part or complex, or one that cannot be used.
        DownloadError, OutputError: see `fetch_whole` and `fetch_complexes`.
        NeuralMDError: h5py is not installed.
    """
    address = data_url(url)
    if target == WHOLE and part is None:
        path = output or Path(WHOLE_FILE)
        with claimed(path):
            return fetch_whole(
                path, url=address, source=MISATO, progress=progress, notify=notify
            )
    wanted = requested(target, part, url=address)
    require_h5py()
    from neuralmd_cli.dataset.fetching.subset import fetch_complexes

    path = output or Path(wanted.file_name)
    with claimed(path):
        return fetch_complexes(wanted.ids, path, url=address, report=report)


def require_h5py() -> None:
    """Say which extra is missing.

    Raises:
        NeuralMDError: h5py is not installed.
    """
    try:
        import h5py  # noqa: F401  only whether it is there
    except ImportError as error:
        raise NeuralMDError(
            "Reading MISATO files needs h5py, which is not installed.",
            hint='pip install "neuralmd[data]"',
        ) from error
