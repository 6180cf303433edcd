"""Recipes from TOML: files, presets that come with neuralmd, and single settings.

A file has the tables `[training]` (the fields of `Recipe`), `[network]` (of
`BindingNetConfig`) and `[system]` (of the system's own config), and the keys `model`
and `about`. What a file leaves out is as in the default recipe.
"""

import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from difflib import get_close_matches
from importlib.resources import files
from pathlib import Path
from typing import Any

from neuralmd_cli.bindingnet.config import BindingNetConfig
from neuralmd_cli.errors import InputError
from neuralmd_cli.input_files import check_regular, toml_tables
from neuralmd_cli.training.recipe import Recipe
from neuralmd_cli.training.recipe_values import checked

PRESETS = files("neuralmd_cli") / "presets"
DEFAULT_PRESET = "default"
TABLES = ("training", "network", "system")
NETWORK_KEYS = tuple(x.name for x in fields(BindingNetConfig))
RECIPE_KEYS = tuple(x.name for x in fields(Recipe))


@dataclass(frozen=True, kw_only=True)
class Setup:
    """A recipe, and what it says about the system it is for."""

    model: str | None = None  # None: any system
    recipe: Recipe = field(default_factory=Recipe)
    network: Mapping[str, Any] = field(default_factory=dict)
    system: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready dict that `from_tables` reads back."""
        recipe = {
            k: list(v) if isinstance(v, tuple) else v
            for k, v in asdict(self.recipe).items()
        }
        return {
            "model": self.model,
            "training": recipe,
            "network": dict(self.network),
            "system": dict(self.system),
        }

    def binding_net(self) -> BindingNetConfig:
        """The network's sizes.

        Raises:
            InputError: a value out of range.
        """
        try:
            return BindingNetConfig(**self.network)
        except (TypeError, ValueError) as error:
            raise InputError(
                f"The table [network] describes no BindingNet: {error}.",
                hint="docs/training.md lists its keys.",
            ) from None


def from_tables(content: Mapping[str, Any], where: str, base: Setup) -> Setup:
    """A setup with what `content` says, the rest as in `base`.

    Args:
        content: as read from TOML.
        where: what to call it in messages.
        base: what to start from.

    Raises:
        InputError: an unknown key, or a value that is not one it can have.
    """
    known = ("model", "about", *TABLES)
    for key, value in content.items():
        if key not in known:
            raise _unknown(where, key, known)
        if key in TABLES and not isinstance(value, Mapping):
            raise InputError(
                f"{where}: {key} is not a table.", hint=f"Begin it with [{key}]."
            )
    training, network = content.get("training", {}), content.get("network", {})
    for key in training:
        if key not in RECIPE_KEYS:
            raise _unknown(where, key, RECIPE_KEYS)
    for key in network:
        if key not in NETWORK_KEYS:
            raise _unknown(where, f"network.{key}", NETWORK_KEYS)
    merged = asdict(base.recipe) | dict(training)
    return Setup(
        model=content.get("model") or base.model,
        recipe=checked(merged, where),
        network={**base.network, **network},
        system={**base.system, **content.get("system", {})},
    )


def read_setup(path: Path, base: Setup | None = None) -> Setup:
    """A setup from a user's TOML file.

    Raises:
        InputError: not readable, not TOML, or not as described above.
    """
    return from_tables(read_toml(path), path.name, base or Setup())


def read_toml(path: Path) -> dict[str, Any]:
    """The content of a TOML file.

    Raises:
        InputError: not readable, or not TOML.
    """
    try:
        check_regular(path)
        return toml_tables(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise InputError(
            f"{path} cannot be read: {error.strerror}.", hint="Check the path."
        ) from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(
            f"{path.name} is not TOML: {error}.",
            hint="Write key = value, texts in double quotes.",
        ) from None


def preset_names() -> list[str]:
    """Names of the recipes that come with neuralmd; grids for --search not among them.

    A name has the folder in it, as published/misato-100-ode.
    """
    found = [(x.name, x) for x in PRESETS.iterdir() if x.name.endswith(".toml")]
    for folder in (x for x in PRESETS.iterdir() if x.is_dir()):
        found += [
            (f"{folder.name}/{x.name}", x)
            for x in folder.iterdir()
            if x.name.endswith(".toml")
        ]
    return sorted(
        name.removesuffix(".toml")
        for name, file in found
        if "grid" not in tomllib.loads(file.read_text(encoding="utf-8"))
    )


def read_preset(name: str) -> Setup:
    """A recipe that comes with neuralmd, by its name.

    Raises:
        InputError: there is none of that name.
    """
    if name not in preset_names():
        raise InputError(
            f"There is no preset {name!r}.",
            hint=f"Presets are {', '.join(preset_names())}; --recipe takes a file.",
        )
    return from_tables(preset_content(name), f"preset {name}", Setup())


def preset_content(name: str) -> dict[str, Any]:
    """The TOML of a file that comes with neuralmd, its name without the suffix."""
    return tomllib.loads((PRESETS / f"{name}.toml").read_text(encoding="utf-8"))


def with_settings(setup: Setup, settings: Sequence[str]) -> Setup:
    """The setup with single keys set, each written key=value.

    `learning_rate=1e-3` is a key of the recipe, `network.channels=64` and
    `system.step_ps=80` are of the network and of the system. Values are TOML; text
    needs no quotes, and a list may be written a,b.

    Raises:
        InputError: not written so, an unknown key, or a value it cannot have.
    """
    for text in settings:
        key, equals, value = text.partition("=")
        if not equals or not key.strip():
            raise InputError(
                f"--set {text}: there is no key and value.",
                hint="Write it as --set learning_rate=1e-3.",
            )
        setup = with_value(setup, key.strip(), toml_value(value), f"--set {text}")
    return setup


def settings_of(setup: Setup) -> list[str]:
    """The key=value that `with_settings` makes this setup of, from the default one."""
    default, own = Setup().to_dict(), setup.to_dict()
    values = {
        **{k: v for k, v in own["training"].items() if v != default["training"][k]},
        **{f"network.{k}": v for k, v in own["network"].items()},
        **{f"system.{k}": v for k, v in own["system"].items()},
    }
    return [f"{k}={json.dumps(v)}" for k, v in values.items()]


def with_value(setup: Setup, key: str, value: Any, where: str) -> Setup:  # noqa: ANN401 - of any type that TOML has
    """The setup with one key set; `with_settings` says how keys are written."""
    table, dot, name = key.partition(".")
    if not dot:
        table, name = "training", key
    elif table not in TABLES:
        raise _unknown(where, table, TABLES)
    return from_tables({table: {name: value}}, where, setup)


def toml_value(text: str) -> Any:  # noqa: ANN401 - whatever the text means
    """What a text means in TOML; the text itself if it means nothing there."""
    try:
        return toml_tables(f"value = {text}")["value"]
    except (tomllib.TOMLDecodeError, LookupError):
        return text.strip()


def _unknown(where: str, key: str, known: Sequence[str]) -> InputError:
    near = get_close_matches(key.rpartition(".")[2], known, n=1)
    hint = f"Did you mean {near[0]}?" if near else f"Known are {', '.join(known)}."
    return InputError(f"{where}: there is no key {key!r}.", hint=hint)
