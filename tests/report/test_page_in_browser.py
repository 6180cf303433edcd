"""The page in a browser: it plays, asks the network for nothing, and runs no name."""

import pytest

from tests.browser import browser, chromium

SIZES = {"wide": (1600, 1000), "phone": (390, 844)}


@pytest.fixture(scope="module")
def tab():
    program = chromium()
    if program is None:
        pytest.skip("no Chromium is installed")
    with browser(program) as found:
        yield found


@pytest.fixture(scope="module", params=SIZES)
def loaded(request, tab, made):
    """The page at one size, its scripts run."""
    tab.problems.clear()
    tab.requests.clear()
    tab.size(*SIZES[request.param])
    tab.open(made.page)
    return tab


@pytest.fixture
def opened(loaded):
    """The page as it is at first, whatever the tests before have done to it."""
    loaded.evaluate("report.choose(0); report.seek(0)")
    return loaded


def test_it_plays_and_nothing_goes_wrong(opened, made):
    """The number of the snapshot grows; no error, no request, nothing too wide."""
    number = "Number(document.getElementById('frame').value)"
    assert opened.evaluate("document.getElementById('noview').hidden")
    assert opened.evaluate(number) == 0
    opened.evaluate("document.getElementById('play').click()")
    opened.wait(f"{number} >= 2")
    opened.evaluate("document.getElementById('play').click()")
    shown = opened.evaluate("document.getElementById('where').textContent")
    assert shown == f"snapshot {opened.evaluate(number) + 1}"
    assert opened.requests == [made.page.resolve().as_uri()]
    assert opened.problems == []
    width = opened.evaluate("document.documentElement.scrollWidth")
    assert width <= opened.evaluate("window.innerWidth")


def test_no_name_became_code(opened):
    """Titles, file names and records are only ever text."""
    assert opened.evaluate("typeof window.hacked") == "undefined"
    assert opened.evaluate("document.querySelectorAll('img[onerror]').length") == 0
    assert "</script>" in opened.evaluate("document.querySelector('h1').textContent")


def test_another_trajectory_is_shown_everywhere(opened):
    """Choosing it once moves the view and redraws the charts."""
    opened.evaluate("report.seek(5)")
    before = opened.evaluate("document.getElementById('readout').textContent")
    opened.evaluate(
        "(() => { const s = document.querySelector('select[data-replica]');"
        "s.value = 1; s.dispatchEvent(new Event('change')); })()"
    )
    chosen = "[...document.querySelectorAll('select[data-replica]')].map(s => s.value)"
    assert set(opened.evaluate(chosen)) == {"1"}
    after = opened.evaluate("document.getElementById('readout').textContent")
    assert before != after
    bold = "document.getElementById('chart-rmsd').data.at(-1).name"
    assert opened.evaluate(bold).startswith("gone")
    assert opened.problems == []


def test_values_open_as_a_table_and_a_chart_point_is_a_snapshot(opened):
    """What is drawn can be read, and the view goes where it is clicked."""
    opened.evaluate("document.querySelector('details[data-values=rmsd]').open = true")
    rows = "document.querySelectorAll('details[data-values=rmsd] tbody tr').length"
    opened.wait(f"{rows} === 16")
    opened.evaluate(
        "document.getElementById('chart-rmsd').emit('plotly_click',"
        "{points: [{customdata: 0, pointIndex: 3}]})"
    )
    assert opened.evaluate("document.getElementById('frame').value") == "3"
    assert opened.problems == []
