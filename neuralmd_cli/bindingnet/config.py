"""What a checkpoint must say to rebuild its network."""

from dataclasses import dataclass
from typing import Literal, get_args

Variant = Literal["equivariant", "published"]
NeighbourCap = Literal["none", "lowest32", "lowest33_with_self"]
"""Which neighbours of a centre survive where it has more than 32, the authors' cap.

`lowest32`: those of lowest index. `lowest33_with_self`: those among the first 33
indices, the centre's own included, as the authors' graph library does on a GPU by its
published kernel. `none`: all. On a CPU that library keeps the order of a k-d tree, for
which there is no rule without it.
"""


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
    neighbour_cap: NeighbourCap | None = None  # None: as the variant has it

    def __post_init__(self) -> None:
        if self.variant not in ("equivariant", "published"):
            raise ValueError(f"unknown BindingNet variant {self.variant!r}")
        if self.neighbour_cap not in (None, *get_args(NeighbourCap)):
            raise ValueError(f"unknown neighbour cap {self.neighbour_cap!r}")
        if self.neighbour_cap not in (None, "none") and not self.is_published:
            raise ValueError("only the published variant has a neighbour cap")
        if self.channels % 4:
            raise ValueError("channels must be a multiple of 4")

    @property
    def is_published(self) -> bool:
        """True for the variant that reproduces the authors' checkpoints."""
        return self.variant == "published"

    @property
    def cap(self) -> NeighbourCap:
        """The rule in force: as on the GPUs the authors trained on, or none in ours."""
        if self.neighbour_cap is not None:
            return self.neighbour_cap
        return "lowest33_with_self" if self.is_published else "none"
