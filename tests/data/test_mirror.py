import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgegsr.data.mirror import mirror, swap_left_right
from edgegsr.situation import Frame, Noun, Ontology


@pytest.mark.parametrize(
    ("text", "mirrored"),
    [
        ("man, small, lower left", "man, small, lower right"),
        ("Left of the RIGHT door, left.", "Right of the LEFT door, right."),
        ("left-handed, rightmost, leftwards", "right-handed, leftmost, rightwards"),
        ("lefthand right_hand", "righthand left_hand"),
        ("a bright upright copyright, lefty, outright", "a bright upright copyright, lefty, outright"),
        ("nothing here", "nothing here"),
    ],
)
def test_left_and_right_change_places(text, mirrored):
    assert swap_left_right(text) == mirrored


@given(
    st.lists(st.sampled_from(["left", "right", "Left", "RIGHT", "lEFT", "most", "hand", " ", "-", "b", "_"])).map(
        "".join
    )
)
def test_a_text_mirrored_twice_is_itself(text):
    assert swap_left_right(swap_left_right(text)) == text


def test_ordinary_words_are_their_own_image():
    ontology = Ontology((Frame("drinking", ("agent", "place")),), (Noun("n1", ("man",)), Noun("n2", ("woman",))))
    seen = mirror(ontology)
    assert seen.verbs.tolist() == [0]
    assert seen.slots.tolist() == [[0, 1, 2, 3, 4, 5]]
    assert seen.nouns.tolist() == [0, 1, 2, -1]
    assert seen.possible.all()


SIDES = Ontology(
    (
        Frame("turning left", ("agent", "left")),
        Frame("turning right", ("right", "agent")),
        Frame("clapping", ("lefthand", "agent", "righthand")),
        Frame("leaning left", ("agent",)),
        Frame("boxing", ("agent", "lefthand")),
    ),
    (Noun("n1", ("left shoe",)), Noun("n2", ("right shoe",)), Noun("n3", ("left bank",))),
)


def test_words_that_name_a_side_become_those_of_the_other_side():
    seen = mirror(SIDES)
    assert seen.verbs[:3].tolist() == [1, 0, 2]
    assert seen.slots[0, :2].tolist() == [1, 0]  # slot "right" of the image holds what "left" held
    assert seen.slots[2, :3].tolist() == [2, 1, 0]
    assert seen.nouns.tolist() == [0, 2, 1, 3, -1]


def test_an_image_without_a_word_for_its_mirror_image_is_not_mirrored():
    assert mirror(SIDES).possible.tolist() == [True, True, True, False, False]


def test_mirroring_twice_puts_every_role_back():
    seen = mirror(SIDES)
    for verb in np.flatnonzero(seen.possible):
        there, back = seen.slots[verb], seen.slots[seen.verbs[verb]]
        assert there[back].tolist() == [0, 1, 2, 3, 4, 5]
