"""What a student says, judged in memory, from a file and one photo at a time: three ways to the same numbers."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from edgegsr.data.split import Split  # noqa: E402
from edgegsr.data.splits import Groups  # noqa: E402
from edgegsr.errors import InputError  # noqa: E402
from edgegsr.run import Run  # noqa: E402
from edgegsr.scoring.brief import brief  # noqa: E402
from edgegsr.scoring.gsr import score  # noqa: E402
from edgegsr.scoring.predictions import read_predictions  # noqa: E402
from edgegsr.student.answers import Answers, answer, write_predictions  # noqa: E402
from edgegsr.student.evaluate import evaluate  # noqa: E402
from edgegsr.student.predictor import EagerPredictor  # noqa: E402

GROUPS = Groups(("lifting",), ("pushing", "pulling"), ("sinking",))


@pytest.fixture(scope="module")
def said(whole: Run, split_dev: Split) -> Answers:
    return answer(whole.student, split_dev, batch=3)


def test_batch_size_and_processes_change_no_answer(whole: Run, split_dev: Split, said: Answers) -> None:
    alone = answer(whole.student, split_dev, batch=1)
    halves = [answer(whole.student, split_dev, batch=2, rank=rank, world=2) for rank in range(2)]
    for name, column in said.columns().items():
        tolerance = {"rtol": 1e-4, "atol": 1e-4}
        np.testing.assert_allclose(alone.columns()[name], column, **tolerance)
        np.testing.assert_allclose(sum(half.columns()[name].astype(float) for half in halves), column, **tolerance)


def test_student_stays_in_the_mode_it_was_in(whole: Run, split_dev: Split) -> None:
    whole.student.train()
    answer(whole.student, split_dev)
    assert whole.student.training
    whole.student.eval()


def test_predictions_file_gets_the_same_scores(whole: Run, split_dev: Split, said: Answers, tmp_path: Path) -> None:
    write_predictions(tmp_path / "said.jsonl", split_dev, said)
    truth = split_dev.annotations
    from_file = score(truth, read_predictions(tmp_path / "said.jsonl", truth), groups=GROUPS._asdict())
    in_memory = evaluate(whole, split_dev, GROUPS, answers=said)
    assert from_file.to_json() == {k: v for k, v in in_memory.items() if k not in ("candidates", "chance")}


def test_predictions_file_holds_the_frames_of_the_best_and_of_the_true_verb(
    split_dev: Split, said: Answers, tmp_path: Path
) -> None:
    write_predictions(tmp_path / "said.jsonl", split_dev, said)
    truth = split_dev.annotations
    lines = [json.loads(text) for text in (tmp_path / "said.jsonl").read_text().splitlines()]
    assert [line["image"] for line in lines] == list(truth.images)
    for i, line in enumerate(lines):
        assert set(line["frames"]) == {line["verbs"][0], truth.ontology.verbs[truth.verbs[i]]}
        assert len(line["verbs"]) == 4 == len(set(line["verbs"]))  # no more verbs than there are


def test_answers_about_other_images_are_refused(split_dev: Split, said: Answers, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="wanted answers about 3 images, got 8"):
        write_predictions(tmp_path / "said.jsonl", split_dev.take([0, 1, 2]), said)
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"said\.jsonl: cannot be written"):
        write_predictions(tmp_path / "file" / "said.jsonl", split_dev, said)


def test_one_photo_at_a_time_says_what_the_batch_said(whole: Run, split_dev: Split, said: Answers) -> None:
    predictor, truth = EagerPredictor(whole), split_dev.annotations
    for i in range(len(truth)):
        for fillers, verb in ((said.best, None), (said.true, truth.ontology.verbs[truth.verbs[i]])):
            situation = predictor.predict(split_dev.path(i), verb)
            situation.check(truth.ontology)
            assert tuple(v for v, _ in situation.verbs) == tuple(
                truth.ontology.verbs[v] for v in said.ranked_verbs()[i][:4]
            )
            for slot, filler in enumerate(situation.fillers.values()):
                assert truth.ontology.noun_index[filler.noun] == fillers.nouns[i, slot]
                assert (filler.box_xyxy is not None) == fillers.has_box[i, slot]
                if filler.box_xyxy:
                    assert filler.box_xyxy == pytest.approx(fillers.boxes_xyxy[i, slot], abs=1e-2)


def test_pixels_and_file_give_the_same_situation(whole: Run, split_dev: Split) -> None:
    predictor = EagerPredictor(whole)
    assert predictor.predict(split_dev.pixels(0)) == predictor.predict(str(split_dev.path(0)))
    with pytest.raises(InputError, match="verb 'dreaming' is not among the 4 verbs"):
        predictor.predict(split_dev.pixels(0), "dreaming")


def test_equal_verbs_rank_by_their_index_and_ruled_out_ones_not_at_all(said: Answers) -> None:
    even = dataclasses.replace(said, verb_logits=np.zeros((8, 4), np.float32))
    assert even.ranked_verbs()[0].tolist() == [0, 1, 2, 3, -1]
    assert even.ranked_verbs(np.array([False, True, False, True]))[0].tolist() == [1, 3, -1, -1, -1]


def test_restricted_ranks_an_image_among_the_verbs_of_its_group(whole: Run, split_dev: Split, said: Answers) -> None:
    scores = evaluate(whole, split_dev, GROUPS, "restricted", answers=said)
    assert scores["candidates"] == "restricted"
    for alone in ("seen", "unseen"):  # a group of one verb leaves no choice
        assert scores["groups"][alone]["per_verb"]["top1"]["verb"] == 1.0 == scores["chance"][alone]["verb_top1"]
    assert scores["chance"]["rare"]["verb_top1"] == 0.5
    with pytest.raises(InputError, match="'restricted' needs the groups of the verbs"):
        evaluate(whole, split_dev, None, "restricted", answers=said)
    with pytest.raises(InputError, match="wanted one of generalised, restricted, got 'easy'"):
        evaluate(whole, split_dev, GROUPS, "easy", answers=said)


def test_chance_is_an_even_guess_and_the_usual_answer(
    whole: Run, split_dev: Split, split_train: Split, said: Answers
) -> None:
    scores = evaluate(whole, split_dev, GROUPS, answers=said, train=split_train.annotations)
    assert scores["chance"]["all"]["verb_top1"] == 0.25 and scores["chance"]["all"]["verb_top5"] == 1.0
    # every agent is a block, every item a bar: the usual noun is always right, in the frames that training shows
    assert scores["chance"]["seen"]["value"] == 1.0 and scores["chance"]["seen"]["value_top1"] == 0.25
    assert scores["chance"]["seen"]["grounded"] < 1.0
    assert "value" not in evaluate(whole, split_dev, GROUPS, answers=said)["chance"]["all"]
    assert scores["chance"].keys() == brief(scores).keys() - {"harmonic"}
