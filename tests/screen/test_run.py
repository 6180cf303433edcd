"""A screen gives the same whatever is done to it, and loses nothing."""

import csv
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from rdkit import Chem

from neuralmd_cli.errors import InputError, OutputError
from neuralmd_cli.run import simulate_files
from neuralmd_cli.screen.folder import Part, claimed
from neuralmd_cli.screen.journal import read_entries
from neuralmd_cli.screen.run import Screened, merge, screen_files
from neuralmd_cli.screen.tasks import Inputs
from tests.screen.poses import PROTEIN, block, fragment, write_poses

ROOT = Path(__file__).resolve().parents[2]
SLOW = """
import signal, time
# A shell's background, where tests may run, ignores it.
signal.signal(signal.SIGINT, signal.default_int_handler)
from neuralmd_cli.screen.journal import Journal
append = Journal.append
def slow(self, entry):
    append(self, entry)
    time.sleep(0.5)
Journal.append = slow
from neuralmd_cli.cli.main import app
app()
"""
SHORT = {"ns": 0.016, "interval_ps": 4.0, "replicas": 2}


def screen(output: Path, *ligands: Path, weights: str, **options) -> Screened:
    inputs = Inputs(protein=PROTEIN, ligands=ligands, manifest=None)
    return screen_files(
        inputs, output, weights=weights, jobs=options.pop("jobs", 1), **SHORT, **options
    )


def hashes(folder: Path, *patterns: str) -> dict[str, str]:
    """Of all results but records, which say when they were made."""
    patterns = patterns or ("*.csv", "*.parquet", "ligands/*/*.[dxps][cdt][dfcb]*")
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for pattern in patterns
        for path in folder.glob(pattern)
    }


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def done(tmp_path_factory, weights, six) -> Path:
    """An uninterrupted screen of six poses."""
    folder = tmp_path_factory.mktemp("done") / "out"
    screen(folder, six, weights=weights)
    return folder


def test_every_ligand_has_a_row_and_its_files(done):
    """Ranks are 1 to 6; trajectory, topology, ligand and record are there."""
    table = rows(done / "results.csv")
    assert [int(x["rank"]) for x in table] == [1, 2, 3, 4, 5, 6]
    assert {x["title"] for x in table} == {f"pose {k}" for k in range(6)}
    assert rows(done / "failures.csv") == []
    for row in table:
        first = done / row["trajectory"]
        base = first.parent / row["id"]
        assert first.name == f"{row['id']}_r1.dcd"
        for end in ("_r1.dcd", "_r2.dcd", ".pdb", ".sdf", ".json"):
            assert Path(f"{base}{end}").is_file(), end
    assert not list(done.glob(".scratch/*"))


def test_processes_change_nothing(tmp_path, done, weights, six):
    """Two processes that share the work: every file is the same to the bit."""
    screen(tmp_path / "out", six, weights=weights, jobs=2)
    assert len(hashes(done)) == 2 + 1 + 6 * 4
    assert hashes(tmp_path / "out") == hashes(done)


def test_order_and_neighbours_change_nothing(tmp_path, done, weights, six):
    """The six in reverse, half of them alone in a second file."""
    records = six.read_text().split("$$$$\n")[:-1]
    backward = [f"{x}$$$$\n" for x in reversed(records)]
    first, second = tmp_path / "first.sdf", tmp_path / "second.sdf"
    first.write_text("".join(backward[:2]))
    second.write_text("".join(backward[2:]))
    screen(tmp_path / "out", first, second, weights=weights)
    assert results_by_title(tmp_path / "out") == results_by_title(done)


def results_by_title(folder: Path) -> dict[str, dict[str, object]]:
    """Measures and the bytes of trajectories, whatever a ligand's number was."""
    found = {}
    for entry in read_entries(folder):
        frames = [
            hashlib.sha256((folder / x).read_bytes()).hexdigest()
            for x in entry.files
            if x.endswith(".dcd")
        ]
        found[entry.title] = {"measures": entry.measures, "frames": frames}
    return found


