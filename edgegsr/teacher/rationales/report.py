"""What became of the images: who wrote about them, and why a model's answers were not used."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from edgegsr.teacher.rationales.dialogue import Outcome


@dataclass
class Report:
    """Counts of one making of rationales."""

    written: Counter[str] = field(default_factory=Counter)  # by writer
    fallbacks: Counter[str] = field(default_factory=Counter)  # images that the template took over, by reason
    refused: Counter[str] = field(default_factory=Counter)  # answers that were not used, by reason
    asked: int = 0  # requests that were sent
    remembered: int = 0  # answers that an earlier run had got

    def count(self, outcome: Outcome) -> None:
        """Adds the end of one talk."""
        self.written[outcome.rationale.writer] += 1
        self.refused.update(outcome.refused)
        if outcome.fallback:
            self.fallbacks[outcome.fallback] += 1
