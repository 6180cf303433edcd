"""One file from the web to a folder, of the right size and SHA-256 or not at all."""

from dataclasses import dataclass
from pathlib import Path

import pooch
from requests import exceptions

from neuralmd_cli.errors import OutputError, WeightsError
from neuralmd_cli.outputs import claimed
from neuralmd_cli.transfer import (
    TIMEOUT_S,
    Progress,
    check_online,
    describe,
    refuse_downgrade,
)

RETRIES = 2
PATIENCE_S = 3600.0
"""How long to wait for another process that fetches the same file."""
CHUNK = 1 << 16  # bytes
CACHE_HINT = "Set NEURALMD_CACHE to a folder you may write to, with space left."


@dataclass(frozen=True, kw_only=True)
class Download:
    """What to download, and what is known of it."""

    name: str  # of the weights, for messages
    url: str  # web folder
    file: str  # path below it
    size: int | None = None  # bytes
    sha256: str | None = None
    hint: str = ""  # what to do if another file comes

    @property
    def address(self) -> str:
        """The full address."""
        return f"{self.url.rstrip('/')}/{self.file}"


def download(
    what: Download,
    folder: Path,
    *,
    progress: Progress | None = None,
    retries: int = RETRIES,
) -> Path:
    """Download a file unless it is in the folder already, and verify it.

    The file gets its name once its size and SHA-256 are right; until then, and after
    any failure, nothing of that name is left by the download.

    Raises:
        WeightsError: no network, an error of the server, an interrupted or wrong
            download, or a folder that cannot be written.
    """
    pooch.get_logger().setLevel("WARNING")  # the progress bar says it better
    known = None if what.sha256 is None else f"sha256:{what.sha256}"
    files = pooch.create(
        path=folder,
        base_url=what.url.rstrip("/") + "/",
        registry={what.file: known},
        retry_if_failed=retries,
    )
    target = folder / what.file
    try:
        if _is_there(what, target):
            return target  # whether the folder can be written to or not
        target.parent.mkdir(parents=True, exist_ok=True)
        # Whoever comes second finds the file that the first has fetched.
        with claimed(target, wait_s=PATIENCE_S):
            path = files.fetch(
                what.file, downloader=_Sized(size=what.size, progress=progress)
            )
    except OutputError as error:
        raise WeightsError(f"{what.name}: {error.message}", hint=CACHE_HINT) from None
    # A requests exception is an OSError as well: the order matters.
    except exceptions.RequestException as error:
        raise _download_error(what, error) from None
    except ValueError as error:
        hint = f"Check that {what.address} is the file the registry means."
        raise WeightsError(f"{what.name}: {error}", hint=what.hint or hint) from None
    except OSError as error:
        raise unwritable(folder, error) from None
    return Path(path)


def _is_there(what: Download, target: Path) -> bool:
    if not target.is_file():
        return False
    return what.sha256 is None or pooch.file_hash(str(target)) == what.sha256


def unwritable(folder: Path, error: OSError) -> WeightsError:
    """The error of a cache that cannot be written."""
    denied = isinstance(error, PermissionError)
    reason = "permission denied" if denied else error.strerror
    return WeightsError(
        f"The weights cache {folder} cannot be written ({reason}).",
        hint=CACHE_HINT,
    )


@dataclass(frozen=True, kw_only=True)
class _Sized:
    """A downloader of pooch's that refuses a file of another size."""

    size: int | None
    progress: Progress | None

    def __call__(self, url: str, output_file: str, pooch_: object) -> None:
        check_online(url)
        pooch.HTTPDownloader(
            progressbar=self.progress or False,
            chunk_size=CHUNK,
            timeout=TIMEOUT_S,
            hooks={"response": refuse_downgrade},
        )(url, output_file, pooch_)
        found = Path(output_file).stat().st_size
        if self.size is not None and found != self.size:
            # pooch tries again after a ValueError, as after a wrong hash.
            raise ValueError(
                f"{url} sent {found} bytes instead of {self.size}; they were not kept."
            )


def _download_error(what: Download, error: exceptions.RequestException) -> WeightsError:
    problem = describe(error, what.address, timeout_s=TIMEOUT_S)
    hint = "Set --weights-url or NEURALMD_WEIGHTS_URL to an http or https address."
    if isinstance(error, exceptions.HTTPError):
        hint = "Check --weights-url or NEURALMD_WEIGHTS_URL."
    elif isinstance(error, exceptions.Timeout):
        hint = "Try again later."
    elif isinstance(error, exceptions.ChunkedEncodingError):
        size = "all" if what.size is None else f"its {what.size}"
        problem += f" before {size} bytes were there"
        hint = "Run the command again; nothing incomplete was kept."
    elif isinstance(error, exceptions.ConnectionError):
        hint = (
            "Check the network and the address, or give a checkpoint file "
            "with --weights."
        )
    return WeightsError(f"{what.name}: {problem}.", hint=hint)
