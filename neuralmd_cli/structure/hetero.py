"""A ligand taken out of the protein's own file, with bond orders that are known."""

from collections.abc import Sequence
from pathlib import Path

from neuralmd_cli.errors import InputError
from neuralmd_cli.structure.bond_orders import (
    component,
    from_component,
    from_template,
    stereo_note,
    template_of,
)
from neuralmd_cli.structure.components import (
    CAPS,
    is_nucleotide,
    is_plain,
    is_water,
)
from neuralmd_cli.structure.coordinates import cleaned, structure_from_text
from neuralmd_cli.structure.files import read_text
from neuralmd_cli.structure.ligand import LigandFile, ligand_file
from neuralmd_cli.structure.protein import HetGroup, ProteinFile, protein_file


def ligand_from_structure(path: Path, spec: str, smiles: str | None) -> LigandFile:
    """Take a ligand from a PDB or mmCIF file.

    Args:
        path: the protein's file.
        spec: NAME[:chain[:number]], as in 0WB:A:801.
        smiles: the ligand's bond orders, charges and hydrogens. Without it they come
            from the component description inside an mmCIF file, or from RDKit for a
            free amino acid; a ligand that neither describes is refused.

    Raises:
        InputError: no such group, several of them, or bond orders that are not known.
    """
    text = read_text(path)
    structure, notes = cleaned(structure_from_text(text, path), path.name)
    file = protein_file(structure, notes, path.name)
    return het_ligand(file, text, spec, smiles, path.name)[0]


def het_ligand(
    file: ProteinFile, text: str, spec: str, smiles: str | None, source: str
) -> tuple[LigandFile, HetGroup]:
    """As `ligand_from_structure`, with the group that was taken.

    Args:
        file: the protein that was read from `text`.
        text: the file's content, which may describe its components.
    """
    group = find_group(file, spec, source)
    residue = file.structure[0][group.chain][group.residue]
    where = f"{source}, {group.label}"
    atoms = [x for x in residue if not x.element.is_hydrogen]
    if len(atoms) < 2:
        raise InputError(
            f"{where} is a single atom, not a ligand.",
            hint="Ions are kept rigid as part of the protein; name another group.",
        )
    notes = [f"Ligand taken from {source}: {group.label}."]
    if len(atoms) < len(residue):
        notes.append("The ligand's hydrogens in the structure file are not used.")
    described = component(text, group.name) if smiles is None else None
    if described is not None:
        molecule = from_component(atoms, described, where)
    else:
        template = template_of(group.name, smiles, where)
        molecule = from_template(atoms, template, where)
        notes += stereo_note(molecule, template)
    return ligand_file(molecule, where, tuple(notes)), group


def find_group(file: ProteinFile, spec: str, source: str) -> HetGroup:
    """The one group that NAME[:chain[:number]] means.

    Raises:
        InputError: it means no group (all are listed) or several (they are listed).
    """
    parts = [x.strip() for x in spec.split(":")]
    if not parts[0] or len(parts) > 3:
        raise InputError(
            f"{spec!r} does not name a ligand.",
            hint="Write NAME, NAME:chain or NAME:chain:number, as in 0WB:A:801.",
        )
    groups = [x for x in file.het_groups if x.name not in CAPS]
    named = [x for x in groups if x.name == parts[0]]
    named = named or [x for x in groups if x.name.upper() == parts[0].upper()]
    chosen = [x for x in named if _is_at(file, x, parts[1:])]
    if len(chosen) == 1:
        return chosen[0]
    if chosen:
        places = [x.label for x in chosen]
        raise InputError(
            f"{source} holds {len(chosen)} groups {spec}: {_shortened(places)}.",
            hint=f"Name one of them, as in --ligand-id {_spec(file, chosen[0])}.",
        )
    if named:
        places = [x.label for x in named]
        raise InputError(
            f"{source} holds no {spec}; {parts[0]} is at {_shortened(places)}.",
            hint=f"Name one of them, as in --ligand-id {_spec(file, named[0])}.",
        )
    name = parts[0].upper()
    if is_water(name) or is_plain(name):
        what = "water" if is_water(name) else "an amino acid of the chains"
        reason = f"{source}: {parts[0]} is {what}, not a ligand"
    else:
        reason = f"{source} holds no group {parts[0]}"
    if not groups:
        raise InputError(
            f"{reason}; it holds no ligand at all.",
            hint="Give the ligand as an SDF file with --ligand.",
        )
    raise InputError(
        f"{reason}; it holds {_shortened(_likely_first(file, groups))}.",
        hint="Give the ligand's name as in the file, or --ligand.",
    )


def _likely_first(file: ProteinFile, groups: Sequence[HetGroup]) -> list[str]:
    """Labels of the groups: the largest first, nucleic acids after all others."""

    def rank(group: HetGroup) -> tuple[bool, int]:
        size = len(file.structure[0][group.chain][group.residue])
        return is_nucleotide(group.name), -size

    return [x.label for x in sorted(groups, key=rank)]


def _is_at(file: ProteinFile, group: HetGroup, place: Sequence[str]) -> bool:
    """True if the group is in the chain, and has the number, that `place` names."""
    chain = file.structure[0][group.chain]
    here = (chain.name.strip(), str(chain[group.residue].seqid))
    return all(
        not wanted or wanted == x for wanted, x in zip(place, here, strict=False)
    )


def _spec(file: ProteinFile, group: HetGroup) -> str:
    """The name under which `find_group` finds this group and no other."""
    chain = file.structure[0][group.chain]
    return f"{group.name}:{chain.name.strip()}:{chain[group.residue].seqid}"


def _shortened(labels: Sequence[str]) -> str:
    more = f" and {len(labels) - 8} more" if len(labels) > 8 else ""
    return ", ".join(labels[:8]) + more
