"""Small checkpoints, a registry around them, and a web server that misbehaves."""

import hashlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch

from neuralmd_cli.weights.checkpoint import CheckpointMetadata, save_checkpoint
from neuralmd_cli.weights.registry import Entry, Registry
from tests.published import published_state, write_published


@pytest.fixture
def metadata() -> CheckpointMetadata:
    """Metadata as a training run would write it."""
    return CheckpointMetadata(
        name="tiny",
        model="neuralmd-ode",
        config={"binding_net": {"channels": 8}, "time_convention": "consistent"},
        training_data={"md.h5": "0" * 64},
        training_command="train --epochs 2",
        training_seed=7,
        metrics={"validation_rmsd": 0.5},
    )


@pytest.fixture
def tensors() -> dict[str, torch.Tensor]:
    """A state dict of three dtypes."""
    generator = torch.Generator().manual_seed(3)
    return {
        "layer.weight": torch.randn(4, 3, generator=generator),
        "layer.bias": torch.randn(4, generator=generator, dtype=torch.float64),
        "steps": torch.tensor(5),
    }


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch) -> Path:
    """An empty cache, and no download address unless a test sets one."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("NEURALMD_CACHE", str(folder))
    monkeypatch.delenv("NEURALMD_WEIGHTS_URL", raising=False)
    return folder


@dataclass(frozen=True, kw_only=True)
class Published:
    """A registry of one entry, and the bytes its file should have."""

    registry: Registry
    content: bytes

    @property
    def entry(self) -> Entry:
        return self.registry.entries[0]


@pytest.fixture
def publish(tmp_path, tensors, metadata) -> Callable[[bool], Published]:
    """Make a registry of one default entry, bundled or not."""

    def make(bundled: bool) -> Published:
        folder = tmp_path / "weights"
        folder.mkdir()
        path = folder / "tiny.safetensors"
        sha256 = save_checkpoint(path, tensors, metadata)
        content = path.read_bytes()
        entry = Entry(
            name="tiny-ode",
            model="neuralmd-ode",
            file=path.name,
            sha256=sha256,
            size=len(content),
            description="For tests",
            card="tiny.md",
            default=True,
            bundled=bundled,
        )
        if not bundled:
            path.unlink()
        return Published(
            registry=Registry(folder=folder, entries=(entry,)), content=content
        )

    return make


@pytest.fixture
def no_waiting(monkeypatch) -> None:
    """Retry at once."""
    monkeypatch.setattr("time.sleep", lambda seconds: None)


class Server(ThreadingHTTPServer):
    """Answers every GET as `answer` says, and counts them."""

    answer: Callable[[BaseHTTPRequestHandler], None]
    requests = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/weights"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.requests += 1
        self.server.answer(self)

    def log_message(self, *args) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    """A web server on the loopback interface."""
    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def sending(content: bytes, *, claimed: int | None = None):
    """Answer 200 with `content`, claiming another length if asked to."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(claimed or len(content)))
        handler.end_headers()
        handler.wfile.write(content)

    return answer


def serving(files: dict[str, bytes]):
    """Answer with the file of that path below the server's url, or 404."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        content = files.get(handler.path.removeprefix("/weights/"))
        if content is None:
            handler.send_error(404)
        else:
            sending(content)(handler)

    return answer


@dataclass(frozen=True, kw_only=True)
class Original:
    """A registry of one checkpoint of others, and its files at their address."""

    registry: Registry
    files: dict[str, bytes]  # path: content

    @property
    def entry(self) -> Entry:
        return self.registry.entries[0]


@pytest.fixture
def original(tmp_path, server) -> Callable[..., Original]:
    """Put model.pth and hyperparameter.txt on the server, in the authors' layout."""

    def make(
        *,
        known: bool = True,
        folder: str = "NeuralMD_ODE/TINY_seed_0",
        state: dict[str, torch.Tensor] | None = None,
        flags: str | None = None,
    ) -> Original:
        state = published_state() if state is None else state
        model, text = write_published(tmp_path / "theirs", state, flags)
        content = model.read_bytes()
        entry = Entry(
            name="tiny-published",
            model="neuralmd-ode",
            file="tiny-published.safetensors",
            size=len(content),
            sha256=hashlib.sha256(content).hexdigest() if known else "",
            description="Theirs, for tests",
            card="tiny.md",
            url=server.url,
            original=f"{folder}/model.pth",
        )
        files = {
            f"{folder}/model.pth": content,
            f"{folder}/hyperparameter.txt": text.read_bytes(),
        }
        server.answer = serving(files)
        return Original(
            registry=Registry(folder=tmp_path, entries=(entry,)), files=files
        )

    return make
