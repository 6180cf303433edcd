"""A web server on loopback for one file, with range requests and faults to order."""

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

PIECE = 1 << 16
RANGE = re.compile(r"bytes=(\d+)-(\d+)")


@dataclass(kw_only=True)
class FileServer:
    """What is served and how; change it while it runs."""

    path: Path
    url: str = ""
    ranges: bool = True
    etag: str = '"one"'
    delay_s: float = 0.0  # before every answer, as a far host has
    pace_s: float = 0.0  # after every piece of a body
    piece: int = PIECE  # bytes
    drop_after: int | None = None  # bytes of a body, then the connection is closed
    drops: int = 10**9  # how many times, at most
    refusals: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    """Status and headers of the next answers, before the good ones."""
    requests: int = 0
    n_bytes: int = 0
    served: list[tuple[int, int]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)


@contextmanager
def serving(path: Path, **options: object) -> Iterator[FileServer]:
    """Serve a file on loopback during the block."""
    state = FileServer(path=path, **options)  # type: ignore[arg-type]  # its fields

    class Handler(_Handler):
        server_state = state

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            """A client that hangs up is no news."""

    server = Server(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{server.server_port}/{path.name}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_state: FileServer
    timeout = 5

    def log_message(self, format: str, *args: object) -> None:
        """Quietly."""

    def do_GET(self) -> None:
        """Answer with the file, a part of it, or what was ordered."""
        state = self.server_state
        with state.lock:
            state.requests += 1
            refusal = state.refusals.pop(0) if state.refusals else None
        time.sleep(state.delay_s)
        if refusal is not None:
            status, headers = refusal
            self._begin(status, {"Content-Length": "0", **headers})
            return
        size = state.path.stat().st_size
        asked = RANGE.fullmatch(self.headers.get("Range", "")) if state.ranges else None
        start, stop = 0, size
        headers = {"ETag": state.etag, "Content-Type": "application/octet-stream"}
        if asked:
            start, stop = int(asked[1]), min(int(asked[2]) + 1, size)
            if start >= size:
                self._begin(416, {"Content-Length": "0"})
                return
            headers["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
        self._begin(
            206 if asked else 200, headers | {"Content-Length": f"{stop - start}"}
        )
        self._send(start, stop)

    def _begin(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        self.end_headers()

    def _send(self, start: int, stop: int) -> None:
        state = self.server_state
        with state.lock:
            state.served.append((start, stop))
            drop = state.drop_after is not None and state.drops > 0
            drop = drop and stop - start > (state.drop_after or 0)
            state.drops -= drop
        end = start + (state.drop_after or 0) if drop else stop
        with state.path.open("rb") as file:
            file.seek(start)
            while start < end and (piece := file.read(min(state.piece, end - start))):
                self.wfile.write(piece)
                time.sleep(state.pace_s)
                start += len(piece)
                with state.lock:
                    state.n_bytes += len(piece)
        self.close_connection = self.close_connection or drop
