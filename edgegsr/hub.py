"""Models from Hugging Face: a folder as it is, a hub id through the hub's own cache; failures are InputErrors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edgegsr.errors import InputError

FILES = ["*.json", "*.safetensors", "*.txt", "*.model", "*.jinja"]  # of weights safetensors alone: nothing pickled


def locate(name: str) -> Path:
    """The folder that holds the model `name`, a hub id or a path; downloads unless HF_HUB_OFFLINE is set."""
    folder = Path(name).expanduser()
    if folder.is_dir():
        return folder
    if folder.is_absolute() or name.startswith((".", "~")) or name.count("/") > 1:
        raise InputError(f"{name}: no such folder; give the folder of a saved model or a hub id such as 'owner/name'")
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(name, allow_patterns=FILES))
    except Exception as error:  # the hub client raises its own, HTTP and OS errors for the same thing
        raise InputError(
            f"{name}: neither a folder here nor a model that the hub or its cache gives: {first_line(error)}; "
            "check how it is spelled, or give the folder of a saved model"
        ) from error


@contextmanager
def loading(folder: Path | None, wanted: str) -> Iterator[None]:
    """Loads in silence, and tells any failure as `wanted` against what came."""
    from transformers.utils import logging

    verbosity, bar = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    except InputError:
        raise
    except Exception as error:  # missing file, foreign format, other shapes: each has its own error class
        raise InputError(f"{folder}: wanted {wanted}, got: {first_line(error)}") from error
    finally:
        logging.set_verbosity(verbosity)
        if bar:
            logging.enable_progress_bar()


def first_line(error: Exception) -> str:
    """What an exception says, and the line after it where the first one ends with a colon."""
    first, *more = [line.strip() for line in str(error).strip().splitlines()] or [type(error).__name__]
    return f"{first} {more[0]}" if more and first.endswith(":") else first
