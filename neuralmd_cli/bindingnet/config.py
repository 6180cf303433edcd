"""What a checkpoint must say to rebuild its network."""

from dataclasses import dataclass
from typing import Literal

Variant = Literal["equivariant", "published"]


@dataclass(frozen=True, kw_only=True)
class BindingNetConfig:
    """Sizes and variant of a BindingNet.

    `equivariant` is the paper's equations as they are meant; `published` keeps what
    the authors' checkpoints need, flaws included (see docs/models/bindingnet.md).
    """

    variant: Variant = "equivariant"
    channels: int = 128
    radial_functions: int = 96
    cutoff: float = 5.0  # Å, between ligand atoms and between backbone atoms
    pair_cutoff: float = 5.0  # Å, from a ligand atom to a CA
    ligand_layers: int = 4
    complex_layers: int = 1
    force_scale: float = 1.0  # amu Å per (time unit)², size of one unit of output

    def __post_init__(self) -> None:
        if self.variant not in ("equivariant", "published"):
            raise ValueError(f"unknown BindingNet variant {self.variant!r}")
        if self.channels % 4:
            raise ValueError("channels must be a multiple of 4")

    @property
    def is_published(self) -> bool:
        """True for the variant that reproduces the authors' checkpoints."""
        return self.variant == "published"
