"""The functions that look at trajectories find what the commands find."""

import csv
import json
import math
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

import neuralmd_cli
from neuralmd_cli.api.table import Table
from neuralmd_cli.cli.main import app
from neuralmd_cli.errors import NeuralMDError, OutputError

EXAMPLE = Path(__file__).parents[2] / "examples" / "nik"


@pytest.fixture(scope="module")
def run():
    """A warm model, so that things move."""
    return neuralmd_cli.simulate(
        EXAMPLE / "nik.pdb", EXAMPLE / "ligand_13v.sdf", ns=0.8, model="neuralmd-sde"
    )


@pytest.fixture(scope="module")
def saved(run, tmp_path_factory) -> Path:
    """The same as files."""
    path = tmp_path_factory.mktemp("saved") / "traj.dcd"
    run.save(path)
    return path


def command(*words):
    result = CliRunner().invoke(app, [str(x) for x in (*words, "--json")])
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


LISTS = {
    "rmsf": ("atoms", "name", "name", "rmsf_angstrom"),
    "stability": ("checks", "name", "check", "worst"),
    "torsions": ("torsions", "atoms", "atoms", "mean_degrees"),
    "cluster": ("clusters", "cluster", "cluster", "spread_angstrom"),
    "contacts": ("interactions", "residue", "residue", "percent"),
}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("word", list(LISTS))
def test_a_table_has_the_numbers_of_the_command(run, saved, word):
    """Of the simulation in memory and of its files alike."""
    rows, their_key, our_key, value = LISTS[word]
    answer = command(word, saved)[rows]
    for source in (run, saved, str(saved)):
        table = getattr(neuralmd_cli, word)(source)
        assert len(table) == len(answer) > 0
        for ours, theirs in zip(table, answer, strict=True):
            key = theirs[their_key]
            assert ours[our_key] == ("-".join(key) if isinstance(key, list) else key)
            assert ours[value] == pytest.approx(theirs[value])


def test_compare_has_the_numbers_of_the_command(run, saved):
    """A run against itself: no error, more skill than any fixed pose."""
    table = neuralmd_cli.compare(run, saved)
    scores = dict(zip(table["metric"], table["predicted"], strict=True))
    assert scores["position_rmsd"] == 0
    assert scores["skill"] > 1
    for row in command("compare", saved, saved)["metrics"]:
        ours = scores[row["name"]]
        same = row["predicted"] == pytest.approx(ours)
        assert same or (row["predicted"] is None and math.isnan(ours))


def test_stability_against_a_reference_has_the_paper_s_metrics(run, saved):
    """All pair distances of a run agree with its own."""
    summary = neuralmd_cli.stability(run, reference=saved).summary
    assert summary["stability_percent"] == 100
    assert summary["matching_angstrom"] == 0


def test_snapshots_keep_their_number_when_thinned(run):
    """The third of every third is the seventh."""
    table = neuralmd_cli.cluster(run, every=3, cutoff_angstrom=0.01)
    assert set(table["representative_snapshot"]) == {1, 4, 7, 10}
    with pytest.raises(NeuralMDError, match="every must be 1 or more"):
        neuralmd_cli.cluster(run, every=0)


@pytest.mark.parametrize("word", ["rmsf", "stability", "torsions", "cluster"])
def test_each_table_draws_its_figure(run, tmp_path, word):
    """The command's, in a file if one is named, and for a notebook."""
    path = tmp_path / "figure.png"
    drawing = getattr(neuralmd_cli, word)(run).plot(path)
    assert path.read_bytes() == drawing.png
    assert drawing.png.startswith(b"\x89PNG")
    assert drawing._repr_png_() == (drawing.png, {"width": 720})


@pytest.fixture
def table() -> Table:
    """Something with all that a cell can be."""
    return Table(
        title="T <1>",
        columns=("name", "x_angstrom"),
        rows=(("a<b", 1.23456), ("c", math.nan), ("d", None)),
        notes=(),
        summary={},
        result=None,
        paint=lambda path: None,
    )


def test_a_table_is_rows_by_name(table):
    """Iteration, a column, a length; a wrong name says which there are."""
    assert [row["name"] for row in table] == ["a<b", "c", "d"]
    assert table["x_angstrom"][0] == 1.23456
    assert len(table) == 3
    with pytest.raises(KeyError, match="there are name, x_angstrom"):
        table["y"]


def test_a_table_shows_itself(table):
    """As text, and as a page that no cell can break."""
    assert str(table).splitlines() == [
        "T <1>",
        "name  x_angstrom",
        "a<b   1.235",
        "c     -",
        "d     -",
    ]
    assert "<td>a&lt;b</td>" in table._repr_html_()
    assert "T &lt;1&gt;" in table._repr_html_()


def test_a_table_goes_to_csv_and_pandas(table, tmp_path):
    """All digits; and one message where it cannot be written."""
    pandas = pytest.importorskip("pandas")
    path = table.to_csv(tmp_path / "t.csv")
    with path.open() as file:
        assert list(csv.reader(file))[:2] == [list(table.columns), ["a<b", "1.23456"]]
    assert isinstance(table.to_pandas(), pandas.DataFrame)
    with pytest.raises(OutputError, match="cannot be written"):
        table.to_csv(tmp_path / "no" / "t.csv")


def test_without_pandas_the_hint_says_what_to_do(table, monkeypatch):
    """It is in no extra: the rows are enough for most."""
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(NeuralMDError, match="needs pandas"):
        table.to_pandas()
