"""Shards: rows of tensors under keys, some tens of megabytes a file, each file there whole or not at all.

A key says what a row was made from, so a row is never wrong, only there or not. What a shard holds stands in its own
header, and its name follows from that: processes share a folder without a lock, a reader sees what has been written so
far, and whatever was killed has lost no more than the shard it had not written yet.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes
from torch import Tensor

from edgegsr.files import write_whole

FORMAT = "edgegsr-shard-1"
SUFFIX = ".safetensors"
SHARD_MB = 64.0
LONGEST_S = 60.0  # that rows wait to be written: small ones would wait for the end, and a kill would take them all
ABANDONED_S = 3600.0  # no shard takes that long to write

log = logging.getLogger("edgegsr")


def key_of(*facts: str) -> bytes:
    """The key of what was made from these facts and from nothing else."""
    return hashlib.sha256("\0".join(facts).encode()).digest()


class Shard(NamedTuple):
    """One file, mapped into memory: a row is a run along the first axis of every tensor."""

    tensors: Mapping[str, Tensor]
    ends: npt.NDArray[np.int64]  # where each row ends

    def row(self, number: int) -> Mapping[str, Tensor]:
        start = self.ends[number - 1] if number else 0
        return {name: tensor[start : self.ends[number]] for name, tensor in self.tensors.items()}


class Shards:
    """All rows of a folder: opening costs the headers, reading costs the rows that are read."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.files = folder, list[Shard]()
        self._seen, self._places = set[str](), dict[bytes, tuple[int, int]]()
        self.refresh()

    def refresh(self) -> None:
        """Sees what was written since."""
        for path in sorted(self.folder.glob(f"*{SUFFIX}")):
            if path.name not in self._seen:
                keys, shard = _open(path)
                if keys:  # a damaged one may be written again
                    self._seen.add(path.name)
                self._places |= {key: (len(self.files), row) for row, key in enumerate(keys)}
                self.files.append(shard)

    def __len__(self) -> int:
        return len(self._places)

    def lacking(self, keys: Iterable[bytes]) -> list[bytes]:
        """Those that are not there, each once."""
        return [key for key in dict.fromkeys(keys) if key not in self._places]

    def places(self, keys: Sequence[bytes]) -> npt.NDArray[np.int64]:
        """(n, 2) the shard among `files` and the row in it, for each key."""
        return np.array([self._places[key] for key in keys], np.int64).reshape(-1, 2)

    @property
    def disk_bytes(self) -> int:
        return sum((self.folder / name).stat().st_size for name in self._seen)


class ShardWriter:
    """Collects rows and writes them when they are enough; what remains is written at the end, however that comes."""

    def __init__(self, folder: Path, rank: int = 0, shard_mb: float = SHARD_MB) -> None:
        self.folder, self.rank, self.most_bytes = folder, rank, shard_mb * 1e6
        self._rows, self._bytes, self._written = dict[bytes, Mapping[str, Tensor]](), 0, time.monotonic()

    def add(self, key: bytes, **row: Tensor) -> None:
        """Takes one row: tensors of the same length."""
        self._rows[key] = row
        self._bytes += sum(tensor.nbytes for tensor in row.values())
        if self._bytes >= self.most_bytes or time.monotonic() - self._written >= LONGEST_S:
            self.flush()

    def flush(self) -> None:
        """Writes what has come together; what cannot be written is given up, so that nobody tries twice."""
        rows, self._rows, self._bytes, self._written = self._rows, {}, 0, time.monotonic()
        if not rows:
            return
        first, *_ = rows.values()
        tensors = {name: torch.cat([row[name] for row in rows.values()]) for name in first}
        tensors["ends"] = torch.tensor([len(next(iter(row.values()))) for row in rows.values()]).cumsum(0)
        facts = {"format": FORMAT, "keys": " ".join(key.hex() for key in rows)}
        name = hashlib.sha256(b"".join(rows)).hexdigest()[:16]
        write_whole(self.folder / f"{self.rank:04}-{name}{SUFFIX}", to_bytes(tensors, facts))

    def __enter__(self) -> ShardWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self.flush()


def sweep(folder: Path) -> None:
    """Removes what processes that were killed have half written."""
    for draft in folder.glob(f".*{SUFFIX}.*"):
        if time.time() - draft.stat().st_mtime > ABANDONED_S:
            draft.unlink(missing_ok=True)


def _open(path: Path) -> tuple[Sequence[bytes], Shard]:
    """Keys and rows of a shard, none where it is damaged: what it held will be made again."""
    try:
        with safe_open(path, "pt") as file:
            facts = file.metadata() or {}
            if facts.get("format") != FORMAT:
                raise ValueError(f"wanted the format {FORMAT}, got {facts.get('format')}")
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            ends = tensors.pop("ends").numpy()
            return [bytes.fromhex(key) for key in facts["keys"].split()], Shard(tensors, ends)
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        log.warning("%s: is left out, what it held will be made again (%s)", path, error)
        return (), Shard({}, np.empty(0, np.int64))
