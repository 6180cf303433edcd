"""The authors' checkpoints are converted whole, or refused with the reason."""

import pytest
import torch

from neuralmd_cli.bindingnet.published import published_name
from neuralmd_cli.complex import collate
from neuralmd_cli.errors import InputError, OutputError, WeightsError
from neuralmd_cli.graph import slots
from neuralmd_cli.models.system import Start
from neuralmd_cli.simulation import simulate
from neuralmd_cli.weights.checkpoint import load_checkpoint
from neuralmd_cli.weights.model import load_model
from neuralmd_cli.weights.published import import_published
from neuralmd_cli.weights.registry import file_sha256
from tests.published import (
    BASELINE_FLAGS,
    FLAGS,
    SDE_FLAGS,
    published_baseline_state,
    published_sde_state,
    published_state,
    write_published,
)
from tests.toy import toy_complex


def imported(tmp_path, state, flags=None, **by_hand):
    model, text = write_published(tmp_path, state, flags)
    output = tmp_path / "imported.safetensors"
    made = import_published(model, output, hyperparameters=text, **by_hand)
    return made, load_model(output)


@pytest.mark.parametrize(
    ("velocity", "refined", "alpha"),
    [(False, False, 0.0), (True, False, 0.0), (False, True, 0.01), (True, True, 1.0)],
)
def test_every_tensor_arrives_and_the_config_says_the_rest(
    tmp_path, velocity, refined, alpha
):
    """Sizes from the shapes, networks from the keys, time from the flags."""
    state = published_state(velocity=velocity, refined=refined)
    made, loaded = imported(tmp_path, state, FLAGS.format(alpha))
    config = loaded.system.config
    assert config == made.config
    net = config.binding_net
    assert (net.variant, net.channels, net.radial_functions) == ("published", 16, 8)
    assert (net.ligand_layers, net.complex_layers, net.cutoff) == (2, 1, 5.0)
    assert config.initial_velocity_network is velocity
    assert config.velocity_refinement == alpha
    assert config.time_convention == "published"
    assert (config.ps_per_time_unit, config.step_ps) == (8000.0, 400.0)
    assert (config.solver, config.velocity_rule) == ("euler", "zero")
    assert (config.friction_per_ps, config.tether_per_ps2) == (0.0, 0.0)
    assert config.trained_elements == ()
    values = [x.double().sum() for x in loaded.system.state_dict().values()]
    theirs = [x.double().sum() for x in state.values()]
    assert sorted(values) == sorted(theirs)


def test_the_checkpoint_says_where_it_comes_from(tmp_path):
    """Name, seed, training command, and the hashes of both files."""
    made, loaded = imported(tmp_path, published_state(), name="theirs")
    metadata = load_checkpoint(tmp_path / "imported.safetensors").metadata
    assert (loaded.name, loaded.sha256, metadata.training_seed) == (
        "theirs",
        made.sha256,
        42,
    )
    assert "--NeuralMD_step_size=5" in metadata.training_command
    assert metadata.training_data == {
        x: file_sha256(tmp_path / x) for x in ("model.pth", "hyperparameter.txt")
    }
    assert imported(tmp_path, published_state())[1].name == "imported"


def test_half_precision_is_read_exactly(tmp_path):
    """Every float16 number is a float32 number."""
    state = published_state()
    key = "ligand_model.down.0.weight"
    state[key] = state[key].half()
    _, loaded = imported(tmp_path, state)
    assert torch.equal(
        loaded.system.state_dict()["binding_net.ligand.edge.weight"], state[key].float()
    )


def test_settings_by_hand_replace_the_file(tmp_path):
    """Without any file, and before what the file says."""
    model, text = write_published(tmp_path, published_state(refined=True))
    by_hand = {"step": 2.0, "scaling": 10.0, "velocity_refinement": 0.5}
    for file in (None, text):
        output = tmp_path / "a.safetensors"
        made = import_published(model, output, hyperparameters=file, **by_hand)
        assert made.config.step_ps == 160
        assert made.config.ps_per_time_unit == 800
        assert made.config.velocity_refinement == 0.5


