"""The bundle that ships, measured for real, in processes of their own, for moments."""

import importlib.util
import json
import os
import time
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from edgegsr.annotations import Annotations
from edgegsr.bench.accuracy import agreement, missed
from edgegsr.bench.askers import asked_in, too_many
from edgegsr.bench.bench import HERE, RESULT, STEPS, Truth, bench
from edgegsr.bench.child import Child, Subject
from edgegsr.bench.job import read_job, write_job
from edgegsr.bench.load import PACES, Pace
from edgegsr.bench.measure import Job, said, slug
from edgegsr.bench.photos import made
from edgegsr.bench.subject import Served
from edgegsr.errors import InputError
from edgegsr.runtime import SituationRecognizer
from edgegsr.shipped import find_bundle

BUNDLE = str(find_bundle("diorama-nano").resolve())


@pytest.fixture(autouse=True)
def short(monkeypatch):
    monkeypatch.setitem(PACES, "quick", Pace(0.2, 20, 1, claims=False))


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    return [str(path) for path in made(tmp_path_factory.mktemp("photos"), 4)]


@pytest.fixture(scope="module")
def truth(photos):
    """What the bundle says of the photos, but for the verb of the last one."""
    looking = SituationRecognizer(BUNDLE)
    said = [looking.predict(photo) for photo in photos]
    words = looking.ontology
    verbs = [words.verb_index[each.verb] for each in said[:3]]
    verbs.append(next(i for i in range(len(words.verbs)) if words.verbs[i] != said[3].verb))
    nouns, boxes, has_box = np.zeros((4, 3, 6), np.int32), np.zeros((4, 6, 4), np.float32), np.zeros((4, 6), bool)
    for row, each in enumerate(said[:3]):
        for slot, filler in enumerate(each.fillers.values()):
            nouns[row, :, slot] = words.noun_index[filler.noun]
            if filler.box_xyxy is not None:
                boxes[row, slot], has_box[row, slot] = filler.box_xyxy, True
    names = tuple(photo.rsplit("/", 1)[1] for photo in photos)
    sizes = np.array([(640, 480)] * 4, np.int32)
    found = Annotations(words, names, sizes, np.array(verbs, np.int32), nouns, boxes, has_box)
    return Truth("made", "test", found)


def job(photos, truth=None, subjects=("one",), **more):
    words = truth.annotations.ontology.verbs if truth else ()
    questions = [(photo, words[verb]) for photo, verb in zip(photos, truth.annotations.verbs)] if truth else []
    those = [Subject(name, "bundle", BUNDLE, "", 1) for name in subjects]
    return Job(those, photos, pace="quick", questions=questions, **more)


class Patient:
    """Sleeps in two steps, and remembers which photos it was asked about."""

    steps = ("sleep", "wake")

    def __init__(self):
        self.asked = []

    def predict_in_steps(self, content):
        self.asked.append(content)
        time.sleep(0.03)
        yield None
        time.sleep(0.01)
        yield None


def test_several_predictors_share_the_photos_of_a_query_and_its_time_is_told_once(photos):
    both = [Patient(), Patient()]
    served = Served(both, photos, Patient.steps)
    began = time.perf_counter()
    ((sleep, wake),) = served.ask([[0, 1, 2, 3] * 2])["took"]
    took = time.perf_counter() - began
    assert sorted(both[0].asked + both[1].asked) == sorted(2 * [Path(photo).read_bytes() for photo in photos])
    assert min(len(each.asked) for each in both) >= 2
    assert 0.15 < sleep + wake <= took < 8 * 0.04 < served.ask([[0] * 16])["took"][0][0] * 2
    assert sleep / wake == pytest.approx(3, rel=0.3)
    alone = Served(both[:1], photos, Patient.steps)
    assert sum(alone.ask([[0, 1]])["took"][0]) >= 0.08


@pytest.mark.parametrize(
    ("scenario", "kind", "threads", "at_once", "cpus", "found"),
    [
        ("offline", "bundle", 0, 0, 4, (4, 1)),
        ("offline", "bundle", 2, 0, 4, (2, 2)),
        ("offline", "bundle", 3, 0, 4, (1, 3)),
        ("offline", "bundle", 8, 0, 4, (1, 8)),
        ("offline", "bundle", 0, 2, 6, (2, 3)),
        ("offline", "bundle", 0, 9, 4, (9, 1)),
        ("offline", "bundle", 2, 1, 4, (1, 2)),
        ("offline", "student", 0, 0, 4, (1, 0)),
        ("single-stream", "bundle", 0, 2, 4, (1, 0)),
        ("multi-stream", "bundle", 2, 0, 4, (1, 2)),
    ],
)
def test_offline_asks_a_bundle_about_as_many_photos_at_once_as_there_are_cpus_for(
    scenario, kind, threads, at_once, cpus, found
):
    asked = asked_in(scenario, Subject("one", kind, BUNDLE, threads=threads, at_once=at_once), cpus)
    assert (asked.at_once, asked.threads) == found


