"""File names that no title can bend."""

from hypothesis import given
from hypothesis import strategies as st

from neuralmd_cli.screen.names import screen_name, shelf


@given(st.text(max_size=300), st.integers(1, 10**7))
def test_any_title_makes_a_plain_name(title, number):
    """Letters, digits, dot, dash, underscore; short; no way up the tree."""
    name = screen_name(number, title)
    assert name.startswith(f"{number:06d}")
    assert len(name) <= 50
    assert ".." not in name
    assert all(x.isascii() and (x.isalnum() or x in "._-") for x in name)
    assert not name.endswith((".", "_", "-"))


@given(st.lists(st.text(max_size=20), min_size=2, max_size=20))
def test_no_two_ligands_share_a_name(titles):
    """Whatever they are called, also where letters differ in case alone."""
    names = [screen_name(k, title).lower() for k, title in enumerate(titles, start=1)]
    assert len(set(names)) == len(titles)


def test_names_can_be_read():
    """What a chemist typed is found again."""
    assert screen_name(123, "CHEMBL25 (aspirin)") == "000123_CHEMBL25_aspirin"
    assert screen_name(1, "../../etc/passwd") == "000001_etc_passwd"
    assert screen_name(2, "アスピリン") == "000002"
    assert screen_name(3, "café") == "000003_cafe"
    assert screen_name(4, "") == "000004"


def test_a_folder_holds_a_thousand():
    """Not ten thousand ligands in one."""
    assert (shelf(1), shelf(999), shelf(1000), shelf(123456)) == (
        *("000", "000", "001", "123"),
    )