def test_the_global_seed_is_left_alone(tmp_path):
    """An import draws nothing."""
    state = published_state()
    torch.manual_seed(1)
    before = torch.get_rng_state()
    made, _ = imported(tmp_path, state)
    torch.manual_seed(1)
    import_published(
        tmp_path / "model.pth",
        tmp_path / "b.safetensors",
        hyperparameters=tmp_path / "hyperparameter.txt",
    )
    assert torch.equal(torch.get_rng_state(), before)
    assert made.notes == ()


def test_a_refinement_of_zero_is_left_out_and_said(tmp_path):
    """The network of a coefficient 0 moves nothing; its tensors are not kept."""
    made, loaded = imported(tmp_path, published_state(refined=True), FLAGS.format(0))
    assert made.config.velocity_refinement == 0
    assert not any("refinement" in x for x in loaded.system.state_dict())
    assert len(made.notes) == 1
    assert "refinement network was left out" in made.notes[0]


def test_a_coefficient_without_network_is_not_used_and_said(tmp_path):
    """The tensors decide."""
    made, _ = imported(tmp_path, published_state(), FLAGS.format(0.01))
    assert made.config.velocity_refinement == 0
    assert len(made.notes) == 1
    assert "0.01 is not used" in made.notes[0]


def test_a_network_of_two_snapshots_is_said(tmp_path):
    """It is kept, but one structure does not feed it."""
    made, loaded = imported(tmp_path, published_state(velocity=True))
    assert "needs two snapshots" in made.notes[0]
    one = collate([toy_complex()])
    start = Start(batch=one, generators=[torch.Generator()])
    with pytest.raises(InputError, match="a structure file holds one"):
        loaded.system.double().initial_velocities(start, "learned")


STATES = {
    "neuralmd-ode": lambda: published_state(refined=True, velocity=True),
    "neuralmd-sde": published_sde_state,
    "neuralmd-sde, one ligand": lambda: published_sde_state(rows=9, velocity=True),
    "verletmd": lambda: published_baseline_state("verletmd"),
    "gnnmd": lambda: published_baseline_state("gnnmd"),
    "denoisingld": lambda: published_baseline_state("denoisingld"),
}
CASES = [
    ("neuralmd-ode", FLAGS.format(0.5), None),
    ("neuralmd-sde", SDE_FLAGS, None),
    ("neuralmd-sde, one ligand", SDE_FLAGS.replace("Binding02", "Binding04"), None),
    ("verletmd", BASELINE_FLAGS, None),
    ("gnnmd", BASELINE_FLAGS, "gnnmd"),
    ("denoisingld", BASELINE_FLAGS, "denoisingld"),
]


@pytest.mark.parametrize(("kind", "flags", "model"), CASES)
def test_every_system_is_recognised_and_whole(tmp_path, kind, flags, model):
    """By its keys, its flags or the user's word; each tensor arrives but `T`."""
    state = STATES[kind]()
    made, loaded = imported(tmp_path, state, flags, system=model)
    name = kind.split(",")[0]
    assert (made.system, loaded.system.name) == (name, name)
    assert loaded.system.config == made.config
    found = loaded.system.state_dict()
    state.pop("T", None)
    assert {published_name(k) for k in found} == set(state)
    assert all(torch.equal(state[published_name(k)], v) for k, v in found.items())


@pytest.mark.parametrize("kind", STATES)
def test_every_system_simulates(tmp_path, kind):
    """From one structure to ten finite snapshots in the published conventions."""
    _, flags, model = next(x for x in CASES if x[0] == kind)
    _, loaded = imported(tmp_path, STATES[kind](), flags, system=model)
    (trajectory,) = simulate(
        toy_complex(),
        loaded.system.double(),
        times=[80.0 * k for k in range(1, 11)],
        device=torch.device("cpu"),
    )
    moves = trajectory.positions - toy_complex().ligand.positions
    assert trajectory.positions.shape == (10, 9, 3)
    assert torch.isfinite(trajectory.positions).all()
    assert moves.abs().max() > 0


