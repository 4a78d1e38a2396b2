"""The text tables of Diorama, shipped with the package: made once from all-MiniLM-L6-v2, so that nobody needs it.

    python -m edgegsr.data.diorama.tables      makes them again (needs the development extra)
"""

from __future__ import annotations

from edgegsr.data.diorama import script
from edgegsr.text import TextTables, embed

PATH = script.HERE / "tables.safetensors"
ENCODER = "all-MiniLM-L6-v2"


def shipped() -> TextTables:
    """The tables of `script.ontology()`."""
    return TextTables.load(PATH)


def make() -> TextTables:
    tables = embed(script.ontology(), ENCODER)
    tables.save(PATH)
    return tables


if __name__ == "__main__":
    make()
    print(PATH)
