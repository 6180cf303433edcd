"""An imported checkpoint gives the authors' numbers, from their file to a rollout."""

from functools import cache

import pytest
import torch

from tests.golden import SUFFIX, TOLERANCE, golden_model
from tests.parity import (
    ROLLOUTS,
    SYSTEMS,
    complexes_of,
    imported,
    module_errors,
    own_rounding,
    rollout_errors,
)

ROLLOUT_TOLERANCE = {torch.float64: 1e-7, torch.float32: 5e-5}
CHAOTIC = 10
"""How many times the authors' own rounding a float32 rollout may differ."""
# Full size takes seconds: bindingnet/ and models/ have every complex and scheme, with
# the same tensors (tested below). scripts/golden_parity.py computes all of it.
MODULES = [
    *((f"tiny_{name}", letter) for name in SYSTEMS for letter in complexes_of(name)),
    *((name, "A") for name in SYSTEMS),
]
FULL_ROLLOUTS = [
    ("binding01_multi", "euler_h1"),
    ("binding01_single", "euler_h1_scaling100"),
    ("verletmd", ""),
    ("gnnmd", ""),
]
TINY_ROLLOUTS = [(f"tiny_{x}", scheme) for x in ROLLOUTS for scheme in ROLLOUTS[x]]
DTYPES = pytest.mark.parametrize("dtype", SUFFIX, ids=SUFFIX.values())


@pytest.fixture(scope="module")
def goldens(shared):
    return shared / "goldens"


@pytest.fixture(scope="module")
def model_of(goldens, tmp_path_factory):
    """Write an authors' file, import it, load the result."""

    @cache
    def made(name, scheme):
        return imported(tmp_path_factory.mktemp(name), goldens, name, scheme)

    def make(name, scheme, dtype):
        # A copy each would be slow, and 32 to 64 bits and back is exact.
        return made(name, scheme).to(dtype)

    return make


@pytest.mark.parametrize("name", SYSTEMS)
def test_imported_tensors_are_those_of_the_other_golden_tests(goldens, model_of, name):
    """Bit for bit, so what they show holds for an imported checkpoint."""
    found = model_of(name, "", torch.float32).state_dict()
    expected = golden_model(goldens, name, torch.float32).state_dict()
    assert set(found) == set(expected)
    assert all(torch.equal(found[k], expected[k]) for k in expected)


@DTYPES
@pytest.mark.parametrize(("name", "letter"), MODULES)
def test_modules_and_derivatives_are_the_authors(
    goldens, model_of, name, letter, dtype
):
    """Each module alone, then derivatives, sigma, energy, force, move or score."""
    model = model_of(name, "", dtype)
    errors = module_errors(model, goldens, name, letter)
    assert len(errors) >= 5
    assert max(errors.values()) < TOLERANCE[dtype], errors


@DTYPES
@pytest.mark.parametrize(("name", "scheme"), FULL_ROLLOUTS + TINY_ROLLOUTS)
def test_rollouts_are_the_authors(goldens, model_of, name, scheme, dtype):
    """Every snapshot with the checkpoint's own step and solver, 80 ps apart."""
    errors = rollout_errors(model_of(name, scheme, dtype), goldens, name, scheme)
    allowed = dict.fromkeys(errors, ROLLOUT_TOLERANCE[dtype])
    if dtype is torch.float32:
        own = own_rounding(goldens, name)
        allowed = {k: max(v, CHAOTIC * own[k]) for k, v in allowed.items()}
    assert all(errors[k] < allowed[k] for k in errors), (errors, allowed)