def test_an_sde_keeps_its_noise_step_and_unit(tmp_path):
    """gamma decides the kind of noise; step 10 is 800 ps, scaling 100 is 8 ns."""
    made, _ = imported(tmp_path, published_sde_state(), SDE_FLAGS)
    assert (made.config.noise, made.config.noise_rows) == ("published-scalar", 1)
    assert (made.config.step_ps, made.config.ps_per_time_unit) == (800.0, 8000.0)
    assert made.config.time_convention == "published"
    assert made.notes == ()
    made, _ = imported(tmp_path, published_sde_state(rows=9, velocity=True), SDE_FLAGS)
    assert (made.config.noise, made.config.noise_rows) == ("published-coordinate", 9)
    assert made.config.initial_velocity_network
    assert [x for x in made.notes if "each of 9 atoms" in x]
    assert [x for x in made.notes if "needs two snapshots" in x]


def test_the_baselines_move_once_per_snapshot(tmp_path):
    """80 ps; denoisingld in ten sub-steps."""
    for name in ("gnnmd", "denoisingld", "verletmd"):
        state = published_baseline_state(name)
        made, _ = imported(tmp_path, state, BASELINE_FLAGS, system=name)
        assert made.config.step_ps == 80
        assert made.config.binding_net.is_published
        assert getattr(made.config, "sub_steps", 10) == 10
        assert getattr(made.config, "ps_per_time_unit", 80.0) == 80


@pytest.mark.parametrize("flags", [None, BASELINE_FLAGS])
def test_tensors_that_several_systems_have_are_asked_about(tmp_path, flags):
    """GNNMD, DenoisingLD and a plain ODE have the same; no guess is made."""
    model, text = write_published(tmp_path, published_state(), flags)
    output = tmp_path / "a.safetensors"
    given = {"hyperparameters": text} if flags else {}
    with pytest.raises(
        WeightsError, match="neuralmd-ode, gnnmd, denoisingld"
    ) as caught:
        import_published(model, output, **given)
    assert "--model" in caught.value.hint
    made = import_published(model, output, system="gnnmd", **given)
    assert made.system == "gnnmd"
    by_hand = {"step": 5.0, "scaling": 100.0}
    with pytest.raises(WeightsError, match="no training flag tells"):
        import_published(model, output, **given, **by_hand)
    made = import_published(model, output, system="neuralmd-ode", **given, **by_hand)
    assert made.config.step_ps == 400
    with pytest.raises(WeightsError, match="--step means nothing to .* denoisingld"):
        import_published(model, output, system="denoisingld", **given, **by_hand)


@pytest.mark.parametrize(
    ("state", "flags", "model", "problem"),
    [
        (published_sde_state, SDE_FLAGS, "gnnmd", "no checkpoint of gnnmd"),
        (published_state, FLAGS.format(0), "gnnmd", "no checkpoint of gnnmd"),
        (published_state, FLAGS.format(0), "cgmd", "--model cgmd: there are no"),
        (published_state, SDE_FLAGS, None, "is of NeuralMD_Binding02, but"),
        (published_sde_state, FLAGS.format(0), None, "is of NeuralMD_Binding01, but"),
        (
            lambda: published_baseline_state("verletmd"),
            "--NeuralMD_step_size=5",
            None,
            "is of NeuralMD, but the tensors of model.pth are those of verletmd",
        ),
    ],
)
def test_keys_flags_and_model_must_agree(tmp_path, state, flags, model, problem):
    """A contradiction is named, not resolved."""
    with pytest.raises(WeightsError, match=problem):
        imported(tmp_path, state(), flags, system=model)
    assert not (tmp_path / "imported.safetensors").exists()


