"""Weights are found, fetched and verified, or the problem is named."""

import errno
import io
import os
import socket
from dataclasses import replace

import pytest

from neuralmd_cli.errors import OutputError, WeightsError
from neuralmd_cli.weights.checkpoint import load_checkpoint
from neuralmd_cli.weights.fetch import cache_dir, fetch, locate, resolve
from neuralmd_cli.weights.registry import Registry
from tests.weights.conftest import sending


class Recorder:
    """A progress display that remembers."""

    def __init__(self) -> None:
        self.total, self.done, self.closed = 0, 0, False

    def update(self, amount: int) -> None:
        self.done += amount

    def reset(self) -> None:
        self.done = 0

    def close(self) -> None:
        self.closed = True


def left_in(folder):
    return sorted(x.name for x in folder.iterdir()) if folder.is_dir() else []


def test_bundled_weights_need_no_network(publish):
    """By name, and as the default."""
    published = publish(True)
    path = published.registry.folder / "tiny.safetensors"
    assert resolve("tiny-ode", registry=published.registry) == path
    assert resolve(registry=published.registry) == path
    assert load_checkpoint(path).metadata.name == "tiny"
    assert locate(published.entry, published.registry).where == "bundled"


def test_a_damaged_bundled_file_is_never_used(publish, server):
    """Nor silently replaced by a download: the installation is broken."""
    published = publish(True)
    path = published.registry.folder / "tiny.safetensors"
    path.write_bytes(b"x" * published.entry.size)
    with pytest.raises(WeightsError, match="not the registered tiny-ode"):
        resolve("tiny-ode", registry=published.registry, url=server.url)
    path.unlink()
    with pytest.raises(WeightsError, match="cannot be read"):
        resolve("tiny-ode", registry=published.registry, url=server.url)
    assert server.requests == 0


def test_a_download_is_cached_and_then_used(publish, server, cache):
    """The second time needs no server; progress ends at the file's size."""
    published, progress = publish(False), Recorder()
    server.answer = sending(published.content)
    first = resolve(
        "tiny-ode", registry=published.registry, url=server.url, progress=progress
    )
    assert first == cache / "tiny.safetensors"
    assert first.read_bytes() == published.content
    assert progress.done == progress.total == published.entry.size
    assert progress.closed
    assert locate(published.entry, published.registry).where == "cached"
    assert resolve("tiny-ode", registry=published.registry) == first
    assert fetch(published.entry, url=server.url) == first
    assert server.requests == 1
    assert left_in(cache) == ["tiny.safetensors"]


def test_the_address_may_come_from_the_environment(publish, server, monkeypatch):
    """NEURALMD_WEIGHTS_URL works, and the argument goes before it."""
    published = publish(False)
    server.answer = sending(published.content)
    monkeypatch.setenv("NEURALMD_WEIGHTS_URL", server.url + "/")
    assert resolve(registry=published.registry).is_file()
    cache_dir().joinpath("tiny.safetensors").unlink()
    monkeypatch.setenv("NEURALMD_WEIGHTS_URL", "http://127.0.0.1:1/nowhere")
    assert resolve(registry=published.registry, url=server.url).is_file()


def test_without_an_address_remote_weights_are_refused(publish, cache):
    """The hint says what to set; no address is invented."""
    published = publish(False)
    assert locate(published.entry, published.registry).where == "remote"
    with pytest.raises(WeightsError, match="no download address is set") as caught:
        resolve("tiny-ode", registry=published.registry)
    assert str(cache) in caught.value.message
    assert "NEURALMD_WEIGHTS_URL" in caught.value.hint


@pytest.mark.usefixtures("no_waiting")
def test_a_wrong_hash_is_not_kept(publish, server, cache):
    """The message has the expected and the found hash; every try is made."""
    published = publish(False)
    server.answer = sending(b"x" * published.entry.size)
    with pytest.raises(WeightsError, match="does not match") as caught:
        resolve("tiny-ode", registry=published.registry, url=server.url)
    assert published.entry.sha256 in caught.value.message
    assert "but got" in caught.value.message
    assert server.requests == 3
    assert left_in(cache) == []


