"""The registry is read as it was meant, or refused."""

from dataclasses import replace

import pytest

from neuralmd_cli.errors import WeightsError
from neuralmd_cli.models.names import PLACES
from neuralmd_cli.weights.registry import (
    check_file,
    load_registry,
    weights_dir,
)

ENTRY = f"""
[[weights]]
name = "a"
model = "neuralmd-ode"
file = "a.safetensors"
sha256 = "{"0" * 64}"
size = 3
description = "first"
card = "a.md"
"""


def registry_of(tmp_path, text):
    (tmp_path / "registry.toml").write_text(text)
    return load_registry(tmp_path)


def test_the_committed_registry_matches_its_files():
    """Every bundled file and every model card of this checkout is as registered."""
    registry = load_registry()
    assert registry.folder == weights_dir()
    for entry in registry.entries:
        assert (registry.folder / entry.card).is_file()
        if entry.bundled:
            check_file(registry.folder / entry.file, entry)


def test_entries_are_read(tmp_path):
    """Flags are optional and off."""
    (entry,) = registry_of(tmp_path, ENTRY).entries
    assert (entry.name, entry.size, entry.card) == ("a", 3, "a.md")
    assert not entry.default
    assert not entry.bundled


def test_an_empty_registry_has_no_default(tmp_path):
    """Zero entries are fine until weights are asked for."""
    registry = registry_of(tmp_path, "")
    assert registry.entries == ()
    with pytest.raises(WeightsError, match="without default weights"):
        registry.default()
    with pytest.raises(WeightsError, match="known names: none"):
        registry.entry("a")


def test_an_unknown_name_lists_the_known_and_suggests_one(publish):
    """A typing error gets its correction."""
    registry = publish(True).registry
    with pytest.raises(WeightsError, match="known names: tiny-ode") as caught:
        registry.entry("tiny-od")
    assert caught.value.hint == "Did you mean tiny-ode?"
    with pytest.raises(WeightsError, match="no weights named qqqq"):
        registry.entry("qqqq")


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('"a.safetensors"', '"../a.safetensors"', "plain file name"),
        ('"a.md"', '"/a.md"', "plain file name"),
        ('"0', '"Z', "hexadecimal"),
        ("size = 3", 'size = "3"', "size"),
        ("size = 3", "", "size"),
        ("size = 3", "size = 3\nsise = 3", "sise"),
        ("[[weights]]", "[[models]]", "unknown table models"),
        ("[[weights]]", "[[weights", "registry cannot be used"),
    ],
)
def test_a_wrong_entry_is_refused(tmp_path, old, new, problem):
    """The message says which field is wrong."""
    assert old in ENTRY
    with pytest.raises(WeightsError, match=problem):
        registry_of(tmp_path, ENTRY.replace(old, new, 1))


ORIGINAL = """
[[weights]]
name = "b"
model = "neuralmd-ode"
file = "b.safetensors"
size = 3
description = "theirs"
card = "b.md"
url = "https://example.org/theirs"
original = "folder/model.pth"
"""


def test_an_original_may_have_no_known_hash(tmp_path):
    """Our own files must have one."""
    (entry,) = registry_of(tmp_path, ORIGINAL).entries
    assert (entry.original, entry.sha256) == ("folder/model.pth", "")
    with pytest.raises(WeightsError, match="sha256"):
        registry_of(tmp_path, ORIGINAL.replace("original =", "# original ="))


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('"folder/model.pth"', '"/model.pth"', "not a path below"),
        ('"folder/model.pth"', '"../model.pth"', "not a path below"),
        ("original =", "bundled = true\noriginal =", "not bundled"),
        ("original =", 'sha256 = "abc"\noriginal =', "hexadecimal"),
        ("url =", "# url =", "has no url"),
    ],
)
def test_a_wrong_original_is_refused(tmp_path, old, new, problem):
    """It has an address, lies below it, and is never part of an installation."""
    assert old in ORIGINAL
    with pytest.raises(WeightsError, match=problem):
        registry_of(tmp_path, ORIGINAL.replace(old, new))


