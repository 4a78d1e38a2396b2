"""What a benchmark has found, as tables that fit a terminal; reports for people are made of the same ones. stdlib."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from statistics import median
from typing import Any, NamedTuple

from edgegsr.bench.child import STARTED
from edgegsr.errors import shown

SCORES = {
    "verb_top1": "verb top-1",
    "value": "value, true verb",
    "grounded": "grounded, true verb",
    "mean_ap": "mAP of interactions, over the kinds that the photos show",
}
GROUPS = ("seen", "rare", "unseen", "harmonic", "all")
NONE = "–"
OFFLINE = "at once × threads"

Result = Mapping[str, Any]  # what bench.json holds
Found = Mapping[str, Any]  # of one subject, or a part of that

LAYERS = 8  # of a graph that are shown


class Table(NamedTuple):
    """Rows of text; what a row is about stands first."""

    title: str
    headers: Sequence[str]
    rows: Sequence[Sequence[str]]


def tables(result: Result) -> Iterator[Table]:
    """All of them, those without a row left out."""
    every = [
        subjects(result),
        *(make(result, scenario) for scenario in result["scenarios"] for make in (latency, energy, steps, loadgen)),
        by_trtexec(result),
        *scores(result),
        *(make(result, name) for name in of_kind(result, "teacher") for make in (faster, kept)),
        *(make(result, name) for name in of_kind(result, "student") for make in (faster, agreement)),
        cold_starts(result),
        estimates(result),
        *(bounds(result, name) for name in result.get("estimates") or ()),
    ]
    yield from (table for table in every if table.rows)


def subjects(result: Result) -> Table:
    """What was measured, and what it takes of a machine whatever it is asked."""
    heads = ("subject", "engine", "threads", "M weights", "GFLOPs", "file, MB", "peak, MB")
    return Table("Subjects", heads, [(shown(name), *_subject(each)) for name, each in result["subjects"].items()])


def _subject(found: Found) -> tuple[str, ...]:
    return (
        engine_of(found),
        shown(found.get("threads") or "any"),
        number(found.get("parameters"), 2, 1e6),
        number(found.get("gflops"), 3),
        number(found.get("graph_bytes"), 1, 1e6),
        number(found.get("peak_resident_mb"), 0),
    )


def latency(result: Result, scenario: str) -> Table:
    """How long a query takes, and how many photos a second holds."""
    claims = scenario != "offline"
    heads = ("subject", "p50", "p90", "p99", "p99.9", "claimed at 99 %" if claims else OFFLINE, "photos/s", "queries")
    rows = []
    for name, each in _asked(result, scenario):
        load = each["load"]
        times = [ms(load.get(p)) for p in ("p50_ms", "p90_ms", "p99_ms", "p99_9_ms")]
        told = claimed(load) if claims else at_once(each)
        rows.append((shown(name), *times, told, number(load.get("photos_per_s"), 1), f"{load['queries']:,}"))
    return Table(f"{scenario}: latency, ms", heads, rows)


def claimed(load: Found) -> str:
    """What may be said of the scenario's percentile with 99 % confidence, or what that lacks."""
    claim = load.get("claim")
    if not claim:
        return NONE
    if claim["ms"] is None:
        return f"{claim['queries_lacking']:,} queries lacking"
    return f"p{100 * claim['percentile']:g} ≤ {ms(claim['ms'])}"


def at_once(found: Found) -> str:
    """How many photos were looked at at the same time, and with how many threads each."""
    return shown(f"{found.get('at_once', 1)} × {found.get('threads') or 'any'}")


def energy(result: Result, scenario: str) -> Table:
    """What a photo takes where the machine tells it; nothing is subtracted."""
    rows = []
    for name, each in _asked(result, scenario):
        if took := each.get("energy"):
            rails = ", ".join(f"{shown(rail)} {number(watts, 2)}" for rail, watts in took["rails_watts"].items())
            told = (number(took["watts"], 2), number(took["joules_per_photo"], 4), shown(took["kind"]), rails)
            rows.append((shown(name), *told))
    idle = number(result["scenarios"][scenario].get("idle_watts"), 2)
    return Table(f"{scenario}: energy, idle {idle} W", ("subject", "W", "J per photo", "of", "W by rail"), rows)


