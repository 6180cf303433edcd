"""What every download shares: how far it is, and what went wrong in words."""

import os
from typing import Any, Protocol, runtime_checkable
from urllib.parse import urlsplit

import requests
from requests import exceptions

from neuralmd_cli.errors import DownloadError

TIMEOUT_S = 30
OFFLINE_VARIABLE = "NEURALMD_OFFLINE"
NO = ("", "0", "false", "no", "off")


def is_offline() -> bool:
    """True if `--offline` or `NEURALMD_OFFLINE` forbids every network access."""
    return os.environ.get(OFFLINE_VARIABLE, "").strip().lower() not in NO


def check_online(address: str) -> None:
    """Stop before a network is touched that must not be.

    Raises:
        DownloadError: the user asked to stay offline.
    """
    if is_offline():
        raise DownloadError(
            f"{address} is needed, but neuralmd is offline.",
            hint=f"Leave out --offline (and unset {OFFLINE_VARIABLE}), or fetch it on "
            "another machine and give the file.",
        )


def refuse_downgrade(response: requests.Response, *_: Any, **__: Any) -> None:  # noqa: ANN401  requests' hook
    """A hook of requests: no redirect from https to what anybody may have changed.

    Raises:
        InvalidSchema: the answer leads from https elsewhere.
    """
    target = response.headers.get("Location")
    if not response.is_redirect or target is None:
        return
    here, there = urlsplit(response.url).scheme, urlsplit(target).scheme
    if there and there != here and there != "https":
        raise exceptions.InvalidSchema(
            f"it leads on to {there}, which is less safe than {here}"
        )


@runtime_checkable
class Progress(Protocol):
    """What shows how far a download is; `total` is set when it is known."""

    total: int  # bytes

    def update(self, amount: int) -> None:
        """Another `amount` bytes came."""

    def reset(self) -> None:
        """Count from zero again."""

    def close(self) -> None:
        """The download is complete."""


def describe(
    error: exceptions.RequestException,
    address: str,
    *,
    timeout_s: int | float = TIMEOUT_S,
) -> str:
    """What went wrong with a request to an address, as the middle of a sentence."""
    if isinstance(error, exceptions.HTTPError) and error.response is not None:
        response = error.response
        return f"{address} answers {response.status_code} ({response.reason})"
    if isinstance(error, exceptions.Timeout):
        return f"{address} gave no answer for {timeout_s} s"
    if isinstance(error, exceptions.ChunkedEncodingError):
        return f"the download of {address} broke off"
    if isinstance(error, exceptions.ConnectionError):
        return f"the connection to {address} failed ({type(error).__name__})"
    return f"{address} cannot be fetched ({error})"
