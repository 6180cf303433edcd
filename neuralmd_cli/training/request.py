"""What a user asks to be trained, from the command's options to one container."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from neuralmd_cli.errors import InputError
from neuralmd_cli.training.recipe_file import (
    DEFAULT_PRESET,
    Setup,
    from_tables,
    read_preset,
    read_setup,
    with_settings,
    with_value,
)

DEFAULT_MODEL = "neuralmd-ode"
DEFAULT_SEED = 42


@dataclass(frozen=True, kw_only=True)
class Request:
    """What to train on what; with the hashes of its files it fixes the result."""

    model: str
    data: tuple[Path, ...]
    split: str | None  # None: a single trajectory
    trajectory: str | None
    seed: int
    setup: Setup

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready dict that `from_dict` reads back; paths absolute."""
        split = self.split
        if split is not None and Path(split).suffix:
            split = str(Path(split).resolve())
        return {
            "model": self.model,
            "data": [str(x.resolve()) for x in self.data],
            "split": split,
            "trajectory": self.trajectory,
            "seed": self.seed,
            "setup": self.setup.to_dict(),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], where: str) -> "Request":
        """Rebuild from `to_dict`.

        Raises:
            KeyError, TypeError: something is missing, or of another type.
            InputError: a recipe that is none.
        """
        texts = [values["model"], values["split"], values["trajectory"]]
        if not all(isinstance(x, str | None) for x in texts) or texts[0] is None:
            raise TypeError("a name is no text")
        if type(values["seed"]) is not int or not isinstance(values["data"], list):
            raise TypeError("the seed is no number, or the files are no list")
        return cls(
            model=values["model"],
            data=tuple(Path(x) for x in values["data"]),
            split=values["split"],
            trajectory=values["trajectory"],
            seed=values["seed"],
            setup=from_tables(values["setup"], where, Setup()),
        )


def make_request(
    earlier: Request | None = None,
    *,
    model: str | None = None,
    data: Sequence[Path] = (),
    split: str | None = None,
    trajectory: str | None = None,
    seed: int | None = None,
    preset: str | None = None,
    config: Path | None = None,
    settings: Sequence[str] = (),
    epochs: int | None = None,
) -> Request:
    """The training meant; what is not said is as in `earlier`, or by default.

    Later ones win: preset, config, settings, epochs.

    Raises:
        InputError: too little or contradictory.
    """
    base = Setup() if earlier is None else earlier.setup
    if preset is not None or (earlier is None and config is None):
        base = read_preset(preset or DEFAULT_PRESET)
    if config is not None:
        base = read_setup(config, base)
    setup = with_settings(base, settings)
    if epochs is not None:
        setup = with_value(setup, "epochs", epochs, "--epochs")
    if split is not None and trajectory is not None:
        raise InputError(
            "--split and --trajectory exclude each other.",
            hint="One trajectory is divided in time: leave --split out.",
        )
    if earlier is not None:
        if split is None and trajectory is None:
            split, trajectory = earlier.split, earlier.trajectory
        data = data or earlier.data
        model = model or earlier.model
        seed = earlier.seed if seed is None else seed
    if split is None and trajectory is None:
        raise InputError(
            "There is nothing to train on.",
            hint="Give --split, or one complex with --trajectory.",
        )
    if not data:
        fetch = split if split is not None and not Path(split).suffix else "misato-100"
        raise InputError(
            "--data is missing: which files to train on?",
            hint=f"`neuralmd data fetch {fetch}` fetches MISATO's."
            if fetch.startswith("misato")
            else "Give the HDF5 files of the split.",
        )
    return Request(
        model=_model(model, setup),
        data=tuple(data),
        split=split,
        trajectory=trajectory,
        seed=DEFAULT_SEED if seed is None else seed,
        setup=setup,
    )


def _model(model: str | None, setup: Setup) -> str:
    if model is not None and setup.model is not None and model != setup.model:
        raise InputError(
            f"--model {model}: this recipe is for {setup.model}.",
            hint="Leave --model out, or take another preset.",
        )
    return model or setup.model or DEFAULT_MODEL