def steps(result: Result, scenario: str) -> Table:
    """What the time of a photo goes to: means, which add up."""
    asked = [(name, each.get("steps") or {}) for name, each in _asked(result, scenario)]
    heads = list(dict.fromkeys(step for _, took in asked for step in took))
    rows = [(shown(name), *(ms(took.get(step, {}).get("mean_ms")) for step in heads)) for name, took in asked]
    return Table(f"{scenario}: steps of a photo, mean, ms", ("subject", *map(shown, heads)), rows if heads else [])


def loadgen(result: Result, scenario: str) -> Table:
    """The same by MLPerf's own LoadGen, and how far it is from what we say in the same seconds."""
    rows = []
    for name, each in _asked(result, scenario):
        if theirs := each.get("loadgen"):
            both = " / ".join(ms(median(turn[who] for turn in theirs["turns"])) for who in ("ours", "loadgen"))
            claims = ", ".join(f"p{p:g} ≤ {ms(took)}" for p, took in _claims(theirs))
            word = "valid" if theirs.get("valid") else "not valid"
            rows.append((shown(name), both, percent(theirs["apart"]), claims or NONE, word))
    alone, unit = (", one photo after the other", "photos a second") if scenario == "offline" else ("", "p50")
    heads = ("subject", f"{unit} in turns, ours / LoadGen's", "apart, %", "LoadGen claims", "its word")
    return Table(f"{scenario}, by LoadGen{alone}, ms", heads, rows)


def _claims(theirs: Found) -> list[tuple[float, float]]:
    return sorted((float(percentile), took) for percentile, took in theirs.get("claims_ms", {}).items())


def by_trtexec(result: Result) -> Table:
    """Engines of TensorRT by themselves."""
    rows = []
    for name, each in result["subjects"].items():
        for way, told in (each.get("trtexec") or {}).items():
            times = [
                (told.get(part) or {}).get("median_ms") for part in ("latency", "enqueue", "h2d", "compute", "d2h")
            ]
            warned = "; ".join(map(shown, told.get("warnings") or ()))
            rows.append((shown(name), way.replace("_", " "), *map(ms, times), warned or NONE))
    heads = ("subject", "run as", "latency", "enqueue", "to GPU", "on GPU", "from GPU", "to know")
    return Table("trtexec: the network alone, medians, ms", heads, rows)


def scores(result: Result) -> list[Table]:
    """One table a score, in per cent, averaged per verb; ± half of the 95 % interval by a bootstrap over photos."""
    judged = {name: each["accuracy"]["groups"] for name, each in result["subjects"].items() if each.get("accuracy")}
    groups = [group for group in GROUPS if any(group in each for each in judged.values())]
    return [
        Table(
            f"{title}, %",
            ("subject", *groups),
            [
                (shown(name), *(_scored(result["subjects"][name]["accuracy"], group, score) for group in groups))
                for name, each in judged.items()
                if any(score in part for part in each.values())
            ],
        )
        for score, title in SCORES.items()
    ]


def _scored(accuracy: Found, group: str, score: str) -> str:
    """A score, and half the width of its interval where that was worked out."""
    share, ends = (accuracy.get(what, {}).get(group, {}).get(score) for what in ("groups", "intervals"))
    return percent(share) + (f" ±{percent((ends[1] - ends[0]) / 2)}" if ends and share is not None else "")


def faster(result: Result, other: str) -> Table:
    """How many times as fast as another one, in pairs of neighbouring blocks."""
    rows = [(shown(name), *_faster(result, each, other)) for name, each in result["subjects"].items() if name != other]
    title = f"times as fast as {shown(other)} (p10 to p90 of pairs)"
    return Table(title, ("subject", *map(shown, result["scenarios"])), rows)


def _faster(result: Result, found: Found, other: str) -> Iterator[str]:
    for scenario in result["scenarios"]:
        told = found["scenarios"].get(scenario, {}).get("faster_than", {}).get(other)
        yield f"{times(told['times'])} ({times(told['p10'])} to {times(told['p90'])})" if told else NONE


def kept(result: Result, teacher: str) -> Table:
    """How much of a teacher's verbs the others have."""
    best = groups_of(result["subjects"][teacher])
    groups = [group for group in GROUPS if best.get(group, {}).get("verb_top1")]
    rows = [
        (shown(name), *(percent(share_kept(groups_of(each), best, group)) for group in groups))
        for name, each in result["subjects"].items()
        if name != teacher and groups and groups_of(each)
    ]
    return Table(f"% of the verb top-1 of {shown(teacher)}", ("subject", *groups), rows)


