"""What a table or figure of the paper takes: data sets, models, seeds, protocol."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from neuralmd_cli.benchmark.protocol import PROTOCOLS, Protocol
from neuralmd_cli.benchmark.run import Target, split_target
from neuralmd_cli.dataset.recordings import open_recordings
from neuralmd_cli.dataset.splits import SINGLE, load_split
from neuralmd_cli.errors import InputError
from neuralmd_cli.models.registry import SYSTEMS
from neuralmd_cli.models.system import TrainableSystem

Name = Literal["table1", "table2", "table3", "fig3"]
PAPER_SPLITS = ("misato-100", "misato-1000", "misato-all")
PAPER_MODELS = ("verletmd", "gnnmd", "denoisingld", "neuralmd-ode", "neuralmd-sde")
PAPER_SEEDS = (0, 42, 123)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What the user asks to be reproduced; empty means as in the paper."""

    table: Name
    data: tuple[Path, ...]
    splits: tuple[str, ...] = ()
    trajectories: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    seeds: tuple[int, ...] = PAPER_SEEDS
    protocol: str | None = None
    draws: int = 1
    batch: int = 16
    preset: str | None = None  # of the training
    settings: tuple[str, ...] = ()
    epochs: int | None = None

    @property
    def is_single(self) -> bool:
        """True if each data set is one trajectory, divided in time."""
        return self.table != "table1"


@dataclass(frozen=True, kw_only=True)
class DataSet:
    """One data set of a plan: what is trained on and what is scored."""

    target: Target
    ids: tuple[str, ...]  # all that training and scoring need
    split: str | None  # as training takes it
    trajectory: str | None
    protocol: Protocol
    models: tuple[str, ...]
    data: tuple[Path, ...] = ()  # the files that hold it


def data_sets(plan: Plan) -> list[DataSet]:
    """The data sets of a plan.

    Those of the paper are scored by the paper's protocol, so that the numbers can
    stand beside its own; others by ours.

    Raises:
        InputError: options that contradict the table, or names that do not exist.
    """
    trainable = [k for k, v in SYSTEMS.items() if issubclass(v, TrainableSystem)]
    wrong = [x for x in plan.models if x not in trainable]
    if wrong:
        raise InputError(
            f"--model {wrong[0]}: it has no weights to train.",
            hint=f"Trained are {', '.join(trainable)}; the baselines are always there.",
        )
    if plan.is_single:
        names = plan.trajectories
        if not names:
            targets = [split_target(load_split(x), None) for x in plan.splits]
            names = tuple(x for one in targets for x in one.ids) or SINGLE
        return [_trajectory(plan, x, trainable) for x in dict.fromkeys(names)]
    if plan.trajectories:
        raise InputError(
            "--trajectory means nothing for table1, which is of whole data sets.",
            hint="Reproduce table2, table3 or fig3, or give --split.",
        )
    return [_split(plan, x, trainable) for x in plan.splits or PAPER_SPLITS]


def _split(plan: Plan, name: str, trainable: Sequence[str]) -> DataSet:
    split = load_split(name)
    target = split_target(split, None)
    paper = target.name in PAPER_SPLITS
    protocol = plan.protocol or ("multi-published" if paper else "multi")
    return DataSet(
        target=target,
        ids=split.ids,
        split=name,
        trajectory=None,
        protocol=PROTOCOLS[protocol],
        models=plan.models or (PAPER_MODELS if paper else tuple(trainable)),
    )


def _trajectory(plan: Plan, name: str, trainable: Sequence[str]) -> DataSet:
    paper = name.upper() in SINGLE
    protocol = plan.protocol or ("single-published" if paper else "single")
    models = plan.models or (PAPER_MODELS if paper else tuple(trainable))
    fetch = "misato-single" if paper else None
    return DataSet(
        target=Target(name=name, part=None, ids=(name,), fetch=fetch),
        ids=(name,),
        split=None,
        trajectory=name,
        protocol=PROTOCOLS[protocol],
        models=models,
    )


def available(plan: Plan, sets: Sequence[DataSet]) -> tuple[list[DataSet], list[str]]:
    """The data sets that the files hold, and what is missing for the others.

    Raises:
        InputError: nothing is there; with the commands that fetch it.
    """
    held = {x: {y.upper() for y in open_recordings(x).names} for x in plan.data}
    found, notes, commands = [], [], []
    for one in sets:
        wanted = {x.upper() for x in one.ids}
        missing = [x for x in one.ids if not any(x.upper() in y for y in held.values())]
        if not missing:
            files = tuple(path for path, names in held.items() if names & wanted)
            found.append(replace(one, data=files))
            continue
        name = (one.target.fetch or "").partition(" ")[0]
        command = f"neuralmd data fetch {name}" if name else ""
        notes.append(
            f"{one.target.name} is left out: {len(missing)} of its {len(one.ids)} "
            f"complexes are in no data file ({', '.join(missing[:3])}"
            f"{', ...' if len(missing) > 3 else ''})"
            + (f"; `{command}` gets them." if command else ".")
        )
        if command and command not in commands:
            commands.append(command)
    if found:
        return found, notes
    names = ", ".join(x.target.name for x in sets)
    where = ", ".join(x.name for x in plan.data) or "no file is given"
    raise InputError(
        f"The data of {plan.table} are missing: {names} ({where}).",
        hint=(
            f"Get them with `{'`, `'.join(commands)}` and name the files with --data; "
            if commands
            else "Name the files that have them with --data; "
        )
        + "--split or --trajectory reproduce it on data of your own.",
    )
