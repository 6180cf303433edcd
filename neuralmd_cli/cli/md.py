"""`neuralmd md`: numerical molecular dynamics, with the files of `simulate`."""

import json
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from neuralmd_cli.cli.console import EXIT_PROBLEM, print_table
from neuralmd_cli.cli.md_options import (
    Charges,
    DropHetero,
    EquilibrationPs,
    Gpu,
    GroupName,
    IntervalPs,
    Jobs,
    KeepProtonation,
    KeepWork,
    LigandId,
    LigandIndex,
    Manifest,
    Ns,
    OptionalOutput,
    OptionalProtein,
    Ph,
    Platform,
    PrepareOnly,
    RandomSeed,
    Restart,
    SmilesOfLigand,
    SolventKind,
    StoreFile,
    TemperatureK,
    Threads,
    WithHydrogens,
    WithProtein,
)
from neuralmd_cli.cli.md_progress import md_progress
from neuralmd_cli.cli.options import Json, LigandFile, Quiet
from neuralmd_cli.cli.termination import stopped_by_term

if TYPE_CHECKING:
    from neuralmd_cli.md.files import MDRun, Wanted
    from neuralmd_cli.md.manifest import Done
    from neuralmd_cli.md.prepare import Inputs, Preparation


def md(
    *,
    protein: OptionalProtein = None,
    ligand: LigandFile = None,
    ligand_index: LigandIndex = None,
    ligand_id: LigandId = None,
    smiles: SmilesOfLigand = None,
    manifest: Manifest = None,
    ns: Ns = 8.0,
    interval_ps: IntervalPs = 80.0,
    equilibration_ps: EquilibrationPs = None,
    temperature_k: TemperatureK = 300.0,
    seed: RandomSeed = 0,
    platform: Platform = "auto",
    threads: Threads = None,
    gpu: Gpu = None,
    jobs: Jobs = 1,
    restart: Restart = False,
    solvent: SolventKind = "explicit",
    charges: Charges = "am1-bcc",
    ph: Ph = 7.4,
    keep_protonation: KeepProtonation = False,
    drop_hetero: DropHetero = False,
    output: OptionalOutput = None,
    store: StoreFile = None,
    name: GroupName = None,
    with_protein: WithProtein = False,
    hydrogens: WithHydrogens = False,
    prepare_only: PrepareOnly = False,
    keep_work: KeepWork = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Run classical MD of a ligand in its pocket: slow, and what models are judged by.

    neuralmd md --protein P.pdb --ligand L.sdf --ns 8 -o ref.dcd

    Needs the extra md: pip install "neuralmd[md]". Stopped, it goes on where it was
    when the same command is given again.
    """
    if not 0 < temperature_k < math.inf:
        raise typer.BadParameter(
            "must be a positive number", param_hint="'--temperature-k'"
        )
    if equilibration_ps is not None and not 0 <= equilibration_ps < math.inf:
        raise typer.BadParameter(
            "must not be negative", param_hint="'--equilibration-ps'"
        )
    if not 0 <= ph <= 14:
        raise typer.BadParameter("a pH is between 0 and 14", param_hint="'--ph'")
    from neuralmd_cli.md.amber import require_md
    from neuralmd_cli.md.files import Wanted
    from neuralmd_cli.md.prepare import Inputs, Preparation
    from neuralmd_cli.md.session import Settings

    require_md(built=True)
    if manifest is not None:
        _check_manifest_options(
            {
                "--protein": protein,
                "--ligand": ligand,
                "--ligand-index": ligand_index,
                "--ligand-id": ligand_id,
                "--smiles": smiles,
                "--output": output,
                "--name": name,
                "--with-protein": with_protein or None,
                "--hydrogens": hydrogens or None,
            },
            store,
        )
        values: dict[str, object] = {
            "--ns": ns,
            "--interval-ps": interval_ps,
            "--equilibration-ps": equilibration_ps,
            "--temperature-k": temperature_k,
            "--seed": seed,
            "--platform": platform,
            "--threads": threads,
            "--gpu": gpu,
            "--solvent": solvent,
            "--charges": charges,
            "--ph": ph,
        }
        words = [w for k, v in values.items() if v is not None for w in (k, str(v))]
        words += ["--keep-protonation"] if keep_protonation else []
        words += ["--drop-hetero"] if drop_hetero else []
        words += ["--restart"] if restart else []
        words += ["--prepare-only"] if prepare_only else []
        words += ["--keep-work"] if prepare_only or keep_work else []
        with stopped_by_term():
            results = _run_set(manifest, store, words, jobs, quiet=quiet)
        _say_set(results, manifest, store, prepared=prepare_only, as_json=as_json)
        return
    if protein is None:
        raise typer.BadParameter(
            "give one, or a table with --manifest", param_hint="'--protein'"
        )
    inputs = Inputs(
        protein=protein,
        ligand=ligand,
        ligand_index=ligand_index,
        ligand_id=ligand_id,
        smiles=smiles,
    )
    how = Preparation(
        solvent=solvent,
        charges=charges,
        ph=ph,
        keep_protonation=keep_protonation,
        drop_hetero=drop_hetero,
    )
    wanted = Wanted(
        output=output,
        store=store,
        name=name or protein.name.partition(".")[0].upper(),
        with_protein=with_protein,
        hydrogens=hydrogens,
        keep_work=keep_work,
    )
    if prepare_only:
        with stopped_by_term():
            _prepare(inputs, how, wanted, as_json=as_json, quiet=quiet)
        return
    settings = Settings(
        ns=ns,
        interval_ps=interval_ps,
        equilibration_ps=equilibration_ps,
        temperature_k=temperature_k,
        seed=seed,
    )
    from neuralmd_cli.md.files import forget_work, is_done, md_files

    if not restart and is_done(inputs, how, settings, wanted):
        forget_work(wanted)
        what = output or f"{wanted.name} in {store}"
        typer.echo(f"{what} is there already, from these very inputs and options.")
        if not quiet and store is None:
            typer.echo("--restart makes it anew.", err=True)
        return
    with stopped_by_term(), md_progress(quiet=quiet) as (on_step, on_progress):
        run = md_files(
            inputs,
            how,
            settings,
            wanted,
            platform=platform,
            threads=threads,
            device=gpu,
            restart=restart,
            command=["neuralmd", *sys.argv[1:]],
            on_step=on_step,
            on_progress=on_progress,
        )
    _say(run, wanted, as_json=as_json, quiet=quiet)


def _say(run: "MDRun", wanted: "Wanted", *, as_json: bool, quiet: bool) -> None:
    """Warnings, then the record or a short table."""
    record = run.record
    _warn(record.warnings)
    if as_json:
        typer.echo(record.to_json(), nl=False)
        return
    if quiet:
        return
    from rich.table import Table

    for note in record.notes:
        typer.echo(f"Note: {note}", err=True)
    table = Table(box=None, show_header=False, pad_edge=False)
    for check in run.simulation.checks:
        table.add_row(check.meaning, f"{check.value:.3f} {check.unit}")
    system = record.system
    typer.echo(
        f"{record.ns:g} ns of {system['solute_atoms']} atoms"
        + (f" in {system['waters']} waters" if system["waters"] else " in OBC2 water")
        + f": {record.snapshots} snapshots"
    )
    print_table(table)
    typer.echo(f"Speed: {record.speed['ns_per_day']:.3g} ns/day on {record.device}")
    written = []
    if wanted.output is not None:
        written += [str(wanted.output.parent / x) for x in record.outputs]
    if wanted.store is not None:
        written.append(f"{wanted.name} in {wanted.store}")
    typer.echo(f"Wrote {', '.join(written)}")


def _warn(warnings: list[str]) -> None:
    for warning in warnings:
        label = typer.style("Warning:", fg="yellow", bold=True)
        typer.echo(f"{label} {warning}", err=True)


def _prepare(
    inputs: "Inputs",
    how: "Preparation",
    wanted: "Wanted",
    *,
    as_json: bool,
    quiet: bool,
) -> None:
    """Build the system, say what was done, and keep its files only where asked."""
    from neuralmd_cli.md.trial import prepare_only

    folder = wanted.work if wanted.keep_work else None
    with md_progress(quiet=quiet) as (on_step, _):
        facts = prepare_only(inputs, how, folder, on_step=on_step)
    _warn(facts.warnings)
    if as_json:
        typer.echo(json.dumps(facts.to_dict(), indent=2, ensure_ascii=False))
        return
    for note in () if quiet else facts.notes:
        typer.echo(f"Note: {note}", err=True)
    typer.echo(
        f"{inputs.protein.name}: can be simulated; {facts.atoms} atoms, "
        f"{facts.residues} of {facts.residues_full} residues, {facts.waters} waters, "
        f"{facts.ions} ions."
    )


def _check_manifest_options(given: dict[str, object], store: Path | None) -> None:
    """Refuse what a table says itself, and what means nothing to a store."""
    for option, value in given.items():
        if value is None:
            continue
        why = "the table says it"
        if option in ("--output", "--with-protein", "--hydrogens"):
            why = "a table goes into --store, which has all atoms but water"
        raise typer.BadParameter(why, param_hint=f"'{option}' with '--manifest'")
    if store is None:
        raise typer.BadParameter(
            "say where the set goes with --store", param_hint="'--manifest'"
        )


def _run_set(
    manifest: Path,
    store: Path | None,
    words: list[str],
    jobs: int,
    *,
    quiet: bool,
) -> "list[Done]":
    """Every complex of the table, each told of as it is done."""
    from neuralmd_cli.md.manifest import read_manifest, run_set

    if store is None:
        raise typer.BadParameter("is needed", param_hint="'--store'")
    rows = read_manifest(manifest)
    count = 0

    def told(done: "Done") -> None:
        nonlocal count
        count += 1
        how = "there already" if done.was_there else done.problem or "done"
        if not quiet:
            typer.echo(f"{count}/{len(rows)} {done.name}: {how}", err=True)

    return run_set(rows, store, words, jobs=jobs, on_done=told)


def _say_set(
    results: "list[Done]",
    manifest: Path,
    store: Path | None,
    *,
    prepared: bool,
    as_json: bool,
) -> None:
    """What became of a table; failures are listed, and make the exit code 1."""
    failed = [x for x in results if x.problem]
    if as_json:
        facts = {x.name: x.problem or None for x in results}
        typer.echo(json.dumps({"store": str(store), "complexes": facts}, indent=2))
    else:
        for done in failed:
            typer.echo(f"{done.name}: {done.problem}")
        count = f"{len(results) - len(failed)} of {len(results)} complexes"
        typer.echo(
            f"{store}.parts: {count} of {manifest.name} are ready to run. The same "
            "command without --prepare-only simulates them."
            if prepared
            else f"{store}: {count} of {manifest.name}."
        )
    if failed:
        raise typer.Exit(EXIT_PROBLEM)
