"""Students of pairs on data in V-COCO's form: trained, and judged by persons."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from commandline import READ, last_json, run

pytest.importorskip("torch")

from edgegsr.data.pairs import PairSplit
from edgegsr.data.vcoco import ACTS, kinds, pairs_of
from edgegsr.interactions import Persons
from edgegsr.scoring.pair_predictions import read_vcoco
from edgegsr.student.pair_answers import PairAnswers
from edgegsr.student.person_answers import predictions_of, write_person_predictions


def test_a_student_learns_pairs_of_v_coco_and_is_judged_as_its_predictions_are(
    card: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    maker = pytest.importorskip("edgegsr.data.diorama.make_crowd")
    world = maker.make(tmp_path / "world", seed=5, share=0.002, workers=1) / "vcoco"
    out, said = tmp_path / "run", tmp_path / "p.jsonl"
    assert run("distill", "--student", card, "--data", world, "--out", out, *READ) == 0
    capsys.readouterr()
    assert run("eval", out, "--data", world, "--predictions", said, "--json") == 0
    told = capsys.readouterr().out
    assert "mean over" in told and "never says that an act has no object" in told
    scores = json.loads(told.splitlines()[-1])
    assert scores["out_of_training"] == "nothing"
    assert run("score", "--task", "vcoco", "--truth", world / "vcoco_test.json", "--predictions", said, "--json") == 0
    again = last_json(capsys)
    assert again["roles"] == scores["roles"] and again["agent_ap"] == pytest.approx(scores["agent_ap"])
    assert run("distill", "--student", card, "--data", world, "--unseen", "uv", "--out", tmp_path / "x", *READ) == 2
    assert "zero-shot setting 'uv': these annotations have none; leave it out" in capsys.readouterr().err


def persons() -> Persons:
    """Two images in which nobody is."""
    a, s, objects = len(ACTS.names), len(ACTS.slots), kinds().objects
    none = np.zeros((0, 4))
    return Persons(
        ACTS, ("a.jpg", "b.jpg"), np.array([[99, 99]] * 2), np.zeros(0, np.int32), none, np.zeros(0, bool),
        np.zeros((0, a), bool), np.zeros((0, s, 4)), np.zeros((0, s), bool), objects, np.zeros((0, s), np.int32),
    )  # fmt: skip


def test_one_agent_is_said_of_each_person_and_action(tmp_path: Path) -> None:
    truth, words = persons(), kinds()
    kick, hit, with_bat = (words.verb_index[f"{act}"] for act in ("kick_obj", "hit_obj", "hit_instr"))
    ball, bat = words.object_index["sports_ball"], words.object_index["baseball_bat"]
    said = [  # of the first image: kind, how far to the right the human stands, score
        (words.index[hit, ball], 0, 0.9),
        (words.index[with_bat, bat], 1, 0.8),  # the same person, and the same action
        (words.index[hit, ball], 50, 0.7),  # another person
        (words.index[kick, ball], 0, 0.6),  # another action of the first
    ]
    answers = PairAnswers.none(2, 5)
    for slot, (kind, x, score) in enumerate(said):
        answers.kinds[0, slot], answers.scores[0, slot] = kind, score
        answers.humans_xyxy[0, slot], answers.objects_xyxy[0, slot] = (x, 0, x + 20, 60), (x, 0, x + 9, 9)
    found = predictions_of(answers, truth)
    agents = found.kind < len(ACTS.names)
    assert found.present.all() and set(found.image.tolist()) == {0}
    assert [(ACTS.names[kind], score) for kind, score in zip(found.kind[agents], found.scores[agents])] == [
        ("hit", 0.9), ("hit", 0.7), ("kick", 0.6)
    ]  # fmt: skip
    assert not found.has_object[agents].any() and found.has_object[~agents].all()
    roles = [ACTS.slots[kind - len(ACTS.names)] for kind in found.kind[~agents]]
    assert roles == [("hit", "obj"), ("hit", "instr"), ("hit", "obj"), ("kick", "obj")]
    write_person_predictions(tmp_path / "p.jsonl", PairSplit("test", pairs_of(truth), tmp_path), found, truth)
    for column, value in vars(read_vcoco(tmp_path / "p.jsonl", truth)).items():
        assert np.array_equal(value, getattr(found, column)), column