@pytest.mark.usefixtures("no_waiting")
def test_a_truncated_download_is_not_kept(publish, server, cache):
    """Content-Length larger than the body is an interrupted download."""
    published = publish(False)
    server.answer = sending(published.content[:50], claimed=published.entry.size)
    with pytest.raises(WeightsError, match="broke off"):
        resolve("tiny-ode", registry=published.registry, url=server.url)
    assert left_in(cache) == []


@pytest.mark.usefixtures("no_waiting")
def test_a_download_that_fails_once_is_tried_again(publish, server):
    """A passing fault is not the user's problem; the progress counts anew."""
    published, progress = publish(False), Recorder()

    def answer(handler):
        cut = 50 if server.requests == 1 else None
        sending(published.content[:cut], claimed=published.entry.size)(handler)

    server.answer = answer
    path = fetch(published.entry, url=server.url, progress=progress)
    assert path.read_bytes() == published.content
    assert server.requests == 2
    assert progress.done == published.entry.size


@pytest.mark.usefixtures("no_waiting")
def test_an_answer_of_the_server_is_passed_on(publish, server, cache):
    """404 with the full address."""
    published = publish(False)
    server.answer = lambda handler: handler.send_error(404)
    with pytest.raises(WeightsError, match=r"tiny\.safetensors answers 404"):
        resolve("tiny-ode", registry=published.registry, url=server.url)
    assert left_in(cache) == []


@pytest.mark.usefixtures("no_waiting")
def test_a_dropped_connection_is_named(publish, server, cache):
    """A server that hangs up without an answer."""
    published = publish(False)
    server.answer = lambda handler: handler.connection.shutdown(socket.SHUT_RDWR)
    with pytest.raises(WeightsError, match=r"connection to .* failed"):
        resolve("tiny-ode", registry=published.registry, url=server.url)
    assert left_in(cache) == []


@pytest.mark.usefixtures("no_waiting")
def test_a_refused_connection_is_named(publish, cache):
    """A port where nobody listens."""
    published = publish(False)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(WeightsError, match=r"connection to .* failed"):
        resolve(registry=published.registry, url=f"http://127.0.0.1:{port}")
    assert left_in(cache) == []


@pytest.mark.usefixtures("no_waiting")
def test_a_silent_server_runs_into_the_time_limit(publish, server, monkeypatch):
    """No answer is not waited for without end."""
    import threading

    published, done = publish(False), threading.Event()
    monkeypatch.setattr("neuralmd_cli.weights.download.TIMEOUT_S", 0.1)
    server.answer = lambda handler: done.wait(5)
    try:
        with pytest.raises(WeightsError, match=r"no answer for 0\.1 s"):
            fetch(published.entry, url=server.url, retries=0)
    finally:
        done.set()


@pytest.mark.usefixtures("no_waiting")
@pytest.mark.parametrize("url", ["weights", "ftp://127.0.0.1/x", "http://"])
def test_an_address_that_is_none_is_refused(publish, url):
    """Only http and https addresses work."""
    published = publish(False)
    with pytest.raises(WeightsError, match="cannot be fetched") as caught:
        resolve(registry=published.registry, url=url)
    assert "http or https" in caught.value.hint


