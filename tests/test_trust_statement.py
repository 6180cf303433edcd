"""Weights are praised for no more than their test shows."""

from neuralmd_cli.trust import trust_statement


def said(metrics, weights="mine"):
    return trust_statement(
        system="neuralmd-ode", weights=weights, metrics=metrics, caveat="Mind this."
    )


def skill(value, low, high):
    return {
        "test_complexes": 4.0,
        "test_skill": value,
        "test_skill_low": low,
        "test_skill_high": high,
    }


def test_weights_no_better_than_a_frozen_ligand_are_called_that():
    """Their interval holds zero."""
    text = said(skill(0.01, -0.01, 0.03))
    assert "a frozen ligand does as well: do not rely on this" in text
    assert text.endswith("Mind this.")


def test_better_ones_are_given_their_numbers():
    """And no verdict."""
    text = said(skill(0.1, 0.05, 0.15))
    assert "0.100 (0.050 to 0.150)" in text
    assert "rely" not in text


def test_a_swing_is_judged_by_its_own_measures():
    """Not by a skill that no ligand which moves can have."""
    text = said(
        {
            "test_rmsf_complexes": 11.0,
            "test_rmsf_correlation": 0.7,
            "test_rmsf_ratio": 0.8,
            "test_coverage_percent": 82.0,
        }
    )
    assert all(x in text for x in ("11 complexes", "0.70", "0.80 times", "82 %"))


def test_the_time_that_was_tested_is_said():
    """A user may ask for twenty times as much."""
    assert "ns of MD" not in said(skill(0.1, 0.05, 0.15))
    assert "(0.4 ns of MD each" in said(skill(0.1, 0.05, 0.15) | {"test_ns": 0.4})


def test_untested_weights_and_baselines_are_called_that():
    """Nothing is claimed for them."""
    assert "state no test result" in said({})
    assert "baseline" in said({}, weights=None)
