"""The same numbers for people: a page, Markdown, tables of a terminal."""

import re
from html import unescape
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest
from benchmade import renamed, result, with_energy, without_truth

from edgegsr.bench.report import write_report
from edgegsr.bench.tables import ms, percent, tables
from edgegsr.bench.words import notes, write_markdown
from edgegsr.charts import frontier, histogram, log_ticks, stacked_bars, unbeaten
from edgegsr.cli.common import table as show
from edgegsr.errors import shown

EVIL = '<img src=x onerror="alert(1)">|`a`'
LAYER = {"name": "conv", "kind": "Conv", "in_8_bits": True, "arithmetic_ms": 0.002, "memory_ms": 0.001}
ESTIMATE = {
    "boards": [
        {
            "board": "orin-nano-super",
            "precision": "int8",
            "ms": 1.234,
            "start_share": 0.9,
            "mean_error": 0.03,
            "largest_error": 0.12,
            "caveats": ["smaller than what was measured"],
        }
    ],
    "bounds": {
        "board": "orin-nano-super",
        "precision": "int8",
        "layers": [{**LAYER, "bound_by": "arithmetic", "share": 1.0}],
    },
}


class Page(HTMLParser):
    """The rows of a page's tables; every element is closed in order, and nothing is fetched."""

    def __init__(self, text):
        super().__init__()
        self.open, self.rows, self.fetched = [], [], []
        self.feed(text)
        assert self.open == [] and self.fetched == []

    def handle_starttag(self, tag, attrs):
        self.fetched += [value for name, value in attrs if name in ("src", "href")]
        if tag != "meta":
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] in ("td", "th"):
            self.rows[-1][-1] += data

    def handle_startendtag(self, tag, attrs):
        pass


def written(made, folder):
    path = write_report(made, folder)
    assert path == folder / "report.html"
    return path.read_text("utf-8")


def table(made, title):
    (found,) = [each for each in tables(made) if title in each.title]
    return {row[0]: dict(zip(found.headers, row)) for row in found.rows}


def test_the_numbers_of_the_page_are_those_of_the_json(tmp_path):
    made = result(scenarios=("single-stream", "offline"))
    rows = Page(written(made, tmp_path)).rows
    for scenario in ("single-stream", "offline"):
        for name, each in made["subjects"].items():
            load = each["scenarios"][scenario]["load"]
            (row,) = [row for row in rows if row[:2] == [name, ms(load["p50_ms"])] and len(row) == 8]
            assert row[2:5] == [ms(load[p]) for p in ("p90_ms", "p99_ms", "p99_9_ms")]
            assert row[6:] == [f"{load['photos_per_s']:,.1f}", f"{load['queries']:,}"]
    nano = made["subjects"]["nano"]
    top1 = percent(nano["accuracy"]["groups"]["seen"]["verb_top1"])
    assert ["nano", *[top1] * 5, *["81.0"] * 5, *["71.0"] * 5] in rows
    assert ["teacher", *[top1] * 5, *["–"] * 10] in rows


def test_the_page_is_closed_in_itself_and_has_every_part(tmp_path):
    text = written(with_energy({**result(), "estimates": {"nano": ESTIMATE}}), tmp_path)
    Page(text)
    for part in ("What was measured", "How right", "Side by side", "How fast: single-stream", "What time goes to"):
        assert f"<h2>{part}</h2>" in text
    assert "<script" not in text and "http" not in text and len(text) < 300_000
    assert "A CPU, 2 cores, 8 GB" in text and "onnxruntime 1.2.3" in text and "heat: no sensor can be read" in text
    for svg in re.findall(r"<svg.*?</svg>", text):
        ElementTree.fromstring(svg)


def test_markdown_and_terminal_hold_the_same_tables(tmp_path):
    made = with_energy(result())
    text = write_markdown(made, tmp_path).read_text("utf-8")
    for title, headers, rows in tables(made):
        assert f"## {title}\n\n| {' | '.join(headers)} |" in text.replace("\\", "")
        for row in rows:
            assert len(row) == len(headers)
            assert f"\n| {' | '.join(row)} |\n" in text.replace("\\", "")


@pytest.mark.parametrize("scenarios", [("single-stream",), ("single-stream", "multi-stream", "offline")])
def test_tables_fit_a_terminal_of_a_hundred_columns(scenarios):
    made = with_energy({**result(scenarios=scenarios), "estimates": {"nano": ESTIMATE}})
    for title, headers, rows in tables(made):
        widest = [max(map(len, column)) for column in zip(headers, *rows)]
        assert sum(widest) + 3 * len(widest) <= 100 or "ESTIMATE" in title, title


