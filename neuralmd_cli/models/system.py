"""What a system is to the rest of the program: one class, one interface.

A system predicts how the ligands of a batch move. Adding one means a folder beside
this file with a subclass of `System`, and a line in `names.py`.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal, Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from rdkit import Chem
from torch import Tensor, nn

from neuralmd_cli.bindingnet.config import BindingNetConfig
from neuralmd_cli.complex import Batch
from neuralmd_cli.dynamics.grid import State
from neuralmd_cli.dynamics.ode import Solver
from neuralmd_cli.errors import InputError

VelocityRule = Literal["zero", "thermal", "learned", "displacement"]
VELOCITY_RULES = ("zero", "thermal", "learned", "displacement")
"""`displacement` is from the last snapshot but one; a structure file has none."""
OPTIONS = {
    "v0": "--v0",
    "solver": "--solver",
    "step_ps": "--step-ps",
    "temperature_k": "--temperature-k",
    "keep_shape": "--keep-shape/--free-shape",
}
"""The command line's name of each field of `Settings`."""


@dataclass(frozen=True, kw_only=True)
class Start:
    """All that a system may know: the complexes at the start, and what came before."""

    batch: Batch  # centred; its positions are those of the last snapshot seen
    generators: Sequence[torch.Generator]  # on the CPU, one per complex
    displacement: Float[Tensor, "atoms 3"] | None = None  # Å per snapshot
    spacing_ps: float | None = None  # between two snapshots, if any were seen
    observed: Float[Tensor, "snapshots atoms 3"] | None = None  # Å; None: the start
    molecules: Sequence[Chem.Mol | None] | None = None  # heavy atoms in the same order
    future: Float[Tensor, "times atoms 3"] | None = None  # Å; for oracles alone

    def __post_init__(self) -> None:
        if len(self.generators) != self.batch.n_complexes:
            raise ValueError("one generator per complex")
        if self.displacement is not None and self.spacing_ps is None:
            raise ValueError("a displacement needs the time it took")

    @property
    def snapshots(self) -> Float[Tensor, "snapshots atoms 3"]:
        """Every snapshot seen, Å; the last is where the ligand is."""
        return self.batch.positions[None] if self.observed is None else self.observed


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What a user may choose about a rollout; None: as the system has it."""

    v0: VelocityRule | None = None
    solver: Solver | None = None
    step_ps: float | None = None
    temperature_k: float | None = None
    keep_shape: bool | None = None  # bonds, angles, rings; clear of the pocket

    def chosen(self) -> dict[str, Any]:
        """The settings that are not None."""
        return {k: v for k, v in vars(self).items() if v is not None}


class System(nn.Module, ABC):
    """A way to predict how ligands move."""

    name: ClassVar[str]
    """What users give to `--model`."""
    summary: ClassVar[str]
    """One line for lists."""
    adjustable: ClassVar[tuple[str, ...]] = ()
    """The fields of `Settings` that mean something to it."""
    draws: ClassVar[str] = ""
    """When it draws random numbers: "at every step"; empty if never."""
    oracle: ClassVar[bool] = False
    """True if it reads `Start.future`, so that it can be scored but not used."""

    @classmethod
    @abstractmethod
    def from_config(cls, config: Mapping[str, Any]) -> "System":
        """Build it, weights random, from a checkpoint's config.

        Raises:
            KeyError, TypeError, ValueError: the config is of something else.
        """

    @abstractmethod
    def rollout(
        self, start: Start, times: Sequence[float], settings: Settings
    ) -> Iterator[State]:
        """Yield velocities (Å/ps) and positions (Å) at each of `times` (ps).

        Args:
            start: the complexes where the ligand is at time 0.
            times: increasing, all after the start.
            settings: what `settled` returned.
        """

    @property
    def defaults(self) -> Settings:
        """The settings of a user who chooses none."""
        return Settings()

    def settled(self, settings: Settings) -> Settings:
        """The settings with what the user left open filled in.

        Raises:
            InputError: a setting that means nothing to this system, or that its
                weights do not allow.
        """
        for field in settings.chosen():
            if field not in self.adjustable:
                raise InputError(
                    f"{OPTIONS[field]} means nothing to the model {self.name}.",
                    hint=f"Leave {OPTIONS[field]} out.",
                )
        return replace(self.defaults, **settings.chosen())

    def is_random(self, settings: Settings) -> bool:
        """True if two replicas with other seeds differ."""
        return False

    def constants(self) -> dict[str, Any]:
        """What else a run record should say about the equation; JSON."""
        return {}

    def remarks(self, settings: Settings, observed: int) -> list[str]:
        """What a user should be warned of, when that many snapshots were seen."""
        return []

    def caveat(self, settings: Settings) -> str:
        """A sentence on what must not be read from the result; empty if none."""
        return ""

    @property
    def sees_pocket(self) -> bool:
        """True if heavy atoms around the ligand and its bond orders matter to it."""
        return False

    @property
    def dtype(self) -> torch.dtype:
        """The precision it computes in."""
        parameter = next(self.parameters(), None)
        return torch.float32 if parameter is None else parameter.dtype


@dataclass(frozen=True, kw_only=True)
class Objective:
    """What a fit minimises, beside what is a system's own."""

    error: Literal["mae", "mse"] = "mse"  # of positions, eq. 13
    geometry_weight: float = 0.0  # of the change of bonds and 1-3 distances
    velocity_rules: tuple[VelocityRule, ...] = ("zero",)  # one is drawn per batch


