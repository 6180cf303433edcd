"""Atoms of a molecule that no measurement can tell apart, and RMSD that knows it.

A phenyl turned by half is the same phenyl, though its atoms have other places. Within
one trajectory an atom is followed by its number; where two poses are compared, the
order of equivalent atoms that fits best counts.
"""

import torch
from jaxtyping import Float, Int
from rdkit import Chem
from torch import Tensor

MOST_ORDERS = 500
"""Orders that are tried at most; a molecule with more is compared by these."""

_TERMINAL = Chem.MolFromSmarts("[O,N,S;D1]~[*]~[O,N,S;D1]")
"""Ends of acids, amidines, nitro groups: alike, whichever is drawn with two bonds."""


def equivalent_orders(molecule: Chem.Mol) -> Int[Tensor, "orders atoms"]:
    """Every order of the heavy atoms that is the same molecule; the first is its own.

    Args:
        molecule: heavy atoms with bond orders.
    """
    plain = Chem.RWMol(molecule)
    for first, middle, last in molecule.GetSubstructMatches(_TERMINAL):
        for end in (first, last):
            plain.GetAtomWithIdx(end).SetFormalCharge(0)
            bond = plain.GetBondBetweenAtoms(end, middle)
            bond.SetBondType(Chem.BondType.SINGLE)
    return _orders(plain.GetMol())


def equivalent_orders_of_graph(
    atomic_numbers: Int[Tensor, " atoms"], bonds: Int[Tensor, "bonds 2"]
) -> Int[Tensor, "orders atoms"]:
    """The same where bond orders are unknown: by elements and bonds alone."""
    graph = Chem.RWMol()
    for number in atomic_numbers.tolist():
        graph.AddAtom(Chem.Atom(number))
    for first, second in bonds.tolist():
        graph.AddBond(first, second, Chem.BondType.SINGLE)
    return _orders(graph.GetMol())


def best_rmsd(
    positions: Float[Tensor, "frames atoms 3"],
    reference: Float[Tensor, "frames atoms 3"],
    orders: Int[Tensor, "orders atoms"],
) -> Float[Tensor, " frames"]:
    """RMSD of each frame to its reference in the order that fits best, Å.

    Nothing is superposed.
    """
    target = reference.double()
    each = torch.stack(
        [
            (positions[:, order].double() - target).square().sum(dim=2).mean(dim=1)
            for order in orders
        ]
    )
    return each.amin(dim=0).sqrt()


def _orders(molecule: Chem.Mol) -> Int[Tensor, "orders atoms"]:
    found = molecule.GetSubstructMatches(
        molecule, uniquify=False, maxMatches=MOST_ORDERS
    )
    own = tuple(range(molecule.GetNumAtoms()))
    others = [x for x in found if x != own]
    return torch.tensor([own, *others], dtype=torch.long)
