"""What is told before a benchmark begins, and what the folder of one that was stopped no longer needs."""

import pytest

from edgegsr.bench.ahead import ahead
from edgegsr.bench.child import Subject
from edgegsr.bench.measure import Job, files

BUNDLE, STUDENT = Subject("nano", "bundle", "a"), Subject("student", "student", "b")


def job(*subjects, questions=0, **more):
    return Job(subjects, ["a.jpg"], questions=[("a.jpg", "kicking")] * questions, **more)


def test_the_parts_stand_in_a_line_with_their_sum(tmp_path):
    told = ahead(job(BUNDLE, STUDENT, questions=3000), tmp_path)
    assert told == (
        "about 3 minutes: cold starts 13 s, single-stream 52 s, 3,000 annotated photos 86 s; "
        "more where a query takes long"
    )


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"pace": "quick"}, "about 7 seconds: cold starts 2 s, single-stream 5 s; more"),
        ({"pace": "mlperf"}, "about 12 minutes: cold starts 11 s, single-stream 661 s; more"),
        (
            {"scenarios": ("offline", "multi-stream")},
            "about 52 seconds: cold starts 6 s, offline 23 s, multi-stream 23",
        ),
        (
            {"loadgen": True},
            "about 78 seconds: cold starts 6 s, single-stream 23 s, single-stream by LoadGen 49 s; more",
        ),
    ],
)
def test_a_pace_scenarios_and_loadgen_take_their_time(more, said, tmp_path):
    assert ahead(job(BUNDLE, **more), tmp_path).startswith(said)


def test_an_engine_that_is_timed_alone_is_timed_once_a_plan(tmp_path):
    subjects = [Subject(engine, "bundle", "a", engine) for engine in ("tensorrt", "tensorrt-graph", "onnxruntime")]
    assert "trtexec 25 s" in ahead(job(*subjects, trtexec=True), tmp_path)


def test_what_was_measured_takes_no_time(tmp_path):
    wanted = job(BUNDLE, questions=3000)
    (tmp_path / "cold-start.json").touch()
    (tmp_path / "predictions").mkdir()
    (tmp_path / "predictions" / "0-nano.jsonl").write_text("{}\n" * 2000)
    assert ahead(wanted, tmp_path).startswith("about 30 seconds: single-stream 23 s, 3,000 annotated photos 7 s; more")
    (tmp_path / "predictions" / "0-nano.jsonl").write_text("{}\n" * 3000)
    for name in files(wanted)[:-1]:
        (tmp_path / name).touch()
    assert ahead(wanted, tmp_path) == "about a second: all of it was measured already"
