"""Offline means offline; a server's word is not taken for anything."""

import hashlib
import socket
import threading

import pytest
import requests
from typer.testing import CliRunner

from neuralmd_cli.cli.main import app
from neuralmd_cli.dataset.fetching.host import RemoteFile
from neuralmd_cli.errors import DownloadError, WeightsError
from neuralmd_cli.transfer import is_offline, refuse_downgrade
from neuralmd_cli.weights.download import Download, download
from tests.fuzz.targets import _saying


@pytest.fixture
def no_sockets(monkeypatch) -> list[object]:
    """Every attempt to open one, which fails."""
    tried: list[object] = []

    def refuse(*words, **options):
        tried.append(words)
        raise OSError("a socket was asked for")

    for name in ("connect", "connect_ex", "bind"):
        monkeypatch.setattr(socket.socket, name, refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    return tried


@pytest.mark.parametrize("way", ["option", "variable"])
@pytest.mark.parametrize(
    "words",
    [
        ["weights", "fetch", "neuralmd-ode-misato100-published"],
        ["weights", "info", "neuralmd-ode-misato100-published"],
        ["data", "fetch", "misato-100", "-o", "md.hdf5"],
        ["data", "fetch", "misato-all", "-o", "md.hdf5"],
    ],
)
def test_offline_touches_no_network(no_sockets, tmp_path, monkeypatch, way, words):
    """Whatever is missing; the message says what was needed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NEURALMD_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NEURALMD_OFFLINE", "1" if way == "variable" else "")
    before = ["--offline"] if way == "option" else []
    result = CliRunner().invoke(app, [*before, *words])
    assert result.exit_code == 1, result.output
    assert "neuralmd is offline" in result.stderr
    assert no_sockets == []
    assert is_offline() == (way == "variable")


def test_offline_runs_with_what_is_here(no_sockets):
    """Bundled weights need no network."""
    result = CliRunner().invoke(app, ["--offline", "weights", "info", "neuralmd-ode"])
    assert result.exit_code == 0
    assert no_sockets == []


def _answer(*lines: str, body: bytes = b"") -> bytes:
    head = "".join(f"{x}\r\n" for x in (*lines, f"Content-Length: {len(body)}"))
    return head.encode() + b"\r\n" + body


@pytest.mark.parametrize(
    "target", ["file:///etc/passwd", "ftp://host/x", "gopher://h/x"]
)
def test_a_redirect_to_another_scheme_is_refused(tmp_path, target):
    """By both ways of downloading, and nothing is written."""
    moved = _answer("HTTP/1.1 302 Found", f"Location: {target}")
    with _saying(moved) as url:
        what = Download(name="x", url=url, file="x", sha256="0" * 64)
        with pytest.raises(WeightsError, match="x: .*cannot be fetched"):
            download(what, tmp_path / "cache", retries=0)
        with pytest.raises(DownloadError, match="cannot be fetched"):
            RemoteFile(f"{url}/x.hdf5")
    assert [x for x in tmp_path.rglob("*") if x.is_file()] == []


def test_a_redirect_from_https_to_http_is_refused():
    """What comes by http anybody on the way may have changed."""
    response = requests.Response()
    response.status_code, response.url = 302, "https://host/x"
    response.headers["Location"] = "http://host/x"
    with pytest.raises(requests.exceptions.InvalidSchema, match="less safe"):
        refuse_downgrade(response)
    response.headers["Location"] = "https://other/x"
    refuse_downgrade(response)
    response.headers["Location"] = "/elsewhere"
    refuse_downgrade(response)


def test_bytes_of_another_hash_are_never_kept(tmp_path):
    """Neither under their name nor under another."""
    body = b"not what was registered"
    good = hashlib.sha256(body).hexdigest()
    with _saying(_answer("HTTP/1.1 200 OK", body=body)) as url:
        wrong = Download(name="x", url=url, file="x", sha256="0" * 64)
        with pytest.raises(WeightsError, match="SHA256"):
            download(wrong, tmp_path, retries=0)
        assert list(tmp_path.iterdir()) == []
        right = Download(name="x", url=url, file="x", sha256=good)
        assert download(right, tmp_path, retries=0).read_bytes() == body
    assert threading.active_count() < 50
