"""What a gnnmd checkpoint holds beside its tensors."""

from dataclasses import dataclass

from neuralmd_cli.models.step_config import StepConfig


@dataclass(frozen=True, kw_only=True)
class GNNMDConfig(StepConfig):
    """Everything but the tensors of a gnnmd checkpoint.

    The network's output is a displacement, so its `force_scale` is in Å.
    """
