from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("torch")

from edgegsr.errors import InputError
from edgegsr.export.gates import helps, missed
from edgegsr.export.target import Gates

GATES = Gates(drift=0.1, kept=0.98, fused=0.5, latency=0.9)


def dev(value: float) -> dict[str, Any]:
    return {"seen": {"verb_top1": 0.5, "value": value, "grounded": None}}


GOOD: dict[str, Any] = {
    "drift": {"verb_logits": 0.1},
    "dev": {"student": dev(0.5), "graph": dev(0.49)},
    "layers": {"wanted_in_8_bits": 4, "in_8_bits": 2, "kinds": {"QLinearConv": 2, "Conv": 2}},
}
QUICK = {"in_turns_ms": {"int8": 0.9, "fp32": 1.0}}


def test_what_holds_every_gate_passes() -> None:
    assert list(missed(GATES, GOOD, QUICK)) == []
    assert list(missed(GATES, {"drift": {}}, {})) == [], "what was not asked is not held against it"


@pytest.mark.parametrize(
    ("numerics", "perf", "line"),
    [
        (
            {"drift": {"presence": 0.11}},
            {},
            "presence: 1.1e-01 of its largest value away from the student, at most 1e-01",
        ),
        ({"drift": {"presence": float("nan")}}, {}, "presence: nan of its largest value away"),
        (
            {"dev": {"student": dev(0.5), "graph": dev(0.48)}},
            {},
            "value, seen: 48.0 % where the student has 50.0 %, at least 98% of it was wanted",
        ),
        (
            {"layers": GOOD["layers"] | {"in_8_bits": 1}},
            {},
            "1 of 4 layers count in 8 bits, at least 50% was wanted; it runs 2 Conv, 2 QLinearConv",
        ),
        (
            {},
            {"in_turns_ms": {"int8": 0.95, "fp32": 1.0}},
            "0.95 ms, and float32 takes 1.00 ms in the same engine; at most 0.9 times that was wanted",
        ),
    ],
)
def test_every_gate_says_what_was_wanted_and_what_came(numerics: Any, perf: Any, line: str) -> None:
    (told,) = missed(GATES, GOOD | numerics, QUICK | perf)
    assert told.startswith(line)


def test_a_refusal_says_what_would_help() -> None:
    slow, far = GOOD, GOOD | {"drift": {"presence": 0.11}}
    assert helps(GATES, slow, "int8") == "--allow-regression keeps it all the same"
    assert helps(GATES, far, "bf16") == "--allow-regression does not make up for 1 of these"
    assert helps(GATES, far, "int8").startswith("--allow-regression does not make up for 1 of these; `compress`")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"drift": 0.0}, "drift must be above 0 and below 1, got 0"),
        ({"kept": 1.1}, "kept must be 0 to 1, got 1.1"),
        ({"fused": -0.1}, "fused must be 0 to 1, got -0.1"),
        ({"latency": 0.0}, "latency must be above 0, got 0"),
    ],
)
def test_gates_that_make_no_sense_are_refused(wrong: dict[str, float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Gates(**wrong)
