"""What a cgmd checkpoint holds beside its tensors."""

from dataclasses import dataclass

from neuralmd_cli.models.noise import NoiseSchedule
from neuralmd_cli.models.step_config import StepConfig


@dataclass(frozen=True, kw_only=True)
class CGMDConfig(StepConfig):
    """Everything but the tensors of a cgmd checkpoint.

    `binding_net` gives the sizes of both networks. The first one's output is a
    displacement, so its `force_scale` is in Å. There is no published variant.
    """

    sub_steps: int = 5  # of denoising, per snapshot
    noise_highest: float = 0.1  # Å, per coordinate, of the first sub-step
    noise_lowest: float = 0.02  # Å, of the last
    temperature_k: float = 300.0  # of the trajectories it was trained on

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_positive("temperature_k")
        if self.binding_net.is_published:
            raise ValueError("cgmd has no published variant")
        _ = self.schedule

    @property
    def schedule(self) -> NoiseSchedule:
        """The noise level of each sub-step."""
        return NoiseSchedule(
            steps=self.sub_steps, highest=self.noise_highest, lowest=self.noise_lowest
        )
