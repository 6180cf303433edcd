"""The whole file is downloaded once, continued, and compared with its MD5."""

import hashlib
import multiprocessing
import os
import shutil
import signal
import time
from dataclasses import replace
from types import SimpleNamespace

import pytest

from benchmarks.range_server import serving
from neuralmd_cli.dataset.fetching.source import Source
from neuralmd_cli.dataset.fetching.whole import fetch_whole
from neuralmd_cli.errors import DownloadError, OutputError
from tests.dataset.conftest import left_in


@pytest.fixture
def source(remote_path, server):
    content = remote_path.read_bytes()
    return Source(
        url=server.url,
        size=len(content),
        md5=hashlib.md5(content).hexdigest(),
        n_complexes=20,
    )


class Bar:
    """A progress display that can break the download off."""

    def __init__(self, stop_at=None, pause_s=0.0):
        self.total, self.done, self.stop_at, self.pause_s = 0, 0, stop_at, pause_s

    def update(self, amount):
        self.done += amount
        time.sleep(self.pause_s)
        if self.stop_at is not None and self.done > self.stop_at:
            raise KeyboardInterrupt

    def reset(self):
        self.done = 0

    def close(self):
        self.closed = True


def test_the_file_is_downloaded_and_compared(server, source, remote_path, tmp_path):
    """One request besides the first look; the user is told of the long comparison."""
    output, bar, told = tmp_path / "MD.hdf5", Bar(), []
    fetched = fetch_whole(
        output, url=server.url, source=source, progress=bar, notify=told.append
    )
    assert output.read_bytes() == remote_path.read_bytes()
    assert (bar.done, bar.total) == (source.size, source.size)
    assert fetched.requests == server.requests == 2
    assert "MD5" in told[0]
    assert left_in(tmp_path) == ["MD.hdf5"]


def test_a_file_that_is_there_is_compared_only(server, source, remote_path, tmp_path):
    """No request; another file is not overwritten."""
    output = tmp_path / "MD.hdf5"
    shutil.copy(remote_path, output)
    assert fetch_whole(output, url=server.url, source=source).bytes_read == 0
    with output.open("r+b") as file:
        file.seek(1000)
        file.write(b"!")
    with pytest.raises(OutputError, match="its MD5 is wrong"):
        fetch_whole(output, url=server.url, source=source)
    output.write_bytes(b"mine")
    with pytest.raises(OutputError, match="it has 4 bytes instead of"):
        fetch_whole(output, url=server.url, source=source)
    assert output.read_bytes() == b"mine"
    assert server.requests == 0


def test_an_interrupted_download_is_continued(server, source, remote_path, tmp_path):
    """From the byte where it was; the progress begins there, too."""
    output = tmp_path / "MD.hdf5"
    with pytest.raises(KeyboardInterrupt):
        fetch_whole(
            output,
            url=server.url,
            source=source,
            progress=Bar(stop_at=source.size * 2 // 3),
        )
    assert not output.exists()
    bar = Bar()
    fetched = fetch_whole(output, url=server.url, source=source, progress=bar)
    assert fetched.bytes_read < 0.4 * source.size
    assert bar.done == source.size
    assert output.read_bytes() == remote_path.read_bytes()
    assert left_in(tmp_path) == ["MD.hdf5"]


def _download_slowly(output, source):
    fetch_whole(output, url=source.url, source=source, progress=Bar(pause_s=0.001))


def test_a_killed_download_is_continued(server, source, remote_path, tmp_path):
    """SIGKILL in the middle."""
    output = tmp_path / "MD.hdf5"
    part = tmp_path / ".MD.hdf5.fetching" / "whole.part"
    process = multiprocessing.get_context("spawn").Process(
        target=_download_slowly, args=(output, source)
    )
    process.start()
    while process.is_alive() and not (part.exists() and part.stat().st_size > 2e6):
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    assert not output.exists()
    fetched = fetch_whole(output, url=server.url, source=source)
    assert fetched.bytes_read < source.size - 1_900_000
    assert output.read_bytes() == remote_path.read_bytes()
    assert left_in(tmp_path) == ["MD.hdf5"]


def test_dropped_connections_are_taken_up(server, source, remote_path, tmp_path):
    """Many of them, within one call."""
    server.drop_after = 3_000_000
    output = tmp_path / "MD.hdf5"
    fetched = fetch_whole(output, url=server.url, source=source)
    assert output.read_bytes() == remote_path.read_bytes()
    assert fetched.requests >= source.size // 3_000_000
    assert fetched.bytes_read < 1.02 * source.size + 65_536


def test_a_server_without_ranges_serves_in_one_go(remote_path, source, tmp_path):
    """But cannot continue: a break is an error, and the next run begins anew."""
    output = tmp_path / "MD.hdf5"
    with serving(remote_path, ranges=False, drops=2, drop_after=5_000_000) as server:
        server.drops = 0
        fetch_whole(output, url=server.url, source=source)
        output.unlink()
        server.drops = 2
        with pytest.raises(DownloadError, match="a broken download cannot go on"):
            fetch_whole(output, url=server.url, source=source)
        server.drops = 0
        fetch_whole(output, url=server.url, source=source)
    assert output.read_bytes() == remote_path.read_bytes()


def test_a_file_of_another_size_is_refused(remote_path, source, tmp_path):
    """As one that is truncated at the host; nothing of it is downloaded."""
    short = tmp_path / "short.hdf5"
    short.write_bytes(remote_path.read_bytes()[:-10])
    with serving(short) as server:
        with pytest.raises(DownloadError, match=f"instead of {source.size}"):
            fetch_whole(tmp_path / "MD.hdf5", url=server.url, source=source)
        assert server.n_bytes <= 65_536


def test_a_file_of_another_content_is_not_kept(server, source, tmp_path):
    """Both checksums are named."""
    wrong = replace(source, md5="0" * 32)
    with pytest.raises(DownloadError, match="MD5 is wrong") as caught:
        fetch_whole(tmp_path / "MD.hdf5", url=server.url, source=wrong)
    assert source.md5 in caught.value.message
    assert not (tmp_path / "MD.hdf5").exists()


def test_a_page_is_refused(source, tmp_path):
    """Such as that of a login."""
    page = tmp_path / "page"
    page.write_bytes(b"<html>" + bytes(100))
    with (
        serving(page) as server,
        pytest.raises(DownloadError, match="not an HDF5 file, but a web page"),
    ):
        fetch_whole(tmp_path / "MD.hdf5", url=server.url, source=source)


def test_a_file_that_changed_is_not_continued(server, source, tmp_path):
    """Two versions are never joined."""
    output = tmp_path / "MD.hdf5"
    with pytest.raises(KeyboardInterrupt):
        fetch_whole(output, url=server.url, source=source, progress=Bar(stop_at=10**6))
    server.etag = '"two"'
    with pytest.raises(DownloadError, match="ETag went from"):
        fetch_whole(output, url=server.url, source=source)


def test_too_little_space_is_said_before_the_work(
    server, source, tmp_path, monkeypatch
):
    """133 GB do not fit on every laptop."""
    monkeypatch.setattr(
        shutil, "disk_usage", lambda folder: SimpleNamespace(free=source.size - 1)
    )
    with pytest.raises(OutputError, match="there are only") as caught:
        fetch_whole(tmp_path / "MD.hdf5", url=server.url, source=source)
    assert "misato-100" in caught.value.hint
    assert server.n_bytes <= 65_536