def test_long_names_fold_in_eighty_columns_and_numbers_do_not(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    name = "runs/export/2026-03/diorama-nano-pruned-openvino-int8, openvino, 2 threads"
    made = renamed(with_energy(result(scenarios=("single-stream", "offline"))), "nano", name)
    for each in tables(made):
        show(*each)
        lines = capsys.readouterr().out.splitlines()
        assert max(map(len, lines)) <= 80
        for row in each.rows:
            short = [cell for cell in row[1:] if len(cell) <= 10]
            (begins,) = [line for line in lines[3:] if line.strip().startswith(row[0][:9])]
            assert all(f" {cell} " in f"{begins} " for cell in short), each.title


def test_a_score_has_the_half_of_its_interval_beside_it(tmp_path):
    made = result()
    made["subjects"]["nano"]["accuracy"]["intervals"] = {"seen": {"verb_top1": [0.70, 0.76]}}
    rows = table(made, "verb top-1, %")
    plain = rows["student"]["seen"]
    assert (rows["nano"]["seen"], rows["nano"]["rare"]) == (f"{plain} ±3.0", plain)
    assert f"{plain} ±3.0" in written(made, tmp_path) and "bootstrap over photos" in written(made, tmp_path)


def test_hostile_names_are_text_on_the_page_and_in_markdown(tmp_path):
    made = renamed(with_energy(result()), "nano", EVIL)
    made |= {"doubts": [EVIL], "missed": [f"{EVIL}: less"]}
    made["settings"]["data"] = EVIL
    text, lines = written(made, tmp_path), write_markdown(made, tmp_path).read_text("utf-8")
    Page(text)
    assert "<img" not in text and EVIL in unescape(text)
    assert not re.search(r"(?<!\\)<|(?<!\\)`", lines)
    assert all(len(re.findall(r"(?<!\\)\|", line)) == 8 for line in lines.splitlines() if "1.48" in line)


def test_names_that_would_move_a_cursor_are_shown_as_escapes(tmp_path):
    made = renamed(result(), "nano", "a\x1b[2J\nb")
    assert "\x1b" not in written(made, tmp_path)
    assert all("\x1b" not in cell and "\n" not in cell for _, _, rows in tables(made) for row in rows for cell in row)


def test_the_number_of_starts_is_shown_as_every_word_of_a_board():
    made = result()
    made["subjects"]["nano"]["cold_start_ms"]["starts"] = "5\n\x1b[2J"
    assert table(made, "Cold start")["nano"]["starts"] == r"'5\n\x1b[2J'"


def test_without_annotated_photos_nothing_is_said_of_how_right(tmp_path):
    made = without_truth(result())
    text = written(made, tmp_path)
    Page(text)
    assert "<h2>How right</h2>" not in text and "nothing is said of how right the answers are" in text
    assert "times as fast as teacher" in text and "% of the verb top-1" not in text
    assert not [title for title, *_ in tables(made) if "agree" in title or "verb" in title]


def test_without_sensors_a_line_says_what_is_not_drawn(tmp_path):
    text = written(result(), tmp_path)
    assert "Not drawn, because nothing tells it here: Power, W over seconds; Hottest sensor" in text
    assert "J per photo" not in text and "Fastest CPU, MHz over seconds</figcaption>" in text
    text = written(with_energy(result()), tmp_path)
    assert "Not drawn" not in text and "Power, W over seconds</figcaption>" in text


def test_one_subject_alone_has_nobody_beside_it(tmp_path):
    made = result({"nano": 3.0})
    text = written(made, tmp_path)
    Page(text)
    assert "<h2>Side by side</h2>" not in text and "2.9" in text
    assert "<h2>How right</h2>" in text and "Verbs, all: % top-1" not in text
    assert "Verbs, all: % top-1" in written(result({"nano": 3.0, "student": 60.0}), tmp_path)
    Page(written(result({"student": 30.0}), tmp_path))


def test_energy_says_what_it_is_the_energy_of():
    made = with_energy(result())
    nano = table(made, "energy, idle 3.25 W")["nano"]
    assert (nano["W"], nano["J per photo"], nano["of"]) == ("7.50", "0.0321", "module_rail")
    assert nano["W by rail"] == "VDD_IN 7.50, VDD_CPU_GPU_CV 2.50"


def test_a_claim_that_lacks_queries_is_none():
    made = result(blocks=4, queries=5, pace="quick")
    assert table(made, "latency")["nano"]["claimed at 99 %"] == "44 queries lacking"
    assert any("no claim with 99 % confidence: nano lacks 44 queries, student lacks 44" in note for note in notes(made))
    assert any(note.startswith("quick: 2 s and 64 queries") for note in notes(made))
    sure = result()
    claim = sure["subjects"]["nano"]["scenarios"]["single-stream"]["load"]["claim"]["ms"]
    assert table(sure, "latency")["nano"]["claimed at 99 %"] == f"p90 ≤ {claim:.2f}"
    assert notes(sure) == ["heat: no sensor can be read"]


def test_offline_says_how_many_photos_it_looked_at_at_once():
    made = result(scenarios=("offline",))
    rows = table(made, "offline: latency")
    assert {name: row["at once × threads"] for name, row in rows.items()} == {
        "nano": "2 × 1",
        "student": "1 × 1",
        "teacher": "1 × 1",
    }
    assert "claimed at 99 %" not in rows["nano"]


def test_beside_the_teacher_stand_speed_and_what_is_kept():
    made = result()
    made["subjects"]["nano"]["accuracy"]["groups"]["unseen"]["verb_top1"] = 0.4
    made["subjects"]["teacher"]["accuracy"]["groups"]["unseen"]["verb_top1"] = 0.8
    told = made["subjects"]["nano"]["scenarios"]["single-stream"]["faster_than"]["teacher"]
    fast = table(made, "as fast as teacher")["nano"]["single-stream"]
    assert fast == f"{told['times']:.1f} ({told['p10']:.1f} to {told['p90']:.1f})"
    assert table(made, "verb top-1 of teacher")["nano"]["unseen"] == "50.0"
    same = table(made, "say what student says")
    assert list(same["nano"].values()) == ["nano", "95.4", "91.2", "87.3"]
    assert list(same["teacher"].values()) == ["teacher", "95.4", "–", "–"]


def test_every_row_of_an_estimate_says_so(tmp_path):
    made = {**result(), "estimates": {"nano": ESTIMATE, EVIL: ESTIMATE}}
    rows = [row for row in Page(written(made, tmp_path)).rows if "ESTIMATE" in row]
    assert [row[:2] for row in rows] == [["orin-nano-super", name] for name in ("nano", EVIL)]
    assert rows[0][-4:] == ["int8", "1.23", "90.0", "3.0 / 12.0"]
    assert shown(f"ESTIMATE of nano, {EVIL}: smaller than what was measured") in notes(made)
    assert table(made, "what bounds nano")["conv"]["bound by"] == "arithmetic"


def test_loadgen_stands_beside_ours():
    made = result()
    theirs = {"valid": True, "p50_ms": 3.1, "p90_ms": 3.3, "p99_ms": 3.4, "mean_ms": 3.15, "claims_ms": {"90.0": 3.35}}
    turns = [{"ours": 3.0, "loadgen": 3.1}, {"ours": 2.9, "loadgen": 3.0}, {"ours": 3.2, "loadgen": 3.3}]
    ours = {"queries": 515, "turns": turns, "unit": "p50_ms", "apart": 0.0333}
    made["subjects"]["nano"]["scenarios"]["single-stream"]["loadgen"] = {**theirs, **ours}
    rows = table(made, "by LoadGen")
    assert list(rows) == ["nano"] and rows["nano"]["p50 in turns, ours / LoadGen's"] == "3.00 / 3.10"
    assert (rows["nano"]["apart, %"], rows["nano"]["LoadGen claims"]) == ("3.3", "p90 ≤ 3.35")
    assert rows["nano"]["its word"] == "valid"


def test_the_frontier_goes_through_those_whom_nobody_beats():
    points = {"slow": (40.0, 90.0), "worse": (50.0, 80.0), "fast": (3.0, 60.0), "twin": (3.0, 50.0)}
    assert unbeaten(points) == ["fast", "slow"]
    figure = frontier("t", points, dict.fromkeys(points, "round") | {"slow": "square", "worse": "diamond"}, "ms", "%")
    svg = ElementTree.fromstring(re.search("<svg.*</svg>", figure)[0])
    assert len(list(svg.iter("circle"))) == 2 and len(list(svg.iter("rect"))) == 2
    (line,) = [path for path in svg.iter("path") if path.get("class") == "frontier"]
    fast = next(iter(svg.iter("circle")))
    assert line.get("d").startswith(f"M{fast.get('cx')} {fast.get('cy')}H")


@pytest.mark.parametrize("values", [[2.8], [1.0], [0.004, 3], [5, 5], [1, 1000], [99.9, 100.0]])
def test_ticks_of_a_logarithmic_axis_hold_all_values(values):
    ticks = log_ticks(values)
    assert ticks[0] <= min(values) and ticks[-1] >= max(values) and 2 <= len(ticks) <= 15


def test_bars_of_a_histogram_are_as_high_as_their_counts():
    figure = histogram("t", [1.0, 2.0, 3.0, 4.0], [10, 0, 5], {"p50": 1.5})
    svg = ElementTree.fromstring(re.search("<svg.*</svg>", figure)[0])
    heights = [float(bar.get("height")) for bar in svg.iter("rect")]
    assert heights[0] == pytest.approx(2 * heights[1], abs=0.2) and len(heights) == 2
    assert "p50 1.5" in figure


def test_stacked_bars_are_as_long_as_their_sums_or_all_equally_long():
    bars = {"a": {"x": 1.0, "y": 3.0}, "b": {"x": 2.0}}
    widths = [re.findall(r"width:([\d.]+)%", stacked_bars("t", bars, "ms", shares=shares)) for shares in (False, True)]
    assert widths == [["25.00", "75.00", "50.00"], ["25.00", "75.00", "100.00"]]
