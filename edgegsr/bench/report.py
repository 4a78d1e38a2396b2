"""report.html of a benchmark: what is right and how fast, what time and power went to, what was not controlled."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from pathlib import Path

from edgegsr.bench.child import STARTED
from edgegsr.bench.tables import (
    NONE,
    Found,
    Result,
    Table,
    agreement,
    bounds,
    by_trtexec,
    cold_starts,
    energy,
    estimates,
    faster,
    groups_of,
    kept,
    latency,
    loadgen,
    ms,
    number,
    of_kind,
    percent,
    scores,
    share_kept,
    steps,
    subjects,
    times,
)
from edgegsr.bench.words import TITLE, held_against, lead, of_estimates, versions
from edgegsr.charts import frontier, histogram, line_chart, stacked_bars
from edgegsr.errors import shown
from edgegsr.files import write_whole
from edgegsr.page import page

REPORT = "report.html"
SHAPES = {"bundle": "round", "student": "round", "teacher": "square"}  # others are baselines
MARKS = {"p50": "p50_ms", "p90": "p90_ms", "p99": "p99_ms"}
TIMELINE = {
    "watts": "Power, W over seconds",
    "celsius": "Hottest sensor, °C over seconds",
    "cpu_mhz": "Fastest CPU, MHz over seconds",
    "gpu_mhz": "GPU, MHz over seconds",
}
LATENCY_NOTE = (
    "Of one query: JPEG decode, preprocessing, network and answer. The claim is MLPerf's early stopping: with 99 % "
    "confidence the percentile is no longer. Multi-stream asks for eight photos, one after the other; offline for 64, "
    "of which a bundle looks at several at once where there are CPUs for it."
)
BESIDE_NOTE = (
    "Subjects take turns in blocks of half a second; how much faster one is comes from the blocks of a round: the "
    "median, and between which four of five pairs lie. What both say counts whether right or wrong; boxes that overlap "
    "by one half are the same."
)
ENERGY_NOTE = (
    "Of the whole module (module_rail, the input of its board) or of the CPU's packages (package) while a subject was "
    "asked; idle is not subtracted, and none of it is power at the wall."
)
SCORES_NOTE = (
    "By the official protocol, averaged per verb; ± half of the 95 % interval, by a bootstrap over photos. Harmonic: "
    "of seen and unseen. A teacher says verbs alone."
)
PAIRS_NOTE = (
    "By HICO-DET's protocol; kinds that no photo shows are left out; ± half of the 95 % interval, by a bootstrap over "
    "photos."
)
SHAPES_NOTE = "Round: the student and its bundles. Square: a teacher. Diamond: others. Dashed: nobody is above it."
HISTOGRAM_NOTE = "The last bar holds all that took longer than 99.5 % did; each has an axis of its own."
STEPS_NOTE = "Means, which add up to the mean of a photo; medians would not. What does not tell its steps is one."
LOADGEN_NOTE = "LoadGen asks each subject by itself; how far apart we are is the median of turns of two seconds each."
ESTIMATES_NOTE = (
    "None of these rows was measured: ms = start + GFLOPs / (share × TOPS) + MB / (GB/s), fitted to latencies that "
    "others have published, of convolutional networks. Attention is outside of what the law was held against."
)
LAYERS_NOTE = (
    "Each layer takes as long as the slower of arithmetic and memory, by the rates of the law, which was held against "
    "whole networks alone. Without the start, so that layers do not add up to the milliseconds above."
)


def write_report(result: Result, out: Path) -> Path:
    """Writes report.html into a folder, and says where."""
    body = "".join(_parts(result))
    write_whole(out / REPORT, page(TITLE, lead(result), body, {"edgegsr": result["edgegsr"], **versions(result)}))
    return out / REPORT


def _parts(result: Result) -> Iterator[str]:
    yield f'<div class="facts">{_facts(result)}</div>'
    yield _list("Missed", result.get("missed") or ())
    yield _list("What speaks against these numbers", list(held_against(result)))
    yield _section("What was measured", _panel(subjects(result)), _panel(cold_starts(result)))
    yield _section("Engines of TensorRT by themselves", _panel(by_trtexec(result)))
    yield _section(
        "How right", _joined("", scores(result), _scores_note(result)), _charts(_pareto(result), SHAPES_NOTE)
    )
    yield _section("Side by side", *_beside(result))
    for name in result["scenarios"]:
        yield _section(
            f"How fast: {shown(name)}",
            _panel(latency(result, name), LATENCY_NOTE),
            _charts(_histograms(result, name), HISTOGRAM_NOTE),
            _panel(steps(result, name), STEPS_NOTE),
            _panel(energy(result, name), ENERGY_NOTE),
            _panel(loadgen(result, name), LOADGEN_NOTE),
            _charts(_timeline(result, name)),
            _note(_untold(result, name)),
        )
    yield _section("What time goes to", f'<div class="charts wide">{_time(result)}</div>')
    layers = [_panel(bounds(result, name), LAYERS_NOTE) for name in result.get("estimates") or ()]
    outside = _list("What they do not know", list(of_estimates(result)))
    yield _section("Boards that are not here", _panel(estimates(result), ESTIMATES_NOTE), outside, *layers)


def _beside(result: Result) -> Iterator[str]:
    note = BESIDE_NOTE
    for kind, make in (("teacher", kept), ("student", agreement)):
        for name in of_kind(result, kind) if len(result["subjects"]) > 1 else ():
            yield _joined(f"Beside {shown(name)}", [faster(result, name), make(result, name)], note)
            note = ""


def _facts(result: Result) -> str:
    """The fastest bundle, or whatever is the fastest, in large."""
    scenario = next(iter(result["scenarios"]))
    bundles = of_kind(result, "bundle") or list(result["subjects"])
    name = min(bundles, key=lambda each: result["subjects"][each]["scenarios"][scenario]["load"]["p50_ms"])
    return "".join(
        f"<div><b>{escape(value)}</b><span>{escape(what)}</span><small>{escape(shown(note))}</small></div>"
        for value, what, note in _cards(result, scenario, name, result["subjects"][name])
    )


def _cards(result: Result, scenario: str, name: str, found: Found) -> Iterator[tuple[str, str, str]]:
    told = found["scenarios"][scenario]
    yield f"{ms(told['load']['p50_ms'])} ms", f"p50, {scenario}", name
    for teacher in of_kind(result, "teacher")[:1]:
        if pairs := told["faster_than"].get(teacher):
            yield f"{times(pairs['times'])}×", "as fast as the teacher", teacher
        for group in ("harmonic", "all"):
            if (share := share_kept(groups_of(found), groups_of(result["subjects"][teacher]), group)) is not None:
                yield f"{percent(share)} %", f"of its verb top-1, {group}", teacher
    for student in of_kind(result, "student")[:1]:
        if (same := (found.get("agrees_with") or {}).get(student, {}).get("verb")) is not None:
            yield f"{percent(same)} %", "the student's verb", student
    if took := told.get("energy"):
        yield f"{number(took['joules_per_photo'], 3)} J", "a photo", took["kind"]
    if size := found.get("graph_bytes"):
        yield f"{number(size, 1, 1e6)} MB", "file", f"{number(found.get('peak_resident_mb'), 0)} MB resident"


def _section(title: str, *parts: str) -> str:
    """A heading over parts; nothing where there are none."""
    return f"<h2>{escape(title)}</h2>{''.join(parts)}" if any(parts) else ""


def _panel(table: Table, note: str = "") -> str:
    """One table under its title, and what to know of it."""
    heads = "".join(f"<th>{escape(header)}</th>" for header in table.headers)
    return _headed(table.title, note, f"<tr>{heads}</tr>", table.rows) if table.rows else ""


def _scores_note(result: Result) -> str:
    judged = (each.get("accuracy", {}).get("groups", {}) for each in result["subjects"].values())
    return PAIRS_NOTE if any("mean_ap" in group for groups in judged for group in groups.values()) else SCORES_NOTE


def _joined(title: str, tables: Sequence[Table], note: str = "") -> str:
    """Tables about the same subjects as one, their titles over their columns."""
    tables = [table for table in tables if table.rows]
    if not tables:
        return ""
    over = "".join(f'<th colspan="{len(table.headers) - 1}">{escape(table.title)}</th>' for table in tables)
    heads = "".join(f"<th>{escape(header)}</th>" for table in tables for header in table.headers[1:])
    names = dict.fromkeys(row[0] for table in tables for row in table.rows)
    found = [{row[0]: row[1:] for row in table.rows} for table in tables]
    rows = [
        [name, *(cell for table, by in zip(tables, found) for cell in by.get(name, [NONE] * (len(table.headers) - 1)))]
        for name in names
    ]
    head = f'<tr class="over"><th></th>{over}</tr><tr><th>{tables[0].headers[0]}</th>{heads}</tr>'
    return _headed(title, note, head, rows)


def _headed(title: str, note: str, head: str, rows: Iterable[Sequence[str]]) -> str:
    told = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    table = f"<table><thead>{head}</thead><tbody>{told}</tbody></table>"
    return f'{f"<h3>{escape(title)}</h3>" if title else ""}{_note(note)}<div class="panel tight">{table}</div>'


def _charts(charts: str, note: str = "") -> str:
    return f'<div class="charts">{charts}</div>{_note(note)}' if charts else ""


def _note(text: str) -> str:
    return f'<p class="note">{escape(text)}</p>' if text else ""


def _list(title: str, lines: Sequence[str]) -> str:
    items = "".join(f"<li>{escape(shown(line))}</li>" for line in lines)
    return f"<h2>{escape(title)}</h2><ul>{items}</ul>" if lines else ""


def _pareto(result: Result) -> str:
    scenario = next(iter(result["scenarios"]))
    charts = []
    for group in ("harmonic", "all"):
        points = {
            shown(name): (each["scenarios"][scenario]["load"]["p50_ms"], 100 * right)
            for name, each in result["subjects"].items()
            if (right := groups_of(each).get(group, {}).get("verb_top1")) is not None
        }
        if len(points) > 1:  # one alone is beaten by nobody
            shapes = {shown(name): SHAPES.get(each["kind"], "diamond") for name, each in result["subjects"].items()}
            charts.append(frontier(f"Verbs, {group}", points, shapes, f"ms, p50, {scenario}", "% top-1"))
    return "".join(charts)


def _histograms(result: Result, scenario: str) -> str:
    charts = []
    for i, (name, each) in enumerate(result["subjects"].items()):
        load = each["scenarios"][scenario]["load"]
        marks = {mark: load[key] for mark, key in MARKS.items()}
        edges, counts = load["histogram"]["edges_ms"], load["histogram"]["counts"]
        charts.append(histogram(f"{shown(name)}: queries by ms", edges, counts, marks, i))
    return "".join(charts)


def _timeline(result: Result, scenario: str) -> str:
    """Watts by who was asked, and what the machine was like."""
    told: Sequence[Found] = result["scenarios"][scenario]["timeline"]
    watts = {shown(name): _line(told, "watts", name) for name in result["subjects"]}
    charts = [line_chart(TIMELINE["watts"], watts)]
    charts += [line_chart(title, {"last": _line(told, key)}) for key, title in TIMELINE.items() if key != "watts"]
    return "".join(charts)


def _untold(result: Result, scenario: str) -> str:
    """What of the timeline this machine does not tell."""
    told = result["scenarios"][scenario]["timeline"]
    left = [title for key, title in TIMELINE.items() if not _line(told, key)]
    return f"Not drawn, because nothing tells it here: {'; '.join(left)}." if left else ""


def _line(told: Sequence[Found], key: str, subject: str | None = None) -> list[tuple[float, float]]:
    return [(each["s"], each[key]) for each in told if each.get(key) is not None and subject in (None, each["subject"])]


def _time(result: Result) -> str:
    """Bars of the steps of a photo in every scenario, and of a cold start."""
    charts = []
    for scenario in result["scenarios"]:
        bars = {
            shown(name): {step: took["mean_ms"] for step, took in each["scenarios"][scenario]["steps"].items()}
            for name, each in result["subjects"].items()
        }
        charts.append(
            stacked_bars(f"{shown(scenario)}: mean of a photo, all bars equally long", bars, "ms", shares=True)
        )
    starts: dict[str, Mapping[str, float]] = {
        shown(name): {part: each["cold_start_ms"][part]["p50_ms"] for part in STARTED}
        for name, each in result["subjects"].items()
        if each.get("cold_start_ms")
    }
    return "".join([*charts, stacked_bars("Cold start: p50 of each part", starts, "ms") if starts else ""])
