"""Training flags are found however they were written down."""

import pytest

from neuralmd_cli.errors import WeightsError
from neuralmd_cli.weights.hyperparameters import (
    Settings,
    parse_flags,
    read_hyperparameters,
)
from tests.published import FLAGS

WRITTEN = {
    "command": "--NeuralMD_step_size=5 --no_MLP --lr=1e-4 --method=euler",
    "words": "--NeuralMD_step_size 5 --no_MLP --lr 1e-4 --method euler",
    "shell": (
        "python main.py \\\n  --NeuralMD_step_size=5 \\\n  --no_MLP \\\n"
        "  --lr 1e-4 --method 'euler' > log.txt\n"
    ),
    "namespace": (
        "args Namespace(NeuralMD_step_size=5, device=device(type='cuda'), lr=1e-4, "
        "gamma=None, method='euler')\nepoch 1\n"
    ),
    "dict": "{'NeuralMD_step_size': 5, 'lr': 1e-4, 'gamma': None, 'method': 'euler'}",
    "json": '{"NeuralMD_step_size": 5,\n "lr": 1e-4,\n "method": "euler"}',
    "lines": "# flags\nNeuralMD_step_size: 5\n\nlr : 1e-4\nmethod: euler\n",
    "tabs": "NeuralMD_step_size\t5\nlr\t1e-4\r\nmethod\teuler",
    "equals": "NeuralMD_step_size = 5\nlr=1e-4\nmethod = 'euler'\n",
    "csv": "NeuralMD_step_size,5\nlr,1e-4\nmethod,euler",
}


@pytest.mark.parametrize("form", WRITTEN)
def test_flags_are_read_in_every_form(tmp_path, form):
    """The same numbers and texts come out; what is not asked for is ignored."""
    path = tmp_path / "hyperparameter.txt"
    path.write_text(WRITTEN[form])
    flags = read_hyperparameters(path)
    assert flags.number("NeuralMD_step_size") == 5
    assert flags.number("lr") == 1e-4
    assert flags.text("method") == "euler"
    assert flags.number("unknown") is None
    assert flags.text("unknown") is None


def test_the_authors_own_form():
    """--flag=value on one line, with flags that have no value in between."""
    flags = parse_flags(FLAGS.format(0.01))
    assert flags["NeuralMD_velocity_refined_value_coefficient"] == "0.01"
    assert flags["no_NeuralMD_Binding_start_with_first_frame"] == "true"
    assert flags["emb_dim"] == "16"
    assert len(flags) == 10


def test_a_later_flag_wins_and_spelling_is_forgiven(tmp_path):
    """As on a command line; dashes and capitals do not matter."""
    path = tmp_path / "flags"
    path.write_text("--neuralmd-scaling=1 --NeuralMD_scaling=100")
    flags = read_hyperparameters(path)
    assert flags.number("NeuralMD_scaling") == 100
    assert "--NeuralMD_scaling=100" in flags.as_command()


@pytest.mark.parametrize("number", ["five", "nan", "inf", "true", "1 2"])
def test_a_flag_that_is_no_number_is_named(tmp_path, number):
    """With the file and what stands there."""
    path = tmp_path / "flags.txt"
    path.write_text(f"lr: {number}")
    with pytest.raises(WeightsError, match=rf"flags\.txt: lr is '{number}'"):
        read_hyperparameters(path).number("lr")


@pytest.mark.parametrize(
    "content", [b"", b"\n\n", b"hello", b"<html>", b"\xff\xfe\x00"]
)
def test_a_file_without_flags_is_refused(tmp_path, content):
    """Empty, prose, a web page or bytes."""
    path = tmp_path / "flags.txt"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match="no training flag|not text"):
        read_hyperparameters(path)
    with pytest.raises(WeightsError, match="No such file"):
        read_hyperparameters(tmp_path / "gone.txt")
    with pytest.raises(WeightsError, match="directory"):
        read_hyperparameters(tmp_path)


def settings(tmp_path, text=None, **by_hand):
    values = {"step": None, "scaling": None, "velocity_refinement": None} | by_hand
    flags = None
    if text is not None:
        (tmp_path / "flags.txt").write_text(text)
        flags = read_hyperparameters(tmp_path / "flags.txt")
    return Settings(flags=flags, **values)


def test_what_is_given_by_hand_goes_before_the_flags(tmp_path):
    """Each of the three on its own, and 0 counts as given."""
    flags = FLAGS.format(0.01)
    assert settings(tmp_path, flags).positive("step") == 5
    assert settings(tmp_path, flags, step=2.0).positive("step") == 2
    assert settings(tmp_path, flags, step=2.0).positive("scaling") == 100
    assert settings(tmp_path, flags, scaling=1.0).positive("scaling") == 1
    assert settings(tmp_path, flags).refinement(True) == (0.01, [])
    (value, notes) = settings(tmp_path, flags, velocity_refinement=0.0).refinement(True)
    assert value == 0
    assert "left out" in notes[0]


@pytest.mark.parametrize("text", [None, "--lr=1"])
def test_what_nothing_gives_is_named_with_its_option(tmp_path, text):
    """The flag that is missing, and how to set it by hand."""
    none = settings(tmp_path, text)
    origin = "Nothing gives" if text is None else r"flags\.txt does not give"
    for name, flag in (("step", "step_size"), ("scaling", "scaling")):
        with pytest.raises(WeightsError, match=f"{origin} NeuralMD_{flag}") as caught:
            none.positive(name)
        assert f"--{name}," in caught.value.hint
    with pytest.raises(WeightsError, match=f"{origin} .*coefficient") as caught:
        none.refinement(True)
    assert "--velocity-refinement" in caught.value.hint
    assert none.refinement(False) == (0.0, [])


@pytest.mark.parametrize("value", [0.0, -5.0, float("nan"), float("inf")])
def test_step_and_scaling_must_be_positive(tmp_path, value):
    """By hand or in the file, a step of nothing is refused."""
    with pytest.raises(WeightsError, match="must be a positive number"):
        settings(tmp_path, step=value).positive("step")
    with pytest.raises(WeightsError, match="NeuralMD_scaling"):
        settings(tmp_path, f"--NeuralMD_scaling={value}").positive("scaling")


def test_the_refinement_must_be_a_number(tmp_path):
    """NaN would make every position NaN."""
    with pytest.raises(WeightsError, match="must be a number"):
        settings(tmp_path, velocity_refinement=float("nan")).refinement(True)


@pytest.mark.parametrize(
    ("text", "solver"),
    [
        (None, "euler"),
        ("--lr=1", "euler"),
        ("--ODE_method=rk4", "rk4"),
        ("--ODE_method=euler_adjoint", "euler"),
    ],
)
def test_the_solver_is_the_flags(tmp_path, text, solver):
    """Adjoint concerns training only; Euler is the authors' default."""
    assert settings(tmp_path, text).solver() == solver


def test_an_unknown_solver_is_refused(tmp_path):
    """Not replaced by another."""
    with pytest.raises(WeightsError, match="'leapfrog'"):
        settings(tmp_path, "--ODE_method=leapfrog").solver()
