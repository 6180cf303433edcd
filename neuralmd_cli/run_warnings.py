"""What may be, or is, wrong with a run, said in one sentence each."""

from collections.abc import Sequence

from rdkit import Chem

from neuralmd_cli.complex import Complex, Ligand
from neuralmd_cli.models.pocket.config import PocketConfig
from neuralmd_cli.models.pocket.seen import Seen
from neuralmd_cli.models.system import Settings, System, TrainableSystem
from neuralmd_cli.trajectory import Check


def system_warnings(
    system: System, settings: Settings, replicas: int, observed: int = 1
) -> list[str]:
    """What may make any result of these settings useless, known before the run.

    Args:
        observed: snapshots that were seen.
    """
    warnings = system.remarks(settings, observed)
    if replicas > 1 and not system.is_random(settings):
        rule = "" if settings.v0 is None else f" with --v0 {settings.v0}"
        warnings.append(
            f"All {replicas} replicas are the same: {system.name}{rule} draws nothing."
            + (f" It draws only {system.draws}." if system.draws else "")
        )
    return warnings


def trained_elements(system: System) -> tuple[int, ...]:
    """Z of the ligand elements the weights have seen; empty if not known."""
    if not isinstance(system, TrainableSystem):
        return ()
    return tuple(system.config.trained_elements)


def ligand_warnings(known: Sequence[int], ligand: Ligand) -> list[str]:
    """What may make the result of this ligand useless; see `trained_elements`."""
    strange = sorted(set(ligand.atomic_numbers.tolist()) - set(known))
    if not known or not strange:
        return []
    symbols = [Chem.GetPeriodicTable().GetElementSymbol(z) for z in strange]
    return [
        f"The ligand has {', '.join(symbols)}, which these weights never saw: its "
        "atoms' motion is a guess."
    ]


def seen_by(system: System) -> Seen | None:
    """What the pocket of a system was fitted to, if it has one and says so."""
    config = getattr(system, "config", None)
    pocket = getattr(config, "pocket", None)
    return pocket.seen if isinstance(pocket, PocketConfig) else None


def range_warnings(
    seen: Seen | None, complex_: Complex, molecule: Chem.Mol | None
) -> list[str]:
    """What about this complex is unlike all that the weights were fitted to."""
    return [] if seen is None else seen.warnings(complex_, molecule)


def result_warnings(checks: Sequence[Sequence[Check]]) -> list[str]:
    """What the finished trajectory shows to be wrong with it."""
    values = [{x.name: x.value for x in replica} for replica in checks]
    warnings = []
    if min(x["bonds_intact"] for x in values) < 100:
        warnings.append(
            "Bonds of the ligand changed by more than 25 % of their length in the "
            "input: unless they were wrong there, do not trust this trajectory."
        )
    if max(x.get("frames_clashing", 0.0) for x in values) > 0:
        warnings.append(
            "The ligand runs into its surroundings in some frames (contacts below 0.75 "
            "of the van der Waals distance)."
        )
    return warnings
