"""Every typed number is compared with a reading of the paper's text by program."""

import re
from pathlib import Path

import pytest

from neuralmd_cli.paper_tables.read import Published, published, published_keys

MODELS = ["verletmd", "gnnmd", "denoisingld", "neuralmd-ode", "neuralmd-sde"]
METRICS = {
    "MAE": "mae",
    "MSE": "rmse",
    "Matching": "matching",
    "Stability": "stability",
}
SPLITS = ["misato-100", "misato-1000", "misato-all"]
Key = tuple[str, str, str]
Reading = dict[Key, tuple[float, float | None]]


def rows(shared: Path, table: int) -> list[list[str]]:
    """Lines of a table as cells, without its captions."""
    text = (shared / "paper" / "neuralmd_arxiv_v3.md").read_text()
    after = re.split(rf"^Table {table}\. .*\n", text, flags=re.MULTILINE)
    assert len(after) == 2
    lines = after[1].strip("\n").split("\n")
    end = lines.index("") if "" in lines else len(lines)
    return [line.split("\t") for line in lines[:end]]


def number(cell: str) -> tuple[float, float | None]:
    mean, _, std = cell.partition(r"\pm")
    return float(mean), float(std) if std else None


def read_multi(shared: Path) -> tuple[Reading, Reading]:
    """Table 1, and tables 6 to 8."""
    means, with_std = {}, {}
    names = list(METRICS.values())
    for model, (_, *cells) in zip(MODELS, rows(shared, 1)[3:], strict=True):
        keys = [(split, model, metric) for split in SPLITS for metric in names]
        means.update(zip(keys, map(number, cells), strict=True))
    for split, table in zip(SPLITS, (6, 7, 8), strict=True):
        for model, (_, *cells) in zip(MODELS, rows(shared, table)[2:], strict=True):
            keys = [(split, model, metric) for metric in names]
            with_std.update(zip(keys, map(number, cells), strict=True))
    return means, with_std


def read_single(shared: Path) -> tuple[Reading, Reading]:
    """Tables 2 (two halves side by side) and 9."""
    means, with_std = {}, {}
    current = ["", ""]
    for cells in rows(shared, 2)[1:]:
        for half in (0, 1):
            split, metric, *values = cells[7 * half : 7 * half + 7]
            current[half] = split or current[half]
            keys = [(current[half], model, METRICS[metric]) for model in MODELS]
            means.update(zip(keys, map(number, values), strict=True))
    split = ""
    for name, metric, *values in rows(shared, 9)[1:]:
        split = {"5WJ": "5WIJ"}.get(name, name) or split
        keys = [(split, model, METRICS[metric]) for model in MODELS]
        with_std.update(zip(keys, map(number, values), strict=True))
    return means, with_std


def read_speed(shared: Path) -> Reading:
    """Table 3."""
    head, *lines = rows(shared, 3)
    splits = [name.replace("Average", "average") for name in head[1:]]
    return {
        (split, model, "fps"): number(cell)
        for model, (_, *cells) in zip(MODELS, lines, strict=True)
        for split, cell in zip(splits, cells, strict=True)
    }


def test_every_number_is_the_papers(shared):
    """Means of tables 1-3, means and deviations of tables 6-9: no more, no fewer."""
    read: Reading = read_speed(shared)
    for means, with_std in (read_multi(shared), read_single(shared)):
        read |= means | with_std
    typed = {key: published(*key) for key in published_keys()}
    assert {k: (v.mean, v.std) for k, v in typed.items()} == read
    assert len(read) == 60 + 200 + 55


@pytest.mark.parametrize("reader", [read_multi, read_single])
def test_the_papers_tables_agree_with_each_other(shared, reader):
    """A mean stands in two tables and is the same in both."""
    means, with_std = reader(shared)
    assert {k: mean for k, (mean, _) in with_std.items()} == {
        k: mean for k, (mean, _) in means.items()
    }


@pytest.mark.parametrize("model", MODELS)
def test_average_speed_is_the_mean_of_ten(model):
    """Table 3's last column is the mean of its others."""
    splits = {split for split, _, metric in published_keys() if metric == "fps"}
    ten = [published(split, model, "fps").mean for split in splits - {"average"}]
    assert len(ten) == 10
    assert published("average", model, "fps").mean == pytest.approx(sum(ten) / 10)


def test_a_value_tells_where_it_stands():
    """Mean, deviation and tables of one value known by heart."""
    assert published("4G3E", "neuralmd-ode", "mae") == Published(
        mean=2.191, std=0.02, source="arXiv v3, tables 2 and 9"
    )


def test_what_the_paper_does_not_give_is_none():
    """Our own data, baselines and metrics have no published value."""
    assert published("misato-100", "frozen", "mae") is None
    assert published("4G3D", "neuralmd-ode", "mae") is None
    assert published("misato-100", "neuralmd-ode", "fps") is None
    assert published("4G3E", "gnnmd", "fps").std is None