def test_the_committed_originals_are_the_authors():
    """The published checkpoints: not bundled, with the known path, size and hash."""
    registry = load_registry()
    known = {
        "neuralmd-ode-misato100-published": ("ODE/MISATO_100", 4_813_458, "364404a7"),
        "neuralmd-ode-misato1000-published": ("ODE/MISATO_1000", 8_955_570, ""),
        "neuralmd-sde-misato1000-published": ("SDE/MISATO_1000", 8_954_730, ""),
    }
    originals = {x.name: x for x in registry.entries if x.original}
    assert set(originals) == set(known)
    for name, (place, size, sha256) in known.items():
        entry = originals[name]
        assert entry.original == f"NeuralMD_{place}_seed_42/model.pth"
        assert entry.size == size
        assert entry.sha256[:8] == sha256
        assert entry.url == "https://huggingface.co/chao1224/NeuralMD/resolve/main"
        assert not entry.bundled


def test_names_and_the_default_are_unique(tmp_path):
    """Two entries of one name, or two defaults of a model, would be a guess."""
    with pytest.raises(WeightsError, match="twice"):
        registry_of(tmp_path, ENTRY + ENTRY)
    default = ENTRY + "default = true\n"
    with pytest.raises(WeightsError, match="more than one default"):
        registry_of(tmp_path, default + default.replace('"a"', '"b"'))


def test_each_model_has_its_own_default(tmp_path):
    """And one without any says how to come by weights."""
    ode = ENTRY + "default = true\n"
    sde = ode.replace('"a"', '"b"').replace('"neuralmd-ode"', '"neuralmd-sde"')
    plain = ENTRY.replace('"a"', '"c"').replace('"neuralmd-ode"', '"verletmd"')
    registry = registry_of(tmp_path, ode + sde + plain)
    assert registry.default().name == "a"
    assert registry.default("neuralmd-sde").name == "b"
    with pytest.raises(WeightsError, match="default weights of the model gnn") as none:
        registry.default("gnnmd")
    assert none.value.hint.startswith("Train some with `neuralmd train --model gnnmd`")
    with pytest.raises(WeightsError, match="default weights of the model ver") as some:
        registry.default("verletmd")
    assert some.value.hint.startswith("Choose --weights c, or train")
    assert "`neuralmd train --model verletmd`" in some.value.hint


def test_every_committed_entry_is_of_a_model_there_is():
    """The name that --model takes; the default model has default weights."""
    registry = load_registry()
    assert {x.model for x in registry.entries} <= set(PLACES)
    assert registry.default().bundled


def test_a_missing_registry_says_so(tmp_path):
    """A broken installation is named."""
    with pytest.raises(WeightsError, match="registry cannot be used"):
        load_registry(tmp_path)


def test_a_wrong_size_and_a_wrong_hash_are_told_apart(publish):
    """The message has what was expected and what was found."""
    published = publish(True)
    path = published.registry.folder / published.entry.file
    check_file(path, published.entry)
    path.write_bytes(published.content[:-1])
    size = published.entry.size
    with pytest.raises(WeightsError, match=f"{size - 1} bytes instead of {size}"):
        check_file(path, published.entry)
    path.write_bytes(bytes([published.content[0] ^ 1]) + published.content[1:])
    with pytest.raises(WeightsError, match=f"instead of {published.entry.sha256}"):
        check_file(path, published.entry)
    with pytest.raises(WeightsError, match="cannot be read"):
        check_file(path.with_name("gone"), published.entry)


def test_default_is_the_marked_entry(publish):
    """Not the first one."""
    registry = publish(True).registry
    (entry,) = registry.entries
    first = replace(entry, name="first", default=False)
    assert replace(registry, entries=(first, entry)).default() == entry
