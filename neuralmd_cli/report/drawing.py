"""The ligand's formula, its atoms coloured by how much they move."""

import re
from collections.abc import Sequence
from typing import Any

from jaxtyping import Float
from markupsafe import Markup, escape
from rdkit import Chem, rdBase
from rdkit.Chem import rdCoordGen, rdDepictor
from rdkit.Chem.Draw import rdMolDraw2D
from torch import Tensor

from neuralmd_cli.opening.opened import Opened
from neuralmd_cli.report.numbers import listed
from neuralmd_cli.report.replicas import Replica
from neuralmd_cli.report.section import Section, Table

SCALE = ("#ffffcc", "#ffeda0", "#fed976", "#feb24c", "#fd8d3c", "#fc6b32", "#f04f2d")
"""Still to mobile: ColorBrewer's YlOrRd, as far as black lettering stays readable."""

LEAST_TOP = 0.25
"""Å: the last colour never stands for less."""

_SIZE = (640, 420)
_RADIUS = 0.42


def atoms_section(
    replicas: Sequence[Replica], found: Float[Tensor, "replicas atoms"]
) -> Section:
    """RMSF of each heavy atom, as a drawing, as bars and as a table.

    Args:
        found: of each atom in each trajectory, Å.
    """
    first = replicas[0].whole
    mean, low, high = found.mean(dim=0), found.amin(dim=0), found.amax(dim=0)
    elements = [_symbol(z) for z in first.atomic_numbers.tolist()]
    ranked = mean.argsort(descending=True).tolist()
    quiet = "Hardly anything moves: look at the scale before the colours. "
    digits = 2 if float(mean.max()) > 0.1 else 4
    most = ", ".join(
        f"{first.atom_names[k]} ({mean[k]:.{digits}f} Å)" for k in ranked[:3]
    )
    several = len(replicas) > 1
    limits = [
        "RMSF is about each atom's own mean position, so a ligand that moves at once "
        "to a new pose and rests there has a small one.",
    ]
    if first.molecule is None:
        limits.append(
            "Bond orders are not known and not drawn (--ligand FILE.sdf or --smiles "
            f"gives them): {first.molecule_missing}."
        )
    return Section(
        key="atoms",
        title="Which atoms move",
        shows="Root mean square fluctuation (RMSF) of each heavy atom, as the pocket "
        "sees it" + (", mean of all trajectories." if several else "."),
        finding=(quiet if float(mean.max()) < 0.1 else "")
        + f"The most mobile are {most}; the stillest is {first.atom_names[ranked[-1]]} "
        f"({mean[ranked[-1]]:.{digits}f} Å).",
        limits=limits,
        alt=f"Formula of the ligand, atoms shaded from {mean.min():.2f} to "
        f"{mean.max():.2f} Å. Most mobile: {most}. The table below has every atom.",
        data={
            "names": list(first.atom_names),
            "elements": elements,
            "rmsf": listed(mean, 4),
            "low": listed(low, 4),
            "high": listed(high, 4),
            "colours": colours(mean),
            "several": several,
        },
        tables=[
            Table(
                caption="RMSF of heavy atoms, Å",
                header=("Atom", "Element", "Mean", "Smallest", "Largest")
                if several
                else ("Atom", "Element", "RMSF"),
                rows=[
                    (
                        first.atom_names[k],
                        elements[k],
                        *(
                            f"{x[k]:.3f}"
                            for x in ((mean, low, high) if several else (mean,))
                        ),
                    )
                    for k in range(len(elements))
                ],
            )
        ],
    )


def colours(values: Float[Tensor, " atoms"]) -> list[str]:
    """A colour between the ends of the scale for each value; zero is its first end."""
    return [_colour(x) for x in (values.nan_to_num() / _top(values)).tolist()]


