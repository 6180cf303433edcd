"""Structure files in, trajectory out."""

import torch
from jaxtyping import Float
from torch import Tensor

from neuralmd_cli.complex import Complex


def centred(complex_: Complex) -> tuple[Complex, Float[Tensor, "3"]]:
    """The complex moved to its own centre, and where that centre was (Å)."""
    centre = complex_.centre()
    identity = torch.eye(3, dtype=centre.dtype, device=centre.device)
    return complex_.moved(identity, -centre), centre
