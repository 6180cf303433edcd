"""What a denoisingld checkpoint holds beside its tensors."""

from dataclasses import dataclass

from neuralmd_cli.models.noise import NoiseSchedule
from neuralmd_cli.models.step_config import StepConfig


@dataclass(frozen=True, kw_only=True)
class DenoisingLDConfig(StepConfig):
    """Everything but the tensors of a denoisingld checkpoint.

    The published variant adds the network's output `sub_steps` times per snapshot; the
    noise belongs to ours.
    """

    sub_steps: int = 10  # per snapshot
    noise_highest: float = 0.3  # Å, per coordinate, of the first sub-step
    noise_lowest: float = 0.02  # Å, of the last
    temperature_k: float = 300.0  # of the trajectories it was trained on

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_positive("temperature_k")
        _ = self.schedule

    @property
    def schedule(self) -> NoiseSchedule:
        """The noise level of each sub-step."""
        return NoiseSchedule(
            steps=self.sub_steps, highest=self.noise_highest, lowest=self.noise_lowest
        )
