"""A small bench.json, made by the code that makes real ones where that needs no subject."""

import numpy as np

from edgegsr.bench.load import SCENARIOS
from edgegsr.bench.turns import Asked, faster

GROUPS = ("seen", "rare", "unseen", "all", "harmonic")
STEPS = {"bundle": ("decode", "preprocess", "network", "answer"), "student": ("predict",), "teacher": ("predict",)}
TYPICAL_MS = {"nano": 3.0, "student": 60.0, "teacher": 40.0}
PHOTOS = 203  # no multiple of eight


def asked(kind, typical_ms, photos=1, blocks=12, queries=30, seed=0, noise=0.05):
    """Blocks of a subject whose queries take about that long."""
    dice, steps = np.random.default_rng(seed), len(STEPS.get(kind, ("predict",)))
    took = photos * typical_ms / 1000 / steps * dice.lognormal(0, noise, (blocks, queries, 1)) * np.ones(steps)
    return Asked(took.tolist())


def right(share=0.8, photos=PHOTOS, seed=0):
    return np.random.default_rng(seed).random(photos) < share


def accuracy(bits, verbs_alone=False):
    score = {"verb_top1": float(bits.mean()), "verb_top5": 0.97}
    score |= {} if verbs_alone else {"value_top1": 0.5, "grounded_top1": 0.4, "value": 0.81, "grounded": 0.71}
    return {
        "groups": {group: dict(score) for group in GROUPS},
        "images": {"seen": 100, "rare": 60, "unseen": len(bits) - 160, "all": len(bits)},
        "verb_right": np.packbits(bits).tobytes().hex(),
    }


def result(typical_ms=TYPICAL_MS, scenarios=("single-stream",), pace="default", **how):
    """Subjects of the kinds that their names tell, a bundle by default."""
    kinds = {name: name if name in STEPS else "bundle" for name in typical_ms}
    found = {
        scenario: {
            name: asked(kinds[name], each, SCENARIOS[scenario].photos, **how) for name, each in typical_ms.items()
        }
        for scenario in scenarios
    }
    return {
        "schema": 1,
        "edgegsr": "0.1.0",
        "date": "2026-02-03 04:05 UTC",
        "device": "cpu",
        "machine": {
            "system": "Debian GNU/Linux 12",
            "cpu": {"model": "A CPU", "architecture": "x86_64", "cores": 2, "threads": 2, "features": ["AVX2"]},
            "memory_bytes": 8_000_000_000,
            "free_disk_bytes": 1,
            "gpus": [],
            "board": None,
        },
        "settings": {
            "pace": pace,
            "photos": 16,
            "cpus": [],
            "data": "diorama",
            "split": "test",
            "images": PHOTOS,
            "kept": 0.99,
        },
        "scenarios": {name: _state(found[name]) for name in scenarios},
        "subjects": {name: _subject(name, kinds[name], found, pace) for name in typical_ms},
        "doubts": ["heat: no sensor can be read"],
        "missed": [],
    }


def with_energy(made):
    """As on a board that tells its power, heat and clocks."""
    for scenario, part in made["scenarios"].items():
        part["idle_watts"] = 3.25
        for i, moment in enumerate(part["timeline"]):
            moment |= {"watts": 6.0 + i % 2, "celsius": 41.5 + i, "gpu_mhz": 1020}
        for i, each in enumerate(made["subjects"].values()):
            rails = {"VDD_IN": 7.5 + i, "VDD_CPU_GPU_CV": 2.5}
            each["scenarios"][scenario]["energy"] = {
                "kind": "module_rail",
                "watts": 7.5 + i,
                "joules_per_photo": 0.0321 * (i + 1),
                "rails_watts": rails,
            }
    return made


def without_truth(made):
    """As of photos that nobody has annotated."""
    for name in ("data", "split", "images", "kept"):
        del made["settings"][name]
    for each in made["subjects"].values():
        each.pop("accuracy")
        each.pop("agrees_with")
    return made


def renamed(made, old, new):
    """With another name of a subject, wherever it stands."""
    if isinstance(made, dict):
        return {new if key == old else key: renamed(value, old, new) for key, value in made.items()}
    if isinstance(made, list):
        return [renamed(value, old, new) for value in made]
    return new if made == old else made


def _state(found):
    moments = [name for i in range(12) for name in found]
    return {
        "seconds": 30.0,
        "before": {},
        "after": {},
        "doubts": [],
        "idle_watts": None,
        "timeline": [
            {"s": 0.5 * i, "subject": name, "watts": None, "celsius": None, "cpu_mhz": 2600, "gpu_mhz": None}
            for i, name in enumerate(moments)
        ],
    }


def _subject(name, kind, found, pace):
    of_bundle = {"parameters": 1_480_000, "gflops": 0.1003, "side": 128, "graph_bytes": 7_567_982, "graph_sha256": "f2"}
    others = [other for other in next(iter(found.values())) if other != name]
    starts = {"interpreter": 97.0, "import": 137.0, "load": 172.0, "first answer": 8.0, "all": 414.0}
    return {
        "kind": kind,
        "threads": 1,
        "engine": "onnxruntime" if kind == "bundle" else "torch",
        "precision": "fp32",
        **(of_bundle if kind == "bundle" else {}),
        "versions": {"python": "3.11.7", "numpy": "2.4.6", "onnxruntime" if kind == "bundle" else "torch": "1.2.3"},
        "cold_start_ms": {part: {"p50_ms": took, "max_ms": took + 5} for part, took in starts.items()} | {"starts": 5},
        "peak_resident_mb": 100.0,
        "scenarios": {
            scenario: {
                "at_once": 2 if scenario == "offline" and kind == "bundle" else 1,
                "threads": 1,
                "load": each[name].load(scenario, pace).to_json(),
                "steps": each[name].steps(STEPS[kind], SCENARIOS[scenario].photos),
                "faster_than": {other: faster(each[name], each[other]) for other in others},
                "energy": None,
            }
            for scenario, each in found.items()
        },
        "accuracy": accuracy(right(), kind == "teacher"),
        "agrees_with": {
            other: {"verb": 0.954} if "teacher" in (kind, other) else {"verb": 0.954, "noun": 0.912, "box": 0.873}
            for other in others
        },
    }
