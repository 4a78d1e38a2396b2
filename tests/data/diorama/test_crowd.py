"""Pictures with several people: every pair is one of the words, and each zero-shot setting leaves what it must."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

pytest.importorskip("cv2")

from edgegsr.data.diorama import crowd as world
from edgegsr.data.diorama import figures
from edgegsr.interactions import PERSON

SHOTS = [world.crowd("test", i) for i in range(60)]
KINDS = list(world.kinds())


def test_a_number_is_one_picture() -> None:
    again = world.crowd("test", 7)
    assert np.array_equal(again.pixels, SHOTS[7].pixels)
    assert again.pairs == SHOTS[7].pairs


def test_every_pair_is_a_visible_person_with_a_visible_thing_under_known_words() -> None:
    for shot in SHOTS:
        for pair in shot.pairs:
            human, thing = shot.seen[pair.human], shot.seen[pair.thing]
            assert human.entity.noun in figures.PEOPLE
            assert human.box_xyxy and thing.box_xyxy
            assert pair.verbs
            for verb in pair.verbs:
                assert (verb, world.noun_of(thing.entity.noun)) in world.kinds()


def test_a_pair_has_its_act_and_what_is_done_with_the_hands() -> None:
    verbs = {
        (verb, world.noun_of(shot.seen[p.thing].entity.noun)) for shot in SHOTS for p in shot.pairs for verb in p.verbs
    }
    assert len({verb for verb, _ in verbs} & set(world.HANDLING.values())) > 5
    assert len({verb for verb, _ in verbs} - set(world.HANDLING.values())) > 30


def test_most_pictures_show_several_people_who_do_something() -> None:
    acting = [sum(bool(each.entity.verb) for each in shot.seen) for shot in SHOTS]
    assert set(acting) == {1, 2, 3}
    assert np.mean(np.array(acting) > 1) > 0.7


def test_no_picture_looks_past_the_end_of_the_stage() -> None:
    for shot in SHOTS:
        for edge in (shot.pixels[0], shot.pixels[-1], shot.pixels[:, 0], shot.pixels[:, -1]):
            assert edge.max() > 8


def test_an_object_person_is_anybody() -> None:
    assert any(noun == PERSON for _, noun in KINDS)
    assert not {noun for _, noun in KINDS} & set(figures.PEOPLE)


@pytest.mark.parametrize("setting", ["rf_uc", "nf_uc"])
def test_unseen_compositions_leave_every_verb_and_object_with_another_kind(setting: str) -> None:
    out = world.unseen()[setting]
    left = [kind for kind in KINDS if kind not in out]
    assert len(out) == round(world.SHARE * len(KINDS))
    for side in (0, 1):
        assert {kind[side] for kind in out} <= {kind[side] for kind in left}


def test_rare_and_frequent_compositions_are_those() -> None:
    often = world.kinds()
    rare, frequent = (np.median([often[kind] for kind in world.unseen()[name]]) for name in ("rf_uc", "nf_uc"))
    assert rare < np.median(list(often.values())) < frequent


@pytest.mark.parametrize(("setting", "side"), [("uv", 0), ("uo", 1)])
def test_unseen_verbs_and_objects_are_nowhere_else(setting: str, side: int) -> None:
    out = world.unseen()[setting]
    words = Counter(kind[side] for kind in out)
    assert not {kind[side] for kind in KINDS if kind not in out} & set(words)
    assert 0.1 < len(out) / len(KINDS) < 0.3
