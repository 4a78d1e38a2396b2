"""How much to cut from which block, so that a target's latency is met and the lesson loses least.

Every block is cut by itself at a few ratios, and what that saves and costs is measured; sums of these predict what cuts
of several blocks do. The best prediction is made and measured as a whole; what is asked of the next one goes up until
the target is met, and then half the way down again, for the least cut that still meets it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from edgegsr.compress.clocks import Clock
from edgegsr.compress.prune import Pruned, Scores, counts, pruned
from edgegsr.compress.strands import strands_of
from edgegsr.errors import InputError
from edgegsr.files import read_json, reading, write_whole
from edgegsr.progress import track
from edgegsr.student.both import AnyStudent

TRIED, PLAN = "search.json", "plan.json"
RATIOS = (0.2, 0.4, 0.6)
PARTS = 1000  # of the first latency: how finely savings are told apart
TRIES = 8

Ratios = dict[str, float]  # by block


@dataclass(frozen=True)
class Option:
    """A block cut at a ratio."""

    ratio: float
    saved: float  # of the first latency
    missed: float  # what the loss of the lesson grows by


Options = Mapping[str, Sequence[Option]]  # by block


@dataclass(frozen=True)
class Plan:
    """How much goes from which block, and how it was found."""

    ratios: Ratios
    share: float  # of the first latency, as a whole
    before: float  # the same, of what is to be cut: 1 unless it has lost layers
    options: Options

    def curve(self) -> list[tuple[float, float]]:
        """The predicted latency and the predicted growth of the loss of the best choices, for ever more savings."""
        found = []
        for needed in range(0, PARTS, PARTS // 20):
            if (chosen := best(self.options, needed / PARTS)) is not None:
                saved, missed = (sum(max(getattr(o, name), 0) for o in chosen.values()) for name in ("saved", "missed"))
                found.append((self.before - saved, missed))
        return found


@dataclass(frozen=True)
class Search:
    """What is cut, and what judges a cut."""

    student: AnyStudent
    scores: Scores
    multiple: int
    clock: Clock
    loss: Callable[[Pruned], float]
    out: Path

    def plan(self, wanted: float) -> Plan:
        """One whose latency is at most the wanted share of the first one."""
        before, options = self._tried()
        found: Plan | None = None
        missed_by, reached = 0.0, before  # what was asked for in vain, and the best latency so far
        needed = before - wanted
        for tries in track(range(TRIES), "measuring plans"):
            plan = self._measured(needed if found or tries < TRIES - 1 else math.inf, before, options)
            reached = min(reached, plan.share)
            if plan.share <= wanted:
                found, met_by = plan, needed
            else:
                missed_by = needed
            if found is None:
                if plan.ratios == _most(options):
                    break
                needed += max(plan.share - wanted, 1 / PARTS)
            else:
                needed = (missed_by + met_by) / 2
        if found is None:
            advice = f"give {reached + 0.005:.2f}x or more, or " if reached < 0.99 else ""
            raise InputError(
                f"--latency {wanted:g}x: cannot be met by pruning; the best point found is {reached:.2f}x, with "
                f"{max(RATIOS):.0%} cut from every block; {advice}start from a smaller card"
            )
        write_whole(self.out / PLAN, json.dumps(asdict(found), indent=1))
        return found

    def _measured(self, needed: float, before: float, options: Options) -> Plan:
        """The best plan of those that should save what is needed, or the most that there is, and what it saves."""
        chosen = best(options, needed) if math.isfinite(needed) else None
        ratios = _most(options) if chosen is None else {block: option.ratio for block, option in chosen.items()}
        return Plan(ratios, self.clock(self._made(ratios).student), before, options)

    def _tried(self) -> tuple[float, Options]:
        """The latency to begin with, and what every block saves and costs at every ratio; both are kept in a file."""
        path, strands = self.out / TRIED, strands_of(self.student)
        known: dict[str, Any] = read_json(path) if path.is_file() else {"options": {}}
        blocks = list(dict.fromkeys(strand.block for strand in strands))
        with reading(path):
            _options(known["options"])
            if odd := known["options"].keys() - set(blocks):
                raise ValueError(f"a block {min(odd)!r} that the student has not")
            _number(known.get("before", 1.0))
        if "before" not in known:
            known["before"] = self.clock(self.student)
        before = known["before"]
        whole = self.loss(Pruned(self.student, {}))
        for block in track(blocks, "trying blocks"):
            if block in known["options"]:
                continue
            options, last = [], counts(strands, {}, self.multiple)
            for ratio in RATIOS:
                if (here := counts(strands, {block: ratio}, self.multiple)) == last:
                    continue  # too narrow for the multiple
                made, last = self._made({block: ratio}), here
                options.append(Option(ratio, before - self.clock(made.student), self.loss(made) - whole))
            known["options"][block] = [asdict(option) for option in options]
            write_whole(path, json.dumps(known, indent=1))
        return before, smoothed(_options(known["options"]))

    def _made(self, ratios: Ratios) -> Pruned:
        return pruned(self.student, counts(strands_of(self.student), ratios, self.multiple), self.scores)


def read_plan(out: Path) -> Plan | None:
    """The plan that was found before."""
    if not (out / PLAN).is_file():
        return None
    told = read_json(out / PLAN)
    with reading(out / PLAN):
        ratios = {str(block): _number(ratio) for block, ratio in told["ratios"].items()}
        return Plan(ratios, _number(told["share"]), _number(told["before"]), _options(told["options"]))


def best(options: Options, needed: float) -> dict[str, Option] | None:
    """One option or none of each block, so that enough is saved and least is missed; None where that cannot be."""
    goal = max(round(needed * PARTS), 0)
    table: dict[int, tuple[float, dict[str, Option]]] = {0: (0.0, {})}  # the least missed, by what is saved
    for block, each in options.items():
        grown = dict(table)
        for saved, (missed, chosen) in table.items():
            for option in each:
                total = min(saved + max(int(option.saved * PARTS), 0), goal)
                candidate = missed + max(option.missed, 0.0)
                if total not in grown or candidate < grown[total][0]:
                    grown[total] = (candidate, {**chosen, block: option})
        table = grown
    return table[goal][1] if goal in table else None


def _most(options: Options) -> Ratios:
    return {block: each[-1].ratio for block, each in options.items() if each}


def _options(told: Mapping[str, Sequence[Mapping[str, float]]]) -> Options:
    found = {block: [Option(**each) for each in options] for block, options in told.items()}
    for option in (option for options in found.values() for option in options):
        for value in (option.ratio, option.saved, option.missed):
            _number(value)
    return found


def _number(value: Any) -> float:
    if not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"wanted a number, got {value!r}")
    return value


def smoothed(options: Options) -> Options:
    """The same with the noise of the clock taken out: what a block saves grows with its ratio."""
    found = {}
    for block, each in options.items():
        slope = sum(o.saved * o.ratio for o in each) / max(sum(o.ratio**2 for o in each), 1e-9)
        found[block] = [replace(o, saved=max(slope, 0.0) * o.ratio) for o in each]
    return found