@pytest.mark.parametrize("model", ["neuralmd-ode", "neuralmd-sde"])
def test_order_and_neighbours_change_nothing_with_the_default_weights(tmp_path, model):
    """Three ligands of different sizes: to the bit, in any order, also one alone."""
    whole = Chem.MolFromMolFile(str(PROTEIN.with_name("ligand_13v.sdf")))
    records = [
        block("whole", molecule=whole),
        block("ring"),
        block("other ring", molecule=fragment("c1ccccc1")),
    ]
    found = []
    short = {"ns": 0.008, "interval_ps": 4.0}
    for k, order in enumerate([(0, 1, 2), (2, 0, 1), (1,)]):
        ligands = tmp_path / f"{k}.sdf"
        ligands.write_text("".join(records[x] for x in order))
        inputs = Inputs(protein=PROTEIN, ligands=(ligands,), manifest=None)
        out = tmp_path / f"out{k}"
        screen_files(inputs, out, model=model, jobs=1, **short)
        found.append(results_by_title(out))
    first, second, alone = found
    assert set(first) == {"whole", "ring", "other ring"}
    assert len({x for y in first.values() for x in y["frames"]}) == 3
    assert second == first
    assert alone == {"ring": first["ring"]}


def test_the_threads_of_the_machine_change_nothing(tmp_path, done, weights, six):
    """A user with more threads gets the same, and keeps them."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        screen(tmp_path / "out", six, weights=weights)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert hashes(tmp_path / "out") == hashes(done)


def test_replicas_and_ligands_draw_numbers_of_their_own(done):
    """No two trajectories are alike, and another seed is not needed for that."""
    found = hashes(done, "ligands/*/*.dcd")
    assert len(set(found.values())) == len(found) == 12


def test_a_ligand_alone_moves_as_in_the_screen(tmp_path, done, weights):
    """The command in its record repeats it, up to the rounding of coordinates."""
    row = rows(done / "results.csv")[2]
    record = json.loads(
        (done / row["trajectory"]).with_name(f"{row['id']}.json").read_text()
    )
    words = record["command"]
    value = dict(zip(words[2::2], words[3::2], strict=True))
    run = simulate_files(
        Path(value["--protein"]),
        Path(value["--ligand"]),
        ligand_index=int(value["--ligand-index"]),
        output=tmp_path / "alone.dcd",
        weights=value["--weights"],
        seed=int(value["--seed"]),
        **SHORT,
    )
    for ours, theirs in zip(run.record.results, record["results"], strict=True):
        for name, check in ours.items():
            assert check["value"] == pytest.approx(theirs[name]["value"], abs=2e-4)


def test_a_shape_let_go_is_so_for_each_ligand(tmp_path, done, weights, six):
    """Other trajectories, a warning, and a record that says it and can be repeated."""
    out = tmp_path / "out"
    found = screen(out, six, weights=weights, keep_shape=False)
    assert any("bonds, angles and rings" in x for x in found.warnings)
    kept, free = hashes(done, "ligands/*/*.dcd"), hashes(out, "ligands/*/*.dcd")
    assert not set(kept.values()) & set(free.values())
    for path in out.glob("ligands/*/*.json"):
        record = json.loads(path.read_text())
        assert record["dynamics"]["keep_shape"] is False
        assert record["command"][-1] == "--free-shape"
        before = json.loads((done / path.relative_to(out)).read_text())
        pairs = zip(before["results"], record["results"], strict=True)
        for held, loose in pairs:
            name = "bond_change_max"
            assert loose[name]["value"] > 2 * held[name]["value"]


def test_a_finished_screen_is_not_simulated_again(tmp_path, done, weights, six):
    """The same command again changes no file; a lost trajectory is made again."""
    out = tmp_path / "out"
    screen(out, six, weights=weights)
    before = hashes(out)
    assert screen(out, six, weights=weights).simulated == 0
    (out / rows(out / "results.csv")[0]["trajectory"]).unlink()
    assert screen(out, six, weights=weights).simulated == 1
    assert hashes(out) == before == hashes(done)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seed": 1}, "--seed was 0 and is now 1"),
        ({"trajectories": "xtc"}, "--trajectories was dcd and is now xtc"),
        ({"temperature_k": 310.0}, "--temperature-k was 300.0 and is now 310.0"),
        ({"keep_shape": False}, "--keep-shape was True and is now False"),
    ],
)
def test_other_options_are_refused(done, weights, six, options, message):
    """Nobody gets a table of two kinds of simulation."""
    before = hashes(done)
    with pytest.raises(OutputError, match=message):
        screen(done, six, weights=weights, **options)
    assert hashes(done) == before


def test_other_inputs_are_refused_unless_told_to_begin_anew(tmp_path, weights, six):
    """A changed file is named; --overwrite removes what was there, and no more."""
    poses, out = tmp_path / "poses.sdf", tmp_path / "out"
    write_poses(poses, 2)
    screen(out, poses, weights=weights)
    (out / "notes.txt").write_text("mine")
    write_poses(poses, 1)
    with pytest.raises(OutputError, match="poses.sdf has changed"):
        screen(out, poses, weights=weights)
    with pytest.raises(OutputError, match="the input files are others"):
        screen(out, poses, six, weights=weights)
    again = screen(out, poses, weights=weights, overwrite=True)
    assert (again.ligands, again.simulated) == (1, 1)
    assert len(list(out.glob("ligands/*/*.sdf"))) == 1
    assert (out / "notes.txt").read_text() == "mine"


def test_a_folder_of_something_else_is_left_alone(tmp_path, weights, six):
    """Also with --overwrite, and where an input lies in it."""
    out = tmp_path / "out"
    out.mkdir()
    (out / "thesis.tex").write_text("years of work")
    with pytest.raises(OutputError, match=r"holds files of no screen, thesis\.tex"):
        screen(out, six, weights=weights, overwrite=True)
    inside = write_poses(tmp_path / "poses.sdf", 1)
    with pytest.raises(OutputError, match="an input inside"):
        screen(tmp_path, inside, weights=weights)


def test_a_folder_that_was_removed_is_not_made_again(tmp_path, weights, six):
    """Half a screen would lie in it; what is empty is no obstacle to the next run."""
    from neuralmd_cli.screen import work

    output, write = tmp_path / "out", work._write
    kept = []

    def removed(*given):
        shutil.rmtree(output)
        return write(*given)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(work, "_write", removed)
        with pytest.raises(OutputError):
            screen(output, six, weights=weights, jobs=1)
        kept += [x for x in output.rglob("*") if x.is_file()] if output.exists() else []
    assert kept == []
    (output / "ligands" / "000").mkdir(parents=True)
    assert screen(output, six, weights=weights, jobs=1).finished is not None


def test_one_process_at_a_time(tmp_path, weights, six):
    """A second one is told so at once."""
    with (
        claimed(tmp_path / "out", Part(), []),
        pytest.raises(OutputError, match="Another process is writing"),
    ):
        screen(tmp_path / "out", six, weights=weights)
    with (
        claimed(tmp_path / "new", Part(), []),
        pytest.raises(OutputError, match="Another process is writing"),
    ):
        screen(tmp_path / "new", six, weights=weights, part=Part(number=1, of=2))


def test_parts_make_the_whole(tmp_path, done, weights, six):
    """Three parts in any order, then --merge; before that it says what is missing."""
    out = tmp_path / "out"
    for number in (3, 1):
        part = screen(out, six, weights=weights, part=Part(number=number, of=3))
        assert (part.simulated, part.finished) == (2, None)
    assert not (out / "results.csv").exists()
    with pytest.raises(OutputError, match=r"2 of 6 ligands are not done yet, number 2"):
        merge(out)
    screen(out, six, weights=weights, part=Part(number=2, of=3))
    merge(out)
    assert hashes(out) == hashes(done)


@pytest.mark.parametrize("stop", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_killed_half_way_it_ends_the_same(tmp_path, done, weights, six, stop):
    """Stopped after the second ligand, run again: the same files as without a stop."""
    out = tmp_path / "out"
    options = [f"--{k.replace('_', '-')}={v}" for k, v in SHORT.items()]
    command = [
        *(sys.executable, "-c", SLOW, "screen", "--protein", PROTEIN),
        *("--ligands", six, "--weights", weights, "--output", out, "--jobs", "1"),
        *options,
    ]
    process = subprocess.Popen(
        [str(x) for x in command], stderr=subprocess.PIPE, text=True, cwd=ROOT
    )
    journal = out / "journal" / "1-of-1.jsonl"
    deadline = time.monotonic() + 400
    while not journal.exists() or journal.read_text().count("\n") < 2:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(stop)
    _, said = process.communicate(timeout=200)
    assert not (out / "results.csv").exists()
    if stop == signal.SIGKILL:
        # What a process leaves that is killed in the middle of a line.
        with journal.open("a") as file:
            file.write('{"number": 6, "name": "0000')
    else:
        assert process.returncode == 130
        assert "are done and kept in" in said
        assert "Traceback" not in said
    kept = sum(1 for _ in read_entries(out))
    again = screen(out, six, weights=weights)
    assert again.simulated == 6 - kept
    assert hashes(out) == hashes(done)


def test_processes_end_with_a_killed_parent(tmp_path, weights):
    """kill -9 leaves no process that computes on for nobody."""
    many = write_poses(tmp_path / "many.sdf", 400)
    command = [
        *(sys.executable, "-m", "neuralmd_cli", "screen", "--protein", PROTEIN),
        *("--ligands", many, "--weights", weights, "--output", tmp_path / "out"),
        *("--jobs", "2", "--ns", "0.4", "--interval-ps", "4"),
    ]
    process = subprocess.Popen(
        [str(x) for x in command], stderr=subprocess.DEVNULL, cwd=ROOT
    )
    journal = tmp_path / "out" / "journal" / "1-of-1.jsonl"
    deadline = time.monotonic() + 400
    while not journal.exists() or not journal.read_text():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    listed = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    if not listed.exists():
        process.kill()
        process.wait()
        pytest.skip("this system does not list the children of a process")
    children = [int(x) for x in listed.read_text().split()]
    assert len(children) >= 2
    process.kill()
    process.wait()
    deadline = time.monotonic() + 100
    while any(_runs(x) for x in children):
        assert time.monotonic() < deadline, "a worker outlived its parent"
        time.sleep(0.05)


def _runs(pid: int) -> bool:
    """True for a process that is there and no zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state not in "ZX"


