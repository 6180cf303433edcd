"""The list of systems and the systems agree."""

import pytest
import typer.main

from neuralmd_cli.cli.main import app
from neuralmd_cli.models.names import DEFAULT_MODEL, PLACES
from neuralmd_cli.models.registry import SYSTEMS
from neuralmd_cli.models.system import OPTIONS, System


def test_every_name_leads_to_a_system_of_that_name():
    """In the same order, the default among them."""
    assert list(SYSTEMS) == list(PLACES)
    assert [x.name for x in SYSTEMS.values()] == list(PLACES)
    assert DEFAULT_MODEL in SYSTEMS


@pytest.mark.parametrize("system", SYSTEMS.values(), ids=str)
def test_a_system_says_in_a_line_what_it_is(system):
    """And what may be set exists."""
    assert 10 < len(system.summary) < 70
    assert set(system.adjustable) <= set(OPTIONS)


@pytest.mark.parametrize("system", SYSTEMS.values(), ids=str)
def test_a_system_that_can_be_random_says_when(system):
    """`neuralmd models` and the warning about equal replicas tell it to users."""
    assert bool(system.draws) == (system.is_random is not System.is_random)


def test_help_names_the_systems_that_draw_and_no_other():
    """In the text of --replicas."""
    simulate = typer.main.get_command(app).commands["simulate"]
    (text,) = [x.help for x in simulate.params if x.name == "replicas"]
    words = text.replace(",", " ").replace(".", " ").split()
    random = {x.name for x in SYSTEMS.values() if x.draws}
    assert random == set(words) & set(SYSTEMS)
