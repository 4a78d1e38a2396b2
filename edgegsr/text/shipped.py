"""The text tables of Diorama, shipped with the package: made once from all-MiniLM-L6-v2, so that nobody needs it.

python -m edgegsr.text.shipped      makes them again (needs the development extra)
"""

from __future__ import annotations

from edgegsr.data.diorama import script
from edgegsr.errors import InputError
from edgegsr.situation import Ontology
from edgegsr.text.embed import embed
from edgegsr.text.tables import TextTables
from edgegsr.wording import ontology_hash

PATH = script.HERE / "tables.safetensors"
ENCODER = "all-MiniLM-L6-v2"


def tables_for(ontology: Ontology, encoder: str | None = None) -> TextTables:
    """The words of an ontology as vectors of `encoder`; without one, the shipped tables where they fit."""
    if encoder is not None:
        return embed(ontology, encoder)
    if (shipped := shipped_for(ontology)) is None:
        raise InputError("--text: this data set has words of its own; name a text encoder: a hub id or a local folder")
    return shipped


def shipped_for(ontology: Ontology) -> TextTables | None:
    """The shipped tables where they are of these words."""
    shipped = TextTables.load(PATH)
    return shipped if shipped.ontology == ontology_hash(ontology) else None


def make() -> TextTables:
    tables = embed(script.ontology(), ENCODER)
    tables.save(PATH)
    return tables


if __name__ == "__main__":
    make()
    print(PATH)
