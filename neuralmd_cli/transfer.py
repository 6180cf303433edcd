"""What every download shares: how far it is, and what went wrong in words."""

from typing import Protocol, runtime_checkable

from requests import exceptions

TIMEOUT_S = 30


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