def test_one_bad_record_stops_nothing(tmp_path, weights):
    """Each kind of damage is a line of failures.csv; the rest is simulated."""
    good = block("good")
    cut = good.splitlines()
    poses = tmp_path / "poses.sdf"
    poses.write_text(
        good
        + "\n".join(cut[:6])
        + "\n$$$$\n"
        + "no molecule at all\n$$$$\n"
        + block("far", 500.0)
        + block("inside", 6.0)
        + block("=cmd()|' /C calc'!A0", 0.05)
    )
    found = screen(tmp_path / "out", poses, weights=weights)
    assert (found.ligands, found.failed) == (6, 4)
    failures = rows(tmp_path / "out" / "failures.csv")
    assert [int(x["record"]) for x in failures] == [2, 3, 4, 5]
    reasons = " ".join(x["reason"] for x in failures)
    for part in ("molecule 2 (from line", "Å from the nearest atom", "overlap"):
        assert part in reasons
    assert all(x["what_to_do"] for x in failures)
    titles = {x["title"] for x in rows(tmp_path / "out" / "results.csv")}
    assert titles == {"good", "'=cmd()|' /C calc'!A0"}


def test_nothing_at_all_is_an_error(tmp_path, weights):
    """Files that are no SDF, or hold nothing, are said before any work."""
    empty = tmp_path / "empty.sdf"
    empty.write_text("\n\n")
    with pytest.raises(InputError, match="empty"):
        screen(tmp_path / "out", empty, weights=weights)
    with pytest.raises(InputError, match="structure file"):
        screen(tmp_path / "out", PROTEIN, weights=weights)
    assert not (tmp_path / "out").exists()


