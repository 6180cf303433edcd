"""Checkpoints of others are fetched, pinned, converted and cached, or refused."""

import json
import logging
import socket
from dataclasses import replace

import pytest

from neuralmd_cli.errors import WeightsError
from neuralmd_cli.weights.fetch import check, fetch, locate, resolve
from neuralmd_cli.weights.model import load_model
from neuralmd_cli.weights.registry import file_sha256
from tests.published import FLAGS as TRAINING_FLAGS
from tests.published import SDE_FLAGS, published_sde_state, published_state
from tests.weights.conftest import sending

NAME = "tiny-published"
MODEL, FLAGS = "NeuralMD_ODE/TINY_seed_0/model.pth", "hyperparameter.txt"


def left_in(folder):
    return sorted(x.name for x in folder.iterdir()) if folder.is_dir() else []


def text_of(made):
    return next(x for x in made.files if x.endswith(FLAGS))


def test_a_checkpoint_is_fetched_converted_and_then_used(original, server, cache):
    """From its registered address, once; the originals are not kept."""
    made = original()
    assert locate(made.entry, made.registry).where == "remote"
    path = resolve(NAME, registry=made.registry)
    assert path == cache / "tiny-published.safetensors"
    loaded = load_model(path)
    assert loaded.name == NAME
    assert loaded.system.config.step_ps == 400
    assert server.requests == 2
    assert locate(made.entry, made.registry).where == "cached"
    assert resolve(NAME, registry=made.registry) == path
    assert fetch(made.entry) == path
    assert server.requests == 2
    assert left_in(cache) == ["seen.json", "tiny-published.safetensors"]


def test_an_ode_with_a_refined_velocity_is_fetched(original):
    """As the MISATO-1000 one: coefficient 0.01, hence a second ligand network."""
    made = original(
        known=False,
        folder="NeuralMD_ODE/MISATO_1000_seed_42",
        state=published_state(refined=True),
        flags=TRAINING_FLAGS.format(0.01),
    )
    system = load_model(resolve(NAME, registry=made.registry)).system
    assert system.config.velocity_refinement == 0.01
    assert any(x.startswith("velocity_refinement.") for x in system.state_dict())


def test_an_sde_is_fetched(original, server):
    """As the MISATO-1000 one: noise from a sigma network, step 10."""
    made = original(
        known=False,
        folder="NeuralMD_SDE/MISATO_1000_seed_42",
        state=published_sde_state(),
        flags=SDE_FLAGS,
    )
    system = load_model(resolve(NAME, registry=made.registry)).system
    assert (system.name, system.config.noise) == ("neuralmd-sde", "published-scalar")
    assert (system.config.step_ps, system.config.ps_per_time_unit) == (800, 8000)
    assert server.requests == 2


def test_a_mirror_goes_before_the_registered_address(original, server, monkeypatch):
    """By argument or environment, with the same paths below it."""
    made = original()
    nowhere = replace(made.entry, url="http://127.0.0.1:1")
    assert fetch(nowhere, url=server.url).is_file()
    fetch(nowhere).unlink()
    monkeypatch.setenv("NEURALMD_WEIGHTS_URL", server.url + "/")
    assert fetch(nowhere).is_file()


def test_a_known_hash_needs_no_word(original, caplog):
    """Only the training flags, which no registry knows, are announced."""
    with caplog.at_level(logging.WARNING):
        resolve(NAME, registry=original().registry)
    (message,) = [x.getMessage() for x in caplog.records]
    assert "no SHA-256 is registered for hyperparameter.txt" in message


def test_an_unknown_hash_is_announced_and_pinned(original, cache, caplog):
    """The size is checked, the user told, and the first hash written down."""
    made = original(known=False)
    with caplog.at_level(logging.WARNING):
        path = resolve(NAME, registry=made.registry)
    message = caplog.records[0].getMessage()
    pins = json.loads((cache / "seen.json").read_text())[NAME]
    assert "no SHA-256 is registered for model.pth" in message
    assert f"Its size, {made.entry.size} bytes, is right" in message
    assert f"The one it has, {pins['model.pth']}, is pinned" in message
    assert set(pins) == {"model.pth", FLAGS, path.name}
    assert pins[path.name] == file_sha256(path)
    path.unlink()
    caplog.clear()
    resolve(NAME, registry=made.registry)
    assert not caplog.records


@pytest.mark.usefixtures("no_waiting")
@pytest.mark.parametrize("changed", ["model.pth", FLAGS])
def test_another_file_than_the_first_is_refused(original, server, cache, changed):
    """Of the right size, with no known hash, but not what was seen first."""
    made = original(known=False)
    path = resolve(NAME, registry=made.registry)
    before = (cache / "seen.json").read_text()
    path.unlink()
    key = next(x for x in made.files if x.endswith(changed))
    content = made.files[key]
    made.files[key] = content[:-1] + bytes([content[-1] ^ 1])
    with pytest.raises(WeightsError, match="does not match") as caught:
        resolve(NAME, registry=made.registry)
    assert "not the file that neuralmd fetched first" in caught.value.hint
    assert str(cache / "seen.json") in caught.value.hint
    assert left_in(cache) == ["seen.json"]
    assert (cache / "seen.json").read_text() == before
    # The remedy of the hint works.
    if changed == FLAGS:
        (cache / "seen.json").write_text("{}")
        assert resolve(NAME, registry=made.registry) == path


