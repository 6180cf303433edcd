"""A pass makes the same store by whatever route, and one bad complex stops nothing."""

import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from neuralmd_cli.dataset.prepare import prepare
from neuralmd_cli.dataset.recordings import open_recordings
from neuralmd_cli.dataset.store import Store
from neuralmd_cli.errors import InputError, OutputError
from tests.dataset.synthetic import N_ATOMS, complex_data, write_complex

ROOT = Path(__file__).parents[2]
NAMES = [f"{k}ABC" for k in range(10)]

# In a process of its own, as it kills itself.
KILLED = """
import os, signal, sys
from pathlib import Path
from neuralmd_cli.dataset.prepare import prepare

seen = []
def kill():
    seen.append(1)
    if len(seen) == int(sys.argv[4]):
        os.kill(os.getpid(), signal.SIGKILL)

if __name__ == "__main__":
    source, output = map(Path, sys.argv[1:3])
    prepare(source, output, workers=int(sys.argv[3]), on_entry=kill)
"""


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """Ten complexes."""
    path = tmp_path_factory.mktemp("source") / "MD.hdf5"
    for seed, name in enumerate(NAMES):
        write_complex(path, name, seed=seed)
    return path


@pytest.fixture(scope="module")
def whole(source, tmp_path_factory):
    """The store of an uninterrupted pass."""
    path = tmp_path_factory.mktemp("whole") / "md.h5"
    prepare(source, path)
    return path


def test_the_number_of_workers_does_not_matter(source, whole, tmp_path):
    """Byte for byte."""
    summary = prepare(source, tmp_path / "md.h5", workers=2)
    assert (tmp_path / "md.h5").read_bytes() == whole.read_bytes()
    assert summary.made == tuple(NAMES)
    assert [x.name for x in tmp_path.iterdir()] == ["md.h5"]


@pytest.mark.parametrize(
    ("workers", "after"), [(1, 3), (1, 15), pytest.param(2, 4, marks=pytest.mark.slow)]
)
def test_a_killed_pass_goes_on(source, whole, tmp_path, workers, after):
    """kill -9 while reading, or while putting together; then only the rest is made."""
    script, output = tmp_path / "killed.py", tmp_path / "md.h5"
    script.write_text(KILLED)
    arguments = [str(x) for x in (script, source, output, workers, after)]
    died = subprocess.run(
        [sys.executable, *arguments], env={"PYTHONPATH": str(ROOT)}, check=False
    )
    assert died.returncode == -9
    assert not output.exists()
    before = len(list((tmp_path / "md.h5.parts").glob("*.h5")))
    assert min(after, 10) <= before <= 10
    seen = []
    prepare(source, output, on_start=lambda stage, total: seen.append((stage, total)))
    assert seen[0] == ("complexes", 10 - before)
    assert output.read_bytes() == whole.read_bytes()
    assert sorted(x.name for x in tmp_path.iterdir()) == ["killed.py", "md.h5"]


def test_damaged_parts_are_made_again(source, whole, tmp_path):
    """Cut short, changed, of another file, of another kind; none gets into a store."""
    output, parts = tmp_path / "md.h5", tmp_path / "md.h5.parts"
    other = tmp_path / "other.hdf5"
    for seed, name in enumerate(NAMES):
        write_complex(other, name, seed=seed + 50)

    def stop():
        raise KeyboardInterrupt

    def leave_one(file, name, **options):
        with pytest.raises(KeyboardInterrupt):
            prepare(file, output, names=[name], on_entry=stop, **options)

    for name in NAMES[:3]:
        leave_one(source, name)
    leave_one(source, NAMES[3], all_atom=True)
    leave_one(other, NAMES[4])
    first, second = parts / f"{NAMES[0]}.h5", parts / f"{NAMES[1]}.h5"
    first.write_bytes(first.read_bytes()[:9000])
    with h5py.File(second, "a") as file:
        file[f"{NAMES[1]}/ligand_positions"][3, 1, 0] += 5
    (parts / "7ABC.h5.77.tmp").write_text("half")
    seen = []
    prepare(source, output, on_start=lambda stage, total: seen.append((stage, total)))
    assert seen[0] == ("complexes", 9)
    assert output.read_bytes() == whole.read_bytes()


