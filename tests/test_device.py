"""A device that is not there is refused with a remedy, never replaced silently."""

import pytest
import torch

from neuralmd_cli.device import resolve_device
from neuralmd_cli.errors import DeviceError


@pytest.fixture
def gpus(monkeypatch):
    """Pretend to have this many GPUs."""

    def have(count):
        monkeypatch.setattr("torch.cuda.is_available", lambda: count > 0)
        monkeypatch.setattr("torch.cuda.device_count", lambda: count)

    return have


def test_auto_takes_a_gpu_where_there_is_one(gpus):
    """And the CPU elsewhere."""
    gpus(0)
    assert resolve_device("auto") == torch.device("cpu")
    gpus(2)
    assert resolve_device("auto") == torch.device("cuda:0")


def test_a_named_device_is_taken(gpus, monkeypatch):
    """cuda is the first GPU."""
    gpus(2)
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: True)
    for text, device in [
        ("cpu", "cpu"),
        ("cuda", "cuda:0"),
        ("cuda:1", "cuda:1"),
        ("mps", "mps"),
    ]:
        assert resolve_device(text) == torch.device(device)


@pytest.mark.parametrize("build", [None, "13.0"])
def test_cuda_without_a_gpu_is_refused(gpus, monkeypatch, build):
    """The message tells a build without CUDA from a machine without a GPU."""
    gpus(0)
    monkeypatch.setattr("torch.version.cuda", build)
    with pytest.raises(DeviceError, match="GPU" if build else "without CUDA") as caught:
        resolve_device("cuda")
    assert "--device cpu" in caught.value.hint


@pytest.mark.parametrize(
    ("count", "hint"), [(1, "Use cuda:0."), (2, "cuda:0 to cuda:1")]
)
def test_a_gpu_too_many_is_refused(gpus, count, hint):
    """The hint says which there are."""
    gpus(count)
    with pytest.raises(DeviceError, match=rf"has {count} GPU") as caught:
        resolve_device(f"cuda:{count}")
    assert hint in caught.value.hint


def test_mps_needs_a_mac(monkeypatch):
    """Apple's GPU elsewhere."""
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: False)
    with pytest.raises(DeviceError, match="macOS"):
        resolve_device("mps")


@pytest.mark.parametrize("text", ["gpu", "", "cuda:", "cuda:x", "cuda:-1", "cpu:0"])
def test_any_other_text_is_refused(text):
    """No guess at what was meant."""
    with pytest.raises(DeviceError, match="no device"):
        resolve_device(text)
