"""The authors' cap of 32 neighbours, under each rule that can be stated."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from neuralmd_cli.bindingnet.config import BindingNetConfig
from neuralmd_cli.bindingnet.neighbours import neighbour_pairs, pocket_pairs
from neuralmd_cli.graph import Pairs, slots
from tests.golden import (
    SUFFIX,
    TOLERANCE,
    error,
    golden_batch,
    golden_velocity,
)
from tests.parity import velocity_network

RULES = ("none", "lowest32", "lowest33_with_self")
PUBLISHED = BindingNetConfig(variant="published", channels=8, radial_functions=4)


@pytest.fixture(scope="module")
def goldens(shared):
    return shared / "goldens"


def points(seed, counts, spread=4.0):
    generator = torch.Generator().manual_seed(seed)
    x = spread * torch.randn(sum(counts), 3, generator=generator, dtype=torch.float64)
    row = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
    return x, row


def by_loop(x, row, rule):
    """Centre by centre, index by index, as the rules are worded."""
    found = set()
    for centre in range(len(x)):
        near = [
            i
            for i in range(len(x))
            if row[i] == row[centre] and (x[i] - x[centre]).norm() < 5.0
        ]
        if rule == "lowest33_with_self":
            near = near[:33]
        near = [i for i in near if i != centre]
        found |= {(i, centre) for i in (near[:32] if rule == "lowest32" else near)}
    return found


def as_set(pairs):
    return set(zip(pairs.source.tolist(), pairs.target.tolist(), strict=True))


@pytest.mark.parametrize("rule", RULES)
def test_each_rule_keeps_what_its_wording_says(rule):
    """In a batch whose complexes are above, at and below the cap."""
    x, row = points(0, [45, 33, 34, 0, 12], spread=1.5)
    pairs = neighbour_pairs(x, slots(row, 5), replace(PUBLISHED, neighbour_cap=rule))
    assert as_set(pairs) == by_loop(x, row, rule)
    assert len(pairs.source) == len(as_set(pairs))


@pytest.mark.parametrize("rule", RULES)
def test_a_residue_keeps_the_32_lowest_atoms(rule):
    """Here the centre is not among the neighbours, so both caps are the same."""
    atoms, atom_row = points(1, [40, 20], spread=1.0)
    ca, residue_row = points(2, [7, 5], spread=1.0)
    config = replace(PUBLISHED, neighbour_cap=rule)
    pairs = pocket_pairs(ca, slots(residue_row, 2), atoms, slots(atom_row, 2), config)
    expected = set()
    for residue in range(len(ca)):
        near = [
            i
            for i in range(len(atoms))
            if atom_row[i] == residue_row[residue]
            and (atoms[i] - ca[residue]).norm() < 5.0
        ]
        kept = near if rule == "none" else near[:32]
        expected |= {(residue, i) for i in kept}
    assert as_set(pairs) == expected
    most = max(sum(i == residue for i, _ in expected) for residue in range(len(ca)))
    assert most == (40 if rule == "none" else 32)


@pytest.mark.parametrize("seed", range(3))
def test_the_cap_leaves_small_neighbourhoods_alone(seed):
    """With fewer than 33 points in a complex, every rule gives the same graph."""
    x, row = points(seed, [32, 25], spread=2.0)
    graphs = [
        neighbour_pairs(x, slots(row, 2), replace(PUBLISHED, neighbour_cap=rule))
        for rule in RULES
    ]
    for other in graphs[1:]:
        assert torch.equal(other.source, graphs[0].source)
        assert torch.equal(other.target, graphs[0].target)


def test_the_default_is_the_rule_of_the_gpu_and_none_of_ours():
    """The checkpoints were trained on GPUs; our variant sees every neighbour."""
    assert PUBLISHED.cap == "lowest33_with_self"
    assert replace(PUBLISHED, neighbour_cap="none").cap == "none"
    assert BindingNetConfig().cap == "none"
    with pytest.raises(ValueError, match="only the published variant"):
        BindingNetConfig(neighbour_cap="lowest32")
    with pytest.raises((TypeError, ValueError), match="neighbour.cap"):
        BindingNetConfig(variant="published", neighbour_cap="nearest")


@pytest.mark.parametrize("rule", RULES)
def test_edges_are_those_of_the_goldens(goldens, rule):
    """Complex C, 42 atoms, its displacement as positions: each edge, and no other."""
    displacement = golden_velocity(goldens, "C", torch.float32)
    rows = slots(torch.zeros(42, dtype=torch.long), 1)
    config = BindingNetConfig(variant="published", neighbour_cap=rule)
    pairs = neighbour_pairs(displacement, rows, config)
    with np.load(goldens / "golden_neighbour_cap.npz") as golden:
        edges = golden[f"C.edge_index.{rule}"].astype(int)
    assert len(pairs.source) == edges.shape[1]
    assert as_set(pairs) == set(zip(*edges.tolist(), strict=True))


@pytest.mark.parametrize("dtype", SUFFIX, ids=SUFFIX.values())
@pytest.mark.parametrize("rule", RULES)
def test_velocities_under_each_rule_are_the_authors(goldens, rule, dtype):
    """The velocity network on complex C gives the golden of that rule."""
    network = velocity_network(goldens, "binding01_single", rule, dtype)
    batch = golden_batch(goldens, "C", dtype)
    displacement = golden_velocity(goldens, "C", dtype)
    rows = slots(batch.atom_complex, 1)
    with torch.no_grad():
        ours = network(batch.atomic_numbers, displacement, rows).forces
    with np.load(goldens / "golden_neighbour_cap.npz") as golden:
        expected = golden[f"C.velocity_init.{rule}.{SUFFIX[dtype]}"]
    assert error(ours, expected) < TOLERANCE[dtype]


@pytest.mark.parametrize("dtype", SUFFIX, ids=SUFFIX.values())
@pytest.mark.parametrize("name", ["binding01_single", "tiny_binding01_single"])
def test_the_graph_of_a_cpu_can_be_given(goldens, name, dtype):
    """With the k-d tree's own edges, the authors' velocities on a CPU come out."""
    network = velocity_network(goldens, name, "none", dtype)
    batch = golden_batch(goldens, "C", dtype)
    displacement = golden_velocity(goldens, "C", dtype)
    rows = slots(batch.atom_complex, 1)
    with np.load(goldens / "golden_neighbour_cap.npz") as golden:
        edges = torch.from_numpy(golden["C.edge_index.cpu_kdtree"].astype(np.int64))
    pairs = Pairs(source=edges[0], target=edges[1])
    with torch.no_grad():
        ours = network(batch.atomic_numbers, displacement, rows, pairs=pairs).forces
    file = "tiny_golden" if name.startswith("tiny") else "golden_modules"
    with np.load(goldens / f"{file}.npz") as golden:
        expected = golden[f"binding01_single.C.velocity_init.{SUFFIX[dtype]}"]
    assert error(ours, expected) < TOLERANCE[dtype]
