"""The usual answer, counted by hand."""

from __future__ import annotations

import numpy as np

from edgegsr.annotations import Annotations
from edgegsr.situation import OOV, Frame, Noun, Ontology
from edgegsr.student.chance import majority

WORDS = Ontology(
    (Frame("eating", ("agent", "food")), Frame("feeding", ("agent", "food", "eater")), Frame("idling", ("loafer",))),
    (Noun(""), Noun("man"), Noun("cake"), Noun("soup")),
)
BLANK, MAN, CAKE, SOUP = range(4)


def table(verbs: list[int], nouns: list[list[list[int]]], boxes: dict[tuple[int, int], list[float]]) -> Annotations:
    """One row a verb; nouns by annotator; boxes by (row, slot), in images of 100 x 50 pixels."""
    n = len(verbs)
    all_nouns, all_boxes, has_box = (
        np.zeros((n, 3, 6), np.int32),
        np.zeros((n, 6, 4), np.float32),
        np.zeros((n, 6), bool),
    )
    for i, answers in enumerate(nouns):
        all_nouns[i, :, : len(answers[0])] = answers
    for place, box in boxes.items():
        all_boxes[place], has_box[place] = box, True
    sizes = np.tile(np.array([100, 50], np.int32), (n, 1))
    names = tuple(f"{i}.jpg" for i in range(n))
    return Annotations(WORDS, names, sizes, np.array(verbs, np.int32), all_nouns, all_boxes, has_box)


TRAIN = table(
    [0, 0, 0],
    [[[MAN, CAKE]] * 3, [[MAN, SOUP], [MAN, SOUP], [MAN, BLANK]], [[OOV, SOUP], [OOV, CAKE], [BLANK, SOUP]]],
    {(0, 0): [0, 0, 20, 10], (1, 0): [10, 0, 30, 10], (2, 0): [90, 40, 100, 50], (1, 1): [0, 0, 5, 5]},
)


def test_usual_noun_and_box_of_a_known_verb() -> None:
    said = majority(TRAIN, table([0], [[[MAN, CAKE]] * 3], {}))
    assert said.nouns[0, :2].tolist() == [MAN, CAKE]  # cake and soup four times each: the lower index
    assert said.has_box[0].tolist() == [True] + [False] * 5  # one box in three is not usual
    assert said.boxes_xyxy[0, 0].tolist() == [10, 0, 30, 10]  # the median edge by edge
    assert np.isnan(said.boxes_xyxy[0, 1]).all()


def test_unknown_verb_answers_as_its_roles_do_elsewhere() -> None:
    said = majority(TRAIN, table([1, 2], [[[MAN, CAKE, MAN]] * 3, [[MAN]] * 3], {}))
    assert said.nouns[0, :3].tolist() == [MAN, CAKE, BLANK]  # nobody has seen an eater
    assert said.has_box[0].tolist() == [True] + [False] * 5
    assert said.nouns[1, 0] == BLANK and not said.has_box[1].any()


def test_boxes_follow_the_size_of_the_image() -> None:
    truth = table([0], [[[MAN, CAKE]] * 3], {})
    truth.sizes_wh[:] = (200, 25)
    assert majority(TRAIN, truth).boxes_xyxy[0, 0].tolist() == [20, 0, 60, 5]
