"""Writes the tables of README.md from results/*.json; with --check only says whether they fit.

    python benchmarks/tables.py

A table stands between <!-- results:NAME --> and <!-- /results -->.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable

from table_cells import ROOT
from tables_pairs import both_heads, hoi, hoi_apart, hoi_parts, two_stage
from tables_speed import bundles, compress, cpu, peers, speed
from tables_taught import baseline, mipd, nano, parts

README = ROOT / "README.md"
BLOCK = re.compile(r"(<!-- results:(\w+) -->\n).*?(<!-- /results -->)", re.S)
TABLES: dict[str, Callable[[], str]] = {
    "baseline": baseline,
    "mipd": mipd,
    "parts": parts,
    "nano": nano,
    "compress": compress,
    "cpu": cpu,
    "bundles": bundles,
    "peers": peers,
    "hoi": hoi,
    "hoi_apart": hoi_apart,
    "hoi_parts": hoi_parts,
    "both_heads": both_heads,
    "two_stage": two_stage,
    "speed": speed,
}


def filled(text: str) -> str:
    """The text with every table made anew."""
    return BLOCK.sub(lambda m: f"{m[1]}{TABLES[m[2]]()}\n{m[3]}", text)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 3 when README.md is out of date")
    given = parser.parse_args()
    text = README.read_text(encoding="utf-8")
    if given.check:
        return 0 if filled(text) == text else 3
    README.write_text(filled(text), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
