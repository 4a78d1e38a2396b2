"""Two benchmarks of the same subjects: what got slower, less right, bigger or hungrier, and how sure that is. numpy.

latency     the medians of blocks, by a bootstrap; worse where the whole 95 % interval lies beyond the tolerance
verbs       photo by photo, by McNemar's exact test; where the photos differ, as two shares; beyond a tolerance if named
the rest    memory, file, energy and other scores as they are, against the tolerance
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgegsr.bench.bench import RESULT, SCHEMA
from edgegsr.bench.tables import Found, Result, Table
from edgegsr.errors import InputError, shown

TOLERANCE = 0.05
SURE = 0.95
LEAST_BLOCKS = 6  # the fewest of which the least and the largest hold the median between them with 95 %
DRAWS, SEED = 4000, 0
MOST_BYTES = 100_000_000
WORSE, BETTER, SAME, UNSURE, TOLD = "worse", "better", "same", "unsure", "not judged"
PLACE = ("machine", "device", "settings.cpus")  # where these differ, so does what anything costs
LOOKED_AT = "settings.photos_sha256"
ASKED = ("settings.pace", LOOKED_AT, "settings.data", "settings.split", "settings.images")
SUBJECT = ("kind", "engine", "precision", "threads", "side", "versions")


@dataclass(frozen=True)
class Row:
    """One number of one subject, before and now."""

    subject: str
    what: str
    old: float
    new: float
    verdict: str
    interval: tuple[float, float] | None = None  # of new / old for latency, of new - old for verbs; 95 %
    p: float | None = None  # the chance of such a difference between equals
    why: str = ""


@dataclass(frozen=True)
class Comparison:
    """What differs beforehand, and then every number."""

    differs: Sequence[str]  # what makes it not, or less, comparable
    rows: Sequence[Row]
    tolerance: float
    tolerance_of_verbs: float

    @property
    def regressions(self) -> list[str]:
        """A line for everything that got worse."""
        return [
            shown(f"{row.subject}: {row.what}: {_number(row.new)} where it was {_number(row.old)}; {row.why}")
            for row in self.rows
            if row.verdict == WORSE
        ]

    def table(self) -> Table:
        rows = [
            (shown(row.subject), shown(row.what), _number(row.old), _number(row.new), row.verdict, row.why)
            for row in self.rows
        ]
        told = f"tolerance {100 * self.tolerance:g} %, of right verbs {100 * self.tolerance_of_verbs:g} %"
        return Table(f"Old and new, {told}", ("subject", "what", "old", "new", "it is", "why"), rows)

    def to_json(self) -> dict[str, Any]:
        rows = [asdict(row) for row in self.rows]
        return {
            "tolerance": self.tolerance,
            "tolerance_of_verbs": self.tolerance_of_verbs,
            "differs": list(self.differs),
            "rows": rows,
            "regressions": self.regressions,
        }


def read_result(path: Path) -> dict[str, Any]:
    """A bench.json, or that of a folder, if it is one that this version can read."""
    file = path / RESULT if path.is_dir() else path
    wanted = f"{file}: wanted a {RESULT} that `edgegsr bench` has written"
    try:
        if file.stat().st_size > MOST_BYTES:
            raise InputError(f"{wanted}, got {file.stat().st_size:,} bytes")
        told = json.loads(file.read_text("utf-8"))
    except OSError as error:
        raise InputError(f"{wanted}, got {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{wanted}, got what is no JSON") from error
    if not isinstance(told, dict) or "schema" not in told or "subjects" not in told:
        raise InputError(f"{wanted}, got JSON without schema and subjects")
    if told["schema"] != SCHEMA:
        raise InputError(f"{wanted} in schema {SCHEMA}, got {shown(told['schema'])}; run the benchmark again")
    return told


def compare(old: Result, new: Result, tolerance: float | None = None) -> Comparison:
    """What became of the subjects that both have; a tolerance that is named holds for right verbs too."""
    of_verbs, tolerance = tolerance or 0.0, TOLERANCE if tolerance is None else tolerance
    if not 0 <= tolerance < 1:
        raise InputError(f"tolerance must be at least 0 and below 1, got {tolerance}")
    try:
        both = [name for name in old["subjects"] if name in new["subjects"]]
        if not both:
            names = " and ".join(", ".join(map(shown, told["subjects"])) for told in (old, new))
            raise InputError(f"compare: wanted two benchmarks with a subject of the same name, got {names}")
        rows = [row for name in both for row in _rows(name, old, new, tolerance, of_verbs)]
        return Comparison(list(_differs(old, new, both)), rows, tolerance, of_verbs)
    except (KeyError, TypeError, AttributeError, ValueError, IndexError) as error:
        if isinstance(error, InputError):
            raise
        told = f"{type(error).__name__}: {error}"
        raise InputError(
            shown(f"compare: one of both does not hold what `edgegsr bench` writes ({told}); run the benchmark again")
        ) from error


def _differs(old: Result, new: Result, both: Sequence[str]) -> Iterator[str]:
    """What is not the same beside the numbers."""
    for what in (*PLACE, *ASKED):
        before, now = _facts(old, what), _facts(new, what)
        if before != now:
            yield from ["other photos"] if what == LOOKED_AT else _changes(what.removeprefix("settings."), before, now)
    for name in both:
        for what in SUBJECT:
            before, now = old["subjects"][name].get(what), new["subjects"][name].get(what)
            if before != now:
                yield from _changes(f"{name}: {what}", before, now)
    for told, others, which in ((old, new, "new"), (new, old, "old")):
        for name in told["subjects"]:
            if name not in others["subjects"]:
                yield shown(f"{name} is not in the {which} one")


def _facts(result: Result, what: str) -> Any:
    """A fact by its path; what of a machine changes from day to day is left out."""
    found: Any = result
    for part in what.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    if what == "machine":
        return {name: value for name, value in found.items() if name != "free_disk_bytes"}
    return found


def _changes(what: str, before: Any, now: Any) -> Iterator[str]:
    """One line for every fact that changed, however deep."""
    if isinstance(before, Mapping) and isinstance(now, Mapping):
        for name in dict.fromkeys([*before, *now]):
            if before.get(name) != now.get(name):
                yield from _changes(f"{what} {name}", before.get(name), now.get(name))
    else:
        yield shown(f"{what}: {before if before is not None else 'none'}, now {now if now is not None else 'none'}")


def _rows(name: str, old: Result, new: Result, tolerance: float, of_verbs: float) -> Iterator[Row]:
    before, now = old["subjects"][name], new["subjects"][name]
    here = all(_facts(old, what) == _facts(new, what) for what in PLACE) and before.get("threads") == now.get("threads")
    photos = all(_facts(old, what) == _facts(new, what) for what in ASKED[2:])
    elsewhere = "" if here else "another machine, or other threads"
    if _facts(old, LOOKED_AT) != _facts(new, LOOKED_AT):
        elsewhere = elsewhere or "other photos"
    for scenario in before["scenarios"]:
        if scenario in now["scenarios"]:
            pair = before["scenarios"][scenario], now["scenarios"][scenario]
            yield from _scenario_rows(name, scenario, *pair, tolerance, elsewhere)
    yield from _plain(name, "peak memory, MB", before, now, ("peak_resident_mb",), tolerance, elsewhere)
    yield from _plain(name, "file, bytes", before, now, ("graph_bytes",), tolerance)
    yield from _plain(name, "cold start, ms", before, now, ("cold_start_ms", "all", "p50_ms"), tolerance, "few starts")
    if before.get("accuracy") and now.get("accuracy"):
        if all("verb_right" in each["accuracy"] for each in (before, now)):
            yield _verbs(name, before["accuracy"], now["accuracy"], photos, of_verbs)
        for score, what in (("value", "value, true verb"), ("grounded", "grounded, true verb"), ("mean_ap", "mAP")):
            path, why = ("accuracy", "groups", "all", score), "" if photos else "other photos"
            yield from _plain(name, what, before, now, path, tolerance, why, more=True)


def _scenario_rows(name: str, scenario: str, old: Found, new: Found, tolerance: float, elsewhere: str) -> Iterator[Row]:
    if old.get("at_once", 1) != new.get("at_once", 1):  # which older versions did not tell
        elsewhere = elsewhere or "another number of photos at once"
    yield _latency(name, f"{scenario}, p50 of blocks, ms", old["load"], new["load"], tolerance, elsewhere)
    yield from _plain(name, f"{scenario}, p99, ms", old, new, ("load", "p99_ms"), tolerance, "a tail")
    kinds = {(told.get("energy") or {}).get("kind") for told in (old, new)}
    if None not in kinds:
        why = elsewhere or ("" if len(kinds) == 1 else "another meter")
        yield from _plain(name, f"{scenario}, J per photo", old, new, ("energy", "joules_per_photo"), tolerance, why)


def _latency(name: str, what: str, old: Found, new: Found, tolerance: float, elsewhere: str) -> Row:
    blocks = [np.asarray(told["blocks_p50_ms"], dtype=float) for told in (old, new)]
    if any(each.ndim != 1 or not each.size or not (np.isfinite(each) & (each > 0)).all() for each in blocks):
        raise ValueError(f"blocks_p50_ms of {name}")
    before, now = (float(np.median(each)) for each in blocks)
    low, high = ratio_interval(*blocks)
    told = f"{now / before:.2f} times, {low:.2f} to {high:.2f}"
    if elsewhere or min(map(len, blocks)) < LEAST_BLOCKS:
        few = f"fewer than {LEAST_BLOCKS} blocks"
        return Row(name, what, before, now, TOLD, (low, high), why=f"{told}; {elsewhere or few}")
    if low > 1 + tolerance:
        verdict = WORSE
    elif high < 1 / (1 + tolerance):
        verdict = BETTER
    else:
        verdict = SAME if low >= 1 / (1 + tolerance) and high <= 1 + tolerance else UNSURE
    return Row(name, what, before, now, verdict, (low, high), why=told)


def ratio_interval(old: Any, new: Any) -> tuple[float, float]:
    """Between what the ratio of two medians, new to old, lies with 95 %."""
    dice = np.random.default_rng(SEED)
    before, now = (np.median(each[dice.integers(len(each), size=(DRAWS, len(each)))], axis=1) for each in (old, new))
    low, high = np.percentile(now / before, (50 * (1 - SURE), 50 * (1 + SURE)))
    return float(low), float(high)


def _verbs(name: str, old: Found, new: Found, photos: bool, tolerance: float) -> Row:
    """Photos whose verb is right, as a share."""
    before, now = _right(old), _right(new)
    shares = float(before.mean()), float(now.mean())
    if photos and len(before) == len(now):
        lost, won = int((before & ~now).sum()), int((now & ~before).sum())
        p, change = mcnemar(lost, won), (won - lost) / len(now)
        error = math.sqrt(max((won + lost) / len(now) - change**2, 0) / len(now))
        told = f"{lost:,} photos lost, {won:,} won"
    else:
        change = shares[1] - shares[0]
        error = math.sqrt(sum(share * (1 - share) / len(of) for share, of in zip(shares, (before, now))))
        p = math.erfc(abs(change) / error / math.sqrt(2)) if error else float(change == 0)
        told = f"{len(before):,} and {len(now):,} other photos"
    unsure = p >= 1 - SURE or abs(change) <= tolerance * shares[0]
    verdict = SAME if unsure else WORSE if change < 0 else BETTER
    interval = (change - 1.96 * error, change + 1.96 * error)
    return Row(name, "right verbs", *shares, verdict, interval, p, f"{told}, p = {p:.2g}")


def _right(accuracy: Found) -> Any:
    """Photo by photo, whether the verb was right."""
    images = accuracy["images"]
    bits = np.unpackbits(np.frombuffer(bytes.fromhex(accuracy["verb_right"]), dtype=np.uint8))
    if not 0 < images["all"] <= len(bits) < images["all"] + 8:
        raise ValueError(f"verb_right of {images['all']} photos has {len(bits)} bits")
    return bits[: images["all"]].astype(bool)


def mcnemar(lost: int, won: int) -> float:
    """The chance that of pairs that differ so many, or more, lie on one side, if neither was better."""
    pairs, fewer = lost + won, min(lost, won)
    logs = [math.lgamma(pairs + 1) - math.lgamma(k + 1) - math.lgamma(pairs - k + 1) for k in range(fewer + 1)]
    return min(1.0, 2 * math.fsum(math.exp(log - pairs * math.log(2)) for log in logs))


def _plain(
    name: str,
    what: str,
    old: Found,
    new: Found,
    path: Sequence[str],
    tolerance: float,
    not_judged: str = "",
    *,
    more: bool = False,
) -> Iterator[Row]:
    """A number that both have, without an interval; `more` of it is better."""
    before, now = _at(old, path), _at(new, path)
    if before is None or now is None or not before:
        return
    worse = (before - now if more else now - before) / before
    verdict = TOLD if not_judged else WORSE if worse > tolerance else BETTER if worse < -tolerance else SAME
    why = f"{now / before - 1:+.1%}" + (f"; {not_judged}" if not_judged else "")
    yield Row(name, what, before, now, verdict, why=why)


def _at(found: Any, path: Sequence[str]) -> float | None:
    for part in path:
        found = found.get(part) if isinstance(found, Mapping) else None
    return float(found) if isinstance(found, (int, float)) and math.isfinite(found) else None


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
