import json
import re
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture
def scoring_speed(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    monkeypatch.delitem(sys.modules, "scoring_speed", raising=False)
    import scoring_speed

    return scoring_speed


def test_files_scored_end_to_end_agree_with_the_planned_counts(scoring_speed):
    result = scoring_speed.run(seed=3, per_verb=2)
    assert result["agrees"]
    assert result["images"] == 1008
    assert 0.1 < result["grounded_top1_per_verb"] < 0.5
    assert result["peak_rss_mb"] > 10


def test_one_wrong_noun_among_the_files_is_noticed(scoring_speed, tmp_path):
    plan = scoring_speed.Plan(seed=3, per_verb=1)
    scoring_speed.write(plan, tmp_path)
    path = tmp_path / "predictions.jsonl"
    i = next(i for i, there in enumerate(plan.present) if there and plan.answered[i] and plan.noun_right[i][0])
    lines = path.read_text().splitlines()
    row = next(n for n, line in enumerate(lines) if json.loads(line)["image"] == plan.image(i))
    record = json.loads(lines[row])
    record["frames"][scoring_speed.word(plan.verbs[i])][plan.frames[plan.verbs[i]][0]]["noun"] = "n98765432"
    lines[row] = json.dumps(record)
    path.write_text("\n".join(lines))
    scores = scoring_speed.measure(tmp_path)["scores"]
    assert scoring_speed.largest_difference(scores, scoring_speed.hand_counts(plan)) > 1e-5


def test_the_result_goes_to_the_named_file_and_to_the_last_line(scoring_speed, tmp_path, monkeypatch, capsys):
    out = tmp_path / "new" / "scoring.json"
    monkeypatch.setattr(sys, "argv", ["scoring_speed.py", "--out", str(out), "--per-verb", "1"])
    assert scoring_speed.main() == 0
    result = json.loads(out.read_text())
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == result
    assert {"cpu", "gpu", "cores", "memory_gb", "platform", "versions", "date", "commit"} == set(result["machine"])
    assert result["machine"]["versions"]["numpy"]
    assert not re.search(r'"/|\\\\', out.read_text())  # no paths of this machine
