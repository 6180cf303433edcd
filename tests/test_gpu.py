"""A GPU gives what the CPU gives. Run with `pytest -m gpu` where there is one."""

import pytest
import torch

from neuralmd_cli.bindingnet.engine.forces import EngineForces
from neuralmd_cli.bindingnet.engine.replay import RECORD_AT
from neuralmd_cli.complex import collate
from neuralmd_cli.models.binding_force import plain_forces
from neuralmd_cli.simulation import simulate
from tests.toy import toy_complex, toy_model

pytestmark = pytest.mark.gpu


@pytest.mark.parametrize("rule", ["zero", "thermal"])
def test_a_rollout_is_the_same_on_cuda(rule):
    """float64, five snapshots, three replicas: equal to rounding."""
    if not torch.cuda.is_available():
        pytest.skip("this machine has no CUDA device")
    options = {
        "friction_per_ps": 0.025,
        "tether_per_ps2": 0.025**2 / 4,
        "thermal_speed": 0.005,
    }
    runs = [
        simulate(
            toy_complex(0),
            toy_model(**options),
            times=[80.0 * k for k in range(1, 6)],
            rule=rule,
            replicas=3,
            device=torch.device(device),
        )
        for device in ("cpu", "cuda")
    ]
    for cpu, cuda in zip(*runs, strict=True):
        torch.testing.assert_close(cuda.positions, cpu.positions, rtol=0, atol=1e-9)


@pytest.mark.parametrize("exact", [True, False])
def test_the_engine_gives_on_cuda_what_the_plain_path_gives_on_a_cpu(exact):
    """float64, several sizes in a batch: shapes stay the same, values too."""
    if not torch.cuda.is_available():
        pytest.skip("this machine has no CUDA device")
    complexes = [toy_complex(k, atoms=9 + 4 * k) for k in range(3)]
    cuda = torch.device("cuda")
    net, batch = toy_model().binding_net, collate(complexes)
    with torch.no_grad():
        expected = plain_forces(net, batch)(batch.positions)
        there = collate([x.to(cuda, torch.float64) for x in complexes])
        found = EngineForces(net.to(cuda), there, exact=exact)(there.positions)
    tolerance = 1e-12 if exact else 1e-5
    torch.testing.assert_close(
        found.cpu(), expected, rtol=0, atol=tolerance * float(expected.abs().max())
    )


def test_evaluations_are_recorded_on_cuda():
    """float32, as rollouts run: the graph is made, and replays the forces."""
    if not torch.cuda.is_available():
        pytest.skip("this machine has no CUDA device")
    cuda = torch.device("cuda")
    net = toy_model().float().binding_net.to(cuda)
    batch = collate([toy_complex(k).to(cuda, torch.float32) for k in range(3)])
    with torch.inference_mode():
        forces, plain = EngineForces(net, batch), plain_forces(net, batch)
        for k in range(2 * RECORD_AT):
            place = batch.positions + 0.02 * k
            expected = plain(place)
            torch.testing.assert_close(
                forces(place), expected, rtol=0, atol=1e-4 * float(expected.abs().max())
            )
    assert forces.replays.replay is not None
