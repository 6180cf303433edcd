"""How to fit: every choice of a training, in one container."""

from dataclasses import dataclass
from typing import Literal

from neuralmd_cli.models.system import Objective, VelocityRule


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How to fit; the defaults are the recipe of the bundled weights.

    `docs/training.md` explains every key; `recipe_file` reads them from TOML and
    checks them.
    """

    # What is minimised.
    error: Literal["mae", "mse"] = "mse"
    geometry_weight: float = 10.0  # of the change of bonds and 1-3 distances
    velocity_rules: tuple[VelocityRule, ...] = ("zero", "thermal")
    displacement: Literal["previous", "next"] = "previous"  # snapshot it is taken from
    # Stages.
    pull_epochs: int = 10  # on the force at the start alone, before any rollout
    pull_gain: float = 2.0  # how far beyond the target that force should reach
    epochs: int = 4  # on rollouts
    # Windows.
    window: float = 4.0  # how long a rollout is
    window_unit: Literal["steps", "snapshots", "ps"] = "steps"  # steps: of the model
    random_length: bool = False  # each batch draws its own length, up to the window
    starts: Literal["random", "first"] = "random"
    starts_per_epoch: int = 16  # of each training complex
    batch_complexes: int = 8  # over all processes
    protein: Literal["start", "first"] = "start"  # the snapshot it is frozen in
    target_window_ps: float = 400.0  # the reference is averaged over this long
    start_noise: float = 0.02  # Å, added to each coordinate of the start
    streams: Literal["shared", "each"] = "shared"  # of random draws; see the docs
    # Optimiser.
    optimiser: Literal["adam", "adamw", "sgd"] = "adamw"
    learning_rate: float = 5e-4
    schedule: Literal["constant", "cosine", "onecycle"] = "onecycle"
    weight_decay: float = 0.1
    momentum: float = 0.0  # of sgd
    gradient_norm: float = 1.0  # 0: no clipping
    averaging: float = 0.98  # of the weights over steps, exponential; 0: none
    mode: Literal["train", "eval"] = "train"  # of dropout and batch normalisation
    precision: Literal["float32", "float64", "bf16"] = "float32"
    nonfinite: Literal["stop", "skip"] = "stop"  # what a loss that is no number does
    # Validation.
    validate_every: int = 1  # epochs
    validation_starts: tuple[int, ...] = (0, 10, 20, 30, 40)
    keep: Literal["skill", "mae", "loss", "last"] = "skill"
    patience: int = 0  # validations without a better one before it stops; 0: never
    held_snapshots: int = 16  # for validation, at the end of a single trajectory's 80

    @property
    def objective(self) -> Objective:
        """The part of it that a system's loss reads."""
        return Objective(
            error=self.error,
            geometry_weight=self.geometry_weight,
            velocity_rules=self.velocity_rules,
        )

    @property
    def total_epochs(self) -> int:
        """Of both stages."""
        return self.pull_epochs + self.epochs

    @property
    def needs_displacement(self) -> bool:
        """True if a start must come with the snapshot before or after it."""
        return bool({"displacement", "learned"} & set(self.velocity_rules))
