"""One protein, many ligands: a protein encoder that need not do its work twice."""

import torch

from neuralmd_cli.bindingnet.protein import EncodedProtein, ProteinEncoder
from neuralmd_cli.complex import Batch
from neuralmd_cli.models.system import System

_SEEN = ("n", "ca", "c", "residue_types", "segments", "residue_complex")
"""All of a batch that the encoder looks at."""


class RememberingEncoder(ProteinEncoder):
    """Answers a question that is the same as the last, bit by bit, from memory.

    So what it says does not depend on whether it remembers. For inference alone.
    """

    _last: tuple[tuple[torch.Tensor, ...], EncodedProtein] | None = None
    encoded = 0
    """How many times it worked."""

    def forward(self, batch: Batch) -> EncodedProtein:
        """Encode the proteins of a batch, or remember them."""
        asked = tuple(getattr(batch, name) for name in _SEEN)
        if self._last is not None:
            known, answer = self._last
            if all(map(torch.equal, asked, known)):
                return answer
        answer = super().forward(batch)
        self.encoded += 1
        self._last = (asked, answer)
        return answer


def remember_proteins(system: System) -> list[RememberingEncoder]:
    """Give a system in eval mode encoders that remember the last protein."""
    made = []
    for module in list(system.modules()):
        for name, child in list(module.named_children()):
            if type(child) is ProteinEncoder:
                encoder = _remembering(child)
                setattr(module, name, encoder)
                made.append(encoder)
    return made


def _remembering(encoder: ProteinEncoder) -> RememberingEncoder:
    new = RememberingEncoder(encoder.config)
    parameter = next(encoder.parameters())
    new.to(parameter.device, parameter.dtype).load_state_dict(encoder.state_dict())
    new.requires_grad_(False)
    new.eval()
    return new
