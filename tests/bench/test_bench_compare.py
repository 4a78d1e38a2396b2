"""Two benchmarks beside each other: what is a regression, and what is noise."""

import copy
import json
import os
import subprocess
import sys

import numpy as np
import pytest
from benchmade import PHOTOS, accuracy, result, right, with_energy

from edgegsr.bench.compare import compare, mcnemar, read_result
from edgegsr.errors import InputError


def verdicts(comparison, name="nano"):
    return {row.what: row.verdict for row in comparison.rows if row.subject == name}


def with_bits(made, bits, name="nano"):
    made["subjects"][name]["accuracy"] = accuracy(bits)
    return made


def test_the_same_benchmark_has_no_regression():
    found = compare(result(), result())
    assert found.differs == [] and found.regressions == []
    assert verdicts(found)["single-stream, p50 of blocks, ms"] == "same" and verdicts(found)["right verbs"] == "same"


def test_a_slower_run_is_a_regression():
    found = compare(result(), result({"nano": 3.6, "student": 60.0, "teacher": 40.0}, seed=1))
    assert verdicts(found)["single-stream, p50 of blocks, ms"] == "worse"
    (line,) = found.regressions
    assert line.startswith("nano: single-stream, p50 of blocks, ms: 3.") and "1.2" in line
    row = next(row for row in found.rows if row.verdict == "worse")
    assert row.interval[0] > 1.05 and row.interval[0] < row.new / row.old < row.interval[1]
    faster = compare(result({"nano": 3.6, "student": 60.0, "teacher": 40.0}, seed=1), result())
    assert verdicts(faster)["single-stream, p50 of blocks, ms"] == "better" and faster.regressions == []


@pytest.mark.parametrize("seed", range(1, 9))
def test_noise_of_latency_is_no_regression(seed):
    before = result({"nano": 3.0}, noise=0.4, queries=6)
    assert compare(before, result({"nano": 3.1}, noise=0.4, queries=6, seed=seed)).regressions == []


def test_slower_within_the_tolerance_is_no_regression():
    old, new = result({"nano": 3.0}), result({"nano": 3.3}, seed=1)
    assert len(compare(old, new, 0.05).regressions) == 1 and compare(old, new, 0.2).regressions == []


def test_a_tolerance_that_is_named_holds_for_right_verbs_too():
    before = right(0.8)
    after = before.copy()
    after[np.flatnonzero(before)[:8]] = False  # 8 of 148
    old, new = with_bits(result(), before), with_bits(result(), after)
    for tolerance, lines in ((None, 1), (0.0, 1), (0.05, 1), (0.06, 0)):
        assert len(compare(old, new, tolerance).regressions) == lines
    assert compare(old, new).table().title == "Old and new, tolerance 5 %, of right verbs 0 %"
    assert compare(old, new, 0.025).table().title == "Old and new, tolerance 2.5 %, of right verbs 2.5 %"


def test_fewer_than_six_blocks_are_not_judged():
    found = compare(result({"nano": 3.0}, blocks=5), result({"nano": 9.0}, blocks=5))
    assert verdicts(found)["single-stream, p50 of blocks, ms"] == "not judged" and found.regressions == []


def test_verbs_that_are_lost_on_the_same_photos_are_found():
    before = right(0.8)
    after = before.copy()
    after[np.flatnonzero(before)[:8]] = False
    found = compare(with_bits(result(), before), with_bits(result(), after))
    (row,) = [row for row in found.rows if row.verdict == "worse"]
    assert row.what == "right verbs" and "8 photos lost, 0 won" in row.why
    assert row.p == pytest.approx(2 / 2**8) and row.interval[1] < 0
    assert (row.old, row.new) == (before.mean(), after.mean()) and row.new == pytest.approx(row.old - 8 / PHOTOS)


def test_the_same_drop_is_unsure_where_photos_differ():
    before = right(0.8)
    after = before.copy()
    after[np.flatnonzero(before)[:8]] = False
    new = with_bits(result(), after)
    new["settings"]["data"] = "diorama:7"
    found = compare(with_bits(result(), before), new)
    assert found.differs == ["data: diorama, now diorama:7"]
    assert verdicts(found)["right verbs"] == "same" and verdicts(found)["value, true verb"] == "not judged"
    worse = with_bits(copy.deepcopy(new), right(0.5, seed=3))
    assert verdicts(compare(with_bits(result(), before), worse))["right verbs"] == "worse"


def test_as_many_lost_as_won_is_noise():
    before = right(0.8)
    after = before.copy()
    after[np.flatnonzero(before)[:9]], after[np.flatnonzero(~before)[:6]] = False, True
    assert compare(with_bits(result(), before), with_bits(result(), after)).regressions == []


@pytest.mark.parametrize(("lost", "won", "p"), [(0, 0, 1), (5, 5, 1), (6, 0, 2 / 64), (0, 6, 2 / 64), (5, 1, 14 / 64)])
def test_mcnemar_by_hand(lost, won, p):
    assert mcnemar(lost, won) == pytest.approx(p)


def test_memory_file_energy_and_scores_are_held_against_the_tolerance():
    old, new = with_energy(result()), with_energy(result())
    nano = new["subjects"]["nano"]
    nano["peak_resident_mb"], nano["graph_bytes"] = 106.0, 7_000_000
    nano["scenarios"]["single-stream"]["energy"]["joules_per_photo"] *= 1.04
    nano["accuracy"]["groups"]["all"]["grounded"] *= 0.9
    told = verdicts(compare(old, new))
    assert told["peak memory, MB"] == told["grounded, true verb"] == "worse"
    assert told["file, bytes"] == "better"
    assert told["single-stream, J per photo"] == told["value, true verb"] == "same"
    nano["scenarios"]["single-stream"]["energy"]["kind"] = "package"
    assert verdicts(compare(old, new))["single-stream, J per photo"] == "not judged"