def drawing(opened: Opened, values: Float[Tensor, " atoms"]) -> Markup:
    """The formula as SVG, with the name and RMSF of each atom as its tooltip.

    Args:
        values: RMSF of the heavy atoms, Å.
    """
    molecule = opened.molecule
    flat = _skeleton(opened) if molecule is None else Chem.Mol(molecule)
    with rdBase.BlockLogs():
        # The 3-D conformer would make the drawing a projection.
        flat.RemoveAllConformers()
        # Fewer overlaps than RDKit's own layout where chains fold back.
        rdCoordGen.AddCoords(flat)
        rdDepictor.NormalizeDepiction(flat)
        drawer = rdMolDraw2D.MolDraw2DSVG(*_SIZE)
        # RDKit's stubs give its options a type of their own.
        options: Any = drawer.drawOptions()
        options.prepareMolsBeforeDrawing = False
        options.useBWAtomPalette()
        options.clearBackground = False
        options.fixedBondLength = 34
        options.bondLineWidth = 2
        options.padding = 0.08
        options.highlightRadius = _RADIUS
        options.fillHighlights = True
        if molecule is not None:
            flat = rdMolDraw2D.PrepareMolForDrawing(
                flat, kekulize=True, forceCoords=False
            )
        rows = list(range(len(values)))
        shades = {k: _rgb(c) for k, c in enumerate(colours(values))}
        drawer.DrawMolecule(
            flat,
            highlightAtoms=rows,
            highlightBonds=[],
            highlightAtomColors=shades,
            highlightAtomRadii=dict.fromkeys(rows, _RADIUS),
        )
        places = [drawer.GetDrawCoords(k) for k in rows]
        drawer.FinishDrawing()
    tips = "".join(
        f'<circle cx="{place.x:.1f}" cy="{place.y:.1f}" r="15" fill="transparent" '
        f'data-atom="{k}"><title>{escape(name)}: {value:.3f} Å</title></circle>'
        for k, (place, name, value) in enumerate(
            zip(places, opened.atom_names, values.tolist(), strict=True)
        )
    )
    body = drawer.GetDrawingText().split("<svg", 1)[1]
    body = re.sub(r"width='\d+px' height='\d+px' ", "", body, count=1)
    return Markup("<svg" + body.replace("</svg>", f"{tips}</svg>"))


def legend(values: Float[Tensor, " atoms"]) -> list[tuple[str, str]]:
    """Colours from still to mobile and what they stand for."""
    top, n = _top(values), len(SCALE) - 1
    return [(colour, f"{top * k / n:.2f}") for k, colour in enumerate(SCALE)]


def _top(values: Float[Tensor, " atoms"]) -> float:
    """What the last colour stands for: a ligand at rest is not to look hot."""
    return max(float(values.nan_to_num().max()), LEAST_TOP)


def _skeleton(opened: Opened) -> Chem.Mol:
    """Atoms and bonds without orders."""
    bare = Chem.RWMol()
    for number in opened.atomic_numbers.tolist():
        atom = Chem.Atom(number)
        atom.SetNoImplicit(True)
        bare.AddAtom(atom)
    for a, b in opened.bonds.tolist():
        bare.AddBond(a, b, Chem.BondType.SINGLE)
    found = bare.GetMol()
    found.UpdatePropertyCache(strict=False)
    Chem.FastFindRings(found)
    return found


def _colour(share: float) -> str:
    """Between two neighbours of the scale, linearly."""
    place = min(max(share, 0.0), 1.0) * (len(SCALE) - 1)
    below = min(int(place), len(SCALE) - 2)
    mixed = [
        round(255 * (a + (place - below) * (b - a)))
        for a, b in zip(_rgb(SCALE[below]), _rgb(SCALE[below + 1]), strict=True)
    ]
    return "#{:02x}{:02x}{:02x}".format(*mixed)


def _rgb(colour: str) -> tuple[float, float, float]:
    red, green, blue = (int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5))
    return red, green, blue


def _symbol(number: int) -> str:
    symbol: str = Chem.GetPeriodicTable().GetElementSymbol(number)
    return symbol