def test_more_threads_than_cpus_are_doubted():
    two, four = (Subject(f"{n}", "bundle", BUNDLE, threads=n, at_once=1) for n in (2, 4))
    said = "threads: {} was given {}, and there are 2 CPUs: they wait for each other"
    assert list(too_many([two, four], 2)) == [said.format(4, 4)]
    assert list(too_many([replace(two, at_once=3)], 2)) == [said.format(2, 6)]


def test_how_many_photos_at_once_stands_in_the_result_and_memory_is_that_of_one(photos, tmp_path):
    found = bench(job(photos, scenarios=("single-stream", "offline"), cpus=cpus(2)), tmp_path, None)
    told = found["subjects"]["one"]
    assert {name: each["at_once"] for name, each in told["scenarios"].items()} == {
        "single-stream": 1,
        "offline": len(cpus(2)),
    }
    assert told["scenarios"]["offline"]["threads"] == 1 and found["doubts"]
    steps = told["scenarios"]["offline"]["steps"]
    load = told["scenarios"]["offline"]["load"]
    assert sum(each["mean_ms"] for each in steps.values()) == pytest.approx(load["mean_ms"] / 64, rel=0.01)
    alone = json.loads((tmp_path / STEPS / "single-stream.json").read_text())["subjects"]["one"]
    assert told["peak_resident_mb"] == alone["peak_resident_mb"]


def cpus(most):
    return sorted(os.sched_getaffinity(0))[:most] if hasattr(os, "sched_getaffinity") else ()


def test_a_bundle_is_as_right_and_as_fast_as_it_is(photos, truth, tmp_path):
    found = bench(job(photos, truth, ("one", "other")), tmp_path, truth)
    one = found["subjects"]["one"]
    load, steps = (one["scenarios"]["single-stream"][part] for part in ("load", "steps"))
    assert load["queries"] >= 20 and list(steps) == ["decode", "preprocess", "network", "answer"]
    assert sum(each["mean_ms"] for each in steps.values()) == pytest.approx(load["mean_ms"], rel=0.01)
    verbs = truth.annotations.verbs.tolist()
    per_verb = [np.mean([i < 3 for i in range(4) if verbs[i] == verb]) for verb in set(verbs)]  # the last one is wrong
    assert one["accuracy"]["groups"]["all"]["verb_top1"] == pytest.approx(np.mean(per_verb))
    assert bin(int(one["accuracy"]["verb_right"], 16)).count("1") == 3
    assert one["agrees_with"]["other"] == {"verb": 1.0, "noun": 1.0, "box": 1.0}
    assert set(one["scenarios"]["single-stream"]["faster_than"]) == {"other"}
    assert one["cold_start_ms"]["all"]["p50_ms"] > one["cold_start_ms"]["load"]["p50_ms"] > 0
    assert 20 < one["peak_resident_mb"] < 300 and one["graph_sha256"] and one["parameters"] == 1480007
    assert json.loads((tmp_path / RESULT).read_text()) == found


def test_a_benchmark_that_was_stopped_goes_on(photos, truth, tmp_path):
    wanted = job(photos, truth)
    bench(wanted, tmp_path, truth)
    steps = tmp_path / STEPS
    said = steps / "predictions" / "0-one.jsonl"
    whole = said.read_text()
    said.write_text("".join(whole.splitlines(keepends=True)[:2]) + '{"image": "made_0')  # as a kill leaves it
    before = (steps / "single-stream.json").read_bytes()
    (steps / "cold-start.json").unlink()
    bench(wanted, tmp_path, truth)
    assert said.read_text() == whole and (steps / "single-stream.json").read_bytes() == before
    assert (steps / "cold-start.json").is_file()


def test_another_benchmark_in_the_same_folder_is_refused_once_it_has_measured_something(photos, tmp_path):
    write_job(job(photos, subjects=("mistyped",)), tmp_path)
    write_job(job(photos), tmp_path)
    assert json.dumps(asdict(read_job(tmp_path))) == json.dumps(asdict(job(photos)))
    (tmp_path / "cold-start.json").write_text("{}")
    with pytest.raises(InputError, match=r"another benchmark was begun here \(subjects differ\); give another --out"):
        write_job(job(photos, subjects=("other",)), tmp_path)