def test_a_cache_below_a_file_is_named(publish, server, tmp_path, monkeypatch):
    """The message names the folder, the hint the variable that moves it."""
    published = publish(False)
    server.answer = sending(published.content)
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("NEURALMD_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(WeightsError, match=r"file/cache cannot be written") as caught:
        resolve(registry=published.registry, url=server.url)
    assert "NEURALMD_CACHE" in caught.value.hint


def test_a_read_only_cache_is_named(publish, server, cache, monkeypatch):
    """Also where the folder is there; root may write anywhere, so simulated."""
    published = publish(False)
    cache.mkdir()

    def denied(*args, **kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tempfile.NamedTemporaryFile", denied)
    with pytest.raises(WeightsError, match=r"cannot be written \(permission denied\)"):
        resolve(registry=published.registry, url=server.url)


def test_damaged_cached_weights_are_replaced_or_refused(publish, server, cache):
    """With an address they are fetched again, without one they are not used."""
    published = publish(False)
    cache.mkdir()
    path = cache / "tiny.safetensors"
    path.write_bytes(published.content[:-1])
    with pytest.raises(WeightsError, match="not the registered tiny-ode"):
        resolve(registry=published.registry)
    server.answer = sending(published.content)
    assert resolve(registry=published.registry, url=server.url) == path
    assert path.read_bytes() == published.content


def test_a_path_is_a_path(publish, tmp_path, monkeypatch):
    """A file of the user's needs no registry entry, but must be there."""
    registry = publish(True).registry
    mine = tmp_path / "mine.safetensors"
    mine.write_bytes(b"")
    assert resolve(mine, registry=registry) == mine
    assert resolve(str(mine), registry=registry) == mine
    monkeypatch.chdir(tmp_path)
    assert resolve("mine.safetensors", registry=registry).samefile(mine)
    for missing in ("gone.safetensors", "gone.pth", "folder/gone", tmp_path / "gone"):
        with pytest.raises(WeightsError, match=r"gone.* does not exist"):
            resolve(missing, registry=registry)
    with pytest.raises(WeightsError, match="is a folder"):
        resolve(tmp_path, registry=registry)


def test_a_registered_name_goes_before_a_file(publish, tmp_path, monkeypatch):
    """What a name means does not depend on the folder one is in."""
    registry = publish(True).registry
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny-ode").write_text("")
    assert resolve("tiny-ode", registry=registry).name == "tiny.safetensors"


def test_an_unknown_name_is_refused(publish):
    """Also where the registry is empty, and without a name."""
    registry = publish(True).registry
    with pytest.raises(WeightsError, match="no weights named other"):
        resolve("other", registry=registry)
    empty = Registry(folder=registry.folder, entries=())
    with pytest.raises(WeightsError, match="without default weights"):
        resolve(registry=empty)
    hidden = replace(registry, entries=(replace(registry.entries[0], default=False),))
    with pytest.raises(WeightsError, match="without default weights"):
        resolve(registry=hidden)


def test_a_cache_nobody_can_write_serves_what_it_has(
    publish, server, cache, monkeypatch
):
    """No lock is asked for where nothing is to be written."""
    published = publish(False)
    cache.mkdir(parents=True)
    (cache / "tiny.safetensors").write_bytes(published.content)

    def refused(output, **more):
        raise OutputError(f"{output} cannot be locked: read-only.", hint="x")

    monkeypatch.setattr("neuralmd_cli.weights.download.claimed", refused)
    path = fetch(published.entry, url=server.url)
    assert path.read_bytes() == published.content
    assert server.requests == 0
    assert left_in(cache) == ["tiny.safetensors"]
    path.write_bytes(b"x" * len(published.content))
    with pytest.raises(WeightsError, match="read-only") as caught:
        fetch(published.entry, url=server.url)
    assert "NEURALMD_CACHE" in caught.value.hint


@pytest.mark.parametrize("room", [0, 100])
def test_a_full_disk_during_a_download_leaves_nothing(
    publish, server, cache, monkeypatch, room
):
    """One message, no file that looks like weights, and the next try works."""
    published = publish(False)
    server.answer = sending(published.content)

    class Full(io.FileIO):
        def write(self, data):
            super().write(data[:room])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as full:
        full.setattr("pooch.downloaders.open", Full, raising=False)
        with pytest.raises(WeightsError, match="No space left") as caught:
            fetch(published.entry, url=server.url)
    assert "NEURALMD_CACHE" in caught.value.hint
    assert left_in(cache) == []
    assert fetch(published.entry, url=server.url).read_bytes() == published.content
