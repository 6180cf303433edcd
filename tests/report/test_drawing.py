"""The ligand's formula, coloured by motion."""

import re

import pytest
import torch

from neuralmd_cli.opening.opened import open_trajectory
from neuralmd_cli.report.drawing import LEAST_TOP, SCALE, colours, drawing, legend
from tests.scenes import heavy_start, molecule, write_run


@pytest.fixture
def path(tmp_path):
    full = molecule()
    return write_run(tmp_path, heavy_start(full).repeat(2, 1, 1), full)


@pytest.mark.parametrize("orders", [True, False])
def test_every_heavy_atom_has_its_name_and_value(path, orders):
    """With bond orders and without; what is drawn is no outer image."""
    if not orders:
        path.with_suffix(".sdf").unlink()
    opened = open_trajectory(path)
    assert (opened.molecule is not None) == orders
    values = torch.linspace(0, 1, len(opened.start))
    svg = drawing(opened, values)
    titles = re.findall(r"<title>(\S+): (\d\.\d+) Å</title>", svg)
    assert [name for name, _ in titles] == list(opened.atom_names)
    assert float(titles[-1][1]) == 1.0
    assert "href" not in svg


def test_zero_and_most_are_the_ends_of_the_scale():
    """In between the colours change steadily."""
    shown = colours(torch.tensor([0.0, 2.0, 1.0, torch.nan]))
    assert (shown[0], shown[1], shown[3]) == (SCALE[0], SCALE[-1], SCALE[0])
    assert shown[2] == SCALE[len(SCALE) // 2]
    assert legend(torch.tensor([0.0, 2.0]))[-1] == (SCALE[-1], "2.00")


def test_a_ligand_at_rest_does_not_look_hot():
    """The last colour never stands for less than a quarter of an Å."""
    assert colours(torch.tensor([0.001]))[0] != SCALE[-1]
    assert legend(torch.tensor([0.001]))[-1][1] == f"{LEAST_TOP:.2f}"
