"""What a user can get wrong, as exceptions that the command line prints in one line."""

from collections.abc import Iterator
from contextlib import contextmanager


class InputError(ValueError):
    """A mistake in what the user gave: where, what was wanted, what came, what to do. Exit code 2."""


class TrainingStopped(RuntimeError):
    """Work that cannot go on, or was asked not to: why, and how to go on. Exit code 1."""


class MissingExtra(InputError):
    """A feature whose packages are not installed; the message ends with the install line."""

    def __init__(self, feature: str, extra: str) -> None:
        super().__init__(f"{feature} needs packages that are not installed; run: pip install 'edgegsr[{extra}]'")


@contextmanager
def of_option(option: str) -> Iterator[None]:
    """Says of a mistake which option it was made in."""
    try:
        yield
    except MissingExtra:
        raise
    except InputError as error:
        told = str(error)
        raise InputError(told if told.startswith("--") else f"{option}: {told}") from error


def require(holds: bool, message: str) -> None:
    """Says what is wrong where it does not hold."""
    if not holds:
        raise InputError(message)


def shown(text: object) -> str:
    """A path or a message that stays on one line and leaves a terminal alone, whatever its names hold."""
    return plain if (plain := str(text)).isprintable() else ascii(plain)
