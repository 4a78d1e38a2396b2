"""The words of the domain are valid once they exist, and survive a trip through JSON."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgegsr.annotations import Annotations
from edgegsr.errors import InputError
from edgegsr.situation import BLANK_NOUN, Filler, Frame, Interaction, Noun, Ontology, Situation

FRAMES = (
    Frame("kicking", ("agent", "victim", "place"), "A person kicks.", "the AGENT kicks", ("who", "what", "where")),
    Frame("raining", ("place",)),
)
NOUNS = (Noun("n1", ("dog", "hound"), "a barking animal"), Noun("n2", ("ball",)))
ONTOLOGY = Ontology(FRAMES, NOUNS)

words = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=8)
boxes = st.tuples(*[st.floats(0, 1e4)] * 4).map(
    lambda b: (min(b[0], b[2]), min(b[1], b[3]), max(b[0], b[2]), max(b[1], b[3]))
)
fillers = st.builds(Filler, words, st.none() | boxes, st.floats(0, 1))


def test_the_first_noun_is_the_blank_one() -> None:
    assert ONTOLOGY.nouns[0] == BLANK_NOUN
    assert ONTOLOGY.noun_index == {"": 0, "n1": 1, "n2": 2}
    assert Ontology(FRAMES, (BLANK_NOUN, *NOUNS)) == ONTOLOGY


def test_verbs_roles_and_frames_are_found() -> None:
    assert ONTOLOGY.verbs == ("kicking", "raining")
    assert ONTOLOGY.roles == ("agent", "victim", "place")
    assert ONTOLOGY.frame("raining").roles == ("place",)
    with pytest.raises(InputError, match="'flying' is not among the 2 verbs"):
        ONTOLOGY.frame("flying")


def test_a_noun_without_gloss_is_called_by_its_id() -> None:
    assert Noun("n9").word == "n9"
    assert NOUNS[0].word == "dog"


def test_an_ontology_survives_json() -> None:
    assert Ontology.from_json(ONTOLOGY.to_json()) == ONTOLOGY


@given(st.builds(Situation, words, st.dictionaries(words, fillers, max_size=6), st.floats(0, 1)))
def test_a_situation_survives_json(situation: Situation) -> None:
    assert Situation.from_json(situation.to_json()) == situation


def framed(raw: object) -> Ontology:
    """A file with one frame."""
    return Ontology.from_json(json.dumps({"frames": [raw], "nouns": []}))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Frame("", ("agent",)), "a frame needs a verb"),
        (lambda: Frame("idle", ()), "frame 'idle': wanted 1 to 6 roles, got 0"),
        (lambda: Frame("busy", tuple("abcdefg")), "frame 'busy': wanted 1 to 6 roles, got 7"),
        (lambda: Frame("twice", ("agent", "agent")), "frame 'twice': roles must be distinct words"),
        (lambda: Frame("few", ("a", "b"), role_definitions=("one",)), "wanted 2 role definitions, got 1"),
        (lambda: Ontology((FRAMES[0], FRAMES[0]), NOUNS), "verb 'kicking' stands twice"),
        (lambda: Ontology(FRAMES, (NOUNS[0], NOUNS[0])), "noun 'n1' stands twice"),
        (lambda: Filler("n1", confidence=1.5), "wanted a confidence between 0 and 1, got 1.5"),
        (lambda: Filler("n1", confidence=float("nan")), "wanted a confidence between 0 and 1, got nan"),
        (lambda: Filler("n1", (5, 0, 1, 1)), "wanted a box"),
        (lambda: Filler("n1", (0, 0, float("inf"), 1)), "wanted a box"),
        (lambda: Interaction((0, 0, 1, 1), (3, 3, 2, 4), "n1", "kicking", 0.5), "interaction 'kicking', object"),
        (lambda: Ontology.from_json("{}"), "wanted an ontology with 'frames' and 'nouns'"),
        (lambda: Ontology.from_json("[1"), "wanted an ontology"),
        (lambda: Ontology.from_json('{"frames": []}'), "'frames' and 'nouns', two lists, got .'frames': ..."),
        (lambda: Ontology.from_json('{"frames": {}, "nouns": []}'), "two lists, got 'frames' as {}"),
        (lambda: Ontology.from_json("[]"), r"two lists, got \[\]"),
        (lambda: framed("kicking"), "wanted a frame as an object with verb, roles, .*, got 'kicking'"),
        (lambda: framed({"roles": ["agent"]}), "wanted a frame with 'verb', got {'roles': "),
        (lambda: framed({"verb": "kicking"}), "wanted a frame with 'roles', got {'verb': 'kicking'}"),
        (
            lambda: framed({"verb": "kicking", "roles": "agent"}),
            "wanted 'roles' of a frame as a list of words, got 'agent'",
        ),
        (lambda: framed({"verb": 3, "roles": ["agent"]}), "wanted 'verb' of a frame as a text, got 3"),
        (
            lambda: framed({"verb": "a", "roles": ["b"], "colour": 1}),
            "wanted a frame with verb, .*, got 'colour' as well",
        ),
        (lambda: framed({"verb": " ", "roles": ["agent"]}), "a frame needs a verb, got an empty word"),
        (lambda: framed({"verb": "kicking", "roles": [" "]}), "roles must be distinct words"),
        (lambda: Situation.from_json('{"verb": "x"}'), "wanted a situation with 'verb' and 'fillers'"),
        (lambda: Situation.from_json("[]"), "wanted a situation"),
    ],
)
def test_what_is_not_valid_is_refused(make: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        make()  # type: ignore[operator]


def test_a_situation_is_checked_against_an_ontology() -> None:
    good = Situation("kicking", {"agent": Filler("n1"), "victim": Filler("n2", (0, 0, 1, 1)), "place": Filler("")})
    good.check(ONTOLOGY)
    with pytest.raises(InputError, match="wanted the roles"):
        Situation("kicking", {"agent": Filler("n1")}).check(ONTOLOGY)
    with pytest.raises(InputError, match="role 'place': unknown noun 'n7'"):
        Situation("raining", {"place": Filler("n7")}).check(ONTOLOGY)


def test_json_of_a_situation_is_plain() -> None:
    raw = json.loads(Situation("raining", {"place": Filler("n1", (0, 1, 2, 3), 0.5)}, 0.25).to_json())
    assert raw == {
        "verb": "raining",
        "confidence": 0.25,
        "verbs": [],
        "fillers": {"place": {"noun": "n1", "box": [0, 1, 2, 3], "confidence": 0.5}},
    }


def table(n: int = 3) -> Annotations:
    return Annotations(
        ONTOLOGY,
        tuple(f"{i}.jpg" for i in range(n)),
        np.full((n, 2), 8, np.int32),
        np.arange(n, dtype=np.int32) % 2,
        np.zeros((n, 3, 6), np.int32),
        np.zeros((n, 6, 4), np.float32),
        np.zeros((n, 6), bool),
    )


def test_annotations_know_which_slots_a_frame_uses() -> None:
    assert table().has_role.sum(1).tolist() == [3, 1, 3]
    assert table().row == {"0.jpg": 0, "1.jpg": 1, "2.jpg": 2}


def test_annotations_are_taken_by_rows_or_by_a_mask() -> None:
    assert table().take([2, 0]).images == ("2.jpg", "0.jpg")
    assert table().take(np.array([False, True, True])).images == ("1.jpg", "2.jpg")


def test_annotations_of_another_shape_are_refused() -> None:
    with pytest.raises(InputError, match=r"nouns must have the shape \(3, 3, 6\)"):
        Annotations(**{**vars(table()), "nouns": np.zeros((3, 6), np.int32)})
