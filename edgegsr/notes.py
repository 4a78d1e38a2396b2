"""What an ONNX file of a bundle says of itself in its metadata, for an app that has that file alone. stdlib.

The same facts as in manifest.json and preprocess.json, as texts; what is no text is JSON. Files from before they were
written say nothing, and are opened.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from edgegsr.errors import InputError

MAKER = "edgegsr"  # the key by which a file of ours is known; its version
GATES = ("inputs", "outputs")  # of which only the names have to agree: their meanings are words for people
MEANINGS = {
    "pixels": "the photo as preprocess says",
    "verb": "place of a verb in vocabulary.json, or -1 for the likeliest",
    "tokens": "what was seen of a photo; ask.onnx answers from it about any verb",
    "verb_table": "unit vectors of the verbs, zeros past them",
    "role_table": "unit vectors of the roles of each verb, zeros past them",
    "role_count": "roles of each verb",
    "handicap": "taken off the cosine of each verb",
    "noun_table": "unit vectors of the nouns without the empty one, zeros past them",
    "verb_count": "verbs that are there",
    "noun_count": "nouns that are there, the empty one included",
    "verb_logits": "by verb; softmax gives confidences",
    "noun_logits": "by role slot of the verb and noun of vocabulary.json; slots past its frame mean nothing",
    "boxes_xyxy": "by role slot, x1 y1 x2 y2 in shares of the square",
    "presence": "by role slot; there is a box where it is 0 or more",
    "humans_xyxy": "by pair, x1 y1 x2 y2 of its human in shares of the square",
    "objects_xyxy": "by pair, the same of its object",
    "object_logits": "by pair and object of kinds.json; softmax gives confidences",
    "pair_verb_logits": "by pair and verb of kinds.json; sigmoid gives the likelihood of each by itself",
    "pair_presence": "by pair; sigmoid gives the likelihood that it is one",
    "input_ids": "tokens of one text by text/tokenizer.json",
    "vector": "of that text; divided by its length, a row of a table",
}


def notes(
    manifest: Mapping[str, Any], preprocess: Mapping[str, Any], inputs: Sequence[str], outputs: Sequence[str]
) -> dict[str, str]:
    """Of a graph that looks at photos, or is asked about one."""
    target = _object(manifest, "target")
    return {
        **_made_by(manifest),
        "licence": _text(manifest.get("licence", "")),
        "target": _text({name: target.get(name) for name in ("engine", "precision")}),
        "source": _text(manifest.get("source")),
        "preprocess": _text(preprocess),
        **_gates(inputs, outputs),
    }


def notes_of_texts(manifest: Mapping[str, Any], inputs: Sequence[str], outputs: Sequence[str]) -> dict[str, str]:
    """Of the text encoder beside it, whose licence is that of whoever made it."""
    words = _object(manifest, "vocabulary")
    told = {"encoder": words.get("text_encoder"), "revision": words.get("text_revision")}
    return {**_made_by(manifest), "source": _text(told), **_gates(inputs, outputs)}


def check_notes(told: Mapping[str, str], wanted: Mapping[str, str]) -> None:
    """Refuses what a file of ours says of itself where its bundle says something else."""
    for name, value in wanted.items() if MAKER in told else ():
        if _fact(name, told.get(name, "")) != _fact(name, value):
            raise InputError(
                f"says of itself that its {name} is {told.get(name, '')[:80]!r}, and the bundle says {value[:80]!r}"
            )


def _made_by(manifest: Mapping[str, Any]) -> dict[str, str]:
    return {MAKER: _text(_object(manifest, "versions").get(MAKER)), "format": _text(manifest.get("format"))}


def _object(manifest: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = manifest.get(name)
    return found if isinstance(found, dict) else {}


def _gates(inputs: Sequence[str], outputs: Sequence[str]) -> dict[str, str]:
    return {what: _text({name: MEANINGS[name] for name in names}) for what, names in zip(GATES, (inputs, outputs))}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _fact(name: str, text: str) -> Any:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return list(value) if name in GATES and isinstance(value, dict) else value
