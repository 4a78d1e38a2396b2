"""What `check` found: one finding a fault, and what each split holds."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

Severity = Literal["error", "warning"]


class Finding(NamedTuple):
    """One thing that is wrong, or odd: where, what was wanted, what came."""

    severity: Severity
    file: str
    image: str  # "" where the file as a whole is meant
    wanted: str
    got: str


class Counts(NamedTuple):
    """What one annotation file of situations holds."""

    split: str
    images: int
    verbs: int  # different ones
    roles: int  # role slots of all images
    boxes: int
    blanks: int  # answers "" of all annotators
    oov: int  # answers that the noun vocabulary does not have


@dataclass(frozen=True)
class Findings:
    """Everything found, in the order of the files; notes say what was not checked."""

    items: tuple[Finding, ...]
    counts: tuple[Any, ...]  # a named tuple a file, all of the same fields
    notes: tuple[str, ...] = ()

    @property
    def errors(self) -> tuple[Finding, ...]:
        return tuple(item for item in self.items if item.severity == "error")

    @property
    def warnings(self) -> tuple[Finding, ...]:
        return tuple(item for item in self.items if item.severity == "warning")

    @property
    def ok(self) -> bool:
        """Whether training can use the data: there may be warnings."""
        return not self.errors

    @property
    def headers(self) -> tuple[str, ...]:
        """What the counts are of."""
        return tuple(self.counts[0]._fields) if self.counts else ()

    def to_rows(self, limit: int | None = None) -> list[Finding]:
        """Errors first, then warnings; at most `limit` of them."""
        return [*self.errors, *self.warnings][:limit]

    def to_json(self) -> str:
        """One JSON object on one line."""
        return json.dumps(
            {
                "ok": self.ok,
                "errors": len(self.errors),
                "warnings": len(self.warnings),
                "findings": [item._asdict() for item in self.items],
                "splits": [counts._asdict() for counts in self.counts],
                "notes": list(self.notes),
            }
        )