def test_what_has_changed_since_is_refused(photos, tmp_path):
    wanted = job(photos)
    bench(wanted, tmp_path, None)
    again = replace(wanted, subjects=[replace(wanted.subjects[0], content="another")])
    with pytest.raises(InputError, match="another benchmark was begun here"):
        bench(again, tmp_path, None)
    told = json.loads((tmp_path / STEPS / HERE).read_text())
    (tmp_path / STEPS / HERE).write_text(json.dumps({**told, "versions": {"numpy": "1.0"}}))
    with pytest.raises(InputError, match="was begun on another machine or with other packages"):
        bench(wanted, tmp_path, None)


def test_two_names_that_look_alike_have_files_of_their_own(photos, truth):
    assert said(job(photos, truth, ("a, b", "a-b"))) == ["predictions/0-a-b.jsonl", "predictions/1-a-b.jsonl"]


def test_the_memory_of_a_subject_is_not_that_of_who_started_it(photos):
    held = np.ones(50_000_000)  # 400 MB
    with Child(Subject("one", "bundle", BUNDLE, "", 1), photos) as child:
        assert 20e6 < child.peak_bytes() < 300e6 < held.nbytes


def test_a_subject_runs_nothing_of_the_current_folder(photos, tmp_path, monkeypatch):
    (tmp_path / "numpy.py").write_text("raise SystemExit('code of a stranger')")
    monkeypatch.chdir(tmp_path)
    with Child(Subject("one", "bundle", BUNDLE, "", 1), photos) as child:
        assert len(child.ask([[0]])[0]) == 4


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system has no CPU affinity")
def test_a_subject_stays_on_the_cpus_that_it_was_given(photos):
    with Child(Subject("one", "bundle", BUNDLE), photos, cpus=(0,)) as child:
        child.ask([[0]])
        tasks = list(Path(f"/proc/{child._process.pid}/task").iterdir())
        allowed = {line.split()[1] for task in tasks for line in _status(task) if line.startswith("Cpus_allowed_list")}
    assert allowed == {"0"}


def _status(task):
    return (task / "status").read_text().splitlines()


@pytest.mark.skipif(not importlib.util.find_spec("mlperf_loadgen"), reason="mlcommons-loadgen has no wheel here")
def test_loadgen_asks_in_turns_with_us(photos, tmp_path):
    found = bench(job(photos, loadgen=True), tmp_path, None)
    told = found["subjects"]["one"]["scenarios"]["single-stream"]["loadgen"]
    (turn,) = told["turns"]
    assert told["valid"] and told["queries"] >= 20 and told["unit"] == "p50_ms"
    assert told["apart"] == pytest.approx(turn["loadgen"] / turn["ours"] - 1, abs=1e-3)


def test_a_thousand_photos_are_not_too_many(photos):
    with Child(Subject("one", "bundle", BUNDLE, "", 1), photos * 1000) as child:
        assert len(child.ask([[3999]])[0]) == 4


def test_a_subject_that_cannot_be_opened_says_why(tmp_path, photos):
    with pytest.raises(InputError, match="no such folder; give the folder that `edgegsr export --out` has written"):
        Child(Subject("gone", "bundle", str(tmp_path / "gone")), photos)


def test_a_subject_whose_process_dies_is_one_line(photos):
    with Child(Subject("one", "bundle", BUNDLE, "", 1), photos) as child:
        child._process.kill()
        with pytest.raises(InputError, match="one: its process ended"):
            child.ask([[0]])


def test_a_score_that_keeps_too_little_of_the_students_is_told():
    student = {"seen": {"verb_top1": 0.9, "value": 0.8, "grounded": None}}
    bundle = {"seen": {"verb_top1": 0.88, "value": 0.8, "grounded": None}}
    assert list(missed(student, bundle, 0.99)) == [
        "verb_top1, seen: 88.0 % where the student has 90.0 %, at least 99% of it was wanted"
    ]
    assert not list(missed(student, bundle, 0.97))


def test_who_says_verbs_alone_agrees_on_verbs_alone(photos, truth, tmp_path):
    names, verbs = truth.annotations.images, truth.annotations.ontology.verbs
    lines = [json.dumps({"image": name, "verbs": [verbs[0]], "frames": {}}) + "\n" for name in names]
    (tmp_path / "a").write_text("".join(lines))
    assert agreement(tmp_path / "a", tmp_path / "a", truth.annotations) == {"verb": 1.0}


def test_names_make_files_inside_the_folder():
    assert slug("../../etc/passwd, 2 threads") == "etc-passwd-2-threads" and slug("…") == "subject"
    assert len(slug("a" * 500)) == 100
