from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from edgegsr.boxes import Letterbox
from edgegsr.errors import InputError
from edgegsr.runtime.decode import decode
from edgegsr.situation import Frame, Noun, Ontology, Situation

ONTOLOGY = Ontology(
    (Frame("kicking", ("agent", "item", "place")), Frame("sleeping", ("agent",)), Frame("reading", ("agent", "item"))),
    (Noun("n1", ("boy",)), Noun("n2", ("ball",)), Noun("n3", ("field",))),
)
BOX = Letterbox((200, 100), 100)  # half the size, 25 rows of grey above and below


def numbers(**changed: object) -> dict[str, np.ndarray]:
    logits = np.zeros((6, 4))
    logits[[0, 1, 2], [1, 2, 3]] = 5
    given_ = {
        "verb_probabilities": np.array([0.7, 0.1, 0.2]),
        "noun_logits": logits,
        "boxes_xyxy01": np.tile([0.1, 0.3, 0.5, 0.6], (6, 1)),
        "presence_logits": np.array([2, 0, -0.1, 1, 1, 1.0]),
    }
    return given_ | changed


def test_the_best_verb_gives_the_frame_and_every_role_its_best_noun() -> None:
    situation = decode(**numbers(), letterbox=BOX, ontology=ONTOLOGY)
    situation.check(ONTOLOGY)
    assert (situation.verb, situation.confidence) == ("kicking", 0.7)
    assert {role: filler.noun for role, filler in situation.fillers.items()} == {
        "agent": "n1",
        "item": "n2",
        "place": "n3",
    }
    assert situation.fillers["agent"].confidence == pytest.approx(np.exp(5) / (np.exp(5) + 3))
    assert situation.verbs == (("kicking", 0.7), ("reading", 0.2), ("sleeping", 0.1))


def test_boxes_come_back_in_pixels_of_the_image_where_the_student_sees_one() -> None:
    fillers = decode(**numbers(), letterbox=BOX, ontology=ONTOLOGY).fillers
    assert fillers["agent"].box_xyxy == pytest.approx((20, 10, 100, 70))
    assert fillers["item"].box_xyxy is not None  # a logit of 0 is a yes
    assert fillers["place"].box_xyxy is None


def test_a_verb_of_the_callers_choice_keeps_its_own_confidence() -> None:
    situation = decode(**numbers(), letterbox=BOX, ontology=ONTOLOGY, verb="reading", top=1)
    assert (situation.verb, situation.confidence, list(situation.fillers)) == ("reading", 0.2, ["agent", "item"])
    assert situation.verbs == (("kicking", 0.7),)


def test_an_unknown_verb_is_refused() -> None:
    with pytest.raises(InputError, match="verb 'flying' is not among the 3 verbs"):
        decode(**numbers(), letterbox=BOX, ontology=ONTOLOGY, verb="flying")


def test_of_equals_the_lower_index_wins() -> None:
    even = numbers(verb_probabilities=np.full(3, 1 / 3), noun_logits=np.zeros((6, 4)))
    situation = decode(**even, letterbox=BOX, ontology=ONTOLOGY)
    assert [verb for verb, _ in situation.verbs] == ["kicking", "sleeping", "reading"]
    assert all(filler.noun == "" and filler.confidence == 0.25 for filler in situation.fillers.values())


@pytest.mark.parametrize(
    ("box", "wanted"),
    [
        ([-1, -1, 2, 2], (0, 0, 200, 100)),  # larger than the square
        ([0.5, 0.6, 0.1, 0.3], (20, 10, 100, 70)),  # corners the wrong way round
        ([0.2, 0.0, 0.4, 0.2], (40, 0, 80, 0)),  # all of it in the grey
        ([0.5, 0.5, 0.5, 0.5], (100, 50, 100, 50)),
    ],
)
def test_degenerate_boxes_become_valid_ones(box: list[float], wanted: tuple[float, ...]) -> None:
    given_ = numbers(boxes_xyxy01=np.tile(box, (6, 1)))
    assert decode(**given_, letterbox=BOX, ontology=ONTOLOGY).fillers["agent"].box_xyxy == pytest.approx(wanted)


any_number = st.floats(-1e6, 1e6, width=32)


@given(
    arrays.arrays(np.float32, 3, elements=st.floats(0, 1, width=32)),
    arrays.arrays(np.float32, (6, 4), elements=any_number),
    arrays.arrays(np.float32, (6, 4), elements=any_number),
    arrays.arrays(np.float32, 6, elements=any_number),
    st.builds(Letterbox, st.tuples(st.integers(1, 4000), st.integers(1, 4000)), st.integers(1, 640)),
)
def test_whatever_the_numbers_the_situation_is_valid_and_inside_the_image(
    probabilities: np.ndarray, logits: np.ndarray, boxes: np.ndarray, presence: np.ndarray, letterbox: Letterbox
) -> None:
    situation = decode(probabilities, logits, boxes, presence, letterbox, ONTOLOGY)
    situation.check(ONTOLOGY)
    assert Situation.from_json(situation.to_json()) == situation
    for filler in situation.fillers.values():
        x1, y1, x2, y2 = filler.box_xyxy or (0, 0, 0, 0)
        assert 0 <= x1 <= x2 <= letterbox.size_wh[0] and 0 <= y1 <= y2 <= letterbox.size_wh[1]


def test_nouns_can_be_ruled_out_with_minus_infinity() -> None:
    logits = np.full((6, 4), -np.inf)
    logits[:, 2] = -3
    fillers = decode(**numbers(noun_logits=logits), letterbox=BOX, ontology=ONTOLOGY).fillers
    assert all((filler.noun, filler.confidence) == ("n2", 1) for filler in fillers.values())


@pytest.mark.parametrize("name", ["verb_probabilities", "noun_logits", "boxes_xyxy01", "presence_logits"])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_broken_network_is_not_taken_for_a_confident_one(name: str, bad: float) -> None:
    values = numbers()[name].copy()
    values.flat[0] = bad
    with pytest.raises(ValueError, match=f"decode: {name} must be numbers, got NaN or inf; the network is broken"):
        decode(**numbers(**{name: values}), letterbox=BOX, ontology=ONTOLOGY)


def test_a_role_without_any_noun_left_is_an_error() -> None:
    with pytest.raises(ValueError, match="noun_logits must be numbers"):
        decode(**numbers(noun_logits=np.full((6, 4), -np.inf)), letterbox=BOX, ontology=ONTOLOGY)


def test_numbers_of_another_shape_are_refused_with_both_shapes() -> None:
    with pytest.raises(ValueError, match=r"decode: noun_logits must have the shape \(6, 4\), got \(6, 5\)"):
        decode(**numbers(noun_logits=np.zeros((6, 5))), letterbox=BOX, ontology=ONTOLOGY)