def test_another_machine_is_named_first_and_its_times_are_not_judged():
    new = result({"nano": 9.0, "student": 60.0, "teacher": 40.0})
    new["machine"]["cpu"]["model"], new["machine"]["free_disk_bytes"] = "Another CPU", 2
    found = compare(result(), new)
    assert found.differs == ["machine cpu model: A CPU, now Another CPU"]
    assert verdicts(found)["single-stream, p50 of blocks, ms"] == "not judged" and found.regressions == []


def test_what_differs_is_named_and_a_newer_engine_is_judged():
    new = result({"nano": 9.0, "student": 60.0, "teacher": 40.0}, pace="mlperf")
    new["subjects"]["nano"]["versions"]["onnxruntime"] = "1.3.0"
    new["subjects"]["student"]["threads"] = 2
    found = compare(result(), new)
    assert found.differs == [
        "pace: default, now mlperf",
        "nano: versions onnxruntime: 1.2.3, now 1.3.0",
        "student: threads: 1, now 2",
    ]
    assert len(found.regressions) == 1 and verdicts(found, "student")["peak memory, MB"] == "not judged"


def test_offline_with_another_number_of_photos_at_once_is_not_judged():
    old, new = result(scenarios=("offline",)), result({"nano": 9.0}, scenarios=("offline",))
    assert verdicts(compare(old, new))["offline, p50 of blocks, ms"] == "worse"
    del old["subjects"]["nano"]["scenarios"]["offline"]["at_once"]  # as of an older version, which took one by one
    (row,) = [row for row in compare(old, new).rows if row.what == "offline, p50 of blocks, ms"]
    assert row.verdict == "not judged" and row.why.endswith("another number of photos at once")


def test_subjects_of_one_alone_are_named():
    found = compare(result(), result({"nano": 3.0, "another": 3.0}))
    assert [line for line in found.differs if "is not in" in line] == [
        "student is not in the new one",
        "teacher is not in the new one",
        "another is not in the old one",
    ]
    with pytest.raises(InputError, match="with a subject of the same name, got nano and teacher"):
        compare(result({"nano": 3.0}), result({"teacher": 3.0}))


def test_a_comparison_is_a_table_and_json():
    found = compare(result(), result({"nano": 3.6, "student": 60.0, "teacher": 40.0}))
    told = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert told["regressions"] == found.regressions and len(told["rows"]) == len(found.table().rows)
    assert all(len(row) == len(found.table().headers) for row in found.table().rows)


@pytest.mark.parametrize(
    ("text", "got"),
    [
        ("{", "got what is no JSON"),
        ("[" * 100_000, "got what is no JSON"),
        ("[1]", "got JSON without schema and subjects"),
        ('{"best": 1}', "got JSON without schema and subjects"),
        ('{"schema": 2, "subjects": {}}', "in schema 1, got 2; run the benchmark again"),
        ("\udcff", "got what is no JSON"),
    ],
)
def test_what_is_no_bench_json_is_refused_in_one_line(tmp_path, text, got):
    path = tmp_path / "bench.json"
    path.write_text(text, "utf-8", errors="surrogateescape")
    with pytest.raises(InputError) as refused:
        read_result(path)
    assert got in str(refused.value) and str(path) in str(refused.value) and "\n" not in str(refused.value)


def test_a_result_is_read_from_its_folder_and_one_that_is_not_there_is_named(tmp_path):
    (tmp_path / "bench.json").write_text(json.dumps(result()))
    assert read_result(tmp_path) == read_result(tmp_path / "bench.json") == json.loads(json.dumps(result()))
    with pytest.raises(InputError, match="No such file"):
        read_result(tmp_path / "none.json")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda made: made.update(subjects=[1]),
        lambda made: made["subjects"].update(nano=3),
        lambda made: made["subjects"]["nano"].pop("scenarios"),
        lambda made: made["subjects"]["nano"]["scenarios"]["single-stream"]["load"].update(blocks_p50_ms=[1, -1]),
        lambda made: made["subjects"]["nano"]["scenarios"]["single-stream"]["load"].update(blocks_p50_ms=["a"]),
        lambda made: made["subjects"]["nano"]["scenarios"]["single-stream"]["load"].update(blocks_p50_ms=[]),
        lambda made: made["subjects"]["nano"]["accuracy"].update(verb_right="00"),
        lambda made: made["subjects"]["nano"]["accuracy"].update(verb_right="no hex"),
        lambda made: made.update(machine=None),
    ],
)
def test_a_spoilt_result_is_refused_in_one_line(spoil):
    made = result()
    spoil(made)
    with pytest.raises(InputError, match=r"compare: ") as refused:
        compare(result(), made)
    assert "\n" not in str(refused.value)


def test_a_tolerance_is_a_share():
    with pytest.raises(InputError, match="tolerance must be at least 0 and below 1, got -1"):
        compare(result(), result(), -1)


def test_what_tells_of_a_benchmark_needs_numpy_alone():
    absent = "; ".join(f"sys.modules[{name!r}] = None" for name in ("torch", "PIL", "onnxruntime", "rich", "typer"))
    code = f"import sys; {absent}; import edgegsr.bench.report, edgegsr.bench.words, edgegsr.bench.compare"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ})
    assert (done.returncode, done.stderr) == (0, "")
