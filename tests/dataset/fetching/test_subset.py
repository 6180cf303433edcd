"""Complexes are read out of a remote file, and only they, whatever the network does."""

import multiprocessing
import os
import shutil
import signal
import time
from dataclasses import replace
from types import SimpleNamespace

import h5py
import numpy as np
import pytest

from benchmarks.range_server import serving
from neuralmd_cli.dataset.fetching.copying import WANTED
from neuralmd_cli.dataset.fetching.source import MISATO
from neuralmd_cli.dataset.fetching.subset import fetch_complexes
from neuralmd_cli.errors import DownloadError, InputError, OutputError
from neuralmd_cli.misato import read_recording
from tests.dataset.conftest import left_in, remote_ids, write_complex

IDS = remote_ids()


def same_content(fetched, remote, ids):
    """Exactly these complexes, with the wanted datasets as they are at the host."""
    with h5py.File(fetched) as mine, h5py.File(remote) as theirs:
        assert set(mine) == set(ids)
        for name in ids:
            assert set(mine[name]) == set(theirs[name]) & set(WANTED)
            assert dict(mine[name].attrs) == dict(theirs[name].attrs)
            for key, dataset in mine[name].items():
                original = theirs[name][key]
                np.testing.assert_array_equal(dataset[()], original[()])
                assert dataset.dtype == original.dtype
                assert dataset.chunks == original.chunks
                assert dataset.compression == original.compression


def test_the_fetched_complexes_are_those_of_the_host(server, remote_path, tmp_path):
    """In packing and content; datasets that nobody needs are left there."""
    ids = IDS[3:20:4]
    output = tmp_path / "some.hdf5"
    fetched = fetch_complexes(ids, output, url=server.url)
    same_content(output, remote_path, ids)
    assert (fetched.complexes, fetched.kept) == (5, 0)
    assert fetched.remote_bytes == remote_path.stat().st_size
    assert left_in(tmp_path) == ["some.hdf5"]