def test_without_trajectories_the_table_is_the_same(tmp_path, done, weights, six):
    """But for the files it names; nothing is written per ligand."""
    screen(tmp_path / "out", six, weights=weights, trajectories="none")
    assert not (tmp_path / "out" / "ligands").exists()
    without, full = (rows(x / "results.csv") for x in (tmp_path / "out", done))
    for ours, theirs in zip(without, full, strict=True):
        assert ours | {"trajectory": ""} == theirs | {"trajectory": ""}
    with pytest.raises(InputError, match="--reports need trajectories"):
        screen(tmp_path / "new", six, weights=weights, trajectories="none", reports=1)


def test_a_process_that_is_killed_costs_one_ligand_at_most(
    tmp_path, weights, six, monkeypatch
):
    """As the system does when memory is out; the failure is tried again later."""
    out = tmp_path / "out"
    inputs = Inputs(protein=PROTEIN, ligands=(six,), manifest=None)
    monkeypatch.setattr("neuralmd_cli.screen.pool._simulate", killed_at_pose_3)
    found = screen_files(inputs, out, weights=weights, jobs=2, **SHORT)
    assert (found.ligands, found.failed) == (6, 1)
    (failure,) = rows(out / "failures.csv")
    assert failure["title"] == "pose 3"
    assert "was killed, twice" in failure["reason"]
    monkeypatch.undo()
    again = screen(out, six, weights=weights)
    assert (again.simulated, again.failed) == (1, 0)


def killed_at_pose_3(task):
    """What stands in for the work of a process, in that process."""
    from neuralmd_cli.screen.pool import _state

    if task.title == "pose 3":
        os.kill(os.getpid(), signal.SIGKILL)
    return _state["worker"].simulate(task)
