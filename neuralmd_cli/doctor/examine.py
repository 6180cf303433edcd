"""All that is looked at, in the order it is shown."""

from neuralmd_cli.doctor.finding import Finding
from neuralmd_cli.doctor.machine import devices, threads
from neuralmd_cli.doctor.packages import extras, versions
from neuralmd_cli.doctor.self_test import self_test
from neuralmd_cli.doctor.stored import cache, weights


def examine() -> list[Finding]:
    """Versions, devices, threads, weights, cache, extras, and a tiny rollout."""
    looks = (versions, devices, threads, weights, cache, extras, self_test)
    return [finding for look in looks for finding in look()]