@pytest.mark.parametrize("count", [1, 5, 10])
def test_the_bytes_read_are_the_share_fetched(count, server, remote_path, tmp_path):
    """k of n complexes cost about k/n of the file; few requests each."""
    ids = IDS[:: len(IDS) // count][:count]
    fetched = fetch_complexes(ids, tmp_path / "some.hdf5", url=server.url)
    assert fetched.bytes_read == server.n_bytes
    assert fetched.requests == server.requests
    with h5py.File(remote_path) as file:
        needed = sum(
            file[x][y].id.get_storage_size()
            for x in ids
            for y in WANTED
            if y in file[x]
        )
    # Metadata come in blocks of 64 KiB, which weigh little beside real complexes.
    assert needed < fetched.bytes_read < needed + 5 * 65_536 * (count + 1)
    assert (
        fetched.bytes_read < 0.5 * remote_path.stat().st_size * count / len(IDS) * 1.5
    )
    assert fetched.requests <= 8 * (count + 1)


def test_uncompressed_data_are_copied_too(tmp_path):
    """Contiguous datasets have no chunks."""
    path = tmp_path / "plain.hdf5"
    with h5py.File(path, "w") as file:
        for seed, name in enumerate(IDS[:3]):
            write_complex(file, name, seed, gzip=False)
    with serving(path) as server:
        fetch_complexes(IDS[:2], tmp_path / "a.hdf5", url=server.url)
    same_content(tmp_path / "a.hdf5", path, IDS[:2])


def test_a_file_laid_out_otherwise_is_read_as_well(tmp_path):
    """Where the data of complexes are interleaved, guesses stop, and all is right."""
    path = tmp_path / "mixed.hdf5"
    with h5py.File(path, "w") as file:
        for seed, name in enumerate(IDS[:4]):
            write_complex(file, name, seed)
        data = np.random.default_rng(0).normal(size=(100, 250, 3))
        for name in IDS[:4]:
            del file[name]["trajectory_coordinates"]
            file[name].create_dataset(
                "trajectory_coordinates",
                shape=data.shape,
                dtype="f8",
                chunks=(5, 250, 3),
            )
        for first in range(0, 100, 5):
            for name in IDS[:4]:
                rows = slice(first, first + 5)
                file[name]["trajectory_coordinates"][rows] = data[rows]
    with serving(path) as server:
        fetch_complexes(IDS[:4], tmp_path / "a.hdf5", url=server.url)
    same_content(tmp_path / "a.hdf5", path, IDS[:4])


def test_dropped_connections_are_taken_up(server, remote_path, tmp_path):
    """No byte is asked for twice after a drop."""
    output = tmp_path / "some.hdf5"
    quiet = fetch_complexes(IDS[:6], output, url=server.url)
    output.unlink()
    server.n_bytes, server.drop_after = 0, 100_000
    fetched = fetch_complexes(IDS[:6], output, url=server.url)
    same_content(output, remote_path, IDS[:6])
    assert fetched.requests > quiet.requests
    assert fetched.bytes_read < 1.05 * quiet.bytes_read


@pytest.mark.parametrize("status", [429, 503])
def test_refusals_that_pass_are_waited_for(status, server, remote_path, tmp_path):
    """As long as the host says."""
    server.refusals = [(status, {"Retry-After": "1"}), (status, {})]
    started = time.monotonic()
    fetch_complexes(IDS[:1], tmp_path / "a.hdf5", url=server.url)
    assert time.monotonic() - started >= 1
    same_content(tmp_path / "a.hdf5", remote_path, IDS[:1])


def test_a_limit_that_is_reached_is_respected(server, tmp_path):
    """X-RateLimit-Remaining 0 lets the next request wait, before any refusal."""
    reset = {
        "X-RateLimit-Remaining": "0",
        "X-RateLimit-Reset": str(int(time.time()) + 2),
    }
    server.refusals = [(503, reset)]
    started = time.monotonic()
    fetch_complexes(IDS[:1], tmp_path / "a.hdf5", url=server.url)
    assert time.monotonic() - started >= 0.9


def test_a_host_that_asks_to_wait_long_is_left(server, tmp_path):
    """The user is told how long, and that nothing is lost."""
    server.refusals = [(429, {"Retry-After": "7200"})]
    with pytest.raises(DownloadError, match="asks to wait 120 minutes") as caught:
        fetch_complexes(IDS[:1], tmp_path / "a.hdf5", url=server.url)
    assert "goes on where it was" in caught.value.hint


def test_refusals_without_end_are_an_error(server, tmp_path):
    """After all tries."""
    server.refusals = [(503, {})] * 50
    with pytest.raises(DownloadError, match="answers 503"):
        fetch_complexes(IDS[:1], tmp_path / "a.hdf5", url=server.url)


def test_a_server_without_ranges_is_named(remote_path, tmp_path):
    """With the whole file as the way out; hardly a byte is read."""
    with serving(remote_path, ranges=False) as server:
        with pytest.raises(DownloadError, match="no range requests") as caught:
            fetch_complexes(IDS[:1], tmp_path / "a.hdf5", url=server.url)
    assert "misato-all" in caught.value.hint
    assert not (tmp_path / "a.hdf5").exists()


def test_a_truncated_file_is_named(remote_path, tmp_path):
    """The end is missing at the host."""
    path = tmp_path / "MD.hdf5"
    path.write_bytes(remote_path.read_bytes()[:1_000_000])
    with (
        serving(path) as server,
        pytest.raises(DownloadError, match="is truncated.* 1000000 bytes"),
    ):
        fetch_complexes(IDS[:1], tmp_path / "a.hdf5", url=server.url)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"<!doctype html><p>Log in", "a web page"),
        (b"PK\3\4" + b"x" * 99, "begins with"),
    ],
)
def test_what_is_no_hdf5_is_named(content, message, tmp_path):
    """A page that says so, or another format."""
    path = tmp_path / "page"
    path.write_bytes(content)
    with (
        serving(path) as server,
        pytest.raises(DownloadError, match=f"not an HDF5 file, but {message}"),
    ):
        fetch_complexes(IDS[:1], tmp_path / "a.hdf5", url=server.url)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://127.0.0.1:1/MD.hdf5", "connection to .* failed"),
        ("ftp://127.0.0.1/MD.hdf5", "cannot be fetched"),
        ("MD.hdf5", "cannot be fetched"),
    ],
)
def test_an_address_that_leads_nowhere_is_named(url, message, tmp_path):
    """The hint has the option and the variable."""
    with pytest.raises(DownloadError, match=message) as caught:
        fetch_complexes(IDS[:1], tmp_path / "a.hdf5", url=url)
    assert "NEURALMD_DATA_URL" in caught.value.hint