def agreement(result: Result, other: str) -> Table:
    """How often both say the same, right or wrong."""
    rows = [
        (shown(name), *(percent(same.get(what)) for what in ("verb", "noun", "box")))
        for name, each in result["subjects"].items()
        if (same := (each.get("agrees_with") or {}).get(other))
    ]
    return Table(f"% that say what {shown(other)} says", ("subject", "verbs", "nouns", "boxes"), rows)


def cold_starts(result: Result) -> Table:
    """From no process to the first answer; files lie in the memory of the system already."""
    rows = []
    for name, each in result["subjects"].items():
        if start := each.get("cold_start_ms"):
            parts = [number(start.get(part, {}).get("p50_ms"), 0) for part in (*STARTED, "all")]
            rows.append(
                (shown(name), *parts, number(start.get("all", {}).get("max_ms"), 0), shown(start.get("starts")))
            )
    return Table("Cold start, p50, ms", ("subject", *STARTED, "all", "longest", "starts"), rows)


def estimates(result: Result) -> Table:
    """Boards that are not here, by a law; every row says so."""
    rows = []
    for name, found in (result.get("estimates") or {}).items():
        for board in dict.fromkeys(each["board"] for each in found["boards"]):
            here = [each for each in found["boards"] if each["board"] == board]
            told = [" / ".join(show(each[what]) for each in here) for what, show in ESTIMATED.items()]
            off = f"{percent(here[0]['mean_error'])} / {percent(here[0]['largest_error'])}"
            rows.append((shown(board), shown(name), "ESTIMATE", *told, off))
    heads = ("board", "subject", "", "in", "ms", "of it start, %", "off, %, mean / most")
    return Table("ESTIMATE for boards that are not here, of the network alone", heads, rows)


def bounds(result: Result, name: str) -> Table:
    """What bounds the layers of a subject on a board that is not here, the slowest first."""
    found = result["estimates"][name]["bounds"]
    slowest = sorted(found["layers"], key=lambda each: -max(each["arithmetic_ms"], each["memory_ms"]))
    rows = [
        (
            shown(each["name"]),
            shown(each["kind"]),
            "8 bits" if each["in_8_bits"] else "16 bits",
            *(number(each[time], 2, 0.001) for time in ("arithmetic_ms", "memory_ms")),
            each["bound_by"],
            percent(each["share"]),
        )
        for each in slowest[:LAYERS]
    ]
    if rest := slowest[LAYERS:]:
        times = [number(sum(each[time] for each in rest), 2, 0.001) for time in ("arithmetic_ms", "memory_ms")]
        memory = sum(each["bound_by"] == "memory" for each in rest)
        by = f"{memory} by memory, {len(rest) - memory} by arithmetic"
        rows.append((f"{len(rest)} others", "", "", *times, by, percent(sum(each["share"] for each in rest))))
    heads = ("layer", "kind", "counts in", "arithmetic, µs", "memory, µs", "bound by", "share, %")
    return Table(f"ESTIMATE: what bounds {shown(name)} on {found['board']} in {found['precision']}", heads, rows)


def of_kind(result: Result, kind: str) -> list[str]:
    """The subjects that are one."""
    return [name for name, each in result["subjects"].items() if each["kind"] == kind]


def groups_of(found: Found) -> Mapping[str, Any]:
    """Scores by group of verbs; none where nobody asked."""
    groups: Mapping[str, Any] = (found.get("accuracy") or {}).get("groups", {})
    return groups


def share_kept(scores: Found, best: Found, group: str) -> float | None:
    mine, theirs = (each.get(group, {}).get("verb_top1") for each in (scores, best))
    return mine / theirs if mine is not None and theirs else None


def engine_of(found: Found) -> str:
    return shown(" ".join(str(found[what]) for what in ("engine", "precision") if found.get(what)) or NONE)


def ms(value: float | None) -> str:
    return number(value, 2 if value is not None and value < 100 else 1 if value is not None and value < 1000 else 0)


def times(value: float) -> str:
    return f"{value:.2f}" if value < 10 else f"{value:.1f}"


def percent(share: float | None) -> str:
    return number(share, 1, 0.01)


def number(value: float | None, digits: int, unit: float = 1.0) -> str:
    return NONE if value is None else f"{value / unit:,.{digits}f}"


def _asked(result: Result, scenario: str) -> Iterator[tuple[str, Found]]:
    for name, each in result["subjects"].items():
        if scenario in each["scenarios"]:
            yield name, each["scenarios"][scenario]


ESTIMATED: Mapping[str, Callable[[Any], str]] = {"precision": shown, "ms": ms, "start_share": percent}
