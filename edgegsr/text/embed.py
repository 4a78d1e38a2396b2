"""An ontology as text tables, and single words as vectors; both remembered by the hash of what they were made from."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from edgegsr.errors import InputError
from edgegsr.files import cache_folder
from edgegsr.situation import MAX_ROLES, Ontology
from edgegsr.text.encoders import contents, read, resolve, revision
from edgegsr.text.tables import TextTables, read_half, through_half, write_half
from edgegsr.wording import ontology_hash, texts_of

log = logging.getLogger("edgegsr")


def embed(
    ontology: Ontology, encoder: str, *, template: str = "both", batch: int = 64, cache_dir: str | Path | None = None
) -> TextTables:
    """The tables of an ontology by `encoder`: "all-MiniLM-L6-v2", a hub id, or a folder.

    `template` names the wordings of a verb: "word", "definition", "both".
    """
    said = texts_of(ontology, template)
    rows = dict(zip(said.every, words(said.every, encoder, batch=batch, cache_dir=cache_dir)))
    name, folder = resolve(encoder)
    return TextTables(
        verbs=through_half(torch.stack([torch.stack([rows[text] for text in group]).mean(0) for group in said.verbs])),
        roles=torch.stack([_padded([rows[text] for text in group]) for group in said.roles]),
        nouns=torch.stack([rows[text] for text in said.nouns]),
        encoder=name,
        ontology=ontology_hash(ontology),
        revision=revision(folder),
    )


def words(texts: Sequence[str], encoder: str, *, batch: int = 64, cache_dir: str | Path | None = None) -> Tensor:
    """(n, d) unit vectors of the texts."""
    name, folder = resolve(encoder)
    entry = _cache(cache_dir) / f"{_key(name, folder, texts)}.safetensors"
    if (kept := _kept(entry, len(texts))) is not None:
        return kept
    vectors = through_half(read(texts, folder, batch))
    try:
        entry.parent.mkdir(parents=True, exist_ok=True)
        write_half(entry, {"words": vectors}, {"encoder": name})
    except (OSError, InputError) as error:  # the cache only saves time
        log.warning("text vectors are not kept for the next time: %s", error)
    return vectors


def _kept(entry: Path, rows: int) -> Tensor | None:
    """The remembered vectors, unless there are none or the file is damaged."""
    if not entry.exists():
        return None
    try:
        kept = read_half(entry)[0].get("words")
    except InputError:
        return None
    return kept if kept is not None and len(kept) == rows else None


def _cache(folder: str | Path | None) -> Path:
    if folder is not None:
        return Path(folder)
    return cache_folder() / "text"


def _key(name: str, folder: Path, texts: Sequence[str]) -> str:
    """Hash of everything that decides the vectors."""
    return hashlib.sha256(json.dumps([name, list(texts)]).encode() + contents(folder)).hexdigest()


def _padded(rows: list[Tensor]) -> Tensor:
    """(6, t): the roles of a frame, zeros past it."""
    return torch.cat([torch.stack(rows), torch.zeros(MAX_ROLES - len(rows), rows[0].shape[-1])])