@pytest.mark.usefixtures("no_waiting")
@pytest.mark.parametrize("known", [True, False])
def test_a_wrong_size_is_not_kept(original, cache, known):
    """Every try is made, nothing is pinned."""
    made = original(known=known)
    made.files[MODEL] += b"x"
    size = made.entry.size
    with pytest.raises(WeightsError, match=f"sent {size + 1} bytes instead of {size}"):
        resolve(NAME, registry=made.registry)
    assert left_in(cache) == []


@pytest.mark.usefixtures("no_waiting")
def test_a_wrong_hash_is_not_kept(original, cache):
    """Of the right size, but another file than the registered one."""
    made = original()
    made.files[MODEL] = b"x" * made.entry.size
    with pytest.raises(WeightsError, match="does not match") as caught:
        resolve(NAME, registry=made.registry)
    assert made.entry.sha256 in caught.value.message
    assert "the registry means" in caught.value.hint
    assert left_in(cache) == []


@pytest.mark.usefixtures("no_waiting")
@pytest.mark.parametrize("gone", ["model.pth", FLAGS])
def test_a_file_that_is_not_there_is_named(original, cache, gone):
    """404 with the full address, for either file."""
    made = original()
    del made.files[next(x for x in made.files if x.endswith(gone))]
    with pytest.raises(WeightsError, match=rf"TINY_seed_0/{gone} answers 404"):
        resolve(NAME, registry=made.registry)
    assert left_in(cache) == []


@pytest.mark.usefixtures("no_waiting")
def test_a_dropped_connection_leaves_nothing(original, server, cache):
    """Hung up at once, or in the middle of the file."""
    made = original()
    server.answer = lambda handler: handler.connection.shutdown(socket.SHUT_RDWR)
    with pytest.raises(WeightsError, match=r"connection to .* failed"):
        resolve(NAME, registry=made.registry)
    content = made.files[MODEL]
    server.answer = sending(content[:100], claimed=len(content))
    with pytest.raises(WeightsError, match="broke off before its"):
        resolve(NAME, registry=made.registry)
    assert left_in(cache) == []


def test_flags_that_are_none_are_neither_kept_nor_pinned(original, cache):
    """A web page in place of the flags; the hint says how to go on by hand."""
    made = original(known=False)
    good = made.files[text_of(made)]
    made.files[text_of(made)] = b"<html>\n<p>Please log in\n</html>"
    with pytest.raises(WeightsError, match="cannot be converted") as caught:
        resolve(NAME, registry=made.registry)
    assert "neuralmd weights import" in caught.value.hint
    assert made.entry.original in caught.value.hint
    assert left_in(cache) == []
    made.files[text_of(made)] = good
    assert resolve(NAME, registry=made.registry).is_file()


def test_a_changed_conversion_is_made_again_or_refused(original, server, cache):
    """With its authors in reach it is fetched anew; without, it is not used."""
    made = original()
    path = resolve(NAME, registry=made.registry)
    content = path.read_bytes()
    path.write_bytes(content + b"x")
    with pytest.raises(WeightsError, match="not the registered tiny-published"):
        check(path, made.entry)
    with pytest.raises(WeightsError, match="connection to .* failed"):
        resolve(NAME, registry=made.registry, url="http://127.0.0.1:1")
    assert resolve(NAME, registry=made.registry).read_bytes() == content
    check(path, made.entry)


def test_a_conversion_without_record_is_not_trusted(original, cache):
    """Where the record is gone, the file is made again."""
    made = original()
    path = resolve(NAME, registry=made.registry)
    (cache / "seen.json").unlink()
    with pytest.raises(WeightsError, match="no record of its SHA-256"):
        check(path, made.entry)
    resolve(NAME, registry=made.registry)
    check(path, made.entry)


@pytest.mark.parametrize("content", ["{", "[]", '{"tiny-published": 1}'])
def test_a_damaged_record_is_not_guessed_around(original, cache, content):
    """What was pinned is unknown then: the user decides."""
    made = original()
    cache.mkdir()
    (cache / "seen.json").write_text(content)
    with pytest.raises(WeightsError, match=r"seen\.json.* cannot be read"):
        resolve(NAME, registry=made.registry)


def test_pins_of_other_weights_stay(original, cache):
    """Each name has its own."""
    made = original(known=False)
    other = replace(made.entry, name="other", file="other.safetensors")
    fetch(made.entry)
    fetch(other)
    assert set(json.loads((cache / "seen.json").read_text())) == {NAME, "other"}
    check(cache / "other.safetensors", other)
    check(cache / made.entry.file, made.entry)


def test_a_cache_that_cannot_be_made_is_named(original, tmp_path, monkeypatch):
    """The hint has the variable that moves it."""
    made = original()
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("NEURALMD_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(WeightsError, match="file/cache cannot be written") as caught:
        resolve(NAME, registry=made.registry)
    assert "NEURALMD_CACHE" in caught.value.hint
