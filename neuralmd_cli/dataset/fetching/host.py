"""A file on a web server, read in pieces: retried, resumed, counted, kept the same.

Range requests are few and large wherever there is a choice: Zenodo, which hosts MISATO,
lets a guest make about sixty a minute.
"""

import email.utils
import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

import requests
from requests import exceptions
from requests.adapters import HTTPAdapter

from neuralmd_cli.errors import DownloadError
from neuralmd_cli.transfer import (
    TIMEOUT_S,
    check_online,
    describe,
    refuse_downgrade,
)
from neuralmd_cli.version import VERSION

CONNECTIONS = 4
FIRST_READ = 1 << 16  # bytes
PIECE = 1 << 15  # bytes; what a break may cost
RETRIES, RETRIES_BEFORE_CONTACT = 6, 2
BACKOFF_S, LONGEST_BACKOFF_S = 1.0, 30.0
LONGEST_WAIT_S, WORTH_SAYING_S = 3700.0, 10.0
"""What a host may ask to wait (Zenodo counts by the hour, too), and what of it is
told; beyond the longest, the user is asked to come back."""
PASSING = (408, 425, 429, 500, 502, 503, 504)
"""Answers that another try may change."""

BROKEN = (
    exceptions.Timeout,
    exceptions.ChunkedEncodingError,
    exceptions.ConnectionError,
)
CHECK_ADDRESS = (
    "Check the network, and --url or NEURALMD_DATA_URL: it is the address of an HDF5 "
    "file, http or https."
)

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Identity:
    """What tells one version of a remote file from another."""

    url: str
    size: int  # bytes
    etag: str
    last_modified: str

    def differs_from(self, other: "Identity") -> str:
        """How the versions differ, in words; empty if there is no sign that they do.

        The address may change: a mirror has the same file.
        """
        if self.size != other.size:
            return f"its size went from {other.size} to {self.size} bytes"
        if self.url != other.url:
            return ""  # servers make entity tags and dates in their own ways
        if self.etag and other.etag:
            changed = self.etag != other.etag
            return f"its ETag went from {other.etag} to {self.etag}" if changed else ""
        if self.last_modified != other.last_modified:
            return f"its date went from {other.last_modified} to {self.last_modified}"
        return ""

    def save(self, path: Path) -> None:
        """Write it for the next run."""
        path.write_text(json.dumps(asdict(self), indent=2), encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> "Identity | None":
        """What an earlier run saw; None where there was none."""
        try:
            return cls(**json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None


class RemoteFile:
    """One file behind an http or https address; use it in a `with` block.

    `stream` and `read` may be called from several threads; `on_bytes` is told, in
    any of them, how many bytes came so far.

    Raises:
        DownloadError: here and in its methods: no answer, an answer that is no file,
            a file that changed, or a server that does not deliver after all retries.
    """

    def __init__(
        self, url: str, on_bytes: Callable[[int], None] = lambda total: None
    ) -> None:
        check_online(url)
        self.url, self.on_bytes = url, on_bytes
        self.n_requests = self.n_bytes = 0
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._not_before = 0.0  # monotonic seconds
        self._session = requests.Session()
        self._session.hooks["response"].append(refuse_downgrade)
        self._session.headers.update(
            {"User-Agent": f"neuralmd/{VERSION}", "Accept-Encoding": "identity"}
        )
        adapter = HTTPAdapter(pool_maxsize=CONNECTIONS)
        self._session.mount("http://", adapter)
        self._session.mount("https://", adapter)
        self.identity: Identity | None = None
        try:
            self.identity, self.has_ranges, self.beginning = self._first_look()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> "RemoteFile":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def stop(self) -> None:
        """Make other threads that read give up soon; nothing can be read then."""
        self._stop.set()

    def close(self) -> None:
        """End what other threads still read, and the connections."""
        self.stop()
        self._session.close()

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return 0 if self.identity is None else self.identity.size

    def read(self, start: int, stop: int) -> bytes:
        """The bytes from `start` up to `stop`."""
        return b"".join(self.stream(start, stop))

    def stream(self, start: int, stop: int) -> Iterator[bytes]:
        """The bytes from `start` up to `stop`, in pieces, as they come.

        A connection that breaks is taken up where it broke; only tries without a
        single new byte count as failures.
        """
        position, failures = start, 0
        while position < stop:
            try:
                with self._answer(position, stop) as response:
                    for piece in response.iter_content(PIECE):
                        self._check_running()
                        self._count(len(piece))
                        position, failures = position + len(piece), 0
                        yield piece
                if position < stop:
                    raise exceptions.ChunkedEncodingError("the answer is too short")
            except exceptions.RequestException as error:
                failures += 1
                self._pause_or_raise(error, failures)

    def _first_look(self) -> tuple[Identity, bool, bytes]:
        """The file's identity, whether the server knows ranges, and the first bytes."""
        failures = 0
        while True:
            try:
                with self._answer(0, FIRST_READ) as response:
                    has_ranges = response.status_code == 206
                    beginning = next(response.iter_content(FIRST_READ), b"")
                    self._count(len(beginning))
                    identity = _identity(self.url, response)
                return identity, has_ranges, beginning
            except exceptions.RequestException as error:
                failures += 1
                self._pause_or_raise(error, failures)

    def _answer(self, start: int, stop: int) -> requests.Response:
        """The answer to a request for a range, checked to be of that range and file."""
        self._wait()
        self._count(0, requests=1)
        headers = {"Range": f"bytes={start}-{stop - 1}"}
        response = self._session.get(
            self.url, headers=headers, stream=True, timeout=TIMEOUT_S
        )
        try:
            self._note_limit(response)
            if response.status_code == 416 and self.identity is None:
                raise DownloadError(f"{self.url} is empty.", hint=CHECK_ADDRESS)
            if response.status_code == 416:
                raise self._changed("it is shorter than it was")
            response.raise_for_status()
            if self.identity is not None:
                found = _identity(self.url, response)
                changed = found.differs_from(self.identity)
                if changed:
                    raise self._changed(changed)
                if response.status_code != 206 and start:
                    raise DownloadError(
                        f"{self.url}: the server sends the whole file where a part is "
                        "asked for, so a broken download cannot go on.",
                        hint="Start again, or use a mirror that knows range requests "
                        "with --url or NEURALMD_DATA_URL.",
                    )
                if response.status_code == 206:
                    _check_start(response, start)
        except BaseException:
            response.close()
            raise
        return response

    def _changed(self, how: str) -> DownloadError:
        return DownloadError(
            f"{self.url} changed while it was read: {how}.",
            hint="Run the command again.",
        )

    def _note_limit(self, response: requests.Response) -> None:
        """Let all threads wait where the host says that its limit is reached."""
        headers = response.headers
        wait = 0.0
        if response.status_code in PASSING and "Retry-After" in headers:
            wait = _seconds(headers["Retry-After"])
        elif headers.get("X-RateLimit-Remaining") == "0":
            wait = _number(headers.get("X-RateLimit-Reset", "")) - time.time()
        if wait > LONGEST_WAIT_S and response.status_code in PASSING:
            raise DownloadError(
                f"{self.url} answers {response.status_code} and asks to wait "
                f"{wait / 60:.0f} minutes.",
                hint="Run the command again then; it goes on where it was.",
            )
        if wait > 0:
            level = logging.WARNING if wait > WORTH_SAYING_S else logging.INFO
            log.log(
                level, "%s asks to wait %.0f s; the fetch goes on then.", self.url, wait
            )
            until = time.monotonic() + min(wait, LONGEST_WAIT_S)
            with self._lock:
                self._not_before = max(self._not_before, until)

    def _pause_or_raise(
        self, error: exceptions.RequestException, failures: int
    ) -> None:
        status = None if error.response is None else error.response.status_code
        passing = status in PASSING if status else isinstance(error, BROKEN)
        in_contact = status is not None or self.identity is not None
        if not passing or failures > (
            RETRIES if in_contact else RETRIES_BEFORE_CONTACT
        ):
            again = "Run the command again; it goes on where it was."
            hint = again if passing and in_contact else CHECK_ADDRESS
            problem = describe(error, self.url)
            if problem.startswith("the "):  # an address keeps its letters
                problem = f"T{problem[1:]}"
            raise DownloadError(f"{problem}.", hint=hint) from None
        log.info("%s; trying again", describe(error, self.url))
        self._stop.wait(min(BACKOFF_S * 2 ** (failures - 1), LONGEST_BACKOFF_S))
        self._check_running()

    def _wait(self) -> None:
        while (left := self._not_before - time.monotonic()) > 0:
            self._stop.wait(left)
            self._check_running()

    def _check_running(self) -> None:
        if self._stop.is_set():
            raise DownloadError(f"Reading {self.url} was stopped.")

    def _count(self, n_bytes: int, *, requests: int = 0) -> None:
        with self._lock:
            self.n_bytes += n_bytes
            self.n_requests += requests
        self.on_bytes(self.n_bytes)


def _identity(url: str, response: requests.Response) -> Identity:
    headers = response.headers
    text = headers.get("Content-Length", "")
    if response.status_code == 206:
        text = headers.get("Content-Range", "").rpartition("/")[2]
    if not text.isdigit():
        raise DownloadError(
            f"{url}: the server does not say how large the file is.",
            hint="Use another mirror with --url or NEURALMD_DATA_URL.",
        )
    return Identity(
        url=url,
        size=int(text),
        etag=headers.get("ETag", ""),
        last_modified=headers.get("Last-Modified", ""),
    )


def _check_start(response: requests.Response, start: int) -> None:
    """Take another range than the one asked for as a broken answer."""
    said = response.headers.get("Content-Range", "")
    if not said.startswith(f"bytes {start}-"):
        raise exceptions.ChunkedEncodingError(f"asked for {start}, got {said!r}")


def _seconds(retry_after: str) -> float:
    """Seconds of a Retry-After header, which may also be a date."""
    if retry_after.strip().isdigit():
        return float(retry_after)
    try:
        when = email.utils.parsedate_to_datetime(retry_after)
    except ValueError:
        return 0.0
    when = when if when.tzinfo else when.replace(tzinfo=UTC)
    return (when - datetime.now(UTC)).total_seconds()


def _number(text: str) -> float:
    return float(text) if text.isdigit() else 0.0
