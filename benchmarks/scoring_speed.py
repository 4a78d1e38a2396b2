"""How long 25,200 predictions take to score, files to figures, and whether the figures equal hand counts.

    python benchmarks/scoring_speed.py --out benchmarks/results/scoring.json

Truth and predictions are drawn from a seed, in SWiG's size: 504 verbs x 50 images, 1 to 6 roles, no real data. Which
verbs, nouns and boxes are right is planned first and written into the files afterwards, so that the hand counts come
from the plan, in exact fractions, and know nothing of the scorer. The scoring runs in a process of its own, so that its
time and peak memory are its own. The last line is one JSON object. Exit code 3: scores and counts differ.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parent)]

VERBS, PER_VERB = 504, 50
ROLES_PER_VERB = {1: 3, 2: 77, 3: 163, 4: 171, 5: 82, 6: 8}  # SWiG's 504 verbs
NOUNS = 9_926
SIZE_WH = (640, 480)
METRICS = ("verb", "value", "value_all", "grounded", "grounded_all")
TOLERANCE = 1e-12  # float64 sums against exact fractions


class Plan:
    """What each image shows and what its prediction gets right, drawn before any file is written."""

    def __init__(self, seed: int, per_verb: int) -> None:
        rng = np.random.default_rng(seed)
        sizes = rng.permutation(np.repeat(list(ROLES_PER_VERB), list(ROLES_PER_VERB.values()))).tolist()
        self.frames = [[f"role{(7 * v + r) % 190:03d}" for r in range(size)] for v, size in enumerate(sizes)]
        self.verbs = rng.permutation(np.repeat(np.arange(VERBS), per_verb)).tolist()
        n = len(self.verbs)
        self.present = (rng.random(n) < 0.99).tolist()
        self.answered = (rng.random(n) < 0.99).tolist()
        self.rank = rng.choice(6, n, p=[0.45, 0.1, 0.06, 0.05, 0.04, 0.3]).tolist()  # 5: not among the five best
        self.noun_right = (rng.random((n, 6)) < 0.75).tolist()
        self.box_right = (rng.random((n, 6)) < 0.7).tolist()
        self.has_box = (rng.random((n, 6)) < 0.62).tolist()
        self.nouns = rng.integers(0, NOUNS, (n, 3, 6)).tolist()  # 0: the role is empty
        self.corners = (20 * rng.integers(0, 12, (n, 6, 2))).tolist()
        self.sides = (20 * rng.integers(1, 12, (n, 6, 2))).tolist()
        self.dice = rng.integers(0, 2**31, (n, 6)).tolist()

    def image(self, i: int) -> str:
        return f"{word(self.verbs[i])}_{i}.jpg"

    def box(self, i: int, r: int) -> list[int]:
        (x, y), (w, h) = self.corners[i][r], self.sides[i][r]
        return [x, y, x + w, y + h]


def word(verb: int) -> str:
    return f"verb{verb:03d}ing"


def noun(number: int) -> str:
    return f"n{number:08d}" if number else ""


def truth_record(plan: Plan, i: int) -> dict[str, Any]:
    """One record of the official annotation file."""
    roles = plan.frames[plan.verbs[i]]
    return {
        "verb": word(plan.verbs[i]),
        "width": SIZE_WH[0],
        "height": SIZE_WH[1],
        "bb": {role: plan.box(i, r) if plan.has_box[i][r] else [-1, -1, -1, -1] for r, role in enumerate(roles)},
        "frames": [{role: noun(plan.nouns[i][a][r]) for r, role in enumerate(roles)} for a in range(3)],
    }


def prediction(plan: Plan, i: int) -> dict[str, Any]:
    """One line of the predictions file: five verbs, the frame of the best and, where answered, of the true one."""
    verb = plan.verbs[i]
    ranking = [(verb + 1 + k) % VERBS for k in range(5)]
    if plan.rank[i] < 5:
        ranking[plan.rank[i]] = verb
    frames = {word(ranking[0]): {role: {"noun": "", "box": None} for role in plan.frames[ranking[0]]}}
    frames.pop(word(verb), None)
    if plan.answered[i]:
        frames[word(verb)] = {role: filler(plan, i, r) for r, role in enumerate(plan.frames[verb])}
    return {"image": plan.image(i), "verbs": [word(v) for v in ranking], "frames": frames}


def filler(plan: Plan, i: int, r: int) -> dict[str, Any]:
    """A noun and a box that are right or wrong as planned, in one of several ways."""
    dice = plan.dice[i][r]
    right, wrong = noun(plan.nouns[i][dice % 3][r]), f"n9{dice % 10**7:07d}"
    return {"noun": right if plan.noun_right[i][r] else wrong, "box": said_box(plan, i, r, dice // 3)}


def said_box(plan: Plan, i: int, r: int, dice: int) -> list[float] | None:
    x1, y1, x2, y2 = plan.box(i, r)
    if not plan.has_box[i][r]:
        return None if plan.box_right[i][r] else [x1, y1, x2, y2]
    half, third = x1 + (x2 - x1) / 2, x1 + (x2 - x1) * 0.35
    if plan.box_right[i][r]:  # the box itself, exactly half of it, or twice as high
        return ([x1, y1, x2, y2], [x1, y1, half, y2], [x1, y1, x2, y2 + (y2 - y1)])[dice % 3]
    return (None, [x1, y1, third, y2], [x2, y2, x2 + 20, y2 + 20])[dice % 3]


def write(plan: Plan, folder: Path) -> None:
    truth = {plan.image(i): truth_record(plan, i) for i in range(len(plan.verbs))}
    (folder / "truth.json").write_text(json.dumps(truth), encoding="utf-8")
    with (folder / "predictions.jsonl").open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(prediction(plan, i)) + "\n" for i, there in enumerate(plan.present) if there)


def earned(plan: Plan, i: int) -> dict[str, dict[str, Fraction]]:
    """The hand count of one image."""
    roles = range(len(plan.frames[plan.verbs[i]]))
    judged = plan.present[i] and plan.answered[i]
    nouns = [judged and plan.noun_right[i][r] for r in roles]
    both = [nouns[r] and plan.box_right[i][r] for r in roles]
    scores = {
        "value": Fraction(sum(nouns), len(roles)),
        "value_all": Fraction(all(nouns)),
        "grounded": Fraction(sum(both), len(roles)),
        "grounded_all": Fraction(all(both)),
    }
    found = {"top1": plan.present[i] and plan.rank[i] < 1, "top5": plan.present[i] and plan.rank[i] < 5}
    gated = {s: {"verb": Fraction(gate), **{m: v * gate for m, v in scores.items()}} for s, gate in found.items()}
    return {**gated, "gt": scores}


def hand_counts(plan: Plan) -> dict[str, dict[str, dict[str, Fraction]]]:
    """The mean over images, and the mean over verbs of the means over their images, in exact fractions."""
    of_verb: list[list[dict[str, dict[str, Fraction]]]] = [[] for _ in range(VERBS)]
    for i, verb in enumerate(plan.verbs):
        of_verb[verb].append(earned(plan, i))
    counts: dict[str, dict[str, dict[str, Fraction]]] = {"per_verb": {}, "per_image": {}}
    for setting in ("top1", "top5", "gt"):
        for metric in METRICS if setting != "gt" else METRICS[1:]:
            sums = [(sum((image[setting][metric] for image in images), Fraction(0)), len(images)) for images in of_verb]
            counts["per_verb"].setdefault(setting, {})[metric] = sum(s / n for s, n in sums if n) / sum(
                n > 0 for _, n in sums
            )
            counts["per_image"].setdefault(setting, {})[metric] = sum(s for s, _ in sums) / len(plan.verbs)
    return counts


def largest_difference(scores: dict[str, Any], counts: dict[str, dict[str, dict[str, Fraction]]]) -> float:
    return max(
        abs(scores[average][setting][metric] - float(value))
        for average, table in counts.items()
        for setting, row in table.items()
        for metric, value in row.items()
    )


def score_files(folder: Path) -> None:
    """Scores the files of `folder` and prints the scores with times and memory: the body of the process of its own."""
    started, cpu_started = time.perf_counter(), time.process_time()
    from edgegsr.data import swig
    from edgegsr.scoring.gsr import score
    from edgegsr.scoring.predictions import read_predictions

    marks = [time.perf_counter()]
    truth = swig.read(folder / "truth.json")
    marks.append(time.perf_counter())
    predictions = read_predictions(folder / "predictions.jsonl", truth)
    marks.append(time.perf_counter())
    scores = score(truth, predictions).to_json()
    marks.append(time.perf_counter())
    names = ("seconds_truth", "seconds_read", "seconds_score")
    seconds = {name: round(b - a, 3) for name, a, b in zip(names, marks, marks[1:])}
    seconds["seconds_total"] = round(marks[-1] - started, 3)
    seconds["seconds_cpu"] = round(time.process_time() - cpu_started, 3)
    unit = 1 if sys.platform == "darwin" else 1024  # bytes on macOS, kilobytes elsewhere
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    print(json.dumps({"scores": scores, "measured": {**seconds, "peak_rss_mb": round(peak / 1e6)}}))


def measure(folder: Path) -> dict[str, Any]:
    command = [sys.executable, str(Path(__file__).resolve()), "--score", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def run(seed: int, per_verb: int) -> dict[str, Any]:
    """The result as one object."""
    plan = Plan(seed, per_verb)
    with tempfile.TemporaryDirectory() as temporary:
        write(plan, Path(temporary))
        size_mb = (Path(temporary) / "predictions.jsonl").stat().st_size / 1e6
        measured = measure(Path(temporary))
    scores = measured["scores"]
    difference = largest_difference(scores, hand_counts(plan))
    missing = plan.present.count(False)
    unanswered = sum(there and not answered for there, answered in zip(plan.present, plan.answered))
    counted = (scores["images"], scores["missing"], scores["unanswered"]) == (len(plan.verbs), missing, unanswered)
    return {
        "benchmark": "scoring_speed",
        **measured["measured"],
        "images": len(plan.verbs),
        "predictions_mb": round(size_mb, 1),
        "agrees": counted and difference <= TOLERANCE,
        "largest_difference": difference,
        "grounded_top1_per_verb": scores["per_verb"]["top1"]["grounded"],
        "seed": seed,
    }


def main() -> int:
    from result import publish

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="also write the result to this file")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--per-verb", type=int, default=PER_VERB, help="images per verb (default: %(default)s)")
    parser.add_argument("--score", type=Path, metavar="FOLDER", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.score:
        score_files(given.score)
        return 0
    result = run(given.seed, given.per_verb)
    publish(result, given.out)
    return 0 if result["agrees"] else 3


if __name__ == "__main__":
    raise SystemExit(main())