@dataclass(frozen=True, kw_only=True)
class Window:
    """A start and the snapshots after it, to be fitted to."""

    start: Start
    times: tuple[float, ...]  # ps
    targets: Float[Tensor, "times atoms 3"]  # Å, centred like the start
    rigid_pairs: Int[Tensor, "pairs 2"]  # bonded, or two bonds apart
    energies: Float[Tensor, " complexes"] | None = None  # kcal/mol, at the start


@dataclass(frozen=True, kw_only=True)
class Statistics:
    """What the training part of a data set says about motion as a whole."""

    elements: tuple[int, ...]  # every Z of a ligand atom
    fluctuation: float  # Å, rms of a coordinate about its mean over the trajectory
    displacement: float  # Å, rms change of a coordinate between snapshots
    spacing_ps: float  # the most common
    energy_mean: float | None = None  # kcal/mol
    energy_deviation: float | None = None


@runtime_checkable
class SystemConfig(Protocol):
    """What every config of a system with weights has."""

    @property
    def binding_net(self) -> BindingNetConfig:
        """Sizes and variant of the network."""
        ...

    @property
    def step_ps(self) -> float:
        """Its own step; the snapshots a fit aims at are as far apart."""
        ...

    @property
    def trained_elements(self) -> tuple[int, ...]:
        """Z of every ligand element seen in training; empty if not known."""
        ...

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready dict that `System.from_config` reads back."""
        ...


class TrainableSystem(System):
    """A system with weights."""

    config: SystemConfig

    @classmethod
    @abstractmethod
    def from_config(cls, config: Mapping[str, Any]) -> "TrainableSystem":
        """As in `System`."""

    @classmethod
    @abstractmethod
    def for_data(
        cls,
        statistics: Statistics,
        binding_net: BindingNetConfig,
        options: Mapping[str, Any],
    ) -> "TrainableSystem":
        """A system to be fitted, its constants set from the training part.

        Args:
            statistics: of the training part.
            binding_net: sizes of the network; a system sets the scale of its output.
            options: fields of its config that a recipe sets by hand.

        Raises:
            TypeError, ValueError: an option it does not have, or a value out of range.
        """

    @abstractmethod
    def loss(
        self, window: Window, objective: Objective, generator: torch.Generator
    ) -> Float[Tensor, ""]:
        """What to minimise on one batch of windows.

        Args:
            window: several recordings, each from a snapshot on.
            objective: of the recipe.
            generator: of every draw that is not the system's own dynamics.
        """


@runtime_checkable
class HasPull(Protocol):
    """A system whose force at the start can be fitted alone, before any rollout."""

    def pull_loss(
        self, window: Window, objective: Objective, gain: float
    ) -> Float[Tensor, ""]:
        """Error of one evaluation instead of a rollout."""
        ...
