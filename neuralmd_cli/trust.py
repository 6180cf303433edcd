"""How far to trust a prediction, in the words every command uses."""

from collections.abc import Mapping

TRUST = "How far to trust it: "
"""What every such statement begins with."""
_KEYS = ("test_complexes", "test_skill", "test_skill_low", "test_skill_high")
_SWING_KEYS = (
    "test_rmsf_complexes",
    "test_rmsf_correlation",
    "test_rmsf_ratio",
    "test_coverage_percent",
)


def trust_statement(
    *, system: str, weights: str | None, metrics: Mapping[str, float], caveat: str
) -> str:
    """How good the weights are on proteins they never saw, and what RMSF means.

    Args:
        system: name of the model.
        weights: name of its weights; None for a baseline, which has none.
        metrics: of the weights, on targets they never saw.
        caveat: what must not be read from a result of this model.
    """
    rest = f" {caveat}" if caveat else ""
    if weights is None:
        return (
            f"{TRUST}{system} is a baseline, there to judge models by; "
            f"it has learned from no data.{rest}"
        )
    if all(key in metrics for key in _SWING_KEYS):
        complexes, correlation, ratio, coverage = (metrics[k] for k in _SWING_KEYS)
        return (
            f"{TRUST}{_tested(complexes, metrics)}, the "
            f"fluctuation of atoms in {weights} correlated with MD's at "
            f"{correlation:.2f}, was {ratio:.2f} times as large, and the 90 % interval "
            f"of its replicas held {coverage:.0f} % of MD's displacements.{rest}"
        )
    if not all(key in metrics for key in _KEYS):
        return f"{TRUST}the weights {weights} state no test result.{rest}"
    complexes, skill, low, high = (metrics[key] for key in _KEYS)
    verdict = (
        " So a frozen ligand does as well: do not rely on this." if low <= 0 else ""
    )
    return (
        f"{TRUST}{_tested(complexes, metrics)}, {weights} had skill {skill:.3f} "
        f"({low:.3f} to {high:.3f}), where 0 is a ligand that never moves and 1 the "
        f"best fixed pose.{verdict}{rest}"
    )


def _tested(complexes: float, metrics: Mapping[str, float]) -> str:
    """On what; a ligand goes on to other places in more time than that."""
    length = metrics.get("test_ns")
    time = (
        "" if length is None else f" ({length:g} ns of MD each; more MD may move more)"
    )
    return f"on {complexes:.0f} complexes of proteins it never saw{time}"
