"""Where the command `neuralmd` and `python -m neuralmd_cli` begin."""

import signal
import sys
from types import FrameType

INTERRUPTED = 130  # 128 + SIGINT, as shells expect


def main() -> None:
    """Run the command line; ctrl-C while it is being loaded ends it quietly too."""
    pressed: list[int] = []

    def on_interrupt(number: int, frame: FrameType | None) -> None:
        pressed.append(number)
        raise KeyboardInterrupt

    # Not where it is ignored: a job in the background of a shell is deaf on purpose.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, on_interrupt)
    try:
        from neuralmd_cli.cli.main import app

        app(prog_name="neuralmd")
    except SystemExit:
        raise
    except BaseException:
        # A library whose import was interrupted may say so by an error of its own.
        if not pressed:
            raise
        sys.stderr.write("Interrupted.\n")
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    main()
