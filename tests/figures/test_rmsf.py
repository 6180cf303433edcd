import builtins

import pytest
import torch

from neuralmd_cli.analysis.rmsf import rmsf
from neuralmd_cli.errors import NeuralMDError, OutputError
from neuralmd_cli.figures.canvas import check_figure_path
from neuralmd_cli.figures.rmsf import plot_rmsf


def draw(path, atoms=10, times=None):
    generator = torch.Generator().manual_seed(0)
    result = rmsf(torch.randn(30, atoms, 3, generator=generator))
    plot_rmsf(
        path,
        result,
        names=[f"C{i + 1}" for i in range(atoms)],
        elements=["C", "Se"] * (atoms // 2),
        times=80.0 * torch.arange(30) if times is None else times,
        title="RMSF",
    )


@pytest.mark.parametrize(
    ("suffix", "magic"), [(".png", b"\x89PNG"), (".svg", b"<?xml"), (".pdf", b"%PDF")]
)
def test_equal_data_give_equal_figures(tmp_path, suffix, magic):
    """Every format is written, and holds neither date nor random number."""
    first, second = tmp_path / f"a{suffix}", tmp_path / f"b{suffix}"
    draw(first)
    draw(second)
    assert first.read_bytes().startswith(magic)
    assert first.read_bytes() == second.read_bytes()


def test_every_atom_of_a_large_ligand_is_named(tmp_path):
    """80 atoms: each name is in the figure, which grows wider."""
    import re

    widths = []
    for atoms in (10, 80):
        draw(tmp_path / "a.svg", atoms)
        text = (tmp_path / "a.svg").read_text()
        assert all(f"<!-- C{i + 1} -->" in text for i in range(atoms))
        widths.append(float(re.search(r'width="([\d.]+)pt"', text).group(1)))
    assert widths[1] > 1.5 * widths[0]


def test_times_that_fall_back_become_snapshot_numbers(tmp_path):
    """A line that runs backwards would mislead."""
    draw(tmp_path / "a.svg", times=torch.zeros(30))
    text = (tmp_path / "a.svg").read_text()
    assert "<!-- snapshot -->" in text
    assert "time" not in text


def test_other_formats_are_refused(tmp_path):
    """The formats that can be written are named."""
    with pytest.raises(OutputError, match="is no figure format") as caught:
        check_figure_path(tmp_path / "a.bmp")
    assert ".png, .svg or .pdf" in caught.value.hint


def test_missing_matplotlib_says_what_to_install(tmp_path, monkeypatch):
    """Without the extra the hint is the command that installs it."""
    real = builtins.__import__

    def without_matplotlib(name, *args, **kwargs):
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_matplotlib)
    with pytest.raises(NeuralMDError, match="needs matplotlib") as caught:
        check_figure_path(tmp_path / "a.png")
    assert caught.value.hint == 'pip install "neuralmd[plot]"'
