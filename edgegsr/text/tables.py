"""Words as vectors: the tables that give a student its vocabulary."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor
from torch.nn import functional as F

from edgegsr.errors import InputError
from edgegsr.files import write_whole
from edgegsr.situation import MAX_ROLES

FORMAT = "edgegsr-text-1"


@dataclass(frozen=True)
class TextTables:
    """Unit vectors of one text encoder for the verbs, roles and nouns of one ontology."""

    verbs: Tensor  # (K, t)
    roles: Tensor  # (K, 6, t), each role in the context of its verb; zeros past the frame
    nouns: Tensor  # (J, t)
    encoder: str
    ontology: str = ""  # hash of the ontology that the rows belong to
    revision: str = ""  # hash of the encoder; of tables that were made before it was kept, nothing

    def __post_init__(self) -> None:
        if not all(tensor.ndim for tensor in (self.verbs, self.nouns)):
            raise InputError("text tables: wanted one row a word, got a single number")
        verbs, width = len(self.verbs), self.verbs.shape[-1]
        wanted = {"verbs": (verbs, width), "roles": (verbs, MAX_ROLES, width), "nouns": (len(self.nouns), width)}
        for name, shape in wanted.items():
            if (got := tuple(getattr(self, name).shape)) != shape:
                raise InputError(f"text tables: {name} must have the shape {shape}, got {got}")

    @property
    def width(self) -> int:
        return self.verbs.shape[-1]

    def save(self, path: str | Path) -> None:
        """Writes fp16 safetensors, all of it or nothing."""
        tensors = {"verbs": self.verbs, "roles": self.roles, "nouns": self.nouns}
        write_half(path, tensors, self.facts)

    @property
    def facts(self) -> dict[str, str]:
        """What is written beside the rows."""
        told = {"encoder": self.encoder, "ontology": self.ontology, "revision": self.revision}
        return {name: value for name, value in told.items() if value or name != "revision"}

    @classmethod
    def load(cls, path: str | Path) -> TextTables:
        tensors, facts = read_half(path)
        if missing := [name for name in ("verbs", "roles", "nouns") if name not in tensors]:
            raise InputError(f"{path}: wanted text tables, lacks {', '.join(missing)}")
        encoder, ontology, revision = (facts.get(name, "") for name in ("encoder", "ontology", "revision"))
        return cls(tensors["verbs"], tensors["roles"], tensors["nouns"], encoder, ontology, revision)


def write_half(path: str | Path, tensors: Mapping[str, Tensor], facts: Mapping[str, str]) -> None:
    """Writes unit vectors as fp16, all of them or nothing."""
    half = {name: tensor.half().contiguous() for name, tensor in tensors.items()}
    write_whole(path, save(half, {"format": FORMAT, **facts}))


def read_half(path: str | Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The unit vectors in float32, and the facts beside them."""
    try:
        with safe_open(path, "pt") as file:
            facts = dict(file.metadata() or {})
            if facts.get("format") != FORMAT:
                raise InputError(f"{path}: wanted the format {FORMAT}, got {facts.get('format')!r}")
            return {name: unit(file.get_tensor(name).float()) for name in file.keys()}, facts  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise InputError(f"{path}: wanted text vectors as safetensors: {error}") from error


def unit(vectors: Tensor) -> Tensor:
    """The same directions with norm 1; zeros stay zeros."""
    return F.normalize(vectors, dim=-1)


def through_half(vectors: Tensor) -> Tensor:
    """What comes back after a save and a load, so that a fresh table equals a stored one."""
    return unit(unit(vectors).half().float())
