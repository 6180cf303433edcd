"""The names of the authors' state dicts, and ours.

Tensors keep their shapes; only names differ. Names and meaning are those of the
public model release.
"""

import re

from torch import Tensor

LIGAND = [
    (r"z_emb\.", "elements."),
    (r"neighbor_emb\.embedding\.", "neighbour_elements."),
    (r"radial_emb\.", "radial_basis."),
    (r"radial_lin\.0\.", "radial.first."),
    (r"radial_lin\.2\.", "radial.second."),
    (r"S_vector\.lin1\.0\.", "vector_seed."),
    (r"lin\.0\.", "axis_mixer.layers.0."),
    (r"lin\.2\.", "axis_mixer.out."),
    (r"down\.0\.", "edge."),
    (r"message_layers\.(\d+)\.x_proj\.", r"messages.\1.node."),
    (r"message_layers\.(\d+)\.rbf_proj\.", r"messages.\1.radial."),
    (r"message_layers\.(\d+)\.dir_proj\.0\.", r"messages.\1.edge."),
    (r"out_forces\.output_network\.0\.vec1_proj\.", "force_head.norm_mix."),
    (r"out_forces\.output_network\.0\.vec2_proj\.", "force_head.vector_mix."),
    (r"out_forces\.output_network\.0\.update_net\.", "force_head.gate."),
    (r"last_layer\.", "energy_head."),
]
PROTEIN = [
    (r"backbone_embedding\.", "atoms."),
    (r"ligand_radial_embedding\.0\.", "neighbour_basis."),
    (r"ligand_radial_embedding\.1\.", "neighbour_radial."),
    (r"backbone_radial_embedding\.0\.", "bond_basis."),
    (r"backbone_radial_embedding\.1\.", "bond_radial."),
    (r"edge_layers_01\.layers\.2\.", "vector_mix."),
    (r"scalarization_layers\.0\.", "axis_mixer.layers.0."),
    (r"scalarization_layers\.2\.", "axis_mixer.out."),
    (r"edge_layers\.layers\.0\.", "bond_mlp.0."),
    (r"edge_layers\.layers\.3\.", "bond_mlp.1."),
    (r"edge_layers\.layers\.4\.", "bond_mlp.2."),
    (r"edge_layers\.layers\.7\.", "bond_mlp.3."),
    (r"residue_edge_repredding\.", "residues."),
]
INTERACTION = [
    (r"complex_frame_layers\.(\d+)\.input_layer\.", r"layers.\1.pair."),
    (
        r"complex_frame_layers\.(\d+)\.scalarization_linear_01\.0\.",
        r"layers.\1.own_mixer.layers.0.",
    ),
    (
        r"complex_frame_layers\.(\d+)\.scalarization_linear_01\.2\.",
        r"layers.\1.own_mixer.out.",
    ),
    (
        r"complex_frame_layers\.(\d+)\.scalarization_linear_02\.0\.",
        r"layers.\1.pair_mixer.layers.0.",
    ),
    (
        r"complex_frame_layers\.(\d+)\.scalarization_linear_02\.2\.",
        r"layers.\1.pair_mixer.out.",
    ),
    (
        r"complex_frame_layers\.(\d+)\.scalarization_linear\.0\.",
        r"layers.\1.energy_mixer.layers.0.",
    ),
    (
        r"complex_frame_layers\.(\d+)\.scalarization_linear\.2\.",
        r"layers.\1.energy_mixer.out.",
    ),
    (r"last_layers\.layers\.2\.", "force_head.first."),
    (r"last_layers\.layers\.5\.", "force_head.second."),
]
LINEAR = [("weight", "weight"), ("bias", "bias")]
MODULES = {
    "ligand_model": ("binding_net.ligand", LIGAND),
    "protein_model": ("binding_net.protein", PROTEIN),
    "complex_model": ("binding_net.interaction", INTERACTION),
    "velocity_model": ("initial_velocity", LIGAND),
    "refined_velocity_model": ("velocity_refinement", LIGAND),
    "sigma_model": ("noise_network", LIGAND),
    "last_layer": ("energy_head", LINEAR),
}
PARAMETERS = {"gamma": "noise_scale"}
"""Tensors that belong to no module."""
UNUSED = ("T",)
"""Tensors of theirs that no forward pass reads; ours have none."""


def rename_published(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The authors' state dict under our names, without what is not used.

    Raises:
        KeyError: a name that belongs to none of the authors' modules.
    """
    return {_renamed(k): v for k, v in state.items() if k not in UNUSED}


def _renamed(key: str) -> str:
    if key in PARAMETERS:
        return PARAMETERS[key]
    module, _, rest = key.partition(".")
    if module in MODULES:
        ours, table = MODULES[module]
        for pattern, replacement in table:
            renamed, hits = re.subn(f"^{pattern}", replacement, rest)
            if hits:
                return f"{ours}.{renamed}"
    raise KeyError(key)


def published_name(key: str) -> str:
    """The authors' name of one of our tensors.

    Raises:
        KeyError: a tensor that their modules do not have.
    """
    for theirs, ours in PARAMETERS.items():
        if key == ours:
            return theirs
    for module, (ours, table) in MODULES.items():
        if key.startswith(f"{ours}."):
            rest = key.removeprefix(f"{ours}.")
            for pattern, replacement in table:
                # Both sides are plain text around at most one layer number.
                prefix = re.escape(replacement).replace(r"\\1", r"(\d+)")
                theirs = pattern.replace(r"(\d+)", r"\1").replace(r"\.", ".")
                renamed, hits = re.subn(f"^{prefix}", theirs, rest)
                if hits:
                    return f"{module}.{renamed}"
    raise KeyError(key)
