"""The words of interactions as an ontology: a verb with its human and its object, and every object as a noun.

So what reads, embeds and ships the words of situations does the same for those of pairs.
"""

from __future__ import annotations

from edgegsr.data.hico import words
from edgegsr.data.vcoco import SPOKEN
from edgegsr.interactions import Kinds
from edgegsr.situation import Frame, Noun, Ontology

HUMAN, OBJECT = "human", "object"
NO_ACT = "no_interaction"  # the verb of HICO-DET for two that have nothing to do with each other


def ontology_of(kinds: Kinds) -> Ontology:
    """Verbs and objects in the order of the kinds; noun 0 is the blank, so object `o` is noun `o + 1`."""
    frames = tuple(Frame(verb, (HUMAN, OBJECT), f"A person is {spoken(verb)} something.") for verb in kinds.verbs)
    return Ontology(frames, tuple(Noun(noun, (noun.replace("_", " "),)) for noun in kinds.objects))


def kind_texts(kinds: Kinds) -> list[str]:
    """What is said of each kind of interaction, as models are asked about it: "riding the bicycle"."""
    said = (kinds.names(kind) for kind in range(len(kinds)))
    return [f"{spoken(verb)} {'with ' * (verb == NO_ACT)}the {noun.replace('_', ' ')}" for verb, noun in said]


def spoken(verb: str) -> str:
    """A verb as a person is doing it: "brushing with" is HICO-DET's "brush_with", "sitting on" V-COCO's "sit instr"."""
    action, _, role = verb.rpartition(" ")
    of_role = {"obj": action, "instr": f"{action} with"}.get(role, verb)
    said: str = words()["verbs"].get(verb) or SPOKEN.get(verb, of_role)
    return said.replace("_", " ")