def test_the_other_radial_basis_is_refused(tmp_path):
    """RBF_repredding_02 has `offset` in place of means and betas."""
    state = published_state()
    for part in ("ligand", "backbone"):
        for buffer in ("means", "betas"):
            del state[f"protein_model.{part}_radial_embedding.0.{buffer}"]
        state[f"protein_model.{part}_radial_embedding.0.offset"] = torch.zeros(8)
    with pytest.raises(WeightsError, match="RBF_repredding_02"):
        imported(tmp_path, state)


def test_tensors_of_another_program_are_refused(tmp_path):
    """Nothing in it is NeuralMD's."""
    with pytest.raises(WeightsError, match="not a NeuralMD checkpoint"):
        imported(tmp_path, {"conv.weight": torch.ones(2)})


def changed(kind):
    state = published_state(refined=True)
    keys = [k for k in state if k.startswith("refined_velocity_model.lin")][:4]
    for key in keys:
        if kind == "missing":
            del state[key]
        elif kind == "shape":
            state[key] = torch.zeros(7, 7)
        elif kind == "type":
            state[key] = torch.zeros(state[key].shape, dtype=torch.int64)
        else:
            state[f"{key}.more"] = torch.zeros(1)
    return state, sorted(keys)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("missing", r"4 are missing \({}, {}, {}, ...\)"),
        ("extra", r"4 are too many \({}.more, {}.more, {}.more, ...\)"),
        ("shape", r"4 are of another shape or type \({} \[7, 7\] instead of"),
        ("type", r"4 are of another shape or type \({} \["),
    ],
)
@pytest.mark.parametrize("alpha", [0, 0.01])
def test_tensors_missing_extra_or_wrong_are_counted_and_named(
    tmp_path, kind, text, alpha
):
    """Under the authors' names, also in a network that would be left out."""
    state, keys = changed(kind)
    with pytest.raises(WeightsError, match=text.format(*keys)):
        imported(tmp_path, state, FLAGS.format(alpha))
    assert not (tmp_path / "imported.safetensors").exists()


@pytest.mark.parametrize(
    ("kind", "key"),
    [
        *(("neuralmd-ode", x) for x in sorted(published_state())),
        *(("neuralmd-sde", x) for x in ("T", "gamma", "sigma_model.z_emb.weight")),
        *(("verletmd", x) for x in ("last_layer.weight", "last_layer.bias")),
        ("gnnmd", "complex_model.last_layers.layers.5.bias"),
    ],
)
def test_no_tensor_can_be_missing(tmp_path, kind, key):
    """Each one on its own, those that give the sizes included."""
    state = published_state() if kind == "neuralmd-ode" else STATES[kind]()
    flags = next(f for k, f, _ in CASES if k == kind)
    del state[key]
    with pytest.raises(WeightsError, match=key):
        imported(tmp_path, state, flags, system=kind)


@pytest.mark.parametrize("kind", STATES)
def test_no_tensor_can_be_too_many_or_of_another_shape(tmp_path, kind):
    """In every system, parameters that belong to no module included."""
    _, flags, model = next(x for x in CASES if x[0] == kind)
    with pytest.raises(WeightsError, match=r"1 is too many \(T2\)"):
        imported(tmp_path, STATES[kind]() | {"T2": torch.ones(())}, flags, system=model)
    for key in ("T", "gamma", "last_layer.weight", "ligand_model.last_layer.bias"):
        state = STATES[kind]()
        if key in state:
            state[key] = torch.ones(5, 5)
            with pytest.raises(WeightsError, match=rf"\({key} \[5, 5\] instead of"):
                imported(tmp_path, state, flags, system=model)


