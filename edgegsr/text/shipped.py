"""The text tables of Diorama and its crowds, shipped with the package: made once from all-MiniLM-L6-v2, so that nobody
needs it.

python -m edgegsr.text.shipped      makes them again (needs the development extra)
"""

from __future__ import annotations

from pathlib import Path

from edgegsr.data.diorama import script
from edgegsr.data.diorama.make_crowd import kinds
from edgegsr.errors import InputError
from edgegsr.situation import Ontology
from edgegsr.text.embed import embed
from edgegsr.text.encoders import MINILM_HUB
from edgegsr.text.kinds import ontology_of
from edgegsr.text.tables import TextTables
from edgegsr.wording import ontology_hash

PATH, CROWD = script.HERE / "tables.safetensors", script.HERE / "crowd_tables.safetensors"
ENCODER = "all-MiniLM-L6-v2"


def tables_for(ontology: Ontology, encoder: str | None = None) -> TextTables:
    """The words of an ontology as vectors of `encoder`; without one, the shipped tables where they fit."""
    if encoder is not None:
        return embed(ontology, encoder)
    if (shipped := shipped_for(ontology)) is None:
        raise InputError(
            "--text: this data set has words of its own; name a text encoder, a hub id or a folder; "
            f"{MINILM_HUB} is here already"
        )
    return shipped


def shipped_for(ontology: Ontology) -> TextTables | None:
    """The shipped tables where they are of these words."""
    known = ontology_hash(ontology)
    return next((tables for tables in map(TextTables.load, (PATH, CROWD)) if tables.ontology == known), None)


def make() -> dict[Path, TextTables]:
    made = {PATH: embed(script.ontology(), ENCODER), CROWD: embed(ontology_of(kinds()), ENCODER)}
    for path, tables in made.items():
        tables.save(path)
    return made


if __name__ == "__main__":
    print(*make(), sep="\n")
