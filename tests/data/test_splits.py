import json
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgegsr.annotations import Annotations
from edgegsr.data.split import Split
from edgegsr.data.splits import groups, image_counts, without
from edgegsr.errors import InputError
from edgegsr.situation import Frame, Ontology


def annotations(*verbs, known=("eating", "flying", "rowing")):
    n, ontology = len(verbs), Ontology(tuple(Frame(verb, ("agent",)) for verb in known), ())
    index = np.array([known.index(verb) for verb in verbs], np.int32)
    images = tuple(f"{verb}_{i}.jpg" for i, verb in enumerate(verbs))
    shapes = np.ones((n, 2), np.int32), index, np.zeros((n, 3, 6), np.int32), np.zeros((n, 6, 4), np.float32)
    return Annotations(ontology, images, *shapes, np.zeros((n, 6), np.bool_))


def test_twenty_training_images_are_rare_and_twenty_one_are_seen():
    assert groups({"a": 20, "b": 21, "c": 1, "d": 0}) == (("b",), ("a", "c"), ("d",))


def test_a_listed_verb_is_unseen_whatever_it_has():
    assert groups({"a": 50, "b": 5}, ["a", "z"]) == ((), ("b",), ("a", "z"))


def test_annotations_are_counted_over_the_whole_ontology():
    train = annotations(*["eating"] * 21, "flying")
    assert image_counts(train) == {"eating": 21, "flying": 1, "rowing": 0}
    assert groups(train) == (("eating",), ("flying",), ("rowing",))


@given(st.dictionaries(st.text("abc", min_size=1), st.integers(0, 50)), st.data())
def test_groups_share_no_verb_and_together_are_all(counts, data):
    unseen = data.draw(st.lists(st.sampled_from(sorted(counts)), unique=True)) if counts else []
    found = groups(counts, unseen)
    assert Counter(verb for group in found for verb in group) == Counter(counts.keys())


def test_a_listed_verb_may_be_one_that_training_has_never_heard_of():
    assert groups(annotations("eating"), ["dancing"]).unseen == ("flying", "rowing", "dancing")


def test_a_negative_count_is_refused():
    with pytest.raises(InputError, match=r"wanted image counts of 0 or more, got \{'a': -1\}"):
        groups({"a": -1})


def test_training_goes_on_without_the_images_of_unseen_verbs(tmp_path):
    split = Split("train", annotations("eating", "flying", "eating", "rowing"), tmp_path)
    kept = without(split, ["eating"])
    assert kept.annotations.images == ("flying_1.jpg", "rowing_3.jpg")
    assert (kept.name, kept.folder) == ("train", tmp_path)
    assert without(split, []).annotations.images == split.annotations.images


def test_dropping_an_unknown_verb_is_refused(tmp_path):
    with pytest.raises(InputError, match="got dancing"):
        without(Split("train", annotations("eating"), tmp_path), ["dancing"])


def test_the_published_unseen_verbs_leave_453_to_training(shared):
    verbs = list(json.loads((shared / "frames.json").read_text()))
    unseen = (shared / "unseen51.txt").read_text().split()
    found = groups(dict.fromkeys(verbs, 150), unseen)
    assert (len(found.seen), len(found.rare), len(found.unseen)) == (453, 0, 51)
