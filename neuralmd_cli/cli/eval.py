"""`neuralmd eval`: systems scored against recorded trajectories."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from neuralmd_cli.cli.console import download_progress, stage_progress
from neuralmd_cli.cli.eval_options import (
    V0,
    All,
    Batch,
    Data,
    Draws,
    Epochs,
    Models,
    MoreData,
    Observe,
    OutputFolder,
    Part,
    Predict,
    Preset,
    ProtocolName,
    Reproduce,
    Seeds,
    Set,
    SplitName,
    Trajectories,
    WeightsList,
    integers,
)
from neuralmd_cli.cli.eval_table import print_evaluation, print_grid
from neuralmd_cli.cli.options import Device, Json, Quiet, WeightsUrl

if TYPE_CHECKING:
    from neuralmd_cli.benchmark.run import Evaluation


def evaluate(
    more_data: MoreData = None,
    *,
    data: Data = None,
    split: SplitName = None,
    part: Part = None,
    trajectory: Trajectories = None,
    model: Models = None,
    weights: WeightsList = None,
    weights_url: WeightsUrl = None,
    protocol: ProtocolName = None,
    observe: Observe = None,
    predict: Predict = None,
    v0: V0 = None,
    seeds: Seeds = None,
    draws: Draws = 1,
    batch: Batch = 16,
    reproduce: Reproduce = None,
    preset: Preset = None,
    settings: Set = None,
    epochs: Epochs = None,
    output: OutputFolder = None,
    show_all: All = False,
    json: Json = False,
    quiet: Quiet = False,
    device: Device = "auto",
) -> None:
    """Score models on recorded trajectories, beside the predictors they must beat.

    neuralmd eval --data droplet_4ps.hdf5 --split own-md -o results/
    """
    files = [*(data or []), *(more_data or [])]
    if reproduce is None:
        _refuse({"--preset": preset, "--set": settings, "--epochs": epochs})
        result = _evaluate_once(
            files,
            (split, part, trajectory or []),
            (model or [], weights or [], weights_url),
            (protocol, observe, predict, v0),
            (integers(seeds or "0"), draws, batch, device, output),
            quiet=quiet or json,
        )
        print_evaluation(result, as_json=json, show_all=show_all, quiet=quiet)
        return
    # What a paper's table says itself.
    taken = {"--part": part, "--weights": weights, "--v0": v0}
    _refuse(taken | {"--observe": observe, "--predict": predict})
    from neuralmd_cli.reproduction.grid import reproduce as run_grid
    from neuralmd_cli.reproduction.plan import Plan

    if output is None:
        raise typer.BadParameter("--reproduce needs -o FOLDER, to resume from")
    plan = Plan(
        table=reproduce,
        data=tuple(files),
        splits=() if split is None else (split,),
        trajectories=tuple(trajectory or ()),
        models=tuple(model or ()),
        protocol=protocol,
        seeds=tuple(integers(seeds or "0,42,123")),
        draws=draws,
        preset=preset,
        settings=tuple(settings or ()),
        epochs=epochs,
        batch=batch,
    )
    with stage_progress(quiet=quiet or json) as (on_start, on_step):
        grid = run_grid(
            plan,
            output,
            device=device,
            command=["neuralmd", *sys.argv[1:]],
            on_cell=lambda text: None if quiet else typer.echo(text, err=True),
            on_start=on_start,
            on_step=on_step,
        )
    print_grid(grid, as_json=json, show_all=show_all, quiet=quiet)


def _refuse(options: dict[str, object]) -> None:
    """Options that would be ignored are a mistake."""
    for name, value in options.items():
        if value not in (None, [], ()):
            raise typer.BadParameter(
                "it means nothing with --reproduce"
                if name not in ("--preset", "--set", "--epochs")
                else "it is of the training that --reproduce does",
                param_hint=f"'{name}'",
            )


def _evaluate_once(
    files: list[Path],
    target: tuple[str | None, str | None, list[str]],
    chosen: tuple[list[str], list[str], str | None],
    protocol: tuple[str | None, int | None, int | None, str | None],
    how: tuple[list[int], int, int, str, Path | None],
    *,
    quiet: bool,
) -> "Evaluation":
    """One library call, with bars for the downloads and for the work."""
    from neuralmd_cli.benchmark.contenders import contenders
    from neuralmd_cli.benchmark.protocol import choose_protocol
    from neuralmd_cli.benchmark.run import choose_target, evaluate_files
    from neuralmd_cli.models.system import Settings

    split, part, trajectories = target
    if len(trajectories) > 1:
        raise typer.BadParameter("give one, or a split", param_hint="'--trajectory'")
    name, observe, predict, v0 = protocol
    wanted = choose_target(split, part, next(iter(trajectories), None))  # type: ignore[arg-type]  # typer has checked the part
    single = bool(trajectories) or split == "misato-single"
    rule = choose_protocol(name, observe, predict, single=single)
    models, weights, url = chosen
    with download_progress("weights", quiet=quiet) as progress:
        systems = contenders(models, weights, url=url, progress=progress)
    seeds, draws, batch, device, output = how
    with stage_progress(quiet=quiet) as (on_start, on_step):
        return evaluate_files(
            files,
            wanted,
            systems,
            rule,
            settings=Settings(v0=v0),  # type: ignore[arg-type]  # typer has checked it
            seeds=seeds,
            draws=draws,
            batch=batch,
            device=device,
            output=output,
            command=["neuralmd", *sys.argv[1:]],
            on_start=on_start,
            on_step=on_step,
        )
