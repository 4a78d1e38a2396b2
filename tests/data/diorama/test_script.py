"""The vocabulary of the staged world is as large and as well formed as promised."""

from __future__ import annotations

import pytest

pytest.importorskip("cv2")

from edgegsr.data.diorama import figures, script
from edgegsr.data.diorama.effects import EFFECTS
from edgegsr.data.diorama.make import counts
from edgegsr.data.diorama.places import PLACES
from edgegsr.data.diorama.spots import SPOTS
from edgegsr.situation import MAX_ROLES

NOT_DRAWN = {
    "ground",
    "none",
    "empty",
    "part",
    "cord",
    "thumb",
    "pole",
    "arc",
    "far_partner",
    "embrace",
    "partner",
    "pupil",
    "mate",
}


def group(name: str) -> list[script.Verb]:
    return [verb for verb in script.verbs().values() if verb.group == name]


def test_the_world_is_as_large_as_promised() -> None:
    ontology = script.ontology()
    assert len(ontology.verbs) >= 60
    assert len(group("unseen")) >= 12
    assert len(group("rare")) >= 12
    assert len(ontology.roles) >= 20
    assert len(ontology.nouns) >= 100
    assert len(PLACES) >= 12


def test_frames_have_one_to_six_roles() -> None:
    sizes = {len(frame.roles) for frame in script.ontology().frames}
    assert sizes == set(range(1, MAX_ROLES + 1))


def test_every_verb_has_a_sentence_that_defines_it() -> None:
    for frame in script.ontology().frames:
        assert frame.definition.endswith(".")
        assert frame.definition.count(".") == 1, frame.verb
        assert len(frame.role_definitions) == len(frame.roles)


@pytest.mark.parametrize("verb", script.verbs().values(), ids=lambda verb: verb.name)
def test_a_verb_names_only_what_the_stage_knows(verb: script.Verb) -> None:
    assert verb.group in script.GROUPS
    assert set(verb.places) <= set(PLACES)
    assert verb.cast or set(verb.posture) <= set(figures.POSTURES)
    assert set(verb.arms) <= set(figures.ARMS)
    assert {effect for effect, _ in verb.effects} <= set(EFFECTS)
    assert {put.where for put in verb.puts} <= set(SPOTS) | NOT_DRAWN
    put_roles = {put.role for put in verb.puts if not put.is_prop}
    agent = set(verb.frame.roles[:1]) if verb.posture else set()
    assert put_roles | agent | {"place"} == set(verb.frame.roles) | {"place"}


def test_an_unseen_verb_is_made_of_factors_that_seen_verbs_show() -> None:
    seen = group("common") + group("rare")
    postures = {posture for verb in seen for posture in verb.posture}
    arms = {arm for verb in seen for arm in verb.arms}
    places = {place for verb in seen for place in verb.places} | {"bathroom"}
    for verb in group("unseen"):
        assert set(verb.posture) <= postures | {"trip"}, verb.name
        assert set(verb.arms) <= arms, verb.name
        assert set(verb.places) <= places, verb.name


def test_training_has_a_long_tail_and_no_unseen_verb() -> None:
    train = counts("train")
    common = [train[verb.name] for verb in group("common")]
    rare = [train[verb.name] for verb in group("rare")]
    assert max(common) >= 4 * min(common)
    assert min(common) > 20 >= max(rare) >= min(rare) >= 1
    assert all(train[verb.name] == 0 for verb in group("unseen"))
    assert set(counts("test").values()) == {30}