def test_a_file_that_is_not_there_is_named(server, tmp_path):
    """404 is not tried again."""
    server.refusals = [(404, {})] * 9
    with pytest.raises(DownloadError, match="answers 404"):
        fetch_complexes(IDS[:1], tmp_path / "a.hdf5", url=server.url)
    assert server.requests == 1


def test_complexes_that_the_file_lacks_are_all_named(server, tmp_path):
    """Before any data are read."""
    with pytest.raises(InputError, match="9ZZZ, 8ZZZ are not in"):
        fetch_complexes([IDS[0], "9ZZZ", "8ZZZ"], tmp_path / "a.hdf5", url=server.url)


def test_one_damaged_complex_does_not_stop_the_others(remote_path, tmp_path):
    """It is named with its dataset, the others are kept, and a list without it goes."""
    path = tmp_path / "MD.hdf5"
    shutil.copy(remote_path, path)
    with h5py.File(path, "a") as file:
        offset = file[IDS[1]]["trajectory_coordinates"].id.get_chunk_info(3).byte_offset
        del file[IDS[2]]["atoms_type"]
    with path.open("r+b") as file:
        file.seek(offset + 50)
        file.write(bytes(200))
    output = tmp_path / "a.hdf5"
    with serving(path) as server:
        with pytest.raises(DownloadError, match="2 of 5 complexes") as caught:
            fetch_complexes(IDS[:5], output, url=server.url)
        damaged = f"trajectory_coordinates of complex {IDS[1]} is damaged"
        assert damaged in caught.value.message
        assert f"complex {IDS[2]} has no atoms_type" in caught.value.message
        assert not output.exists()
        good = [IDS[0], IDS[3], IDS[4]]
        assert fetch_complexes(good, output, url=server.url).kept == 3
    same_content(output, path, good)


class Stop(Exception):
    """What ends a run in the middle."""


@pytest.mark.parametrize("error", [KeyboardInterrupt, Stop])
def test_an_interrupted_run_is_continued(error, server, remote_path, tmp_path):
    """The bytes are those of a run that was not; what was there is not read again."""
    whole = fetch_complexes(IDS[:8], tmp_path / "whole.hdf5", url=server.url)

    def stop_at_four(done, total, n_bytes):
        if done == 4:
            raise error

    output = tmp_path / "a.hdf5"
    with pytest.raises(error):
        fetch_complexes(IDS[:8], output, url=server.url, report=stop_at_four)
    assert not output.exists()
    again = fetch_complexes(IDS[:8], output, url=server.url)
    assert again.kept == 4
    assert again.bytes_read < 0.7 * whole.bytes_read
    assert output.read_bytes() == (tmp_path / "whole.hdf5").read_bytes()
    assert left_in(tmp_path) == ["a.hdf5", "whole.hdf5"]


def _fetch_slowly(output, url):
    fetch_complexes(IDS[:8], output, url=url, report=lambda *_: time.sleep(0.02))


