"""Numbers and text on their way into a page."""

import base64
import json

import pytest
import torch

from neuralmd_cli.report.numbers import STEP, embedded, listed, packed, runs, span


@pytest.mark.parametrize(
    "text", ["</script>", "<!--", "]]>", "&lt;", "\u2028", "'\"", "\ud83d"]
)
def test_embedded_data_is_the_same_data_and_no_markup(text):
    """JSON gives it back; no letter of HTML is left in it."""
    shown = embedded({"x": [text]})
    assert not set("<>&") & set(shown)
    assert json.loads(shown) == {"x": [text]}


def test_no_value_is_written_that_json_lacks():
    """NaN and infinity become null."""
    assert listed(torch.tensor([1.23456, torch.nan, torch.inf])) == [1.235, None, None]


@pytest.mark.parametrize("seed", range(3))
def test_packed_coordinates_are_right_to_half_a_step(seed):
    """What is no number is marked as none."""
    generator = torch.Generator().manual_seed(seed)
    positions = 100 * torch.randn(3, 4, 3, generator=generator)
    positions[1, 2, 0] = torch.nan
    whole = torch.frombuffer(
        bytearray(base64.b64decode(packed(positions))), dtype=torch.int16
    ).reshape(3, 4, 3)
    assert whole[1, 2, 0] == -32768
    known = positions.isfinite()
    torch.testing.assert_close(
        whole[known] * STEP, positions[known], atol=STEP / 2 + 1e-4, rtol=0
    )


@pytest.mark.parametrize("seed", range(5))
def test_runs_say_what_the_values_were(seed):
    """Laid out again they are the values."""
    generator = torch.Generator().manual_seed(seed)
    values = torch.randint(0, 3, (40,), generator=generator)
    again = torch.zeros_like(values)
    for first, length, value in runs(values):
        again[first : first + length] = value
    assert torch.equal(again, values)


def test_a_span_is_one_number_or_two():
    """Equal as shown is one; nothing finite is said."""
    assert span([1.001, 1.002], "Å") == "1.00 Å"
    assert span([2.0, 1.0], "Å") == "1.00 to 2.00 Å"
    assert span([float("nan")], "Å") == "undefined"
