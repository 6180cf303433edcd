"""The loader's batches as torch-geometric graphs, for models made with that library.

Node types are `ligand`, `residue` and `obstacle`; the one edge type is the ligand's
bonds, each in both directions. Geometric edges depend on the positions, so a model
makes those itself.
"""

from collections.abc import Sequence
from types import ModuleType
from typing import TYPE_CHECKING

import torch
from torch.utils.data import DataLoader

from neuralmd_cli.complex import Complex, Ligand, Protein
from neuralmd_cli.dataset.loader import (
    LoaderConfig,
    Window,
    WindowBatch,
    batches,
    collate_windows,
    shortest,
)
from neuralmd_cli.dataset.recordings import Recordings
from neuralmd_cli.errors import InputError

if TYPE_CHECKING:
    from torch_geometric.data import Batch, HeteroData

BONDS = ("ligand", "bond", "ligand")


def graph_loader(
    recordings: Recordings, names: Sequence[str], config: LoaderConfig
) -> "DataLoader[Batch]":
    """As `loader`, the same windows in the same order, in torch-geometric batches.

    Args:
        recordings: where to read.
        names: complexes, such as those of a split.
        config: what to give.

    Raises:
        InputError: torch-geometric is not installed.
    """
    _torch_geometric()
    return batches(recordings, names, config, collate_graphs)


def collate_graphs(windows: Sequence[Window]) -> "Batch":
    """One torch-geometric batch of windows; all get the frames of the shortest."""
    return _torch_geometric().Batch.from_data_list(
        [to_graph(x) for x in shortest(windows)]
    )


def to_graph(window: Window) -> "HeteroData":
    """One complex and its motion as a graph.

    `ligand` has pos (atoms, 3) in Å, z, mass (amu) and trajectory (atoms, frames, 3);
    `residue` has pos (the CA), n and c (residues, 3), residue_type and segment;
    `obstacle` has pos and z. The graph has name, start, spacing_ps and origin (1, 3).

    Raises:
        InputError: torch-geometric is not installed.
    """
    graph = _torch_geometric().HeteroData()
    ligand, protein = window.complex.ligand, window.complex.protein
    graph["ligand"].pos = ligand.positions
    graph["ligand"].z = ligand.atomic_numbers
    graph["ligand"].mass = ligand.masses
    # Atoms first, because that is the axis along which graphs are joined.
    graph["ligand"].trajectory = window.trajectory.transpose(0, 1)
    graph[BONDS].edge_index = torch.cat([ligand.bonds, ligand.bonds.flip(1)]).T
    graph["residue"].pos = protein.ca
    graph["residue"].n = protein.n
    graph["residue"].c = protein.c
    graph["residue"].residue_type = protein.residue_types
    graph["residue"].segment = protein.segments
    graph["obstacle"].pos = protein.obstacle_positions
    graph["obstacle"].z = protein.obstacle_numbers
    graph.name = window.name
    graph.start = window.start
    graph.spacing_ps = window.spacing_ps
    graph.origin = window.origin[None]
    return graph


def to_window(graph: "HeteroData") -> Window:
    """The window that `to_graph` made a graph of, as transforms have left it."""
    ligand, residue = graph["ligand"], graph["residue"]
    both_ways = graph[BONDS].edge_index.T
    return Window(
        name=graph.name,
        start=int(graph.start),
        spacing_ps=float(graph.spacing_ps),
        complex=Complex(
            ligand=Ligand(
                positions=ligand.pos,
                atomic_numbers=ligand.z,
                masses=ligand.mass,
                bonds=both_ways[: len(both_ways) // 2],
            ),
            protein=Protein(
                n=residue.n,
                ca=residue.pos,
                c=residue.c,
                residue_types=residue.residue_type,
                segments=residue.segment,
                obstacle_positions=graph["obstacle"].pos,
                obstacle_numbers=graph["obstacle"].z,
            ),
        ),
        trajectory=ligand.trajectory.transpose(0, 1),
        origin=graph.origin[0],
    )


def to_window_batch(graphs: "Batch") -> WindowBatch:
    """What `loader` gives for the same windows: what neuralmd's own models read."""
    return collate_windows([to_window(x) for x in graphs.to_data_list()])


def _torch_geometric() -> ModuleType:
    """torch_geometric.data, or a word on how to get it."""
    try:
        import torch_geometric.data
    except ImportError:
        raise InputError(
            "torch-geometric is not installed.",
            hint="pip install 'neuralmd[geometric]', or use dataset.loader, which "
            "needs nothing.",
        ) from None
    data: ModuleType = torch_geometric.data
    return data