def test_a_killed_run_is_continued(server, remote_path, tmp_path):
    """Wherever SIGKILL hits, the next run ends with the same bytes."""
    fetch_complexes(IDS[:8], tmp_path / "whole.hdf5", url=server.url)
    output = tmp_path / "a.hdf5"
    folder = tmp_path / ".a.hdf5.fetching"
    process = multiprocessing.get_context("spawn").Process(
        target=_fetch_slowly, args=(output, server.url)
    )
    process.start()
    while process.is_alive() and len(list(folder.glob("*.hdf5"))) < 3:
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    assert not output.exists()
    assert fetch_complexes(IDS[:8], output, url=server.url).kept >= 3
    assert output.read_bytes() == (tmp_path / "whole.hdf5").read_bytes()


def test_a_file_that_changed_between_runs_is_noticed(server, tmp_path):
    """By its ETag; the message says what changed and how to start again."""
    output = tmp_path / "a.hdf5"
    with pytest.raises(InputError):
        fetch_complexes([IDS[0], "9ZZZ"], output, url=server.url)
    server.etag = '"two"'
    with pytest.raises(DownloadError, match='ETag went from "one" to "two"') as caught:
        fetch_complexes(IDS[:1], output, url=server.url)
    assert ".a.hdf5.fetching" in caught.value.hint


def test_a_file_that_changes_during_a_run_is_noticed(server, tmp_path):
    """Parts of two versions are never mixed."""

    def change(done, total, n_bytes):
        if done == 1:
            server.etag = '"two"'

    with pytest.raises(DownloadError, match="changed while it was read"):
        fetch_complexes(IDS[:9], tmp_path / "a.hdf5", url=server.url, report=change)


def test_what_is_there_is_not_fetched_again(server, remote_path, tmp_path):
    """Neither the same complexes nor some of them; others need another file."""
    output = tmp_path / "a.hdf5"
    fetch_complexes(IDS[:3], output, url=server.url)
    before = server.requests
    assert fetch_complexes(IDS[1:3], output, url=server.url).bytes_read == 0
    assert server.requests == before
    with pytest.raises(OutputError, match=f"does not hold {IDS[5]}"):
        fetch_complexes(IDS[4:6][::-1], output, url=server.url)
    other = tmp_path / "notes.txt"
    other.write_text("mine")
    with pytest.raises(OutputError, match="is there already"):
        fetch_complexes(IDS[:1], other, url=server.url)
    assert other.read_text() == "mine"


def test_too_little_space_is_said_before_the_work(
    server, remote_path, tmp_path, monkeypatch
):
    """With what is needed and what there is; MISATO's mean size counts."""
    size = remote_path.stat().st_size
    mirror = replace(MISATO, size=size, n_complexes=len(IDS))
    monkeypatch.setattr("neuralmd_cli.dataset.fetching.subset.MISATO", mirror)
    space = SimpleNamespace(free=size // 10)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: space)
    with pytest.raises(OutputError, match=r"takes 0\.0 GB, and there are only 0\.0 GB"):
        fetch_complexes(IDS[:4], tmp_path / "a.hdf5", url=server.url)
    assert server.requests == 1
    assert fetch_complexes(IDS[:1], tmp_path / "a.hdf5", url=server.url).complexes == 1


def test_a_folder_that_cannot_be_written_is_named(server, tmp_path):
    """Before any request."""
    with pytest.raises(OutputError, match="cannot be written"):
        fetch_complexes(IDS[:1], tmp_path / "no" / "a.hdf5", url=server.url)
    assert server.requests == 0


def test_our_own_md_is_fetched_and_read(shared, tmp_path):
    """A real file, of another layout and with attributes, gives equal recordings."""
    path = shared / "data" / "md" / "droplet_4ps.hdf5"
    output = tmp_path / "own.hdf5"
    with serving(path) as server:
        fetched = fetch_complexes(["BRD4", "HSP90"], output, url=server.url)
    assert fetched.bytes_read < 0.25 * path.stat().st_size
    same_content(output, path, ["BRD4", "HSP90"])
    mine, theirs = (read_recording(x, "BRD4") for x in (output, path))
    assert mine.spacing_ps == theirs.spacing_ps == 4.0
    assert mine.positions.equal(theirs.positions)
    assert mine.backbone.equal(theirs.backbone)
