"""What was seen says where a ligand will be, more of it for a while."""

import math

import pytest
import torch

from neuralmd_cli.models.pocket.kriging import kriged


def after(found, lifetimes):
    return found.limit + found.lead * math.exp(-lifetimes)


def drawn(n, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, 3, 3, generator=generator, dtype=torch.float64)


def test_one_snapshot_is_its_own_guess():
    x = drawn(1)
    found = kriged(x, 0.25, 40.0)
    torch.testing.assert_close(found.limit, x[0])
    torch.testing.assert_close(found.lead, torch.zeros_like(x[0]))
    assert found.independent == pytest.approx(1.0)


def test_snapshots_that_forget_at_once_are_averaged():
    x = drawn(20)
    found = kriged(x, 0.0, 40.0)
    torch.testing.assert_close(found.limit, x.mean(dim=0))
    torch.testing.assert_close(found.lead, torch.zeros_like(x[0]), atol=1e-12, rtol=0)
    assert found.independent == pytest.approx(20.0)


@pytest.mark.parametrize("n", [2, 20, 80])
def test_a_guess_moves_with_what_was_seen(n):
    """Weights add up to one at any time: a shift of all is a shift of the guess."""
    x, shift = drawn(n), torch.tensor([1.0, -2.0, 3.0]).double()
    here, there = kriged(x, 0.25, 40.0), kriged(x + shift, 0.25, 40.0)
    for lifetimes in (0.0, 0.3, 5.0):
        expected = after(here, lifetimes) + shift
        torch.testing.assert_close(after(there, lifetimes), expected)
    assert 1 < here.independent < n


def test_no_other_weights_have_a_smaller_error():
    """Drawn with that covariance, the guess beats the mean, and its neighbours."""
    share, lifetime, n, ahead = 0.4, 15.0, 20, 6
    when = torch.arange(n + ahead).double()
    covariance = share * (-(when[:, None] - when).abs() / lifetime).exp()
    covariance += (1 - share) * torch.eye(n + ahead).double()
    # Of one atom many draws: as so many atoms, each with a mean of its own.
    generator = torch.Generator().manual_seed(2)
    noise = torch.randn(n + ahead, 12_000, generator=generator, dtype=torch.float64)
    x = (torch.linalg.cholesky(covariance) @ noise + 7.0).reshape(n + ahead, -1, 3)
    found = kriged(x[:n], share, lifetime)
    guess, target = after(found, ahead / lifetime), x[-1]

    def error(y):
        return float((y - target).square().mean())

    mean = x[:n].mean(dim=0)
    assert error(guess) < error(mean)
    for part in (-0.3, 0.3):
        assert error(guess) < error(guess + part * (found.lead + guess - mean))
