"""How much to cut from which block, so that a target's latency is met and the lesson loses least.

Every block is cut by itself at a few ratios, and what that saves and costs is measured; sums of these predict what cuts
of several blocks do. The best prediction is made, measured as a whole, and corrected until it meets the target.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edgegsr.compress.clocks import Clock
from edgegsr.compress.groups import Group
from edgegsr.compress.prune import Pruned, Scores, kept_count, pruned
from edgegsr.errors import InputError
from edgegsr.files import write_whole
from edgegsr.progress import track
from edgegsr.student.model import Student

FILE, PLAN = "search.json", "plan.json"
RATIOS = (0.2, 0.4, 0.6)
PARTS = 1000  # of the first latency: how finely savings are told apart
TRIES = 6

Ratios = dict[str, float]  # by block


@dataclass(frozen=True)
class Option:
    """A block cut at a ratio."""

    ratio: float
    saved: float  # of the first student's latency
    missed: float  # what the loss of the lesson grows by


@dataclass(frozen=True)
class Plan:
    """How much goes from which block, and how it was found."""

    ratios: Ratios
    share: float  # of the first latency, measured
    options: Mapping[str, Sequence[Option]]

    def curve(self) -> list[tuple[float, float]]:
        """The predicted latency and the predicted growth of the loss of the best choices, for ever more savings."""
        found = []
        for needed in range(0, PARTS, PARTS // 20):
            if (chosen := best(self.options, needed / PARTS)) is not None:
                saved, missed = (sum(max(getattr(o, name), 0) for o in chosen.values()) for name in ("saved", "missed"))
                found.append((1 - saved, missed))
        return found


def search(
    student: Student,
    groups: Sequence[Group],
    scores: Scores,
    wanted: float,
    multiple: int,
    clock: Clock,
    loss: Callable[[Pruned], float],
    out: Path,
) -> Plan:
    """A plan whose latency is at most the wanted share of the student's."""
    options = _tried(student, groups, scores, multiple, clock, loss, out)
    needed, best_share = 1 - wanted, 1.0
    for _ in track(range(TRIES), "measuring plans"):
        chosen = best(options, needed)
        if chosen is None:
            break
        ratios = {block: option.ratio for block, option in chosen.items()}
        share = clock(_cut(student, groups, scores, ratios, multiple).student)
        best_share = min(best_share, share)
        if share <= wanted:
            return _kept(Plan(ratios, share, options), out)
        needed += max(share - wanted, 1 / PARTS)
    most = {block: each[-1].ratio for block, each in options.items() if each}
    best_share = min(best_share, clock(_cut(student, groups, scores, most, multiple).student))
    if best_share <= wanted:
        return _kept(Plan(most, best_share, options), out)
    raise InputError(
        f"--latency {wanted:g}x: cannot be met by pruning; the best point found is {best_share:.2f}x, with "
        f"{max(RATIOS):.0%} cut from every block; give {best_share + 0.005:.2f}x or more, or start from a smaller card"
    )


def read_plan(out: Path) -> Plan | None:
    """The plan that was found before."""
    if not (out / PLAN).is_file():
        return None
    told = json.loads((out / PLAN).read_text("utf-8"))
    options = {block: [Option(**each) for each in options] for block, options in told["options"].items()}
    return Plan(told["ratios"], told["share"], options)


def _kept(plan: Plan, out: Path) -> Plan:
    write_whole(out / PLAN, json.dumps(asdict(plan), indent=1))
    return plan


def best(options: Mapping[str, Sequence[Option]], needed: float) -> dict[str, Option] | None:
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


def counts(groups: Sequence[Group], ratios: Mapping[str, float], multiple: int, share: float = 1.0) -> dict[str, int]:
    """How many units each group keeps when its block loses a share of its ratio."""
    return {group.name: kept_count(group, share * ratios.get(group.block, 0), multiple) for group in groups}


def _cut(
    student: Student, groups: Sequence[Group], scores: Scores, ratios: Mapping[str, float], multiple: int
) -> Pruned:
    return pruned(student, counts(groups, ratios, multiple), scores)


def _tried(
    student: Student,
    groups: Sequence[Group],
    scores: Scores,
    multiple: int,
    clock: Clock,
    loss: Callable[[Pruned], float],
    out: Path,
) -> dict[str, list[Option]]:
    """What every block saves and costs at every ratio; kept in a file, so that a search that was stopped goes on."""
    known: dict[str, Any] = json.loads((out / FILE).read_text("utf-8")) if (out / FILE).is_file() else {}
    before = loss(Pruned(student, {}))
    blocks = list(dict.fromkeys(group.block for group in groups))
    for block in track(blocks, "trying blocks"):
        if block in known:
            continue
        known[block], last = [], counts(groups, {}, multiple)
        for ratio in RATIOS:
            if (here := counts(groups, {block: ratio}, multiple)) == last:
                continue  # too narrow for the multiple
            made, last = _cut(student, groups, scores, {block: ratio}, multiple), here
            known[block].append(asdict(Option(ratio, 1 - clock(made.student), loss(made) - before)))
        write_whole(out / FILE, json.dumps(known, indent=1))
    return {block: [Option(**each) for each in known[block]] for block in blocks}
