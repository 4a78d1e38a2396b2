"""The page that every report is: one HTML file with its style inside, and nothing from outside."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from importlib.resources import files
from string import Template


def page(title: str, lead: str, body: str, versions: Mapping[str, object]) -> str:
    """The whole document; `body` is HTML, the rest is text."""
    shell = Template(files("edgegsr").joinpath("page.html").read_text("utf-8"))
    footer = " · ".join(f"{name} {version}" for name, version in versions.items())
    return shell.substitute(title=escape(title), lead=escape(lead), body=body, footer=escape(footer))


def percent(share: float | None) -> str:
    """A share as a page says it."""
    return "–" if share is None else f"{100 * share:.1f}"


def many(count: int, what: str) -> str:
    """So many of something."""
    return f"{count:,} {what}{'s' * (count != 1)}"
