"""Options that no command line has checked are checked in one place."""

import pytest

from neuralmd_cli.errors import InputError
from neuralmd_cli.run_options import check_options

GOOD = {
    "replicas": 1,
    "seed": 0,
    "v0": None,
    "solver": None,
    "step_ps": None,
    "temperature_k": None,
    "keep_shape": None,
}


def test_what_a_command_takes_is_taken():
    """The defaults, and each option with a value of its own."""
    check_options(**GOOD)
    check_options(**GOOD | {"v0": "thermal", "solver": "rk4", "step_ps": 2.0})
    check_options(**GOOD | {"solver": "dopri5", "temperature_k": 300.0})
    check_options(**GOOD | {"keep_shape": False})


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"v0": "fast"}, "v0 must be one of zero, thermal, learned, not 'fast'"),
        ({"v0": "displacement"}, "v0 must be one of"),
        ({"solver": "x"}, "solver must be one of euler, midpoint, rk4, dopri5"),
        ({"replicas": 0}, "replicas must be 1 or more, not 0"),
        ({"seed": -1}, "seed must be 0 or more, not -1"),
        ({"step_ps": float("inf")}, "step_ps must be a positive number, not inf"),
        ({"temperature_k": 0.0}, "temperature_k must be a positive number, not 0"),
        ({"keep_shape": 0}, "keep_shape must be True or False, not 0"),
        ({"keep_shape": "no"}, "keep_shape must be True or False, not 'no'"),
        ({"step_ps": 1.0, "solver": "dopri5"}, "dopri5 chooses its steps itself"),
    ],
)
def test_a_wrong_value_is_named_with_what_may_be(wrong, message):
    """One message each."""
    with pytest.raises(InputError, match=message):
        check_options(**GOOD | wrong)
