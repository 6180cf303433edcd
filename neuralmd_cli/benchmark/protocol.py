"""Which snapshots a system is shown, which it is scored on, and how they are laid."""

from dataclasses import dataclass
from typing import Literal

from neuralmd_cli.errors import InputError
from neuralmd_cli.recording import Centring, Superposition


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """How a rollout is set up; the defaults show a system nothing of the future.

    Snapshots 0 to observe - 1 are seen, and the rollout starts from the last of them.
    """

    name: str
    about: str
    observe: int = 1
    predict: int | None = None  # None: all that are left
    shown: int | None = None  # of those seen, the last so many; None: all
    leak: bool = False  # the velocity is to the first snapshot scored, as in the paper
    superposition: Superposition = "pocket"  # of what the system is shown
    centring: Centring = "initial"
    protein: Literal["start", "first"] = "start"  # the snapshot it is frozen in
    restart: bool = False  # at each snapshot, the velocity from the last two

    def __post_init__(self) -> None:
        if self.observe < 1 or (self.predict is not None and self.predict < 1):
            raise InputError(
                f"The protocol {self.name} observes {self.observe} and predicts "
                f"{self.predict} snapshots; each must be at least 1.",
                hint="Use --observe 20 --predict 80, for example.",
            )
        if self.shown is not None and not 1 <= self.shown <= self.observe:
            raise ValueError(f"shown is {self.shown}")

    @property
    def start(self) -> int:
        """The snapshot a rollout starts from, from 0."""
        return self.observe - 1

    @property
    def has_displacement(self) -> bool:
        """True if a system is given how far the ligand moved in a snapshot."""
        return self.leak or (self.shown or self.observe) > 1

    def stop(self, n_frames: int, where: str) -> int:
        """One past the last snapshot scored.

        Args:
            n_frames: of the recording.
            where: its name, to begin messages with.

        Raises:
            InputError: the recording is too short.
        """
        stop = n_frames if self.predict is None else self.observe + self.predict
        if self.observe < n_frames and stop <= n_frames:
            return stop
        least = self.observe + (self.predict or 1)
        raise InputError(
            f"{where} has {n_frames} snapshots; the protocol {self.name} takes "
            f"at least {least}.",
            hint="Ask for fewer with --observe and --predict.",
        )


PROTOCOLS = {
    x.name: x
    for x in (
        Protocol(name="multi", about="one structure in, as a user has; all the rest"),
        Protocol(
            name="multi-published",
            about="the paper's for many complexes: velocity to snapshot 1, which is "
            "scored as well",
            leak=True,
            superposition="none",
            centring="trajectory",
        ),
        Protocol(
            name="single",
            about="the first 80 snapshots of a trajectory seen, the next 20 predicted",
            observe=80,
            predict=20,
        ),
        Protocol(
            name="single-published",
            about="the paper's for one trajectory: rolled out snapshot by snapshot, "
            "velocity from the last two, protein of the first",
            observe=80,
            predict=20,
            superposition="none",
            centring="trajectory",
            protein="first",
            restart=True,
        ),
    )
}
"""By the name users give to `--protocol`."""


def choose_protocol(
    name: str | None, observe: int | None, predict: int | None, *, single: bool
) -> Protocol:
    """The protocol a user means.

    Args:
        name: of `PROTOCOLS`.
        observe, predict: a window instead, such as 20 and 80.
        single: what is meant without any of these: `single` or `multi`.

    Raises:
        InputError: no such protocol, or a name and a window.
    """
    if observe is None and predict is None:
        name = name or ("single" if single else "multi")
        if name in PROTOCOLS:
            return PROTOCOLS[name]
        raise InputError(
            f"--protocol {name}: there is no such protocol.",
            hint=f"Known are {', '.join(PROTOCOLS)}; or give --observe and --predict.",
        )
    if name is not None:
        raise InputError(
            "--protocol and --observe or --predict exclude each other.",
            hint="A window is a protocol of its own: leave --protocol out.",
        )
    seen = 1 if observe is None else observe
    rest = "the rest" if predict is None else predict
    return Protocol(
        name=f"observe {seen}, predict {rest}",
        about=f"{seen} snapshots seen, {rest} predicted",
        observe=seen,
        predict=predict,
    )