def test_a_store_grows_to_what_one_pass_makes(source, whole, tmp_path):
    """First some ids, in any case and order, then all; then nothing is left to do."""
    output = tmp_path / "md.h5"
    summary = prepare(source, output, names=["7abc", "2ABC"])
    assert summary.manifest.names == ("2ABC", "7ABC")
    summary = prepare(source, output)
    assert summary.kept == ("2ABC", "7ABC")
    assert len(summary.made) == 8
    assert output.read_bytes() == whole.read_bytes()
    before = output.stat().st_mtime_ns
    assert prepare(source, output).made == ()
    assert output.stat().st_mtime_ns == before


def test_a_bad_complex_does_not_stop_the_others(tmp_path):
    """It is named with file and dataset, and tried again by the next pass."""
    source, output = tmp_path / "MD.hdf5", tmp_path / "md.h5"
    write_complex(source, "1ABC")
    write_complex(source, "2ABC", trajectory_coordinates=np.zeros((100, 3, 3)))
    write_complex(source, "3ABC", atoms_type=None)
    summary = prepare(source, output)
    assert summary.manifest.names == ("1ABC",)
    assert list(summary.failed) == ["2ABC", "3ABC"]
    assert (
        "MD.hdf5: complex 3ABC lacks the dataset atoms_type" in summary.failed["3ABC"]
    )
    with h5py.File(source, "a") as file:
        del file["2ABC"]
    write_complex(source, "2ABC")
    assert prepare(source, output).made == ("2ABC",)


def jumping():
    """The protein leaves the ligand in snapshots 34 to 43, as in 1HVJ."""
    xyz = complex_data()["trajectory_coordinates"].copy()
    xyz[34:44, :-4] += 60.0
    return xyz


def test_flagged_entries_are_left_out_on_request_only(tmp_path):
    """Known, jumping; named with the reason, and back when asked for."""
    source, output = tmp_path / "MD.hdf5", tmp_path / "md.h5"
    write_complex(source, "1ABC")
    write_complex(source, "2BMV")
    write_complex(source, "3ABC", trajectory_coordinates=jumping())
    summary = prepare(source, output, exclude_flagged=True)
    assert summary.manifest.names == ("1ABC",)
    assert summary.excluded["2BMV"] == ("known: the ligand is not bound at the start",)
    assert summary.excluded["3ABC"] == ("ligand jumps before snapshots 34, 44",)
    summary = prepare(source, output)
    assert summary.manifest.names == ("1ABC", "2BMV", "3ABC")
    assert list(summary.flagged) == ["2BMV", "3ABC"]
    assert open_recordings(output).read("2BMV").flags
    prepare(source, output, exclude_flagged=True)
    assert Store(output).manifest.names == ("1ABC",)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"names": ["1ABC", "9XYZ"]}, "MD.hdf5 lacks 9XYZ of the 2 complexes"),
        ({"all_atom": True}, "does not keep all atoms"),
    ],
)
def test_a_pass_that_cannot_be_is_refused(source, whole, change, message):
    """Ids that are not there; a store of another kind."""
    with pytest.raises(InputError, match=message):
        prepare(source, whole, **change)


def test_a_store_does_not_mix_files_under_one_name(whole, tmp_path):
    """The same id from another file; ids of its own are welcome."""
    other = tmp_path / "other.hdf5"
    write_complex(other, "1ABC")
    write_complex(other, "9XYZ")
    output = tmp_path / "md.h5"
    output.write_bytes(whole.read_bytes())
    with pytest.raises(InputError, match="holds 1ABC from MD.hdf5, not from other"):
        prepare(other, output)
    assert len(prepare(other, output, names=["9XYZ"]).manifest.names) == 11


def test_nothing_to_store_is_said(tmp_path):
    """All damaged, or all flagged; no empty store is written."""
    write_complex(tmp_path / "MD.hdf5", atoms_residue=np.full(N_ATOMS, 99))
    with pytest.raises(InputError, match="no complex is left.*unknown code 99"):
        prepare(tmp_path / "MD.hdf5", tmp_path / "md.h5")
    write_complex(tmp_path / "bad.hdf5", "3LK1")
    with pytest.raises(InputError, match="1 are flagged"):
        prepare(tmp_path / "bad.hdf5", tmp_path / "md.h5", exclude_flagged=True)
    assert not (tmp_path / "md.h5").exists()


def test_a_folder_that_cannot_be_written_is_named(source, tmp_path):
    """A file is where the parts should go."""
    (tmp_path / "md.h5.parts").touch()
    with pytest.raises(OutputError, match="md.h5.parts cannot be written"):
        prepare(source, tmp_path / "md.h5")
