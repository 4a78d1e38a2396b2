"""What the rules of every protocol share: each switch has its choices, and known sets of rules have names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from edgegsr.errors import InputError


def check(rules: Any, switches: Mapping[str, Sequence[str]]) -> None:
    """Refuses a choice that a switch does not have."""
    for switch, choices in switches.items():
        if (got := getattr(rules, switch)) not in choices:
            raise InputError(f"scoring rules: {switch} must be one of {', '.join(choices)}, got {got!r}")


def profile_of(rules: Any, profiles: Mapping[str, Any]) -> str:
    """The name that these rules go by, or "custom"."""
    return next((name for name, known in profiles.items() if known == rules), "custom")
