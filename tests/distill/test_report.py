"""The report holds what it must, escapes what it shows, and needs nothing but itself."""

from __future__ import annotations

import base64
import dataclasses
import io
import re
import shutil
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from PIL import Image  # noqa: E402

from edgegsr.charts import heat_map, line_chart, scale, thinned  # noqa: E402
from edgegsr.data.split import Split  # noqa: E402
from edgegsr.data.splits import Groups  # noqa: E402
from edgegsr.distill import report  # noqa: E402
from edgegsr.distill.gallery import annotated, choose  # noqa: E402
from edgegsr.distill.report import write_report  # noqa: E402
from edgegsr.run import REPORT, Run, open_run  # noqa: E402
from edgegsr.situation import Ontology  # noqa: E402
from edgegsr.student.answers import answer  # noqa: E402

GROUPS = Groups(("lifting",), ("pushing", "pulling"), ("sinking",))


class Closed(HTMLParser):
    """Checks that every element is closed in order, and collects what the page would fetch."""

    VOID = ("meta", "img", "br")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.fetched: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.fetched += [v for k, v in attrs if k in ("src", "href") and v and not v.startswith("data:")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, tag


@pytest.fixture(scope="module")
def page(whole: Run) -> str:
    return (whole.folder / REPORT).read_text("utf-8")


def test_training_leaves_a_report_with_every_part(page: str) -> None:
    for part in ("Scores", "Training", "Confusion of verbs", "Predictions", "Settings"):
        assert f"<h2>{part}</h2>" in page
    for group in ("rare", "unseen", "all", "unseen, among unseen"):
        assert f"<td>{group}</td>" in page
    for word in ("top-1", "top-5", "grounded-all", "chance 25.0", "Sum of losses", "dev: top-1 verb, %", "epochs = 3"):
        assert word in page
    assert "unseen, right verb" in page or "unseen, wrong verb" in page
    assert "sinking_dev" in page


def test_report_is_closed_in_itself(page: str) -> None:
    checked = Closed()
    checked.feed(page)
    assert checked.open == [] and checked.fetched == []
    assert "<script" not in page and "http" not in page and "@import" not in page
    assert not re.search(r"\$[a-z_]+", page)  # no place left unfilled
    assert len(page) < 5_000_000


def test_pictures_in_the_report_can_be_opened(page: str) -> None:
    pictures = re.findall(r'src="data:image/jpeg;base64,([^"]+)"', page)
    assert len(pictures) == 2 * page.count('class="pair"') > 0
    picture = Image.open(io.BytesIO(base64.b64decode(pictures[0])))
    assert picture.width == 400 and len(set(picture.convert("L").tobytes())) > 10


def test_report_of_a_split_without_groups_or_training_images(whole: Run, split_dev: Split, tmp_path: Path) -> None:
    run = open_run(shutil.copytree(whole.folder, tmp_path / "run"))
    (run.folder / "metrics.jsonl").unlink()
    path = write_report(run, split_dev)
    assert path == run.folder / REPORT and "This folder has no metrics.jsonl" in path.read_text("utf-8")


def test_hostile_words_are_escaped(whole: Run, split_dev: Split, tmp_path: Path) -> None:
    evil = '<img src=x onerror="alert(1)">'
    words = whole.ontology
    frames = (dataclasses.replace(words.frames[0], verb=evil), *words.frames[1:])
    nouns = tuple(dataclasses.replace(noun, gloss=(evil,)) if noun.id else noun for noun in words.nouns)
    other = Ontology(frames, nouns)
    truth = dataclasses.replace(split_dev.annotations, ontology=other)
    (tmp_path / "run").mkdir()
    run = dataclasses.replace(whole, folder=tmp_path / "run", ontology=other, config={**whole.config, "method": evil})
    text = write_report(
        run, dataclasses.replace(split_dev, annotations=truth), GROUPS._replace(seen=(evil,))
    ).read_text()
    assert "<img src=x" not in text and "&lt;img src=x" in text


def test_answers_that_are_given_are_not_asked_again(
    whole: Run, split_dev: Split, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from edgegsr.distill import report

    said = answer(whole.student, split_dev)
    monkeypatch.setattr(report, "answer", _never)
    (tmp_path / "run").mkdir()
    run = dataclasses.replace(whole, folder=tmp_path / "run")
    assert "<h2>Scores</h2>" in write_report(run, split_dev, GROUPS, answers=said).read_text()


def _never(*given: object, **named: object) -> None:
    raise AssertionError("asked again")


def test_truth_is_the_noun_of_most_annotators(split_dev: Split) -> None:
    truth = split_dev.annotations.take([0, 1])
    truth.nouns[0, :, 1] = (-1, -1, 2)
    truth.nouns[1, :, 1] = (3, 2, 1)
    assert annotated(truth, 0).fillers["item"].noun == "oov"
    assert annotated(truth, 1).fillers["item"].noun == "n3"
    assert annotated(truth, 0).fillers["agent"].box_xyxy is not None
    assert annotated(truth, 0).fillers["item"].box_xyxy is None


def test_same_predictions_are_chosen_every_time() -> None:
    rows = np.arange(100, dtype=np.int64)
    assert choose(rows, 5) == choose(rows, 5) and len(set(choose(rows, 5))) == 5
    assert choose(rows[:2], 5) == [0, 1]


def svg_of(figure: str) -> ElementTree.Element:
    found = re.search(r"<svg.*</svg>", figure)
    assert found
    return ElementTree.fromstring(found[0])


def test_line_chart_puts_values_where_they_belong() -> None:
    svg = svg_of(line_chart("loss & more", {"a": [(0, 0.0), (50, 5.0), (100, 10.0)], "empty": []}))
    (line,) = svg.iter("polyline")
    points = [tuple(map(float, point.split(","))) for point in line.get("points", "").split()]
    (x0, y0), (x1, y1), (x2, y2) = points
    assert x1 == pytest.approx((x0 + x2) / 2) and y1 == pytest.approx((y0 + y2) / 2) and x0 < x2 and y0 > y2
    assert svg.get("aria-label") == "loss & more"
    assert line_chart("nothing", {"a": []}) == ""


@pytest.mark.parametrize("values", [[0.0], [0.0, 0.0], [3.0], [1e-9, 5e-6], [12.0, 31.4], [-2.0, 7.0], [99.9, 100.0]])
def test_scale_holds_all_values_between_round_ticks(values: list[float]) -> None:
    low, high, ticks = scale(values)
    assert low <= min(0, *values, 0) and high >= max(values) and low < high
    assert 2 <= len(ticks) <= 9 and ticks == sorted(set(ticks))


def test_thinning_keeps_few_points_and_the_last() -> None:
    points = [(float(i), float(i % 7)) for i in range(10_001)]
    few = thinned(points)
    assert len(few) <= 300 and few[-1] == points[-1] and thinned(points[:300]) == points[:300]


def test_heat_map_draws_only_what_happened() -> None:
    svg = ElementTree.fromstring(heat_map([[0.5, 0.5, 0], [0, 1, 0], [0, 0, 0]], ["a", "b<", "c"], [2]))
    cells = [rect for rect in svg.iter("rect") if rect.get("class") != "ground"]
    assert [cell.get("class") for cell in cells] == ["right", "wrong", "right"]
    assert cells[1][0].text == "a taken for b<: 50%"
    assert len(list(svg.iter("text"))) == 6 and len(list(svg.iter("path"))) == 1


def test_more_verbs_than_a_map_can_show_leave_the_list(
    whole: Run, split_dev: Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    from edgegsr.distill import report

    said = answer(whole.student, split_dev)
    draw: Callable[..., str] = report._confusion
    assert "<svg" in draw(split_dev.annotations, said, None)
    monkeypatch.setattr(report, "MOST_CELLS", 3)
    assert "<svg" not in draw(split_dev.annotations, said, None)


def test_what_was_taught_has_curves_of_its_own() -> None:
    from edgegsr.distill.report import _charts

    steps = [{"kind": "train", "step": step, "loss": 3.0, "glimpse": 1.0 / step} for step in (1, 2, 3)]
    page = _charts(steps)
    assert "Taught: the scene" in page and "Taught: patches" not in page


def test_seen_and_unseen_have_a_row_of_both_together() -> None:
    def part(images: int, share: float) -> dict[str, Any]:
        per_verb: dict[str, dict[str, float]] = {}
        for *_, setting, metric, _ in report.COLUMNS:
            per_verb.setdefault(setting, {})[metric] = share
        return {"images": images, "per_verb": per_verb}

    groups = {"seen": part(6, 0.9), "rare": part(0, 0.0), "unseen": part(2, 0.3)}
    teacher = {
        "groups": {"seen": {"verb_top1": 0.8, "verb_top5": 1.0}},
        "harmonic": {"verb_top1": 0.7, "verb_top5": 1.0},
    }
    table = report._scores({"groups": groups, "chance": {}}, None, {"groups": groups}, teacher, {})
    for name in ("", ", calibrated"):
        assert f"<tr><td>{report.MEAN}{name}</td><td>8</td><td><b>45.0</b></td>" in table
    assert f"<td>teacher, zero-shot: {report.MEAN}</td><td></td><td><b>70.0</b></td>" in table
    assert report.MEAN not in report._scores({"groups": {"seen": part(6, 0.9)}, "chance": {}}, None, None, {}, {})
