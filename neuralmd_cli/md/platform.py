"""Where OpenMM computes: the fastest platform that works here, or the one asked for."""

import os
from dataclasses import dataclass

from neuralmd_cli.errors import DeviceError

PLATFORMS = ("CUDA", "HIP", "OpenCL", "CPU", "Reference")


@dataclass(frozen=True, kw_only=True)
class Place:
    """A platform and its properties."""

    name: str
    properties: dict[str, str]

    @property
    def precision(self) -> str:
        """In which numbers forces are computed."""
        if self.name == "Reference":
            return "float64"
        return {"CPU": "float32"}.get(self.name, self.properties.get("Precision", ""))


def choose_platform(
    wanted: str = "auto", *, threads: int | None = None, device: int | None = None
) -> Place:
    """The platform meant.

    Args:
        wanted: auto, CUDA, HIP, OpenCL, CPU or Reference.
        threads: of the CPU platform; without it OPENMM_CPU_THREADS, or all cores.
        device: number of the GPU.

    Raises:
        DeviceError: there is none of that name, or it does not work here.
    """
    import openmm

    names = {x.lower(): x for x in PLATFORMS}
    if wanted.lower() != "auto" and wanted.lower() not in names:
        raise DeviceError(
            f"--platform {wanted}: there is no such platform.",
            hint=f"Use auto, {', '.join(PLATFORMS)}.",
        )
    tried = PLATFORMS if wanted.lower() == "auto" else (names[wanted.lower()],)
    reasons = []
    for name in tried:
        properties = _properties(name, threads, device)
        try:
            _try(openmm, name, properties)
        except openmm.OpenMMException as error:
            reasons.append(f"{name}: {error}")
            continue
        return Place(name=name, properties=properties)
    failures = [str(x) for x in openmm.Platform.getPluginLoadFailures()]
    why = "; ".join([*reasons, *failures[:2]])
    raise DeviceError(
        f"OpenMM's platform {wanted} does not work here: {why[:400]}.",
        hint='For an NVIDIA GPU: pip install "openmm[cuda12]", and its driver; or take '
        "--platform CPU.",
    )


def _properties(name: str, threads: int | None, device: int | None) -> dict[str, str]:
    if name == "CPU":
        count = threads or os.environ.get("OPENMM_CPU_THREADS")
        return {"Threads": str(count)} if count else {}
    if name == "Reference":
        return {}
    index = {} if device is None else {"DeviceIndex": str(device)}
    return {"Precision": "mixed", **index}


def _try(openmm, name: str, properties: dict[str, str]) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001  openmm is imported late
    """Compute something small; a platform may be listed and still not work."""
    system = openmm.System()
    system.addParticle(1.0)
    force = openmm.CustomExternalForce("x^2")
    force.addParticle(0, [])
    system.addForce(force)
    integrator = openmm.VerletIntegrator(0.001)
    platform = openmm.Platform.getPlatformByName(name)
    context = openmm.Context(system, integrator, platform, properties)
    context.setPositions([openmm.Vec3(1, 0, 0)])
    integrator.step(1)
