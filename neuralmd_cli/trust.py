"""What a user should be told about how good the weights used are."""

from collections.abc import Mapping


def how_far_to_trust(
    weights: str | None, *, system: str, metrics: Mapping[str, float], caveat: str
) -> str:
    """How good these weights are on proteins they never saw, and what RMSF means.

    Args:
        weights: their name; None for a system without any.
        system: its name.
        metrics: what the weights state of themselves.
        caveat: of the system, with the settings used; may be empty.
    """
    rest = f" {caveat}" if caveat else ""
    if weights is None:
        return (
            f"{system} is a baseline, there to judge models by; it has learned from no "
            f"data.{rest}"
        )
    keys = ("test_complexes", "test_skill", "test_skill_low", "test_skill_high")
    if not all(key in metrics for key in keys):
        return f"the weights {weights} state no test result.{rest}"
    complexes, skill, low, high = (metrics[key] for key in keys)
    verdict = (
        " So a frozen ligand does as well: do not rely on this." if low <= 0 else ""
    )
    return (
        f"on {complexes:.0f} complexes of proteins it never saw, {weights} had skill "
        f"{skill:.3f} ({low:.3f} to {high:.3f}), where 0 is a ligand that never moves "
        f"and 1 the best fixed pose.{verdict}{rest}"
    )