def test_all_problems_are_in_one_message(tmp_path):
    """One missing, one too many, one of another shape."""
    state = published_state()
    del state["complex_model.last_layers.layers.5.bias"]
    state["protein_model.novelty"] = torch.zeros(1)
    state["ligand_model.z_emb.weight"] = torch.zeros(119, 16)
    with pytest.raises(WeightsError) as caught:
        imported(tmp_path, state)
    message = caught.value.message
    assert "1 is missing (complex_model.last_layers.layers.5.bias)" in message
    assert "1 is too many (protein_model.novelty)" in message
    assert "(ligand_model.z_emb.weight [119, 16] instead of [95, 16])" in message


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("ligand_model.z_emb.weight", torch.zeros(95, 15)),
        ("ligand_model.radial_emb.means", torch.zeros(8)),
        ("ligand_model.radial_emb.means", torch.zeros(0)),
    ],
)
def test_sizes_that_make_no_model_are_refused(tmp_path, key, value):
    """Channels not divisible by 4, or a basis without a cutoff."""
    with pytest.raises(WeightsError, match="no BindingNet has these sizes"):
        imported(tmp_path, published_state() | {key: value})


def test_numbers_that_are_none_are_refused(tmp_path):
    """A diverged training is no model."""
    state = published_state()
    state["complex_model.last_layers.layers.5.bias"][0] = float("nan")
    with pytest.raises(WeightsError, match="NaN"):
        imported(tmp_path, state)


@pytest.mark.parametrize(
    ("flag", "problem"),
    [
        ("FrameNet_num_radial=100", "FrameNet_num_radial 100, but the tensors say 8"),
        ("emb_dim=128", "emb_dim 128, but the tensors say 16"),
        ("FrameNet_num_layers=4", "FrameNet_num_layers 4"),
        ("FrameNet_complex_layer=2", "FrameNet_complex_layer 2"),
        ("FrameNet_cutoff=6", "FrameNet_cutoff 6"),
    ],
)
def test_flags_of_another_checkpoint_are_refused(tmp_path, flag, problem):
    """Their step and scaling would be wrong as well."""
    with pytest.raises(WeightsError, match=problem):
        imported(tmp_path, published_state(), f"{FLAGS.format(0)} --{flag}")


def test_a_result_that_is_no_safetensors_file_is_refused(tmp_path):
    """Before anything is read, and where it cannot be written."""
    with pytest.raises(OutputError, match="safetensors"):
        import_published(tmp_path / "gone.pth", tmp_path / "a.pth")
    model, text = write_published(tmp_path, published_state())
    with pytest.raises(OutputError, match="cannot be written"):
        import_published(
            model, tmp_path / "gone" / "a.safetensors", hyperparameters=text
        )


def test_simulate_takes_one_step_per_five_snapshots(tmp_path):
    """Euler in the authors' units from v0 = 0, linear in between."""
    _, loaded = imported(tmp_path, published_state(refined=True), FLAGS.format(0.01))
    model, complex_ = loaded.system.double(), toy_complex()
    (trajectory,) = simulate(
        complex_,
        model,
        times=[80.0 * k for k in range(1, 13)],
        device=torch.device("cpu"),
    )
    # The same in model units: time is snapshot / 100, one step 0.05.
    moved, centre = complex_.centred()
    net, x, h = model.binding_net, moved.ligand.positions, 5 / 100
    batch = collate([moved])
    rows = slots(batch.atom_complex, 1)
    masses = batch.masses[:, None]
    v, states = torch.zeros_like(x), [x]
    with torch.no_grad():
        protein = net.encode_protein(batch)
        for _ in range(3):
            a = net.forces(batch, x, protein) / masses
            u = model.velocity_refinement(batch.atomic_numbers, x, rows).forces
            x, v = x + h * (v + 0.01 * u), v + h * a
            states.append(x)
    expected = [
        states[k // 5] + (k % 5) / 5 * (states[k // 5 + 1] - states[k // 5])
        for k in range(1, 13)
    ]
    found = trajectory.positions - centre
    moves = torch.stack(expected) - moved.ligand.positions
    error = (found - moved.ligand.positions - moves).abs().max()
    assert error < 1e-9 * moves.square().mean().sqrt()
