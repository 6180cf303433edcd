"""torch-geometric batches hold what the loader's own batches hold, and give it back."""

import sys
from dataclasses import replace

import pytest
import torch
from torch.testing import assert_close

from neuralmd_cli.dataset.graphs import BONDS, graph_loader, to_graph, to_window_batch
from neuralmd_cli.dataset.loader import LoaderConfig, loader, window
from neuralmd_cli.dataset.prepare import prepare
from neuralmd_cli.dataset.recordings import open_recordings
from neuralmd_cli.errors import InputError
from tests.dataset.synthetic import write_complex

CONFIG = LoaderConfig(batch_complexes=2, frames=20, seed=3)


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    """A store of five complexes of different sizes."""
    folder = tmp_path_factory.mktemp("store")
    for k in range(5):
        write_complex(folder / "MD.hdf5", f"{k}ABC", seed=k)
    prepare(folder / "MD.hdf5", folder / "md.h5")
    return open_recordings(folder / "md.h5")


@pytest.fixture
def geometric():
    """The library, where it is installed."""
    return pytest.importorskip(
        "torch_geometric", reason="torch-geometric is not installed"
    )


def both(recordings, config=CONFIG):
    ours = list(loader(recordings, recordings.names, config))
    graphs = list(graph_loader(recordings, recordings.names, config))
    return list(zip(ours, graphs, strict=True))


@pytest.mark.usefixtures("geometric")
def test_a_graph_batch_is_the_loaders_batch(recordings):
    """Same complexes, order, windows, atoms, residues, bonds and motion."""
    for ours, graphs in both(recordings):
        assert tuple(graphs.name) == ours.names
        assert torch.equal(graphs.start, ours.starts)
        ligand, residue = graphs["ligand"], graphs["residue"]
        assert torch.equal(ligand.pos, ours.batch.positions)
        assert torch.equal(ligand.z, ours.batch.atomic_numbers)
        assert torch.equal(ligand.mass, ours.batch.masses)
        assert torch.equal(ligand.batch, ours.batch.atom_complex)
        assert torch.equal(ligand.trajectory.transpose(0, 1), ours.trajectory)
        assert torch.equal(residue.pos, ours.batch.ca)
        assert torch.equal(residue.n, ours.batch.n)
        assert torch.equal(residue.c, ours.batch.c)
        assert torch.equal(residue.residue_type, ours.batch.residue_types)
        assert torch.equal(residue.batch, ours.batch.residue_complex)
        assert torch.equal(graphs.origin, ours.origins)
        found = {tuple(x) for x in graphs[BONDS].edge_index.T.tolist()}
        bonds = {tuple(x) for x in ours.batch.bonds.tolist()}
        assert found == bonds | {(b, a) for a, b in bonds}


@pytest.mark.usefixtures("geometric")
def test_a_graph_batch_goes_back_to_what_the_models_read(recordings):
    """Round trip, field by field."""
    for ours, graphs in both(recordings):
        back = to_window_batch(graphs)
        assert back.names == ours.names
        assert torch.equal(back.trajectory, ours.trajectory)
        assert_close(back.spacings_ps, ours.spacings_ps)
        for field, value in vars(ours.batch).items():
            found = getattr(back.batch, field)
            assert torch.equal(torch.as_tensor(found), torch.as_tensor(value)), field


@pytest.mark.usefixtures("geometric")
def test_a_short_recording_shortens_its_batch(recordings):
    """As in the loader's own batches: all get the frames of the shortest."""
    from neuralmd_cli.dataset.graphs import collate_graphs

    long, short = (window(recordings.read(x)) for x in recordings.names[:2])
    short = replace(short, trajectory=short.trajectory[:7])
    frames = collate_graphs([long, short])["ligand"].trajectory.shape[1]
    assert frames == 7


def test_transforms_of_the_library_reach_the_models(recordings, geometric):
    """A transform of the graph changes what our models get."""
    from torch_geometric.data import Batch

    first = window(recordings.read(recordings.names[0]))
    graph = to_graph(first)
    graph["ligand"].pos = graph["ligand"].pos + 1.0
    moved = to_window_batch(Batch.from_data_list([graph]))
    assert_close(moved.batch.positions, first.complex.ligand.positions + 1.0)
    assert geometric.__version__


def test_without_the_library_it_says_how_to_get_it(recordings, monkeypatch):
    """The extra announces itself at once, not in the first batch."""
    monkeypatch.setitem(sys.modules, "torch_geometric", None)
    monkeypatch.setitem(sys.modules, "torch_geometric.data", None)
    with pytest.raises(InputError) as caught:
        graph_loader(recordings, recordings.names, CONFIG)
    assert "neuralmd[geometric]" in caught.value.hint
